"""Chapter 09 without a tier: recorded elsewhere, or without what serving needs; and as a whole."""

import json
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import psutil
import pytest
import studies
from conftest import ENVIRONMENT
from ledger_lines import made_line, sound_run

from blipkit.paths import ROOT
from blipkit.records.typed import records_of
from blipkit.service import (
    ask_by_hand,
    ask_shadow,
    measure_costs,
    move_share,
    open_tiers,
    read_metrics,
    reconcile_all,
    rehearsal,
    rehearse_rollback,
    rehearse_switch,
)
from blipkit.service.metric_lines import MetricLine
from blipkit.service.outcome import GATES
from blipkit.service.reconcile import reconcile
from blipkit.service.rows import EventRow, HopCost, HopRow, PairRow, PhaseRow, request_row
from blipkit.service.wire import Answered

CHECKPOINT = SimpleNamespace(provenance=dict)
PIP = "pip install 'blipkit[service]'"


def all_gates(tiers) -> dict:
    """Every verb's result shown, and the gates by name."""
    by_hand, costs, shadow = ask_by_hand(tiers), measure_costs(tiers), ask_shadow(tiers)
    switch, rollback = rehearse_switch(tiers), rehearse_rollback(tiers)
    move_share(tiers)
    metrics, outcome = read_metrics(tiers), reconcile_all(tiers)
    for result in (by_hand, costs, shadow, switch, rollback, outcome):
        result.table()
    for result in (by_hand, switch, metrics):
        result.figure()
    print(metrics, costs)
    gates = [*outcome.gates(), *shadow.gates(), *costs.gates()]
    return {gate.gate: gate for gate in gates} | {"rollback": str(rollback)}


def test_without_the_extra_every_gate_says_what_installs_it(tmp_path, monkeypatch, capsys):
    """NOT-RUN, with the pip command as what to do next; nothing is started, nothing breaks."""
    lacks = f"serving over HTTP needs uvicorn, not installed here: {PIP}"
    monkeypatch.setattr(rehearsal, "lacking", lambda: lacks)
    tiers = open_tiers(studies.study_of("09_service", tmp_path, CHECKPOINT))
    assert str(tiers) == f"NOT-RUN: {lacks}"
    gates = all_gates(tiers)
    assert gates.pop("rollback") == "nothing was measured"
    assert {name: (gate.status, gate.next) for name, gate in gates.items()} == dict.fromkeys(
        GATES, ("NOT-RUN", PIP)
    )
    assert "stage" not in vars(tiers)


def test_arms_that_hold_a_device_are_not_rehearsed(tmp_path):
    """Two servers cannot share it; it says what to run instead."""
    common = {"arms": ["torchscript float32 cuda"]}
    tiers = open_tiers(studies.study_of("09_service", tmp_path, CHECKPOINT, **common))
    assert "holds a device" in str(tiers) and "run blipkit serve on each machine" in str(tiers)


def test_the_first_two_arms_stand_in(tmp_path):
    """And one alone for both; the page says so."""
    for arms, expected in (
        (["torchscript float32", "torchscript bfloat16", "eager float32"], ["float32", "bfloat16"]),
        (["torchscript float32"], ["float32", "float32"]),
    ):
        tiers = open_tiers(studies.study_of("09_service", tmp_path, CHECKPOINT, arms=arms))
        assert list(tiers.arms) == ["gpu", "inf2"]
        assert [arm.split()[1] for arm in tiers.arms.values()] == expected
        assert f"torchscript {expected[1]} stands in for inf2" in str(tiers)


def answered(text: str, margin: float = 3.0) -> list[Answered]:
    return [Answered("is the dog barking?", text, 0.9, margin)]


def recorded(folder, flips: int = 0, mean_ms: float = 3.0, lost: bool = False):
    """A folder as a run left it: 200 pairs, a switch, and what it cost."""
    client, api, inference = sound_run(["answered"] * 6 + ["refused"])
    found = reconcile(client[lost:], api, inference, [line.request_id for line in client])
    pairs = [
        PairRow(
            "shadow", f"s-{n}", float(n), answered("yes"), answered("no" if n < flips else "yes")
        )
        for n in range(200)
    ]
    lines = [*client, made_line("r9", outcome="failed")]
    requests = [
        request_row("switch", line, 999.0 + n / 10, 1 + n % 2) for n, line in enumerate(lines)
    ]
    events = [EventRow("switch", 0.1, "gpu=95, inf2=5", {"gpu": 95.0, "inf2": 5.0})]
    events.append(EventRow("switch", 0.3, "inf2 is killed", {"gpu": 95.0, "inf2": 5.0}))
    back = EventRow("rollback", 2.5, "went back: unexcused flips")
    phase = PhaseRow("switch", 5.0, 7, 6, 1, 0, 0, 0, 0, 1, 4, 1, 12.5, 12.5, 0.1, "stand-ins")
    values = {"latency_ms": (9.0, 12.5), "requests_gpu": (2.0,), "requests_inf2": (0.0,)}
    lines = [MetricLine(f"l-{n}", 1000 * n, {"Tier": "api"}, values) for n in range(3)]
    rows = {
        "service_metrics": lines,
        "service_hops": [HopRow("API", "reads", 1.0), HopRow("inference", "answers", 9.0)],
        "service_costs": [
            HopCost("a bare app", 9, 1.0, 2.0),
            HopCost("both tiers", 9, mean_ms, 9.0),
        ],
        "service_pairs": pairs,
        "service_requests": requests,
        "service_events": events,
        "service_rollback": [back],
        "service": [phase],
        "service_ledgers": [found],
    }
    return studies.recorded(folder, **{kind: records_of(one) for kind, one in rows.items()})


