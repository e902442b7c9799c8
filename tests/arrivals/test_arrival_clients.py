"""Requests are sent by the schedule whatever comes back, many in flight on a connection, and each is accounted for."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict

import numpy as np
import pytest

from blipkit.arrivals.clients import Sender, Sending, send
from blipkit.arrivals.schedule import Offer
from blipkit.load.requests import read_requests
from blipkit.serving.protocol import ANSWERED, NOT_SERVED, REPLY, REQUEST


class Answers:
    """Answers requests on so many connections after `delay_s`, at most `most` of them, in pieces of `piece` bytes."""

    def __init__(self, path, connections=1, delay_s=0.0, most=10**9, piece=10**9, times=1):
        self.delay_s, self.most, self.piece, self.times = delay_s, most, piece, times
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        for _ in range(connections):
            threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            self.answer(self.listener.accept()[0])

    def answer(self, connection):
        for _ in range(self.most):
            if not (request := connection.recv(REQUEST.size)):
                return
            number, *_ = REQUEST.unpack(request)
            time.sleep(self.delay_s)
            reply = REPLY.pack(number, ANSWERED, 0, *NOT_SERVED) * self.times
            for begin in range(0, len(reply), self.piece):
                connection.send(reply[begin : begin + self.piece])
        connection.close()


def sent(tmp_path, rate=200.0, seconds=0.2, connections=1, patience_s=1.0, expected=(0, 0)):
    """(report, requests) of a fixed schedule without a warm-up."""
    offer = Offer("fixed", rate, seconds, 0.0)
    sending = Sending(asdict(offer), connections, patience_s)
    with open(tmp_path / "record", "wb") as record:
        report = Sender(str(tmp_path / "socket"), sending, list(expected), record).run()
    requests, _ = read_requests(tmp_path / "record", report.start)
    return report, requests


def test_a_slow_server_does_not_slow_the_schedule(tmp_path):
    """Each answer takes 20 ms and requests come every 5: all 40 are sent, and the last waits for those before it."""
    Answers(tmp_path / "socket", delay_s=0.02)
    report, requests = sent(tmp_path)
    assert report.counts.sent == report.counts.answered == 40
    assert requests.sort_values("number").scheduled.to_numpy() == pytest.approx(
        np.arange(40) / 200, abs=1e-6
    )
    latency = requests.set_index("number").eval("received - scheduled")
    assert latency[39] > 0.4 and latency[39] > latency[10] > latency[0]


def test_what_is_never_answered_is_counted_and_kept(tmp_path):
    """Patience ends: the requests still in flight are lost, with no time of an answer."""
    Answers(tmp_path / "socket", delay_s=0.05)
    report, requests = sent(tmp_path, patience_s=0.1)
    lost = requests[requests.status == "lost"]
    assert report.counts.lost == len(lost) > 20 and lost.received.isna().all()
    assert report.counts.answered + report.counts.lost == report.counts.sent == len(requests)


def test_where_nobody_is_left_the_rest_is_not_sent(tmp_path):
    """The server hangs up after three answers; what was in flight is lost, what was due later is not sent."""
    Answers(tmp_path / "socket", most=3)
    counts = sent(tmp_path)[0].counts
    assert counts.answered == 3 and counts.sent < 40
    assert counts.answered + counts.lost == counts.sent


def test_several_connections_share_the_requests(tmp_path):
    """In turn, so that none has more than one in three more than another."""
    Answers(tmp_path / "socket", connections=4)
    _, requests = sent(tmp_path, connections=4)
    assert requests.groupby("client").size().to_dict() == dict.fromkeys(range(4), 10)


def test_replies_that_come_in_pieces_are_put_together(tmp_path):
    """A stream keeps no borders between messages."""
    Answers(tmp_path / "socket", piece=7)
    report, _ = sent(tmp_path)
    assert report.counts.answered == 40 and report.counts.twice == 0


def test_an_answer_that_comes_twice_or_is_wrong_is_counted(tmp_path):
    """Neither is what was asked for."""
    Answers(tmp_path / "socket", times=2)
    report, _ = sent(tmp_path, expected=[0, 7])
    assert report.counts.twice > 0 and report.counts.wrong == 20 == report.counts.answered


def test_the_warm_up_comes_before_zero(tmp_path):
    """Its requests are kept, with times below zero."""
    Answers(tmp_path / "socket")
    offer = Offer("fixed", 200.0, 0.1, 0.1)
    asking = asdict(Sending(asdict(offer), 1, 1.0))
    report = send(str(tmp_path / "record"), str(tmp_path / "socket"), [0], asking)
    requests, _ = read_requests(tmp_path / "record", report["start"])
    assert (requests.scheduled < -1e-6).sum() == 20 == (requests.scheduled >= -1e-6).sum()


def test_the_generator_imports_little():
    """Neither pandas nor scipy nor torch: it starts fast."""
    code = "import sys, blipkit.arrivals.clients; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pandas", "scipy", "torch", "pydantic"} & set(done.stdout.split())
