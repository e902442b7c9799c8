"""Clients ask each frame once per pass, think as long as they should, and bring few libraries with them."""

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from load_rows import run_counts

from blipkit.frames.jpeg import as_jpegs
from blipkit.frames.source import FrameSource
from blipkit.load import clients
from blipkit.load.clients import RETRY_S, Asking, ClientReport, Clients, frames_in_turn
from blipkit.load.requests import read_requests
from blipkit.load.summary import STABLE, Criteria, summarise
from blipkit.serving.protocol import ANSWERED, NOT_SERVED, REFUSED, REPLY, REQUEST


@given(st.integers(1, 20), st.integers(0, 99))
def test_each_frame_is_asked_once_per_pass(count, seed):
    """In an order of its own for each pass and seed."""
    turn = frames_in_turn(count, 0.0, seed)
    for _ in range(3):
        assert sorted(itertools.islice(turn, count)) == list(range(count))


def test_a_repeat_share_asks_again_about_the_frame_before():
    """So that a cache, if there is one, shows: about half of 10,000 requests repeat at a share of one half."""
    asked = list(itertools.islice(frames_in_turn(100, 0.5, 3), 10_000))
    repeats = sum(a == b for a, b in itertools.pairwise(asked))
    assert repeats / len(asked) == pytest.approx(0.5, abs=0.03)


class Echo:
    """Answers every request with one status, on as many connections as `replies` has, and hangs up after so many on each.

    stall: which request waits before it is answered, and how long, s.
    """

    def __init__(self, path, status=ANSWERED, replies=(10**9,), twice=False, stall=(-1, 0.0)):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.pictures = []
        self.status, self.twice, self.stall = status, twice, stall
        for count in replies:
            threading.Thread(target=self.run, args=[count], daemon=True).start()

    def run(self, count):
        with contextlib.suppress(OSError):
            self.answer(count)

    def answer(self, count):
        connection = self.listener.accept()[0]
        for turn in range(count):
            if not (request := connection.recv(REQUEST.size)):
                return
            number, _, length = REQUEST.unpack(request)
            if length:
                self.pictures.append(connection.recv(length, socket.MSG_WAITALL))
            if turn == self.stall[0]:
                time.sleep(self.stall[1])
            reply = REPLY.pack(number, self.status, 0, *NOT_SERVED)
            connection.send(reply)
            if self.twice:
                connection.send(reply)
        connection.close()


def ask(tmp_path, seconds=0.3, clients=1, warmup_s=0.0, **options) -> ClientReport:
    """What one client or several report, who ask about two frames."""
    asking = Asking(clients, seconds, warmup_s, timeout_s=1.0, **options)
    with open(tmp_path / "record", "wb") as record:
        return Clients(str(tmp_path / "socket"), asking, [0, 0], record).run()


def test_a_client_thinks_before_it_asks_again(tmp_path):
    """20 ms on average: half a second holds about 25 requests."""
    Echo(tmp_path / "socket")
    counts = ask(tmp_path, 0.5, think_s=0.02).counts
    assert 10 < counts.sent < 45


def test_who_is_refused_waits_before_asking_again(tmp_path):
    """Nobody hammers a server that is full."""
    Echo(tmp_path / "socket", REFUSED)
    counts = ask(tmp_path).counts
    assert counts.refused == counts.sent <= 0.3 / RETRY_S + 1


def test_a_server_that_hangs_up_leaves_a_request_lost(tmp_path):
    """The client ends early, and counts what it waited for."""
    Echo(tmp_path / "socket", replies=[3])
    counts = ask(tmp_path, 30.0).counts
    assert (counts.answered, counts.lost, counts.sent) == (3, 1, 4)


def test_a_connection_that_closes_while_its_client_thinks_ends_that_client_alone(tmp_path):
    """Another client goes on; nothing is lost, as nothing was asked."""
    Echo(tmp_path / "socket", replies=[1, 10**9])
    counts = ask(tmp_path, 0.5, clients=2, think_s=0.02).counts
    assert counts.lost == 0 and counts.answered == counts.sent > 5


def test_an_answer_that_comes_twice_is_counted(tmp_path):
    """It belongs to no request in flight."""
    Echo(tmp_path / "socket", twice=True)
    assert ask(tmp_path).counts.twice > 0


def test_warm_up_lasts_until_it_is_steady_and_no_longer_than_five_rounds(tmp_path):
    """What is sent in it has times below zero."""
    Echo(tmp_path / "socket")
    report = ask(tmp_path, 0.1, warmup_s=0.05)
    requests, _ = read_requests(tmp_path / "record", report.start)
    assert (
        1 <= report.counts.warmup_rounds <= 5
        and (requests.scheduled < 0).any()
        and len(requests) == report.counts.sent
    )


def test_a_stall_in_the_measured_time_is_in_the_summary(tmp_path):
    """What is measured is measured once, however unsteady: trying again until it is steady would leave the stall out."""
    stall_s = 0.25
    Echo(tmp_path / "socket", stall=(50, stall_s))
    report = ask(tmp_path, 0.5, think_s=0.002)
    requests, _ = read_requests(tmp_path / "record", report.start)
    assert len(requests) == report.counts.sent and requests.scheduled.min() == 0
    counts = run_counts(report.counts.sent, 0.5)
    row = summarise(requests.assign(run=0), [counts], Criteria(1, 1, 90, 0.002))
    assert row.requests * row.times.mean_ms >= 1e3 * stall_s
    assert row.state != STABLE


def test_frames_travel_as_their_jpegs(tmp_path):
    """Each with the requests about it; how large they are on average is counted, and 0 where an index travels."""
    echo = Echo(tmp_path / "socket", replies=2 * [10**9])
    source = FrameSource("synthetic", 2, 3)
    asking = Asking(1, seconds=0.1, warmup_s=0.0, timeout_s=1.0, from_jpeg=asdict(source))
    place = {"record": str(tmp_path / "record"), "address": str(tmp_path / "socket")}
    counts = clients.ask(expected=[0, 0], asking=asdict(asking), **place)["counts"]
    jpegs = as_jpegs(source.load())
    assert set(echo.pictures) == set(jpegs) and len(echo.pictures) == counts["sent"]
    assert counts["frame_kb"] == pytest.approx(sum(map(len, jpegs)) / 2e3)
    plain = clients.ask(expected=[0, 0], asking=asdict(replace(asking, from_jpeg=None)), **place)
    assert plain["counts"]["frame_kb"] == 0 and len(echo.pictures) == counts["sent"]


def test_clients_need_neither_torch_nor_pandas():
    """Their process starts fast, and takes no memory from what is measured."""
    code = "import sys, blipkit.load.clients; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "pandas", "scipy", "transformers"} & set(loaded)
