"""Chapter 08 on a virtual clock: its own cells, with a planted server, and faults planted there; then its replay."""

import shutil
import subprocess
import sys

import pytest
import yaml
from conftest import run_chapter
from virtual_arrivals import Loaded, Machine, known_rate

from blipkit.arrivals import RateRow
from blipkit.arrivals.judge_settings import AGREES
from blipkit.errors import GateFailed
from blipkit.machine import host
from blipkit.paths import ROOT
from blipkit.records.documents import write_machine
from blipkit.records.results import Results
from blipkit.records.run_record import RunRecord, write_run
from blipkit.records.typed import read_typed
from blipkit.runners.artifacts import Artifacts

COMMON = {"arms": ["torchscript float32"], "shared": False}
CLOSED = {"servers": [2], "clients": [4], "latency_limit_ms": 30.0, "seconds": 1.0}
KNOBS = {"length": 25.0, "most_runs": 15, "burst_size": 6, "burst_s": 0.01}
BRIEF = {"length": 4.0, "most_runs": 4, "beside": []}


def run(folder, machine: Machine | None, common=COMMON, closed=CLOSED, replay="", **knobs):
    """Run the chapter on a machine into a folder, with what a search needs; (its gates by name, its results)."""
    profile = folder.with_suffix(".yaml")
    profile.write_text(yaml.safe_dump({"common": common, "concurrency": closed}))
    names = {"profile": str(profile), "results": str(folder), "replay": str(replay)}
    Loaded.opened.clear()
    with pytest.MonkeyPatch.context() as patch:
        if machine:
            patch.setattr("blipkit.load.runs.open_host", Loaded)
            patch.setattr("blipkit.load.runs.measure_on", machine.closed_loop)
            patch.setattr("blipkit.arrivals.session.measure_asked", machine.by_schedule)
            patch.setattr("blipkit.load.runs.trace", lambda *_, **__: Artifacts([]))
        try:
            run_chapter("08_arrivals", {**KNOBS, **names, **knobs})
        except GateFailed as error:
            assert "FAIL" in str(error) or "INVALID" in str(error)
    assert all(one.closed for one in Loaded.opened)
    results = Results(folder)
    gates = {gate.gate: gate for gate in results.gates()}
    assert gates.pop(AGREES).status == "NOT-RUN"  # nobody asked for it
    return gates, results


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """(machine, gates, results) of two servers of 10 ms that nothing disturbs."""
    machine = Machine()
    return machine, *run(tmp_path_factory.mktemp("sound") / "out", machine)


def test_a_planted_server_s_rate_is_found(sound):
    """Two servers of 10 ms: p90 within 30 ms at the rate that a long simulation says, within 5 %; both gates pass."""
    _, gates, results = sound
    assert {name: gate.status for name, gate in gates.items()} == {
        "rate holds target": "PASS",
        "generator kept up": "PASS",
    }, gates
    (rate,) = results.read("rates")
    known = known_rate(0.01, 2, 90.0, 30.0)
    assert rate["rate_per_s"] == pytest.approx(known, rel=0.05)
    assert rate["rate_per_s_low"] < rate["rate_per_s"] < rate["rate_per_s_high"]
    assert rate["closed_loop_per_s"] == pytest.approx(200, rel=0.03)
    assert rate["share_of_closed_loop"] == pytest.approx(
        rate["rate_per_s"] / rate["closed_loop_per_s"]
    )
    assert (rate["state"], rate["answers_per_request"], rate["runs"] <= 15) == ("stable", 5, True)
    assert (rate["setting"], rate["servers"], rate["pattern"]) == ("2-4", 2, "poisson")


def test_each_run_is_kept_with_what_was_asked(sound):
    """The search, tighter targets below it, bursts at its last pass, and servers that do nothing at twice the highest rate; no request refused."""
    machine, _, results = sound
    rows = results.read("arrivals")
    assert [row["purpose"] for row in rows[-2:]] == ["beside", "null server"]
    assert {row["purpose"] for row in rows[:-2]} == {"search", "tighter targets"}
    (rate,) = results.read("rates")
    bursts, null = rows[-2:]
    assert bursts["pattern"] == "bursts" and bursts["rate_per_s"] == rate["rate_per_s_low"]
    assert null["rate_per_s"] == 2 * max(row["rate_per_s"] for row in rows[:-2])
    assert machine.asked[-1][0] == "nothing" and all(row["refused"] == 0 for row in rows)
    held = next(row for row in rows if row["rate_per_s"] == rate["rate_per_s_low"])
    assert bursts["queued_ms"] > 1.5 * held["queued_ms"]
    assert all(results.has_samples(f"arrivals/{row['run']}") for row in rows)
    assert rows[0]["frames_digest"] and rows[0]["distinct_frames"] == 16


def test_the_tighter_the_target_the_more_a_closed_loop_flatters(sound):
    """Shares of its maximum for 1.5 to 10 service times grow, by the same samples."""
    _, _, results = sound
    rows = results.read("target_shares")
    assert [row["times_service"] for row in rows] == [1.5, 2, 3, 5, 10]
    shares = [row["share_of_closed_loop"] for row in rows if row["share_of_closed_loop"]]
    assert len(shares) >= 3 and shares == sorted(shares) and shares[-1] > 0.8


