"""A dispatcher on the real clock, with what can go wrong: every request is counted once, by both sides."""

import contextlib
import socket
import threading
import time

import pytest

from blipkit.errors import BlipkitError, WorkerGone
from blipkit.load.clients import Asking, Clients
from blipkit.load.requests import read_requests
from blipkit.serving.protocol import ANSWERED, FAILED, REFUSED, REPLY, Asked, digest
from blipkit.serving.scheduler import Dispatcher, Request
from blipkit.serving.server import Server, ServerReport, digests_by, digests_of


class Running:
    """A server in a thread, and raw connections to it."""

    def __init__(self, folder, handlers, clients, **options):
        self.address = str(folder / "socket")
        options = {"limit": 99, "overdue_s": 20.0, **options}
        dispatcher = Dispatcher(len(handlers), **options)
        self.server = Server(handlers, dispatcher, self.address, clients)
        self.report = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        self.report = self.server.run()

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(self.address)
        return connection

    def end(self, *connections) -> ServerReport:
        for connection in connections:
            connection.close()
        self.thread.join(30)
        counts = self.report.counts
        ended = counts.answered + counts.refused + counts.failed + counts.dropped
        assert counts.received == ended, "each request received has one end"
        return self.report


def send(connection, number: int, frame: int = 0) -> None:
    connection.send(Asked(number, frame).packed())


def status(connection) -> tuple[int, int]:
    """Number and status of the next reply."""
    return REPLY.unpack(connection.recv(REPLY.size))[:2]


def names(frames):
    return [[str(frame)] for frame in frames]


@pytest.mark.parametrize(("servers", "clients", "batch"), [(1, 1, 1), (2, 3, 1), (1, 4, 4)])
def test_each_request_gets_its_own_answer_once(tmp_path, servers, clients, batch):
    """What clients sent is what the server answered, with the digest of that very frame; times are in order."""
    running = Running(tmp_path, [names] * servers, clients, batch=batch, wait_s=0.01)
    expected = [digest([str(frame)]) for frame in range(5)]
    asking = Asking(clients, seconds=0.2, warmup_s=0.05, timeout_s=5.0, seed=3)
    with open(tmp_path / "record", "wb") as record:
        report = Clients(running.address, asking, expected, record).run()
    counts = report.counts
    assert counts.sent == counts.answered == running.end().counts.answered > 10
    assert counts.twice == 0
    requests, _ = read_requests(tmp_path / "record", report.start)
    times = requests[["scheduled", "sent", "dequeued", "started", "finished", "received"]]
    assert (times.diff(axis=1).iloc[:, 1:] >= 0).all().all() and set(requests.client) == set(
        range(clients)
    )
    assert (
        requests.groupby("batch")["size"].first() == requests.groupby("batch")["size"].size()
    ).all()
    assert requests["size"].max() == batch if batch > 1 else True


def test_a_changed_answer_is_wrong(tmp_path):
    """The client compares what it gets with what was answered without load."""
    running = Running(tmp_path, [lambda frames: [["changed"] for _ in frames]], 1)
    asking = Asking(1, seconds=0.05, warmup_s=0.0, timeout_s=5.0)
    with open(tmp_path / "record", "wb") as record:
        counts = Clients(running.address, asking, [digest(["same"])], record).run().counts
    assert counts.wrong == counts.sent > 0 and running.end().counts.answered == counts.sent


def test_a_poisoned_request_fails_alone():
    """Its batch is tried again one by one; the others are answered."""

    def ask(frames):
        if 2 in frames:
            raise RuntimeError("poisoned")
        return names(frames)

    digests = digests_of(ask, [Request(0, number, number) for number in range(4)])
    assert digests == [digest(["0"]), digest(["1"]), None, digest(["3"])]


@pytest.mark.parametrize("said", [[], [["a"], ["b"], ["c"]], None, [1, 2], SystemExit()])
def test_too_few_or_too_many_answers_fail_their_batch_and_no_other(tmp_path, said):
    """The servers go on: each of its requests fails, the next batch is answered, none is lost."""

    def ask(frames):
        if 0 not in frames:
            return names(frames)
        if isinstance(said, SystemExit):
            raise said
        return said

    running = Running(tmp_path, [ask], 2, batch=2, wait_s=5.0)
    first, second = running.connect(), running.connect()
    for connection in (first, second):
        send(connection, 1, frame=0)
    assert {status(first), status(second)} == {(1, FAILED)}
    for connection in (first, second):
        send(connection, 2, frame=1)
    assert {status(first), status(second)} == {(2, ANSWERED)}
    report = running.end(first, second)
    assert (report.counts.failed, report.counts.answered, report.problems) == (2, 2, [])


def test_one_answer_for_one_frame_is_asked_for_without_load():
    """What answers about more or fewer frames is refused in words before anybody measures it."""
    words = "was asked about 1 frames and answered about 2; expected as many"
    with pytest.raises(BlipkitError, match=words):
        digests_by(lambda frames: [["a"], ["b"]], [0])


