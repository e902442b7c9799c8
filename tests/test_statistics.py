import math
from dataclasses import astuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.proportion import proportion_confint
from torchmetrics.functional.classification import binary_calibration_error

from blipkit.statistics import (
    UNKNOWN,
    Interval,
    alike_ratio,
    calibration_error,
    chance_ratio,
    effective_units,
    is_larger_share,
    is_more_often,
    is_not_worse,
    mcnemar,
    one_way_chance,
    percentile,
    rate,
    reliability,
    share_bound,
    trials_needed,
    wilson,
)

SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=200)


@given(SAMPLES, st.sampled_from([50, 90, 99]))
def test_a_percentile_lies_in_its_interval(samples, q):
    """The interval holds the point, and is made of samples or unbounded."""
    known = percentile(samples, q)
    assert known.low <= known.value <= known.high
    assert known.low in samples or known.low == -np.inf
    assert known.high in samples or known.high == np.inf


def test_p99_is_unbounded_where_n_is_small():
    """300 samples do not bound the 99th percentile from above; 1000 do, at rank 997."""
    assert percentile(range(300), 99).high == np.inf
    assert percentile(range(1, 1001), 99) == Interval(990, 983, 997)


def test_the_interval_covers_the_truth():
    """Of many samples of a known distribution, about 95 % give intervals that hold the true median."""
    rng = np.random.default_rng(0)
    held = [
        known.low <= 0.5 <= known.high
        for known in (percentile(rng.random(101), 50) for _ in range(2000))
    ]
    assert 0.94 <= np.mean(held) <= 0.98


@given(st.integers(0, 50), st.integers(0, 1000))
def test_wilson_holds_the_rate(count, more):
    """The observed rate lies in its interval, within 0 and 1."""
    n = count + more
    rate = wilson(count, n)
    assert 0 <= rate.low <= (count / n if n else 0.5) <= rate.high <= 1


def test_wilson_by_its_formula():
    """No event in n: the upper end is z^2 / (n + z^2)."""
    assert wilson(0, 1200).high == pytest.approx(1.959964**2 / (1200 + 1.959964**2), rel=1e-6)


def test_a_steady_rate_has_a_narrow_interval():
    """Events at even distances: the rate is exact and its interval closed on it; a stall opens it."""
    even = [i / 100 + 0.001 for i in range(1000)]
    assert astuple(rate(even, 10.0)) == pytest.approx((100, 100, 100))
    stalled = [t for t in even if not 3 < t < 5]
    known = rate(stalled, 10.0)
    assert known.low < known.value < 100 < known.high


def test_a_rate_is_never_below_zero():
    """One event in the time: its interval begins at zero; later events do not count."""
    known = rate([0.5, 11.0], 10.0)
    assert (known.value, known.low) == (pytest.approx(0.1), 0)


@given(st.integers(0, 60), st.integers(1, 500))
def test_wilson_is_statsmodels(count, more):
    """The same interval as another library's."""
    expected = proportion_confint(count, count + more, method="wilson")
    known = wilson(count, count + more)
    assert (known.low, known.high) == pytest.approx(expected, abs=1e-9)


@given(st.floats(1e-4, 0.5), st.integers(0, 5))
def test_trials_needed_is_the_fewest_that_do(limit, count):
    """So many bound the share, one less does not."""
    n = trials_needed(limit, count)
    assert share_bound(count, n) <= limit < share_bound(count, n - 1)


@given(st.integers(0, 60), st.integers(1, 500))
def test_a_share_bound_is_statsmodels(count, more):
    """The upper end of another library's two-sided 90 % interval: one-sided 95 %."""
    _, high = proportion_confint(count, count + more, alpha=0.1, method="beta")
    assert share_bound(count, count + more) == pytest.approx(high, abs=1e-9)
    assert share_bound(3, 3) == share_bound(0, 0) == 1


@given(st.integers(0, 20), st.integers(0, 20), st.integers(100, 900), st.floats(0.005, 0.2))
def test_not_worse_by_hand(first, second, n, margin):
    """More hits of the first never help it; without any, n margin / (1 - margin) has to reach the square of 1.645."""
    said = is_not_worse(first, second, n, margin)
    assert said or not is_not_worse(first + 1, second, n, margin)
    if first == second == 0:
        assert said == (n * margin >= 1.6448536269514722**2 * (1 - margin))


@pytest.mark.parametrize(("rate", "margin"), [(0.001, 0.01), (0.01, 0.01), (0.05, 0.02)])
def test_a_pair_at_the_margin_is_seldom_called_no_worse(rate, margin):
    """At a true difference of the margin about one of twenty, by simulation."""
    rng = np.random.default_rng(3)
    n = 400
    drawn = rng.multinomial(n, [rate + margin, rate, 1 - 2 * rate - margin], size=3000)
    said = [is_not_worse(int(a), int(b), n, margin) for a, b, _ in drawn]
    assert np.mean(said) <= 0.075


