import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import contingency_tables
from statsmodels.stats.proportion import proportion_confint
from torchmetrics.functional.classification import binary_calibration_error

from blipkit.statistics import (
    calibration_error,
    mcnemar,
    percentile,
    rate,
    reliability,
    trials_needed,
    wilson,
)

SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(SAMPLES, st.sampled_from([50, 90, 99]))
def test_a_percentile_lies_in_its_interval(samples, q):
    """The interval holds the point, and is made of samples or unbounded."""
    value, low, high = percentile(samples, q)
    assert low <= value <= high
    assert low in samples or low == -np.inf
    assert high in samples or high == np.inf


def test_p99_is_unbounded_where_n_is_small():
    """300 samples do not bound the 99th percentile from above; 1000 do, at rank 997."""
    assert percentile(range(300), 99)[2] == np.inf
    assert percentile(range(1, 1001), 99)[1:] == (983, 997)


def test_the_interval_covers_the_truth():
    """Of many samples of a known distribution, about 95 % give intervals that hold the true median."""
    rng = np.random.default_rng(0)
    held = [
        low <= 0.5 <= high
        for _, low, high in (percentile(rng.random(101), 50) for _ in range(2000))
    ]
    assert 0.94 <= np.mean(held) <= 0.98


@given(st.integers(0, 50), st.integers(0, 1000))
def test_wilson_holds_the_rate(count, more):
    """The observed rate lies in its interval, within 0 and 1."""
    n = count + more
    low, high = wilson(count, n)
    assert 0 <= low <= (count / n if n else 0.5) <= high <= 1


def test_wilson_by_its_formula():
    """No event in n: the upper end is z^2 / (n + z^2)."""
    assert wilson(0, 1200)[1] == pytest.approx(1.959964**2 / (1200 + 1.959964**2), rel=1e-6)


def test_a_steady_rate_has_a_narrow_interval():
    """Events at even distances: the rate is exact and its interval closed on it; a stall opens it."""
    even = [i / 100 + 0.001 for i in range(1000)]
    assert rate(even, 10.0) == pytest.approx((100, 100, 100))
    stalled = [t for t in even if not 3 < t < 5]
    value, low, high = rate(stalled, 10.0)
    assert low < value < 100 < high


def test_a_rate_is_never_below_zero():
    """One event in the time: its interval begins at zero; later events do not count."""
    assert rate([0.5, 11.0], 10.0)[:2] == (pytest.approx(0.1), 0)


@given(st.integers(0, 60), st.integers(1, 500))
def test_wilson_is_statsmodels(count, more):
    """The same interval as another library's."""
    expected = proportion_confint(count, count + more, method="wilson")
    assert wilson(count, count + more) == pytest.approx(expected, abs=1e-9)


@given(st.floats(1e-4, 0.5), st.integers(0, 5))
def test_trials_needed_is_the_fewest_that_do(limit, count):
    """So many bound the rate, one less does not."""
    n = trials_needed(limit, count)
    assert wilson(count, n)[1] <= limit < (wilson(count, n - 1)[1] if n > count else 1)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_statsmodels(first, second):
    """The exact test, both ways round; no pair that disagrees proves nothing."""
    expected = (
        contingency_tables.mcnemar([[7, first], [second, 9]], exact=True).pvalue
        if first + second
        else 1.0
    )
    assert mcnemar(first, second) == mcnemar(second, first) == pytest.approx(expected)


@given(st.lists(st.tuples(st.floats(0.001, 0.999), st.booleans()), min_size=1, max_size=200))
def test_calibration_is_torchmetrics(pairs):
    """The same expected calibration error, and bins that hold everything once."""
    confidence, right = zip(*pairs, strict=True)
    bins = reliability(confidence, right)
    expected = binary_calibration_error(
        torch.tensor(confidence), torch.tensor(right).int(), n_bins=10, norm="l1"
    )
    edges = [c for c in confidence if round(c * 10) == pytest.approx(c * 10, abs=1e-5)]
    assert sum(row["n"] for row in bins) == len(pairs)
    assert all(row["low"] <= row["right"] <= row["high"] for row in bins)
    if not edges:  # on an edge either bin is right
        assert calibration_error(bins) == pytest.approx(expected.item(), abs=1e-5)


def test_a_sure_and_right_model_is_calibrated():
    """Certainty has a bin of its own."""
    assert calibration_error(reliability([1.0, 1.0], [True, True])) == 0
    assert calibration_error(reliability([1.0, 1.0], [True, False])) == 0.5
