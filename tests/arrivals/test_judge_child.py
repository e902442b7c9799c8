"""The servers as LoadGen asks them: by a made-up LoadGen, and by the real one, which is slow."""

import importlib.util
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from blipkit.arrivals.clients import Sending
from blipkit.arrivals.judge_child import BEYOND, Asking, Judged
from blipkit.arrivals.judge_log import DETAIL, SUMMARY, read_verdict
from blipkit.arrivals.judge_settings import Judging, judging_of
from blipkit.arrivals.schedule import Offer
from blipkit.load.clients import ClientReport
from blipkit.machine import child
from blipkit.machine.scratch import ScratchFolder
from blipkit.records.typed import row_of
from blipkit.serving.protocol import digest
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import Server

FRAMES = 16
ANSWERS = ["yes"]
EXPECTED = [digest(ANSWERS)] * FRAMES
LIMIT_MS = 40.0
needs_loadgen = pytest.mark.skipif(
    importlib.util.find_spec("mlperf_loadgen") is None,
    reason="LoadGen is missing: pip install 'blipkit[mlperf]'",
)


@pytest.fixture
def folder():
    """One whose name leaves room for a socket's."""
    with ScratchFolder() as place:
        yield Path(place)


def serve(folder: Path, handler, limit: int = 10**5) -> threading.Thread:
    """A server with one worker for two connections, in a thread."""
    server = Server([handler], Dispatcher(1, limit, overdue_s=60), f"{folder}/socket", 2)
    thread = threading.Thread(target=server.run)
    thread.start()
    return thread


def asking_of(judging: Judging, logs: str = "", warmup_s: float = 0.05) -> Asking:
    offer = Offer("poisson", judging.rate_per_s, judging.expected_s, warmup_s)
    return Asking(asdict(judging), asdict(Sending(asdict(offer), 2, 5.0)), logs)


def asked(folder: Path, handler, queries: int, limit: int = 10**5):
    """(report, query -> when it was completed, when the last was sent): what came of some queries."""
    thread = serve(folder, handler, limit)
    completed = {}

    def complete(numbers):
        completed.update(dict.fromkeys(numbers, time.perf_counter()))

    asking = asking_of(Judging(100.0, LIMIT_MS, 90, queries, 0.0, 1))
    with open(folder / "requests", "wb") as file:
        judged = Judged(f"{folder}/socket", asking, EXPECTED, file, complete)
        judged.warm_up()
        listener = threading.Thread(target=judged.listen)
        listener.start()
        for query in range(queries):
            judged.issue([SimpleNamespace(id=1000 + query, index=query % FRAMES)])
        judged.all_sent.set()
        listener.join(20)
        report = judged.report(0.0, 0.0)
    thread.join()
    return report, completed, judged.last_sent


def test_each_query_is_completed_once_it_is_answered(folder):
    """All of them, and the warm-up, of which LoadGen knows nothing, is counted too."""
    report, completed, _ = asked(folder, lambda frames: [ANSWERS] * len(frames), 20)
    assert sorted(completed) == list(range(1000, 1020))
    assert report.counts.answered == report.counts.sent > 20
    assert report.counts.twice == 0


@pytest.mark.parametrize("kind", ["wrong", "failed"])
def test_a_query_without_its_right_answer_is_late(folder, kind):
    """LoadGen has no word for it: it is completed last, later than any target."""

    def handler(frames):
        if frames[0] != 3:
            return [ANSWERS] * len(frames)
        if kind == "failed":
            raise ValueError("a model can raise anything")
        return [["no"]]

    report, completed, last_sent = asked(folder, handler, 12)
    late = [query for query in completed if completed[query] - last_sent >= BEYOND * LIMIT_MS / 1e3]
    assert late == [1003]
    assert getattr(report.counts, kind) >= 1


def test_a_refused_query_is_late(folder):
    """Where a server takes one request at a time, those beyond are no answers in no time."""

    def handler(frames):
        time.sleep(0.05)
        return [ANSWERS] * len(frames)

    report, completed, last_sent = asked(folder, handler, 6, limit=1)
    late = [query for query in completed if completed[query] - last_sent >= BEYOND * LIMIT_MS / 1e3]
    assert report.counts.refused == len(late) > 0
    assert len(completed) == 6


def test_where_the_servers_die_loadgen_still_gets_to_its_end(folder):
    """What no connection takes, and what was in flight, is late."""

    def handler(frames):
        raise SystemExit  # fails the request; the connections are closed by the test

    thread = serve(folder, handler)
    completed = []
    with open(folder / "requests", "wb") as file:
        asking = asking_of(Judging(100.0, LIMIT_MS, 90, 2, 0.0, 1))
        judged = Judged(f"{folder}/socket", asking, EXPECTED, file, completed.extend)
        for connection in list(judged.connections):
            judged._leave(connection)
        judged.issue([SimpleNamespace(id=7, index=0)])
        judged.all_sent.set()
        judged.listen()
    thread.join()
    assert completed == [7]


def real_verdict(folder: Path, rate_per_s: float, service_s: float):
    """(verdict, report): the real LoadGen's, of a server that sleeps."""

    def handler(frames):
        time.sleep(service_s)
        return [ANSWERS] * len(frames)

    thread = serve(folder, handler)
    judging = judging_of(rate_per_s, 90, LIMIT_MS, 7)
    reply = child.call(
        "blipkit.arrivals.judge_child:ask",
        timeout_s=120,
        record=f"{folder}/requests",
        address=f"{folder}/socket",
        expected=EXPECTED,
        asking=asdict(asking_of(judging, str(folder))),
    )
    thread.join()
    return read_verdict(folder), row_of(ClientReport, reply), judging


@needs_loadgen
@pytest.mark.slow
def test_the_real_loadgen_judges_a_sleeping_server(folder):
    """A server that takes 5 ms a request cannot answer 300 a second: INVALID, with its own files."""
    verdict, report, judging = real_verdict(folder, 300, 0.005)
    assert verdict.validity == "INVALID" and verdict.queries == judging.queries
    assert "the target latency" in verdict.reasons and verdict.late > verdict.queries / 2
    assert report.counts.answered == report.counts.sent >= judging.queries
    assert "Result is : INVALID" in (folder / SUMMARY).read_text()
    assert (folder / DETAIL).stat().st_size > 10_000


@needs_loadgen
@pytest.mark.slow
def test_the_real_loadgen_accepts_a_server_with_nothing_to_do(folder):
    """400 a second of a server that takes no time hold a target of 40 ms, were the machine ours alone."""
    verdict, report, judging = real_verdict(folder, 400, 0.0)
    assert verdict.queries >= judging.queries and verdict.errors == 0
    assert verdict.scheduled_per_s == pytest.approx(400, rel=0.15)
    assert report.counts.answered == report.counts.sent
    assert verdict.queries_suffice and verdict.duration_suffices
