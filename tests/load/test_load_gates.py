"""The gates of 04, on made-up rows."""

import pytest
from load_rows import GRID, admitted, cell, changed

from blipkit.load.gates import OF_GRID, admission_gate, grid_not_run, load_gates
from blipkit.load.summary import INVALID, UNSTABLE


def statuses(rows, limit_ms=40.0, shared=False) -> dict[str, str]:
    return {gate.gate: gate.status for gate in load_gates(rows, limit_ms, shared)}


def test_a_good_grid_passes():
    """All gates, with the best setting named."""
    assert set(statuses(GRID).values()) == {"PASS"}
    target = next(g for g in load_gates(GRID, 40, False) if g.gate == "latency target")
    assert (
        target.measured == 30 and target.reason == "p99 of 2-4, upper end of its 95 % interval, ms"
    )


@pytest.mark.parametrize(
    ("broken", "gate", "status"),
    [
        ({"wrong": 1}, "answers under load", "FAIL"),
        ({"failed": 1}, "answers under load", "FAIL"),
        ({"lost": 2}, "answers under load", "FAIL"),
        ({"unaccounted": 1}, "requests conserved", "FAIL"),
        ({"state": UNSTABLE}, "stable load", "WARN"),
        ({"feeding_percent": 11.0}, "host share", "WARN"),
        ({"disturbed": "the hypervisor took 5 % of the CPU"}, "quiet machine", "WARN"),
    ],
)
def test_each_gate_can_fail(broken, gate, status):
    """One row that is not right is enough, and no other gate minds."""
    status_of = statuses([*GRID[:4], changed(GRID[4], **broken)])
    assert status_of.pop(gate) == status and set(status_of.values()) == {"PASS"}


def test_a_target_below_the_service_time_is_a_finding():
    """It fails, and says what the fastest is."""
    gate = next(g for g in load_gates(GRID, 5, False) if g.gate == "latency target")
    assert gate.status == "FAIL" and gate.next == "not reachable here; fastest is 13 ms at 1-1"
    assert statuses(GRID, 5, shared=True)["latency target"] == "WARN"


def test_an_unstable_system_is_refused_a_verdict():
    """Nothing is stable: no latency target is judged, and the reason is why."""
    rows = [changed(row, state=UNSTABLE, reason="latency rises by 40%") for row in GRID]
    gates = {g.gate: g for g in load_gates(rows, 40, False)}
    assert gates["latency target"].status == INVALID == gates["stable load"].status
    assert "no setting is stable, first: latency rises by 40%" in gates["latency target"].reason
    assert statuses(rows, 40, shared=True)["stable load"] == "WARN"


def test_too_few_requests_are_no_verdict_either():
    """Without a percentile there is nothing to hold against the target; how many there were is said."""
    rows = [cell(1, 1, 90, None, requests=120)]
    gate = next(g for g in load_gates(rows, 40, False) if g.gate == "latency target")
    assert (
        gate.status == INVALID
        and gate.reason == "at most 120 requests a setting are too few for p99"
    )
    advice = "raise concurrency.seconds, or concurrency.repeats, or lower concurrency.percentile"
    assert gate.next.endswith(advice)
    rows = [cell(1, 1, 90, None, requests=520, effective_requests=31.0)]
    gate = next(g for g in load_gates(rows, 40, False) if g.gate == "latency target")
    assert gate.reason == (
        "at most 520 requests a setting, worth 31 independent ones, are too few for p99"
    )


def test_a_target_held_by_an_unstable_setting_alone_is_a_warning():
    """On a shared machine; what makes it unstable is said first."""
    reason = "other processes took 20 % of the CPU"
    rows = [cell(2, 4, 190, 30, UNSTABLE, neighbours_percent=20.0, reason=reason)]
    gate = next(g for g in load_gates(rows, 40, True) if g.gate == "latency target")
    assert gate.status == "WARN" and gate.measured == 30
    assert gate.reason.startswith(f"2-4 is unstable: {reason}; p99 of 2-4")


def test_a_machine_that_others_took_gives_no_verdict():
    """More than a third of it: who took how much is said."""
    rows = [cell(2, 4, 190, 30, UNSTABLE, neighbours_percent=83.0)]
    gate = next(g for g in load_gates(rows, 40, True) if g.gate == "latency target")
    assert gate.status == "WARN" and gate.measured is None
    assert "others took 83 % of the machine at 2-4; the machine is shared" in gate.reason


def test_of_several_arms_each_is_named():
    """Settings of two arms have the same names."""
    slow = changed(GRID[0], arm="torchscript bfloat16", state=UNSTABLE, reason="it drifts")
    gates = {gate.gate: gate for gate in load_gates([*GRID, slow], 40, False)}
    assert gates["stable load"].reason == "torchscript bfloat16, 1-1 is unstable: it drifts"
    assert gates["latency target"].reason.startswith("p99 of torchscript float32, 2-4, upper")


