"""What LoadGen's two verdicts say of the rate that was found; made-up verdicts, and a replay of them."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_up import rate_row
from studies import recorded, statuses, study_of

from blipkit.arrivals import judge
from blipkit.arrivals.basis import Basis
from blipkit.arrivals.judge import EXPECTED, INSTALL, JudgeRow, judge_gate, judge_rate, judge_time
from blipkit.arrivals.judge_log import INVALID, VALID, Verdict
from blipkit.arrivals.judge_run import JudgedRun
from blipkit.arrivals.judge_settings import AGREES, judging_of, queries_needed
from blipkit.arrivals.result import RateSearch
from blipkit.errors import BadInput, BlipkitError
from blipkit.load.clients import ClientCounts
from blipkit.load.counts import RunCounts
from blipkit.load.setting import Setting
from blipkit.load.target import Target
from blipkit.machine.monitor import Usage
from blipkit.records.typed import record_of
from blipkit.serving.protocol import STATUSES
from blipkit.serving.server import ServerCounts

COUNTS = RunCounts(ClientCounts(answered=739, sent=739), ServerCounts(), 10.0, 2, "", Usage())
FILES = {"mlperf_log_summary.txt": "summary", "mlperf_log_detail.txt": "detail"}


def verdict(validity: str, late: int = 3) -> Verdict:
    """With figures that fit."""
    is_valid = validity == VALID
    held = (is_valid, is_valid, True, True)
    return Verdict(validity, *held, 739, late, "* Run.", 48.0, 47.9, 1, 2, 3, 0, "6.0.17")


def row(times: float, validity: str, late: int = 3) -> JudgeRow:
    judging = judging_of(50 * times, 90, 250, 0)
    return JudgeRow(times, EXPECTED[times], judging, verdict(validity, late), [], COUNTS)


def found(rate=None, **values) -> RateSearch:
    """A search that found 50 requests/s."""
    rate = rate or rate_row()
    setting = Setting("a", "pipeline", "threads", 2, 4)
    basis = Basis(rate.conditions, setting, 100.0, 8.0, "by 04")
    values = {"target": Target(90.0, 250.0, False), "basis": basis, "rate": rate, **values}
    return RateSearch(**values)


@pytest.fixture(scope="module")
def checkpoint():
    """As much of one as records carry."""
    return SimpleNamespace(provenance=lambda: {"checkpoint": "x", "weights_digest": "w1"})


@pytest.fixture
def study(tmp_path, checkpoint):
    """A study of 08 that asks for the judge."""
    return study_of(
        "08_arrivals", tmp_path / "here", checkpoint, knobs={"judge": True}, shared=False
    )


@pytest.fixture
def loadgen(monkeypatch):
    """Verdicts by the rate, instead of LoadGen's; an error is raised."""
    said = {}

    def run(host, setting, options, judging):
        if isinstance(said["verdict"](judging), str):
            raise BlipkitError(said["verdict"](judging))
        return JudgedRun(said["verdict"](judging), COUNTS, FILES)

    class Hosts:
        def __init__(self, study):
            self.study = study

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *_: None  # noqa: E731
        host_of = lambda self, run: None  # noqa: E731

    monkeypatch.setattr(judge, "run_judge", run)
    monkeypatch.setattr(judge, "Hosts", Hosts)
    monkeypatch.setattr(judge, "is_installed", lambda: True)
    return said


