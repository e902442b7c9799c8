"""What theory says of the wait is compared at a rate where it can be seen."""

from dataclasses import replace

import pytest
from studies import displayed
from test_outcome import SETTING, TARGET, sent

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.outcome import Outcome, outcome_of
from blipkit.arrivals.prediction import predict_wait, show_prediction
from blipkit.arrivals.result import RateSearch


def outcome(rate: float, queued_ms: float, **values) -> Outcome:
    """Of Poisson arrivals at a rate, on two servers of 10 ms with fixed times."""
    base = outcome_of(sent(), TARGET)
    figures = {"pattern": "poisson", "service_ms": 10.0, "service_variation": 0.0}
    return replace(base, rate_per_s=rate, queued_ms=queued_ms, **{**figures, **values})


def predicted(*outcomes: Outcome, batch_size: int = 1):
    setting = replace(SETTING, batch_size=batch_size)
    basis = Basis(None, setting, 200.0, 10.0, "here")
    return predict_wait(RateSearch(TARGET, basis, outcomes=list(outcomes)))


def test_the_highest_rate_below_85_percent_busy_is_taken():
    """At 160 requests/s on 200: 8.9 ms by Allen and Cunneen, 10.7 ms measured: 1.2 times."""
    found = predicted(outcome(40.0, 1.0), outcome(160.0, 10.67), outcome(190.0, 80.0))
    assert (found.rate_per_s, found.busy) == pytest.approx((160.0, 0.8))
    assert found.predicted_ms == pytest.approx(8.89, abs=0.01)
    assert found.ratio == pytest.approx(1.2, abs=0.01)


def test_more_than_the_servers_can_do_has_no_prediction():
    """Only an overloaded run is there: no mean exists, and no ratio."""
    found = predicted(outcome(280.0, 700.0), outcome(250.0, 500.0))
    assert found.predicted_ms is None is found.ratio and found.measured_ms == 500


def test_servers_that_take_batches_have_no_prediction():
    """Who comes while they serve waits for the next batch, not for each of those before it."""
    assert predicted(outcome(40.0, 1.0), batch_size=4) is None


@pytest.mark.parametrize(
    "values", [{"pattern": "bursts"}, {"purpose": "beside"}, {"service_ms": None}]
)
def test_other_arrivals_are_not_what_the_formula_is_about(values, monkeypatch):
    """Nothing is predicted, which the table says."""
    shown = displayed(monkeypatch)
    assert predicted(outcome(100.0, 1.0, **values)) is None is predicted()
    show_prediction(None)
    show_prediction(predicted(outcome(100.0, 1.0)))
    assert "no run with Poisson arrivals" in shown[0][1] and "measured_ms" in shown[1][1]


def test_a_prediction_beside_a_run_that_is_not_stable_says_so(monkeypatch):
    """Its ratio is then no verdict on the theory."""
    shown = displayed(monkeypatch)
    show_prediction(predicted(outcome(100.0, 1.0, state="stable")))
    show_prediction(predicted(outcome(100.0, 1.0, state="unstable")))
    assert "so that its ratio says little" not in shown[0][1]
    assert "the run was unstable, so that its ratio says little" in shown[1][1]