def test_of_many_settings_three_are_named_and_the_others_counted():
    """Who reads of three where five are not stable would look for the other two."""
    rows = [cell(1, n, 100, 20, UNSTABLE, reason="it drifts") for n in range(1, 6)]
    gate = next(g for g in load_gates([*GRID, *rows], 40, False) if g.gate == "stable load")
    assert gate.measured == 5
    assert gate.reason.endswith("1-3 is unstable: it drifts; and 2 more")


def test_no_request_at_all_is_invalid():
    """An empty measurement proves nothing."""
    rows = [cell(1, 1, 0, None, INVALID, sent=0, requests=0)]
    assert statuses(rows) == {"answers under load": INVALID}


def test_admission_control_is_judged_by_those_admitted():
    """Within the target, beyond it, and where there was nothing to limit."""
    row = admitted(190, 35, refused=120)
    gate = admission_gate(row, 40, False)
    assert gate.status == "PASS" and gate.reason.startswith(
        "120 of 500 requests were refused at once"
    )
    assert (
        admission_gate(row, 30, False).status == "FAIL"
        and admission_gate(row, 30, True).status == "WARN"
    )
    assert admission_gate(row, 30, False).next.startswith("admit fewer than 4 at once")
    assert admission_gate(None, 30, False).status == "NOT-RUN"
    few = admission_gate(admitted(190, None, effective_requests=31.0), 30, False)
    assert (few.status, few.next) == (
        "NOT-RUN",
        "take a quiet machine, or raise concurrency.seconds",
    )
    assert "worth 31 independent ones, are too few for p99" in few.reason


def test_admission_control_that_cannot_be_believed_is_not_passed():
    """Clients that were late, say: no latency of theirs is within any target."""
    row = admitted(190, 35, refused=120, state=INVALID, reason="the clients were late")
    alone, shared = admission_gate(row, 40, False), admission_gate(row, 40, True)
    assert (alone.status, shared.status) == (INVALID, "WARN")
    assert alone.reason == "the clients were late" and alone.measured is None


def test_a_grid_that_was_not_recorded_has_the_same_gates():
    """Each of them NOT-RUN, of its own kind, with the reason."""
    gates = grid_not_run("no requests were kept")
    assert [(g.gate, g.kind) for g in gates] == [
        (g.gate, g.kind) for g in load_gates(GRID, 40, False)
    ]
    assert list(OF_GRID) == [g.gate for g in gates]
    assert {(g.status, g.reason) for g in gates} == {("NOT-RUN", "no requests were kept")}


def broken(row, **values):
    """A row whose clients were killed: nothing was counted as sent."""
    reason = "the clients: died (SIGKILL); 9524 requests were recorded, 0 counted as sent"
    figures = {"state": INVALID, "reason": reason, "sent": 0, "answered": 0, "requests": 0}
    return changed(row, **figures, **values)


@pytest.mark.parametrize("name", OF_GRID)
def test_a_gate_whose_only_rows_are_invalid_is_invalid(name):
    """One row was killed, and one came too late: neither is evidence, and the reason says why."""
    rows = [broken(GRID[0]), changed(GRID[1], state=INVALID, reason="the clients sent late")]
    gate = next(one for one in load_gates(rows, 40, False) if one.gate == name)
    assert gate.status == INVALID
    assert "died (SIGKILL)" in gate.reason or "too few for p99" in gate.reason
    assert set(statuses(rows, shared=True).values()) <= {INVALID, "WARN"}


def test_an_invalid_row_beside_good_ones_is_left_out_and_named():
    """The others are the evidence: their requests are counted, and what is left out is said."""
    gates = {gate.gate: gate for gate in load_gates([*GRID[:4], broken(GRID[4])], 40, False)}
    for name in ("answers under load", "requests conserved"):
        assert gates[name].status == "PASS"
        assert gates[name].reason.startswith("requests of 2000 ")
        assert "1 of 5 settings are INVALID and no evidence: 2-4: the clients" in gates[name].reason
    assert gates["latency target"].reason.startswith("p99 of 2-2")
    assert gates["stable load"].status == "WARN"


@pytest.mark.parametrize(
    ("fault", "name"),
    [({"lost": 3}, "answers under load"), ({"unaccounted": 1}, "requests conserved")],
)
def test_an_invalid_row_still_speaks_against_a_gate(fault, name):
    """Requests that got lost are lost, whether or not the row's times may be believed."""
    row = changed(GRID[4], state=INVALID, reason="the clients sent late", **fault)
    assert statuses([*GRID[:4], row])[name] == "FAIL"


def test_a_busy_host_is_not_told_by_an_invalid_row():
    """Neither by its own figure, nor where the kit's own overhead could not be measured."""
    busy = changed(GRID[4], state=INVALID, reason="the clients sent late", feeding_percent=90.0)
    assert statuses([*GRID[:4], busy])["host share"] == "PASS"
    unknown = [changed(row, feeding_percent=float("nan")) for row in GRID]
    assert statuses(unknown)["host share"] == INVALID
    assert statuses(unknown, shared=True)["host share"] == "WARN"