def test_a_target_below_the_service_time_is_a_finding(tmp_path, capsys):
    """No rate holds it: FAIL, and the rate is not known."""
    closed = {**CLOSED, "latency_limit_ms": 5.0}
    gates, results = run(tmp_path / "out", Machine(), closed=closed, **BRIEF)
    holds = gates["rate holds target"]
    assert holds.status == "FAIL" and "is sure to hold p90 within 5 ms" in holds.next
    (rate,) = results.read("rates")
    assert rate["rate_per_s"] is None is rate["share_of_closed_loop"] and rate["edge"] == ""
    assert "no rate that was tried is sure to hold p90 within 5 ms" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (Machine(lag_s=0.001), "requests were sent up to 1 ms late"),
        (Machine(lag_of_null_s=0.001), "null server at"),
        (Machine(unsent=0.02), "of the offered rate was sent, limit 99%"),
    ],
    ids=["late", "late at twice the rate", "unsent"],
)
def test_a_generator_that_does_not_keep_up_is_invalid(tmp_path, machine, why):
    """Its rate says nothing; on a shared machine both warn, and the rate is unstable."""
    gates, results = run(tmp_path / "ours", machine, **BRIEF)
    assert {gate.status for gate in gates.values()} == {"INVALID"}
    assert why in gates["generator kept up"].reason and why in results.read("rates")[0]["reason"]
    shared = {**COMMON, "shared": True}
    gates, results = run(tmp_path / "shared", machine, shared, **BRIEF)
    assert gates["generator kept up"].status == "WARN"
    assert results.read("rates")[0]["state"] == "unstable"


def test_a_server_that_dies_ends_the_search(tmp_path):
    """One run, INVALID with its reason; no rate is made of it."""
    gates, results = run(tmp_path / "out", Machine(problem="worker 0 was given up: it died"))
    searched = [row for row in results.read("arrivals") if row["purpose"] == "search"]
    assert len(searched) == 1 and searched[0]["state"] == "INVALID"
    holds = gates["rate holds target"]
    assert holds.status == "INVALID" and "worker 0 was given up" in holds.reason
    assert results.read("rates")[0]["rate_per_s"] is None


def test_a_search_that_takes_longer_than_a_cell_is_refused_before_it_begins(tmp_path):
    """With what to change."""
    with pytest.raises(
        Exception, match="arrivals: 19 runs at most.* s, a cell may take 10 s; lower arriv"
    ):
        run(tmp_path / "out", Machine(), {**COMMON, "cell_limit_s": 10})


@pytest.mark.slow
def test_the_main_profile_s_search_runs_on_this_machine(tmp_path):
    """By name, with real processes, without 04's records; then replayed from its folder. Its gates may warn: they are of timing."""
    out, again = tmp_path / "out", tmp_path / "again"
    command = [sys.executable, "-m", "blipkit", "run", "tiny", "--only", "08_arrivals"]
    for options in (["--results", str(out)], ["--results", str(again), "--replay", str(out)]):
        done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    (rate,), (replayed,) = (read_typed(Results(place), "rates", RateRow) for place in (out, again))
    assert rate == replayed and rate.closed_loop_from.startswith("of 04's knobs")


def recorded(results: Results, folder):
    """A copy of the folder as a run left it on another machine."""
    shutil.copytree(results.folder, folder)
    write_run(folder, RunRecord(started="2026-11-22 16:03 UTC"))
    write_machine(folder, host.describe())
    sections = {"common": COMMON, "concurrency": CLOSED, "arrivals": KNOBS}
    (folder / "profile.yaml").write_text(yaml.safe_dump(sections))
    return folder


def without(row: dict) -> dict:
    return {key: row[key] for key in row if key not in ("evidence", "replayed_on", "profile")}


def test_a_replay_says_the_same(sound, tmp_path):
    """From the samples, with nothing measured: the same rate, runs, shares and gates."""
    _, gates, results = sound
    far = recorded(results, tmp_path / "far")
    again, replayed = run(tmp_path / "replayed", None, replay=far)
    assert {name: gate.status for name, gate in again.items()} == {
        name: gate.status for name, gate in gates.items()
    }
    for kind in ("rates", "arrivals", "target_shares", "arrival_basis", "arrival_runs"):
        rows = replayed.read(kind)
        assert list(map(without, rows)) == list(map(without, results.read(kind))), kind
        assert {row["evidence"] for row in rows} == {"recorded"}


@pytest.mark.parametrize("lacking", ["all", "samples"])
def test_a_folder_without_arrivals_leaves_the_gates_not_run(sound, tmp_path, lacking):
    """As one that an older kit recorded; the chapter ends all the same."""
    far = recorded(sound[2], tmp_path / "far")
    shutil.rmtree(far / "samples")
    if lacking == "all":
        for path in far.glob("records/*arriv*.jsonl"):
            path.unlink()
    gates, replayed = run(tmp_path / "replayed", None, replay=far)
    assert {gate.status for gate in gates.values()} == {"NOT-RUN"}
    assert not replayed.has("rates")


def test_a_row_that_others_read_has_its_answers_per_second(sound):
    """So many times the requests as each asks questions; its latency at the last pass is the target's percentile."""
    (row,) = read_typed(sound[2], "rates", RateRow)
    assert row.answers_per_s.value == 5 * row.rate_per_s.value
    assert 10 < row.latency_ms.value < row.limit_ms == 30
