"""A tier in a process: it listens, says when it is ready, and leaves in order."""

import contextlib
import json
import os
import signal
import threading
import time

import httpx
import pytest
from made_up_tiers import MadeUp, form, tier_of

from blipkit.errors import BadInput, BlipkitError
from blipkit.service import running
from blipkit.service.inference import inference_app
from blipkit.service.running import Times, listen, run_tier, url_of
from blipkit.service.wire import PATH


class Running:
    """A tier that is run by a thread, where no signal comes: `told` is what one would do."""

    def __init__(self, monkeypatch, model: MadeUp, times: Times):
        self.tier = tier_of(model)
        self.said, self.lines, self.servers = [], [], []
        made = running.Server
        monkeypatch.setattr(
            running, "Server", lambda *how: self.servers.append(made(*how)) or self.servers[0]
        )
        self.ended: list[BlipkitError | None] = []
        self.listening = listen(0)
        self.client = httpx.Client(base_url=url_of(self.listening), timeout=20)
        self.thread = threading.Thread(target=self._run, args=(times,))
        self.thread.start()

    def _run(self, times: Times) -> None:
        app = inference_app(self.tier)
        try:
            run_tier(self.tier, app, self.listening, times, self.said.append, self.lines.append)
            self.ended.append(None)
        except BlipkitError as error:
            self.ended.append(error)

    def wait_until_ready(self) -> None:
        while not self.said:
            time.sleep(0.01)

    def told(self, sig: int = signal.SIGTERM) -> None:
        self.servers[0].handle_exit(sig, None)

    def end(self) -> BlipkitError | None:
        self.thread.join(20)
        self.client.close()
        return self.ended[0]


def test_it_leaves_in_order(monkeypatch):
    """Told to end, it is not ready at once, still answers, finishes what it has, and ends without a complaint."""
    model = MadeUp()
    tier = Running(monkeypatch, model, Times(leave_s=0.3, drain_s=10, metrics_every_s=60))
    tier.wait_until_ready()
    assert tier.client.get("/readyz").status_code == 200
    model.free.clear()
    replies = []
    asking = [
        threading.Thread(
            target=lambda: replies.append(httpx.post(f"{tier.client.base_url}{PATH}", **form()))
        )
        for _ in range(2)
    ]
    for one in asking:
        one.start()
    while tier.tier.taken < 2:
        time.sleep(0.005)
    tier.told()
    late = tier.client.get("/readyz")
    assert late.status_code == 503 and "told to end" in late.json()["reason"]
    time.sleep(0.5)  # longer than it takes requests
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{tier.client.base_url}/livez")
    model.free.set()
    for one in asking:
        one.join(20)
    assert tier.end() is None and [reply.status_code for reply in replies] == [200, 200]
    assert tier.tier.ledger.outcomes == [("answered", 200)] * 2
    (last,) = (line for line in map(json.loads, tier.lines) if "requests" in line)
    assert last["requests"] == 2 and last["requests_per_target"] == 2
    assert tier.said == ["ready"]


