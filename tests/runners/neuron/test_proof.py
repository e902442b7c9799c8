"""What was sent is believed where the device's witnesses counted it, and nowhere else."""

import json
from dataclasses import asdict

import pytest
from monitors import report

from blipkit.records.typed import row_of
from blipkit.runners.neuron import proof, witnesses
from blipkit.runners.neuron.proof import (
    Execution,
    Sent,
    Settled,
    Watch,
    execution_gate,
    utilisation_percent,
)
from blipkit.runners.neuron.witnesses import parse_monitor, pids_on_devices


def row(**changed) -> Execution:
    """What was sent, and that every witness saw it."""
    figures = {
        "sent": 1000,
        "processes": 1,
        "monitor_completed": 1000,
        "failed": 0,
        "numerical_errors": 0,
        "counter_rise": 1000,
        "only_on_device": True,
        "seen_by_neuron_ls": True,
    }
    return Execution(**{**figures, **changed})


NOBODY = {"monitor_completed": None, "counter_rise": None}


@pytest.mark.parametrize(
    ("changed", "status", "reason"),
    [
        (
            {},
            "PASS",
            "of 1000 executions sent, neuron-monitor counted 1000, the driver's counters counted 1000",
        ),
        ({"counter_rise": None}, "PASS", "neuron-monitor counted 1000"),
        ({"monitor_completed": None}, "PASS", "the driver's counters counted 1000"),
        ({"monitor_completed": 991, "counter_rise": 1009}, "PASS", "counted 991"),
        (
            {"monitor_completed": 989},
            "INVALID",
            "1000 executions were sent, neuron-monitor counted 989",
        ),
        ({"counter_rise": 0}, "INVALID", "the driver's counters counted 0"),
        ({"counter_rise": 5000}, "INVALID", "counted 5000"),
        (NOBODY, "PASS", "weaker proof"),
        (
            {**NOBODY, "seen_by_neuron_ls": None},
            "INVALID",
            "nothing shows that it ran on the device",
        ),
        ({**NOBODY, "only_on_device": False}, "INVALID", "nothing shows that it ran on the device"),
        ({"numerical_errors": 3}, "FAIL", "3 of 1000 executions failed on the device, 3 with NaN"),
        ({"failed": 2}, "FAIL", "2 of 1000 executions failed on the device, 0 with NaN"),
        ({"sent": 0, "monitor_completed": 0, "counter_rise": 0}, "INVALID", "nothing was sent"),
    ],
)
def test_the_gate_believes_witnesses_that_agree(changed, status, reason):
    """A count within one percent is proof; one that contradicts, or none at all, makes the measurement invalid."""
    gate = execution_gate(
        "execution load", [row(), row(**changed)] if changed.get("sent") != 0 else [row(**changed)]
    )
    alone = execution_gate("execution load", [row(**changed)])
    assert gate.status == alone.status == status and reason in alone.reason
    assert bool(alone.next) == (status != "PASS")


def test_without_any_row_nothing_is_proved():
    """An arm on Neuron that was never sent anything is INVALID."""
    assert execution_gate("execution load", []).status == "INVALID"


def test_a_machine_without_the_tools_says_so(monkeypatch, tmp_path):
    """No neuron-ls, no monitor: no devices, no counts, and nothing raised."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(witnesses.host, "SYSTEM", tmp_path)
    with Watch() as watch:
        assert pids_on_devices() == []
    execution = watch.execution(Settled([Sent(1, 5, True)], None))
    assert execution.counts == {} and execution.sent == 5
    assert execution.monitor_completed is None and execution.counter_rise is None


def test_processes_are_known_by_their_tag_where_a_container_numbers_them_anew(
    monkeypatch, tmp_path
):
    """neuron-monitor may see other pids than a container does; a stranger's executions are never ours."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with Watch() as watch:
        for pid, tag in ((4711, watch.tag), (7, "7"), (8, "someone's")):
            message = report(pid, completed=100)
            message["neuron_runtime_data"][0]["neuron_runtime_tag"] = tag
            watch.reports += parse_monitor(json.dumps(message))
    execution = watch.execution(Settled([Sent(7, 200, True)], None))
    assert execution.monitor_completed == 200
    assert watch.environment["NEURON_PROCESS_TAG"] == watch.tag


IDLE = {"completed": 0, "latency": None, "busy": (0.0, 0.0)}


@pytest.mark.parametrize(
    ("seen", "percent"),
    [
        ([IDLE, {"busy": (90.0, 0.0)}, IDLE, IDLE], 90.0),
        ([{"pid": 7, "busy": (90.0, 0.0)}, {"pid": 8, "busy": (0.0, 80.0)}], 85.0),
        ([{"busy": (30.0, 0.0)}, {"busy": (90.0, 0.0)}, {"busy": (12.0, 0.0)}], 90.0),
        ([{"completed": 0, "timed_out": 3, "busy": (70.0, 0.0)}], 70.0),
        ([{**IDLE, "busy": (55.0, 0.0)}], None),
        ([IDLE], None),
        ([], None),
    ],
)
def test_a_busy_core_is_not_diluted_by_idle_reports_and_others_cores(seen, percent):
    """90 % of one core stays 90 %: before and after the load there are zeros, and for the other core."""
    reports = [row for one in seen for row in parse_monitor(json.dumps(report(**one)))]
    assert utilisation_percent(reports) == percent


@pytest.mark.parametrize(("pids", "all_seen"), [([7, 8, 9], True), ([7], False), ([], None)])
def test_neuron_ls_is_asked_for_every_process_while_it_lives(monkeypatch, pids, all_seen):
    """None where it shows nobody: it may be absent."""
    monkeypatch.setattr(proof, "LINGER_S", 0)
    monkeypatch.setattr(proof, "pids_on_devices", lambda: pids)
    processes = [Sent(7, 1, True), Sent(8, 1, True)]
    assert proof.settle(processes) == Settled(processes, all_seen)


def test_what_the_processes_sent_travels_as_json():
    """From the child that serves to its parent."""
    settled = Settled([Sent(7, 200, True), Sent(8, 3, False)], None)
    assert row_of(Settled, json.loads(json.dumps(asdict(settled)))) == settled