def replayed(tmp_path, **how) -> dict:
    folder = recorded(tmp_path / "there", **how)
    study = studies.study_of("09_service", tmp_path / "here", CHECKPOINT, replay=folder)
    tiers = open_tiers(study)
    assert str(tiers) == "recorded elsewhere; nothing is started here"
    return all_gates(tiers)


def test_what_was_recorded_is_judged_again(tmp_path, capsys):
    """Every gate from the rows alone, with tables, figures, and why the switch went back."""
    gates = replayed(tmp_path)
    assert gates.pop("rollback") == "at 2.5 s went back: unexcused flips"
    assert {name: gate.status for name, gate in gates.items()} == dict.fromkeys(GATES, "PASS")
    assert "4 switches" in gates["switch fails nothing"].reason
    shown = capsys.readouterr().out
    assert (
        "8 requests: 6 answered, 1 refused, 0 rejected, 1 failed, 0 lost; 4 at the second attempt"
        in shown
    )
    assert "10.0 ms in all; longest: inference answers, 9.0 ms" in shown and "stand-ins" in shown
    assert "both tiers add 3.0 ms, 3.0 times what the bare app does" in shown
    assert "Latency" in shown and "3 lines; a collector may send a line twice" in shown


@pytest.mark.parametrize(
    ("how", "gate", "status"),
    [
        ({"flips": 30}, "shadow agrees", "FAIL"),
        ({"mean_ms": 9.0}, "hop cost", "WARN"),  # the machine is shared
        ({"lost": True}, "nothing lost", "FAIL"),
    ],
)
def test_what_was_recorded_and_does_not_hold_is_found(tmp_path, how, gate, status):
    """One gate each; the others hold."""
    gates = replayed(tmp_path, **how)
    gates.pop("rollback")
    assert {name for name, one in gates.items() if one.status != "PASS"} == {gate}
    assert gates[gate].status == status and gates[gate].next


def test_a_share_is_moved_at_the_tier_that_runs(tmp_path, capsys):
    """Headless it stays 0; what the tier refuses is said; nothing is asked where none runs."""
    tiers = open_tiers(studies.study_of("09_service", tmp_path, CHECKPOINT))
    problems = iter(["", "inf2 was never ready"])
    vars(tiers)["stage"] = SimpleNamespace(route=lambda weights: next(problems))
    move_share(tiers)
    move_share(tiers)
    tiers.lacks = "uvicorn"
    move_share(tiers)
    said = capsys.readouterr().out.splitlines()
    assert said == ["gpu=100, inf2=0", "inf2 was never ready", "no API tier runs here"]


def test_a_folder_without_the_chapter_is_not_run(tmp_path):
    """Recorded by an older kit: NOT-RUN, and nothing breaks."""
    folder = studies.recorded(tmp_path / "there")
    study = studies.study_of("09_service", tmp_path / "here", CHECKPOINT, replay=folder)
    gates = all_gates(open_tiers(study))
    gates.pop("rollback")
    assert {gate.status for gate in gates.values()} == {"NOT-RUN"}


def started_with(mark: str) -> list[str]:
    """The names of processes that run with a variable of this value: what a run started, and what that did."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if mark in process.environ().values():
                found.append(process.info["name"])
    return found


@pytest.mark.service
def test_the_chapter_runs_and_leaves_nothing_running(tmp_path):
    """With the smoke profile's two arms: every answer gate holds, and no process is left."""
    command = [sys.executable, "-m", "blipkit", "run", "smoke", "--only", "09_service"]
    command += ["--results", str(tmp_path), "--set", "service.hop_requests=10"]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT), "STARTED_BY": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "records/gates_09_service.jsonl").read_text().splitlines()
    gates = {gate["gate"]: gate for gate in map(json.loads, lines)}
    assert set(gates) == set(GATES)
    assert {gate["status"] for gate in gates.values() if gate["kind"] == "answer"} == {"PASS"}
    rollback = (tmp_path / "records/service_rollback.jsonl").read_text()
    assert "went back: inf2 goes back: unexcused flips" in rollback
    assert started_with(str(tmp_path)) == []
