import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.statistics import percentile, rate, wilson

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
    held = [low <= 0.5 <= high for _, low, high in (percentile(rng.random(101), 50) for _ in range(2000))]
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
