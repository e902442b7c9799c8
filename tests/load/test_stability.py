"""A run has one throughput and one latency, or says why not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.load.stability import trend, unstable, windows


def run_of(latencies) -> tuple[np.ndarray, np.ndarray]:
    """One client that never pauses: each answer comes when the one before it has."""
    latencies = np.asarray(latencies, dtype=float)
    return np.cumsum(latencies), latencies


def noisy(count: int = 300, spread: float = 0.1, seed: int = 1) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).uniform(1 - spread, 1 + spread, count)


def test_a_steady_run_is_stable():
    """Noise of 10 % around one value is no reason to doubt."""
    assert unstable(*run_of(noisy())) == ""


def test_a_third_that_is_slower_is_seen():
    """A quarter slower in the last third: the factor is told."""
    latencies = noisy(spread=0.0)
    latencies[200:] *= 1.25
    assert (
        unstable(*run_of(latencies))
        == "throughput of its thirds differs by a factor of 1.25, limit 1.1"
    )


def test_a_growing_queue_is_seen_though_its_thirds_nearly_agree():
    """9 % from first to last: thirds within 1.10, but it drifts, which thirds alone would let pass."""
    latencies = noisy(spread=0.02) * np.linspace(1, 1.09, 300)
    rows = windows(*run_of(latencies))
    assert max(r.latency_s for r in rows) < 1.10 * min(r.latency_s for r in rows)
    assert (
        unstable(*run_of(latencies))
        == "latency rises by 7% from its first tenth to its last, limit 5%"
    )


def test_chance_is_no_drift():
    """The slope of pure noise is significant in about one of twenty runs, and then too small to matter."""
    reasons = [unstable(*run_of(noisy(seed=seed))) for seed in range(100)]
    assert (
        reasons.count("") == 100 and sum(trend(*run_of(noisy(seed=s)))[1] for s in range(100)) < 12
    )


def test_few_answers_tell_nothing():
    """Twelve are too few, none is, too."""
    assert unstable([], []) == "0 answers, 13 needed to tell"
    assert (
        unstable(*run_of([0.01] * 12)).startswith("12 answers")
        and unstable(*run_of([0.01] * 13)) == ""
    )


@given(st.integers(13, 400), st.floats(1e-4, 10), st.floats(0, 100))
def test_units_and_start_do_not_matter(count, unit, start):
    """Seconds or milliseconds, from whatever zero: the judgement is the same."""
    finished, latency = run_of(noisy(count))
    assert unstable(finished * unit + start, latency * unit) == unstable(finished, latency)


def test_windows_cut_at_equal_counts():
    """Few slow answers do not look unsteady: six windows of the same rate, whatever their number."""
    finished, latency = run_of([1.0] * 20)
    assert [window.per_s for window in windows(finished, latency, 6)] == pytest.approx([1.0] * 6)
