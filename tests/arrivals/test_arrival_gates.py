"""The gates of 08, on made-up runs: a rate that is not sure to hold is no rate, and a generator without proof is none."""

import numpy as np
import pytest
from test_outcome import SETTING, sent

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.gates import (
    DIED,
    DOUBTED,
    QUIET,
    advice_on,
    arrival_gates,
    arrivals_not_run,
    generator_gate,
)
from blipkit.arrivals.outcome import outcome_of
from blipkit.arrivals.rates import rate_row
from blipkit.arrivals.search import Trial, judge_trials
from blipkit.load.target import Target

TARGET = Target(90.0, 20.0, shared=False)
SHARED = Target(90.0, 20.0, shared=True)
BASIS = Basis(None, SETTING, 100.0, 10.0, "here")


def gate(*trials: Trial, target=TARGET, closed_per_s=100.0):
    """Of a search that made these runs, each by a generator that kept up."""
    found = judge_trials(trials, target)
    basis = Basis(None, SETTING, closed_per_s, 10.0, "here")
    outcomes = [outcome_of(sent(), target)]
    return arrival_gates(rate_row(basis, target, found, outcomes, 5), found, outcomes, target)[0]


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
    assert doubted.next == DOUBTED
    assert gate(*trials, closed_per_s=30.0, target=SHARED).status == "PASS"


def test_runs_that_contradict_each_other_are_not_believed():
    """Something disturbed the run at 50 requests/s: the fit of all goes on to 90, which its interval does not hold."""
    stalled = Trial(50.0, np.where(np.arange(100) % 3, 1.0, 99.0), 60.0, 0.5)
    trials = [alike(20.0, 1.0), stalled, alike(70.0, 1.0), alike(90.0, 1.0), alike(95.0, 99.0)]
    doubted = gate(*trials)
    assert doubted.status == "INVALID" and doubted.next == DOUBTED
    assert doubted.reason.startswith("50.0 requests/s missed the target, and higher rates held it")


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        (sent(), DOUBTED),
        (sent(twice=2), DIED),
        (sent(change=lambda requests: requests[requests.number % 50 != 49]), QUIET),
    ],
    ids=["sound", "went astray", "unsent"],
)
def test_what_to_do_is_about_what_went_wrong(outcome, advice):
    """A quiet machine mends no server that died."""
    assert advice_on([outcome_of(sent(), TARGET), outcome_of(outcome, TARGET)], TARGET) == advice


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