@pytest.mark.parametrize(
    ("below", "above", "shared", "status"),
    [
        (VALID, INVALID, False, "PASS"),
        (INVALID, INVALID, False, "FAIL"),
        (VALID, VALID, False, "FAIL"),
        (INVALID, VALID, False, "FAIL"),
        (INVALID, INVALID, True, "WARN"),
        (VALID, INVALID, True, "PASS"),
    ],
)
def test_it_agrees_where_both_verdicts_are_as_expected(below, above, shared, status):
    """VALID a little below the rate, INVALID a little above; on a shared machine it warns, with the figures."""
    gate = judge_gate([row(0.95, below, late=20), row(1.1, above, late=99)], shared, {})
    assert (gate.gate, gate.kind, gate.status) == (AGREES, "timing", status)
    expected = (below == VALID) + (above == INVALID)
    assert (gate.measured, gate.limit) == (expected, 2)
    said = f"47.5 requests/s, it says {below} (20 of 739 beyond 250 ms), expected VALID"
    assert said in gate.reason and "55.0 requests/s" in gate.reason
    assert bool(gate.next) == (status != "PASS")


@pytest.mark.parametrize(("shared", "status"), [(False, "INVALID"), (True, "WARN")])
def test_one_verdict_is_no_agreement(shared, status):
    """Where LoadGen came to none at one of the rates, nothing is known; why is said, where that is known."""
    gate = judge_gate([row(0.95, VALID)], shared, {})
    assert gate.status == status
    assert gate.reason.startswith("it came to no verdict at 1.1 of the rate; at 0.95")
    gate = judge_gate([row(0.95, VALID)], shared, {1.1: "its log was cut off"})
    assert gate.reason.startswith("it came to no verdict at 1.1 of the rate (its log was cut off);")
    assert gate.next == "take away the cause, and run 08_arrivals again"


def test_a_run_that_was_invalid_for_something_else_does_not_agree():
    """Above the rate it must be that too many were late, and not that its own run was too short."""
    short = replace(verdict(INVALID), latency_is_held=True, early_stopping_is_held=True)
    short = replace(short, duration_suffices=False)
    rows = [row(0.95, VALID), replace(row(1.1, INVALID), verdict=short)]
    gate = judge_gate(rows, False, {})
    assert (gate.status, gate.measured) == ("FAIL", 1)
    assert "says INVALID (3 of 739 beyond 250 ms, without the least duration)" in gate.reason


def test_both_rates_are_judged_and_kept(study, loadgen, capsys):
    """A record for each, with LoadGen's own files beside the samples."""
    loadgen["verdict"] = lambda judging: verdict(VALID if judging.rate_per_s < 50 else INVALID)
    judged = judge_rate(study, found())
    assert statuses(judged.gates()) == {AGREES: "PASS"}
    records = study.results.read("judged")
    assert [one["rate_per_s"] for one in records] == pytest.approx([47.5, 55.0])
    assert [one["queries"] for one in records] == [739, 739]
    for record in records:
        assert len(record["logs"]) == len(FILES)
        for name in record["logs"]:
            kept = study.results.folder / "samples" / name
            assert kept.read_text() == FILES[kept.name]
    judged.table()
    assert "Not an official run:" in capsys.readouterr().out


def test_a_run_that_died_leaves_the_other_verdict(study, loadgen, capsys):
    """It is said why, in the gate's reason too, and the gate is INVALID."""
    loadgen["verdict"] = lambda judging: (
        "the servers: died" if judging.rate_per_s > 50 else verdict(VALID)
    )
    judged = judge_rate(study, found())
    assert statuses(judged.gates()) == {AGREES: "INVALID"}
    assert "at 1.1 of the rate (the servers: died)" in judged.gates()[0].reason
    assert "LoadGen at 55.0 requests/s: the servers: died" in capsys.readouterr().out


def test_a_replay_reads_the_verdicts_and_keeps_the_files(study, loadgen, tmp_path, checkpoint):
    """Without LoadGen, and without measuring anything."""
    loadgen["verdict"] = lambda judging: verdict(VALID if judging.rate_per_s < 50 else INVALID)
    there = judge_rate(study, found())
    folder = recorded(tmp_path / "far")
    for place in ("records", "samples"):
        source = study.results.folder / place
        for path in filter(Path.is_file, source.rglob("*")):
            target = folder / place / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    loadgen["verdict"] = None
    replay = study_of(
        "08_arrivals", tmp_path / "replay", checkpoint, replay=folder, knobs={"judge": True}
    )
    judged = judge_rate(replay, found())
    assert judged.rows == there.rows
    assert (replay.results.folder / "samples" / there.rows[0].logs[0]).read_text() == "summary"


