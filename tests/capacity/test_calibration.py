"""The closed loop is queueing theory's, and a machine that is not the measured one is told so."""

from dataclasses import replace

import numpy as np
import pytest
from made_fleet import LIMIT_MS, service_of, setting_of
from queues import exponential
from virtual import closed

from blipkit.capacity.calibration import (
    Calibration,
    ClosedLoop,
    allowed_of,
    calibration_rows,
    closed_loop,
    error_of,
)
from blipkit.capacity.measured import MeasuredMachine
from blipkit.capacity.stations import Service
from blipkit.cost.rows import LoadRecord
from blipkit.statistics import UNKNOWN, Interval


def record_of_setting(setting, shared=False) -> LoadRecord:
    from blipkit.cost.rows import Choices, Conditions

    return LoadRecord(
        setting=setting,
        conditions=Conditions(think_ms=0.0),
        choices=Choices(),
        shared=shared,
        machine="made up",
        versions={},
    )


def machine_of(service, shared=False) -> MeasuredMachine:
    setting = setting_of(4, service, True)
    record = record_of_setting(setting, shared)
    return MeasuredMachine(record, setting.requests_per_s, "", "stable", service, setting)


def settings(service, counts=(1, 2, 8)):
    return [setting_of(count, service, False) for count in counts]


@pytest.mark.parametrize(("servers", "clients", "think_s"), [(1, 3, 2.0), (2, 6, 1.0)])
def test_the_closed_loop_is_the_machine_repairmans(servers, clients, think_s):
    """Exponential service and thinking: throughput within 2 % of the formula."""
    service = Service(exponential(5000), np.zeros(5000))
    per_s, latencies = closed_loop(service, ClosedLoop(servers, clients, think_s), seed=3)
    expected_per_s, expected_s = closed(servers, clients, think_s, 1.0)
    assert per_s == pytest.approx(expected_per_s, rel=0.02)
    assert latencies.mean() == pytest.approx(expected_s, rel=0.05)


def test_the_same_machine_is_met():
    """Other numbers of clients, from the samples of one: PASS, with the error as MAPE."""
    service = service_of()
    machine = machine_of(service)
    rows = calibration_rows(machine, [machine.setting, *settings(service)])
    assert [row.clients for row in rows] == [1, 2, 8]
    calibration = Calibration(rows, shared=False)
    (gate,) = calibration.gates()
    assert gate.status == "PASS" and gate.measured == calibration.mape < 0.03
    assert gate.evidence == "forecast" and "the fleet is not calibrated" in gate.reason


@pytest.mark.parametrize(("shared", "status"), [(False, "INVALID"), (True, "WARN")])
def test_a_machine_that_slows_down_under_load_is_not_met(shared, status):
    """Its samples say half the time: INVALID, and WARN where the machine was shared."""
    machine = machine_of(service_of(0.25), shared)
    rows = calibration_rows(machine, settings(service_of(0.5)))
    (gate,) = Calibration(rows, shared).gates()
    assert gate.status == status and "requests/s of 1 clients is" in gate.reason


def test_a_wide_measurement_allows_as_much():
    """An interval of 30 % to either side is no worse met than it was measured."""
    assert allowed_of(Interval(10.0, 7.0, 13.0)) == pytest.approx(0.3)
    assert allowed_of(Interval(10.0, 9.9, 10.1)) == 0.10
    assert allowed_of(UNKNOWN) is None and error_of(3.0, UNKNOWN) is None


def test_other_servers_and_invalid_settings_are_left_out():
    """Only as many servers, of the same arm, that can be believed."""
    service = service_of()
    machine = machine_of(service)
    one = setting_of(8, service, False)
    others = [replace(one, servers=4), replace(one, arm="x"), replace(one, state="INVALID")]
    assert calibration_rows(machine, [*others, replace(one, placement="processes")]) == []
    (gate,) = Calibration([], shared=False).gates()
    assert gate.status == "NOT-RUN" and "concurrency.clients" in gate.next
    assert LIMIT_MS > 0


def test_without_a_percentile_throughput_alone_is_compared(capsys):
    """Too few requests for one; and without any row a line says why."""
    service = service_of()
    few = replace(setting_of(8, service, False), latency_ms=UNKNOWN)
    (row,) = calibration_rows(machine_of(service), [few])
    assert row.latency_error is None and Calibration([row], False).gates()[0].status == "PASS"
    Calibration([], False).table()
    assert "no other number of clients" in capsys.readouterr().out
