"""The gates of 08, on made-up runs: a rate that is not sure to hold is no rate, and a generator without proof is none."""

import numpy as np
import pytest
from test_outcome import SETTING, sent

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.gates import arrivals_not_run, generator_gate, rate_gate
from blipkit.arrivals.outcome import Target, outcome_of
from blipkit.arrivals.rates import rate_row
from blipkit.arrivals.search import Trial, judge_trials

TARGET = Target(90.0, 20.0, shared=False)
SHARED = Target(90.0, 20.0, shared=True)
BASIS = Basis(None, SETTING, 100.0, 10.0, "here")


def gate(*trials: Trial, target=TARGET, closed_per_s=100.0):
    """Of a search that made these runs, each by a generator that kept up."""
    found = judge_trials(trials, target.percentile, target.limit_ms)
    basis = Basis(None, SETTING, closed_per_s, 10.0, "here")
    return rate_gate(rate_row(basis, target, found, [outcome_of(sent(), target)], 5), found, target)


def alike(rate: float, ms: float, seconds=60.0, busy=0.5) -> Trial:
    return Trial(rate, np.full(400, ms), seconds, busy)


def test_a_rate_that_is_sure_to_hold_passes():
    """The last pass, with the share late at its worst."""
    held = gate(alike(50.0, 1.0), alike(90.0, 99.0))
    assert held.status == "PASS" and held.measured < held.limit == pytest.approx(0.1)
    assert "at 50.0 requests/s beyond 20 ms" in held.reason and held.next == ""


@pytest.mark.parametrize(
    "trials",
    [
        [alike(50.0, 99.0)],
        [alike(50.0, 1.0, seconds=0.1, busy=0.95), alike(60.0, 1.0, busy=1.0)],
    ],
    ids=["missed", "not to be told"],
)
def test_without_a_last_pass_it_fails_and_says_how_far_down_was_tried(trials):
    """Also where nothing was late, but runs were too short to say so; on a shared machine it warns."""
    failed = gate(*trials)
    assert failed.status == "FAIL" and gate(*trials, target=SHARED).status == "WARN"
    assert failed.next.startswith(
        "no rate down to 50.0 requests/s is sure to hold p90 within 20 ms"
    )


def test_more_than_clients_who_wait_reach_is_not_believed():
    """Nobody sustains 180 % of the closed loop's maximum: INVALID, unless the machine is shared."""
    trials = [alike(50.0, 1.0), alike(130.0, 99.0)]
    doubted = gate(*trials, closed_per_s=30.0)
    assert doubted.status == "INVALID" and "of the closed loop's maximum" in doubted.reason
    assert gate(*trials, closed_per_s=30.0, target=SHARED).status == "PASS"


def test_a_generator_that_was_not_tried_without_servers_is_not_known():
    """Where the last run is missing, as after a crash."""
    unknown = generator_gate([outcome_of(sent(), TARGET)], TARGET)
    assert (
        unknown.status == "INVALID" and "servers that do nothing were not asked" in unknown.reason
    )


def test_without_records_both_are_not_run():
    """With the reason."""
    gates = arrivals_not_run("nothing there")
    assert {(one.status, one.reason) for one in gates} == {("NOT-RUN", "nothing there")}