def test_a_recorded_folder_without_a_verdict_is_not_run(study, tmp_path, checkpoint):
    """And says so."""
    folder = recorded(tmp_path / "far")
    replay = study_of(
        "08_arrivals", tmp_path / "replay", checkpoint, replay=folder, knobs={"judge": True}
    )
    gate = judge_rate(replay, found()).gates()[0]
    assert (gate.status, gate.reason) == ("NOT-RUN", "no verdict of LoadGen's was recorded there")


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        (found(lacks="no arrivals were recorded there"), "no arrivals were recorded there"),
        (found(rate_row(None, 40.0, None)), "no rate was found that it could judge"),
        (found(rate_row(pattern="bursts")), "arrivals are poisson, and the rate is of bursts"),
    ],
)
def test_without_a_rate_there_is_nothing_to_judge(study, search, reason, capsys):
    """NOT-RUN, with the reason in the table too."""
    judged = judge_rate(study, search)
    gate = judged.gates()[0]
    assert gate.status == "NOT-RUN" and reason in gate.reason
    judged.table()
    assert judge_time(study, search) == f"not judged: {gate.reason}"


def test_without_loadgen_it_is_not_run(study, monkeypatch):
    """With the command that installs it."""
    monkeypatch.setattr(judge, "is_installed", lambda: False)
    gate = judge_rate(study, found()).gates()[0]
    assert (gate.status, gate.next) == ("NOT-RUN", INSTALL)
    assert "mlcommons-loadgen" in gate.reason


def test_nobody_is_judged_who_did_not_ask(tmp_path, checkpoint):
    """The knob is off, as it takes minutes."""
    study = study_of("08_arrivals", tmp_path, checkpoint)
    gate = judge_rate(study, found()).gates()[0]
    assert (gate.status, gate.next) == ("NOT-RUN", "pass --set arrivals.judge=true")


def test_how_long_it_takes_is_said_first(study, monkeypatch):
    """So many queries at both rates; more than a cell may take is refused, with what to do."""
    monkeypatch.setattr(judge, "is_installed", lambda: True)
    queries = queries_needed(90)
    seconds = queries / 47.5 + queries / 55
    said = f"2 runs of {queries} queries, as p90 needs: {seconds:.0f} s"
    assert judge_time(study, found()) == said
    slow = found(rate_row(0.1, 0.09, 0.11))
    with pytest.raises(BadInput, match="LoadGen take .* minutes, a cell may take 60; raise"):
        judge_time(study, slow)
    patient = replace(study, common=replace(study.common, cell_limit_s=10**6))
    assert "2 runs" in judge_time(patient, slow)


def test_a_row_is_read_back_as_it_was_kept():
    """The record is flat, and says what LoadGen was told, said, and what we counted."""
    record = record_of(row(0.95, VALID))
    assert record["validity"] == VALID and record["rate_per_s"] == pytest.approx(47.5)
    assert {f"counted_{status}" for status in STATUSES} < set(record)


def test_whether_loadgen_is_installed_is_looked_up():
    """Nothing is imported for it."""
    assert judge.is_installed() == (importlib.util.find_spec("mlperf_loadgen") is not None)


def test_files_without_room_are_named_in_no_row(study, monkeypatch, capsys):
    """The verdict is kept all the same."""

    def full(name, measure):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(study.results), "measure_text", lambda self, *a: full(*a))
    run = JudgedRun(verdict(VALID), COUNTS, FILES)
    assert judge.keep_logs(study, 0.95, run) == []
    assert "were not kept: No space left on device" in capsys.readouterr().out