def test_beyond_the_limit_requests_are_refused_at_once(tmp_path):
    """While one is served and the queue is full, the next one hears so without waiting."""
    release = threading.Event()
    running = Running(tmp_path, [lambda frames: release.wait(20) and names(frames)], 2, limit=1)
    first, second = running.connect(), running.connect()
    send(first, 0)
    time.sleep(0.1)
    send(second, 1)
    assert status(second) == (1, REFUSED)
    release.set()
    assert status(first) == (0, ANSWERED)
    assert running.end(first, second).counts.refused == 1


def test_a_server_that_hangs_is_given_up_and_its_late_answer_not_sent(tmp_path):
    """The request fails at the limit, the other server goes on; what comes later is counted as late."""
    release = threading.Event()
    handlers = [lambda frames: (release.wait(20), names(frames))[1], names]
    running = Running(tmp_path, handlers, 1, overdue_s=0.2)
    connection = running.connect()
    send(connection, 0)
    assert status(connection) == (0, FAILED)
    send(connection, 1)
    assert status(connection) == (1, ANSWERED)
    release.set()
    time.sleep(0.1)
    report = running.end(connection)
    assert report.counts.late == 1
    assert report.problems == ["worker 0 was given up: no answer in 0.2 s"]


def test_a_server_that_dies_is_given_up_and_the_rest_goes_on(tmp_path):
    """Its request fails, the queue is served by the other; where none is left, everything is refused."""

    def dies(frames):
        raise WorkerGone("died (SIGKILL)")

    running = Running(tmp_path, [dies, names], 1)
    connection = running.connect()
    send(connection, 0)
    assert status(connection) == (0, FAILED)
    for number in (1, 2):
        send(connection, number)
        assert status(connection) == (number, ANSWERED)
    assert running.end(connection).problems == ["worker 0 was given up: died (SIGKILL)"]


def test_without_any_server_left_requests_are_refused(tmp_path):
    """Nobody waits for an answer that will not come."""

    def dies(frames):
        raise WorkerGone("died")

    running = Running(tmp_path, [dies], 1)
    connection = running.connect()
    send(connection, 0)
    assert status(connection) == (0, FAILED)
    send(connection, 1)
    assert status(connection) == (1, REFUSED)
    running.end(connection)


def test_a_client_that_goes_away_is_counted_and_disturbs_nobody(tmp_path):
    """What it waited for is dropped, what was being served for it is undelivered; the other client is answered."""
    release = threading.Event()
    running = Running(tmp_path, [lambda frames: release.wait(20) and names(frames)], 2)
    leaving, staying = running.connect(), running.connect()
    send(leaving, 0)
    time.sleep(0.1)
    send(leaving, 1)
    send(staying, 2)
    time.sleep(0.1)
    leaving.close()
    time.sleep(0.1)
    release.set()
    assert status(staying) == (2, ANSWERED)
    counts = running.end(staying).counts
    assert (counts.dropped, counts.undelivered, counts.answered) == (1, 1, 2)


def test_clients_that_never_come_are_not_waited_for_for_ever(tmp_path, monkeypatch):
    """The server ends and says how many were missing."""
    monkeypatch.setattr("blipkit.serving.server.JOIN_S", 0.2)
    running = Running(tmp_path, [names], 2)
    with contextlib.closing(running.connect()):
        time.sleep(0.4)
    assert running.end().problems == ["1 of 2 clients never came"]


def test_a_part_filled_batch_is_served_when_it_is_due(tmp_path, monkeypatch):
    """Its wait begins when it came, not when a thread next looks: here a worker becomes idle while the rest of a queue still waits."""
    monkeypatch.setattr("blipkit.serving.server.LOOK_S", 2.0)
    go = [threading.Event() for _ in range(4)]

    def ask(frames):
        go[frames[0]].wait(20)
        return names(frames)

    wait_s = 0.1
    running = Running(tmp_path, [ask, ask], 7, batch=2, wait_s=wait_s)
    connections = [running.connect() for _ in range(7)]

    def ask_about(*clients: int, frame: int) -> None:
        for client in clients:
            send(connections[client], client, frame)

    ask_about(0, 1, frame=0)
    ask_about(2, 3, frame=1)
    ask_about(4, frame=2)
    time.sleep(2 * wait_s)  # it has waited long enough, and both workers are busy
    ask_about(5, frame=2)
    ask_about(6, frame=3)
    time.sleep(wait_s / 4)
    go[3].set()
    go[0].set()  # whose worker takes the two that came first
    assert status(connections[0])[1] == ANSWERED
    asked = time.perf_counter()
    go[1].set()  # whose worker has nothing to do until the last one is due
    assert status(connections[6]) == (6, ANSWERED)
    assert time.perf_counter() - asked < 1.0
    go[2].set()
    assert running.end(*connections).counts.answered == 7
