"""One run of LoadGen against the servers of a setting."""

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path

import pandas
import pytest
from test_judge_log import REAL

from blipkit.arrivals import judge_run
from blipkit.arrivals.judge_child import Asking
from blipkit.arrivals.judge_log import DETAIL, KEPT
from blipkit.arrivals.judge_run import asker_of, in_flight_at_most, run_judge
from blipkit.arrivals.judge_settings import Judging, judging_of
from blipkit.errors import BlipkitError
from blipkit.frames.source import FrameSource
from blipkit.load.clients import ClientCounts
from blipkit.load.counts import RunCounts
from blipkit.load.measure import Measured, open_host
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.machine.monitor import Usage
from blipkit.runners.artifacts import Artifacts
from blipkit.serving.answering import NOTHING
from blipkit.serving.server import ServerCounts

JUDGING = Judging(200.0, 250.0, 90.0, 50, 0.2, 3)
OPTIONS = ServerOptions(limit=in_flight_at_most(JUDGING))
SETTING = Setting("null float32", NOTHING, "threads", 1, 2)


def test_what_is_asked_goes_to_the_child_as_plain_values():
    """And it waits long enough for LoadGen's schedule, and for what is late."""
    asker = asker_of(JUDGING, 4, "/somewhere")
    asking = Asking(**json.loads(json.dumps(asker.asking)))
    assert asking.judging == asdict(JUDGING) and asking.logs == "/somewhere"
    assert asker.connections == asking.sending["connections"] == 4
    assert asker.most_s > 2 * JUDGING.expected_s


@pytest.mark.parametrize("rate", [0.5, 40.0, 5000.0])
def test_servers_have_room_for_all_that_it_sends(rate):
    """A refusal would be the limit's, not the servers'."""
    judging = judging_of(rate, 90, 250, 0)
    assert in_flight_at_most(judging) > max(judging.queries, rate * judging.least_s)


@pytest.fixture
def host():
    """Servers that do nothing, in a process of their own."""
    work = Workload("none", [], FrameSource("synthetic", 4, 3), 1.0, 0.1)
    host = open_host(Artifacts([]), SETTING, work, OPTIONS, 1)
    yield host
    host.close()


def test_a_verdict_on_servers_that_died_is_none(monkeypatch):
    """All that they left unanswered was late: INVALID, as is expected above the rate, and no proof of anything."""
    folder = REAL.read_text()

    def measured(host, setting, options, asker, seconds):
        Path(asker.asking["logs"], DETAIL).write_text(folder)
        counts = RunCounts(ClientCounts(), ServerCounts(), seconds, 2, "worker 0: died", Usage())
        return Measured(pandas.DataFrame(), counts, pandas.DataFrame(), None, 1.0)

    monkeypatch.setattr(judge_run, "measure_asked", measured)
    said = "worker 0: died; it says INVALID, .* of 400 late, which is no verdict on the rate"
    with pytest.raises(BlipkitError, match=said):
        run_judge(None, SETTING, OPTIONS, JUDGING)


@pytest.mark.slow
def test_where_loadgen_comes_to_no_verdict_the_reason_is_said(host, monkeypatch):
    """Here it is told a folder for its files that is none."""
    broken = asker_of(JUDGING, 2, "/nowhere")
    broken.asking["logs"] = None
    monkeypatch.setattr(judge_run, "asker_of", lambda *_: broken)
    with pytest.raises(
        BlipkitError, match="(?s)the clients: .*; LoadGen left no mlperf_log_detail"
    ):
        run_judge(host, SETTING, OPTIONS, JUDGING)


@pytest.mark.skipif(
    importlib.util.find_spec("mlperf_loadgen") is None,
    reason="LoadGen is missing: pip install 'blipkit[mlperf]'",
)
@pytest.mark.slow
def test_servers_that_do_nothing_are_judged(host):
    """LoadGen's files come with its verdict, and what we counted beside it adds up."""
    run = run_judge(host, SETTING, OPTIONS, JUDGING)
    assert run.verdict.queries >= JUDGING.queries and run.verdict.errors == 0
    assert sorted(run.files) == sorted(KEPT) and all(run.files.values())
    assert run.counts.unaccounted == 0 and run.counts.problem == ""
    assert run.counts.clients.answered == run.counts.clients.sent > run.verdict.queries
