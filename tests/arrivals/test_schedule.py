"""Schedules are drawn before anything is sent: in order, at the mean rate, the same again from the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.arrivals.knobs import PATTERN_NAMES
from blipkit.arrivals.schedule import PATTERNS, Offer

PATTERN = st.sampled_from(sorted(PATTERNS))


@given(
    PATTERN,
    st.floats(0.5, 200),
    st.floats(0.1, 20),
    st.floats(0, 5),
    st.integers(1, 8),
    st.floats(0, 3),
    st.integers(0, 2**31),
)
def test_times_are_in_order_and_within_the_run(pattern, rate, seconds, warmup, size, spread, seed):
    """From the warm-up's beginning to the end of measuring, whatever the pattern; a seed draws the same ones again."""
    offer = Offer(pattern, rate, seconds, warmup, size, spread, seed)
    times = offer.times()
    assert (np.diff(times) >= 0).all()
    assert len(times) == 0 or (times[0] >= -warmup - 1e-9 and times[-1] <= seconds + 1e-9)
    assert (times == offer.times()).all()


@given(PATTERN, st.integers(1, 6), st.floats(0, 2), st.integers(0, 2**31))
def test_the_mean_rate_is_the_rate(pattern, size, spread, seed):
    """Within six standard deviations of a count, bursts of n counting n times; also in the first tenth of a run."""
    offer = Offer(pattern, 50.0, 200.0, 0.0, size, spread, seed)
    times = offer.times()
    for expected, count in ((10_000, len(times)), (1_000, (times < 20).sum())):
        assert abs(count - expected) <= 6 * np.sqrt(size * expected) + 1


def test_poisson_gaps_are_exponential():
    """Standard deviation and mean of the gaps agree, within 2 % of 100,000."""
    gaps = np.diff(Offer("poisson", 100.0, 1000.0, 0.0, schedule_seed=1).times())
    assert gaps.mean() == pytest.approx(0.01, rel=0.02)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.02)


def test_fixed_gaps_are_equal():
    """As many as the rate says, the first at once."""
    assert Offer("fixed", 4.0, 1.0, 0.5).times().tolist() == [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75]


def test_an_event_of_a_burst_sends_all_its_requests_within_seconds():
    """Events an hour apart: each is followed by three more requests within two seconds."""
    times = Offer("bursts", 4 / 3600, 400_000.0, 0.0, 4, 2.0, 5).times()
    starts = times[np.append(True, np.diff(times) > 2.0)]
    sizes = [int(((times >= start) & (times < start + 2.0)).sum()) for start in starts]
    assert np.mean(np.array(sizes) == 4) > 0.9  # the others are two events that overlap, or cut off


def test_the_knobs_name_the_patterns():
    """What a profile may say is what can be drawn."""
    assert set(PATTERN_NAMES) == set(PATTERNS)