@pytest.mark.parametrize("rate", [0.0002, 0.001, 0.02])
def test_two_equal_ones_are_seldom_called_different(rate):
    """At most one of twenty, at any rate; nobody's hits are more than another's none."""
    rng = np.random.default_rng(5)
    drawn = rng.multinomial(300, [rate, rate, 1 - 2 * rate], size=2000)
    assert np.mean([is_more_often(int(a), int(b)) for a, b, _ in drawn]) <= 0.05
    assert not is_more_often(0, 0) and is_more_often(5, 0) and not is_more_often(4, 0)


def test_chance_of_one_way():
    """Five of five one way is one of sixteen, two-sided; as many each way is certain."""
    assert one_way_chance(5, 5) == pytest.approx(1 / 16)
    assert one_way_chance(3, 6) == 1


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
    assert sum(one.n for one in bins) == len(pairs)
    assert all(one.right.low <= one.right.value <= one.right.high for one in bins)
    if not edges:  # on an edge either bin is right
        assert calibration_error(bins) == pytest.approx(expected.item(), abs=1e-5)


def test_a_sure_and_right_model_is_calibrated():
    """Certainty has a bin of its own."""
    assert calibration_error(reliability([1.0, 1.0], [True, True])) == 0
    assert calibration_error(reliability([1.0, 1.0], [True, False])) == 0.5


POSITIVE = st.floats(1e-3, 1e6)


@st.composite
def intervals(draw):
    low, value, high = sorted(draw(st.lists(POSITIVE, min_size=3, max_size=3)))
    return Interval(value, low, high)


@given(intervals(), intervals(), POSITIVE)
def test_what_is_made_of_an_interval_is_one(ours, theirs, factor):
    """Its ends stand around its figure, whichever way the figure goes."""
    for known in (ours.inverse(), ours.times(factor), ours.over(theirs), ours.falling(np.negative)):
        assert known.low <= known.value <= known.high
    assert ours.inverse().inverse().value == pytest.approx(ours.value)
    assert ours.times(factor).half_width == pytest.approx(ours.half_width)


def test_what_is_not_known_stays_so():
    """No figure comes from none, from zero in a denominator, or from an end that nothing bounds."""
    half_open = Interval(2.0, 0.0, np.inf)
    assert half_open.inverse() == Interval(0.5, 0.0, None)
    assert half_open.finite() == Interval(2.0, 0.0, None) and not half_open.is_bounded
    assert half_open.half_width is None and Interval(0.0, 0.0, 0.0).half_width is None
    assert UNKNOWN.times(3) == UNKNOWN.inverse() == UNKNOWN.over(half_open) == UNKNOWN


def test_spreads_that_overlap_so_much_are_so_much_alike():
    """Two normal densities whose spreads differ by 22 % overlap by 0.99, computed by an integral."""
    ratio = alike_ratio(0.99)
    assert ratio == pytest.approx(1.2228, abs=1e-4) and alike_ratio(1.0) == 1.0
    wide, narrow = stats.norm(0, ratio), stats.norm(0, 1)
    overlap, _ = integrate.quad(lambda x: math.sqrt(wide.pdf(x) * narrow.pdf(x)), -20, 20)
    assert overlap == pytest.approx(0.99)


@pytest.mark.parametrize("frames", [4, 8, 40])
@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.9])
def test_two_roundings_are_seldom_beyond_what_chance_explains(frames, correlation):
    """At most one of a thousand runs of ten calls is, whatever the elements of a frame have in common."""
    rng = np.random.default_rng(frames)
    runs, calls, elements = 300, 10, 50
    beyond = 0
    for _ in range(runs):
        shared = rng.normal(size=(2, calls, frames, 1))
        own = rng.normal(size=(2, calls, frames, elements))
        errors = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
        ours, theirs = np.linalg.norm(errors, axis=-1)  # each (calls, frames)
        ratios = np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
        limits = [chance_ratio(theirs.ravel(), effective_units(row), calls) for row in theirs]
        beyond += bool((ratios > limits).any())
    assert stats.binomtest(beyond, runs, 0.001, alternative="greater").pvalue > 0.001


def test_what_two_units_show_bounds_nothing():
    """Fewer than three show no spread; units that all err alike leave nothing to chance."""
    assert chance_ratio([1.0, 2.0], 2, 1) == math.inf
    assert chance_ratio([1.0, math.nan, 0.0, 2.0], 2, 1) == math.inf
    assert chance_ratio([1.0] * 8, 8, 3) == 1.0


def test_unequal_units_are_worth_fewer():
    """As many as there are where all are alike; one where one outweighs all; all where none errs."""
    assert effective_units([2.0] * 5) == pytest.approx(5)
    assert effective_units([1e6, 1.0, 1.0]) == pytest.approx(1)
    assert effective_units([0.0, 0.0]) == 2


def test_two_equal_shares_are_seldom_called_unequal():
    """Fisher's test keeps its level; shares that are far apart are told apart."""
    rng = np.random.default_rng(5)
    drawn = rng.binomial([300, 48], 0.1, size=(400, 2))
    said = sum(is_larger_share((a, 300), (b, 48)) for a, b in drawn.tolist())
    assert stats.binomtest(said, 400, 0.05, alternative="greater").pvalue > 0.001
    assert is_larger_share((60, 300), (0, 48), 0.001)
    assert not is_larger_share((10, 300), (0, 48), 0.001)