def test_a_shell_that_is_closed_ends_it_in_order(hangups):
    """SIGHUP is as SIGTERM, and comes twice: what is in flight is finished, and nothing is complained of."""
    model, listening, replies = MadeUp(), listen(0), []
    tier = tier_of(model)

    def close_shell() -> None:
        while tier.why_not_ready():
            time.sleep(0.01)
        model.free.clear()
        asking = threading.Thread(
            target=lambda: replies.append(httpx.post(f"{url_of(listening)}{PATH}", **form()))
        )
        asking.start()
        while not tier.taken:
            time.sleep(0.005)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.3)
        model.free.set()
        asking.join(20)

    closing = threading.Thread(target=close_shell)
    closing.start()
    times = Times(leave_s=0.1, drain_s=10, metrics_every_s=60)
    run_tier(tier, inference_app(tier), listening, times, print, print)
    closing.join(20)
    assert [reply.status_code for reply in replies] == [200]
    assert tier.leaving and tier.ledger.outcomes == [("answered", 200)]
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_a_closed_shell_ends_none_that_nohup_started():
    """What is ignored stays so."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running.closed_shell_tells(print):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert not running.heeds_closed_shell()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_not_finished_in_time_is_given_up_and_said(monkeypatch):
    """The request has failed, in the ledger too, and the process ends with the reason."""
    model = MadeUp()
    tier = Running(monkeypatch, model, Times(leave_s=0, drain_s=1, metrics_every_s=60))
    tier.wait_until_ready()
    model.free.clear()
    replies = []
    asking = threading.Thread(target=lambda: replies.append(tier.client.post(PATH, **form())))
    asking.start()
    while not tier.tier.taken:
        time.sleep(0.005)
    tier.told()
    asking.join(20)
    model.free.set()
    error = tier.end()
    assert "1 requests were given up at the end; service.drain_s is 1" in str(error)
    assert tier.tier.ledger.outcomes == [("failed", 503)] and replies[0].status_code == 500


def test_one_that_cannot_be_loaded_ends_with_the_reason(monkeypatch):
    """So that whoever started it sees it fail."""

    def load():
        raise RuntimeError("no such file")

    error = Running(monkeypatch, load, Times()).end()
    assert str(error) == "it could not be loaded: no such file"


def test_metrics_are_written_every_period(monkeypatch):
    """Lines while it runs, and a last one; together they have every request."""
    tier = Running(monkeypatch, MadeUp(), Times(leave_s=0, drain_s=1, metrics_every_s=0.15))
    tier.wait_until_ready()
    for _ in range(3):
        assert tier.client.post(PATH, **form()).status_code == 200
    while len(tier.lines) < 3:
        time.sleep(0.02)
    tier.told(signal.SIGINT)
    assert tier.end() is None
    lines = [json.loads(line) for line in tier.lines]
    assert sum(line.get("requests", 0) for line in lines) == 3
    assert sum(len(line.get("latency_ms", [])) for line in lines) == 3


def test_periods_that_were_missed_end_together(monkeypatch):
    """A process that was stopped for an hour writes one line, not one at each tick until it has caught up."""
    tier = Running(monkeypatch, MadeUp(), Times(leave_s=0, drain_s=1, metrics_every_s=30))
    tier.wait_until_ready()
    tier.servers[0]._write_at -= 3600
    while not tier.lines:
        time.sleep(0.01)
    time.sleep(0.35)
    assert len(tier.lines) == 1
    tier.told(signal.SIGINT)
    assert tier.end() is None and len(tier.lines) == 2


def test_metrics_that_nobody_takes_end_no_tier(monkeypatch, capsys):
    """A collector that is gone, or a full disk: requests are answered all the same."""
    tier = Running(monkeypatch, MadeUp(), Times(leave_s=0, drain_s=1, metrics_every_s=0.1))
    tier.wait_until_ready()

    def gone(line):
        raise BrokenPipeError(32, "Broken pipe")

    tier.servers[0].emit = gone
    while not tier.tier.meter.counts["unwritten_lines"].total:
        time.sleep(0.01)
    assert tier.client.post(PATH, **form()).status_code == 200
    tier.told(signal.SIGINT)
    assert (
        tier.end() is None
        and "a line of the metrics could not be written" in capsys.readouterr().err
    )


def test_what_still_answers_at_the_end_is_known(monkeypatch, caplog):
    """A device may hold a thread for ever, which Python would wait for: whoever runs the process ends it."""
    model = MadeUp()
    tier = Running(monkeypatch, model, Times(leave_s=0, drain_s=1, metrics_every_s=60))
    tier.wait_until_ready()
    model.free.clear()

    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(f"{tier.client.base_url}{PATH}", **form())

    asking = threading.Thread(target=ask)
    asking.start()
    while not tier.tier.is_answering:
        time.sleep(0.005)
    tier.told(signal.SIGINT)
    tier.told(signal.SIGINT)  # a second time: nothing is waited for
    asking_ended = time.monotonic()
    assert "1 requests were given up" in str(tier.end()) and not caplog.records
    assert time.monotonic() - asking_ended < 5
    assert tier.tier.is_answering
    model.free.set()
    asking.join(20)
    while tier.tier.is_answering:
        time.sleep(0.005)


def test_an_address_that_cannot_be_had_is_refused():
    """By host and port, with what to do."""
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            BadInput,
            match=f"cannot listen on 127.0.0.1:{port}: Address already in use; pass another --port",
        ):
            listen(port)
    with pytest.raises(BadInput, match="cannot listen on 127.0.0.1:70000"):
        listen(70_000)
