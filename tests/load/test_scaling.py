"""Where to run, what lies beyond, and the gates: on made-up rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.load.scaling import admission_gate, best_cell, fit_usl, law, load_gates
from blipkit.load.summary import INVALID, SETTLED, UNSETTLED


def cell(servers: int, clients: int, rate: float, target_ms: float | None, state: str = SETTLED, **more) -> dict:
    zero = dict.fromkeys(("wrong", "failed", "lost", "refused", "unaccounted"), 0)
    row = {"arm": "torchscript float32", "placement": "threads", "servers": servers, "clients": clients, **zero}
    row |= {"requests_per_s": rate, "requests_per_s_low": 0.99 * rate, "requests_per_s_high": 1.01 * rate}
    row |= {
        "answers_per_s": 4 * rate,
        "latency_high_ms": target_ms,
        "mean_ms": 1e3 * clients / max(rate, 1),
        "percentile": 99,
    }
    row |= {"state": state, "reason": "" if state == SETTLED else "it drifts", "sent": 500, "requests": 500}
    return {**row, "disturbed": "", "feeding_percent": 5.0, **more}


GRID = [cell(1, 1, 90, 13), cell(1, 2, 100, 25), cell(1, 4, 101, 50), cell(2, 2, 180, 15), cell(2, 4, 190, 30)]


def statuses(rows, limit_ms=40.0, shared=False) -> dict:
    return {gate.gate: gate.status for gate in load_gates(rows, limit_ms, shared)}


@given(st.floats(1, 1e4), st.floats(0, 0.5), st.floats(0, 0.05))
def test_the_law_is_found_again(a, s, k):
    """Throughputs that follow the law give its coefficients, whatever they are."""
    clients = (1, 2, 4, 8, 16)
    rows = [cell(1, n, rate, 1) for n, rate in zip(clients, law(np.array(clients), a, s, k), strict=True)]
    fit = fit_usl(rows)
    assert (fit["a"], fit["s"], fit["k"]) == pytest.approx((a, s, k), rel=1e-5, abs=1e-6) and fit["misfit"] < 1e-5
    assert fit["a_low"] <= fit["a_high"] and fit["s_low"] <= fit["s_high"]


def test_where_throughput_peaks():
    """sqrt((1 - s) / k) clients; without coherency it only levels off; a server that does one thing at a time, at one."""
    clients = np.array((1, 2, 4, 8, 16))
    rows = [cell(1, n, rate, 1) for n, rate in zip(clients, law(clients, 100, 0.1, 0.01), strict=True)]
    assert fit_usl(rows)["peak"] == pytest.approx((0.9 / 0.01) ** 0.5, rel=1e-3)
    rows = [cell(1, n, rate, 1) for n, rate in zip(clients, law(clients, 100, 0.1, 0), strict=True)]
    assert fit_usl(rows)["peak"] > 1e3


def test_two_points_are_no_law():
    """Three coefficients need three numbers of clients."""
    assert fit_usl(GRID[3:]) is None and fit_usl([]) is None


def test_an_interval_gets_wider_with_those_of_the_throughputs():
    """What the throughputs leave open, the law leaves open."""
    wide = [{**row, "requests_per_s_low": 0.8 * row["requests_per_s"]} for row in GRID[:3]]
    narrow, wider = fit_usl(GRID[:3]), fit_usl(wide)
    assert wider["a_high"] - wider["a_low"] > narrow["a_high"] - narrow["a_low"] > 0


def test_the_best_cell_is_the_fastest_within_the_target():
    """Not its value but its interval's upper end counts; none may be left."""
    assert best_cell(GRID, 40)["clients"] == 4 and best_cell(GRID, 20)["clients"] == 2
    assert best_cell(GRID, 5) is None and best_cell([cell(1, 1, 90, None)], 40) is None


def test_what_did_not_settle_is_not_recommended():
    """On a machine of our own; on a shared one it may be, but never what is INVALID."""
    rows = [*GRID[:3], cell(2, 4, 190, 30, UNSETTLED), cell(2, 8, 999, 30, INVALID)]
    assert best_cell(rows, 40)["servers"] == 1 and best_cell(rows, 40, shared=True)["servers"] == 2


def test_a_good_grid_passes():
    """All gates, with the best setting named."""
    assert set(statuses(GRID).values()) == {"PASS"}
    target = next(g for g in load_gates(GRID, 40, False) if g.gate == "latency target")
    assert target.measured == 30 and target.reason == "p99 of 2-4, upper end of its 95 % interval, ms"


@pytest.mark.parametrize(
    ("broken", "gate", "status"),
    [
        ({"wrong": 1}, "answers under load", "FAIL"),
        ({"failed": 1}, "answers under load", "FAIL"),
        ({"lost": 2}, "answers under load", "FAIL"),
        ({"unaccounted": 1}, "requests conserved", "FAIL"),
        ({"state": UNSETTLED}, "steady load", "WARN"),
        ({"feeding_percent": 11.0}, "host share", "WARN"),
        ({"disturbed": "the hypervisor took 5 % of the CPU"}, "quiet machine", "WARN"),
    ],
)
def test_each_gate_can_fail(broken, gate, status):
    """One row that is not right is enough, and no other gate minds."""
    found = statuses([*GRID[:4], {**GRID[4], **broken}])
    assert found.pop(gate) == status and set(found.values()) == {"PASS"}


def test_a_target_below_the_service_time_is_a_finding():
    """It fails, and says what the fastest is."""
    gate = next(g for g in load_gates(GRID, 5, False) if g.gate == "latency target")
    assert gate.status == "FAIL" and gate.next == "not reachable here; fastest is 13 ms at 1-1"
    assert statuses(GRID, 5, shared=True)["latency target"] == "WARN"


def test_an_unstable_system_is_refused_a_verdict():
    """Nothing settled: no latency target is judged, and the reason is why."""
    rows = [{**row, "state": UNSETTLED, "reason": "latency rises by 40%"} for row in GRID]
    found = {g.gate: g for g in load_gates(rows, 40, False)}
    assert found["latency target"].status == INVALID == found["steady load"].status
    assert "no setting settled, first: latency rises by 40%" in found["latency target"].reason
    assert statuses(rows, 40, shared=True)["steady load"] == "WARN"


def test_too_few_requests_are_no_verdict_either():
    """Without a percentile there is nothing to hold against the target; how many there were is said."""
    rows = [cell(1, 1, 90, None, requests=120)]
    gate = next(g for g in load_gates(rows, 40, False) if g.gate == "latency target")
    assert gate.status == INVALID and gate.reason == "at most 120 requests a setting are too few for p99"
    assert gate.next.endswith("raise concurrency.seconds, or lower concurrency.percentile")


def test_no_request_at_all_is_invalid():
    """An empty measurement proves nothing."""
    rows = [cell(1, 1, 0, None, INVALID, sent=0, requests=0)]
    assert statuses(rows) == {"answers under load": INVALID}


def test_admission_control_is_judged_by_those_admitted():
    """Within the target, beyond it, and where there was nothing to limit."""
    row = cell(2, 8, 190, 35, refused=120)
    gate = admission_gate(row, 40, False)
    assert gate.status == "PASS" and gate.reason.startswith("120 of 500 requests were refused at once")
    assert admission_gate(row, 30, False).status == "FAIL" and admission_gate(row, 30, True).status == "WARN"
    assert admission_gate(None, 30, False).status == "NOT-RUN"
