"""Intervals of one run hold the truth, on simulated runs whose latencies correlate."""

import numpy as np
import pytest
from correlated import independent_ones, latencies, one_client

from blipkit.load.setting_requests import SettingRequests
from blipkit.statistics import Interval

FIGURES = ("rate", 0.5, 0.9, 0.99)


def simulated(count: int, phi: float, seed, skewed: bool) -> tuple[SettingRequests, dict]:
    """A run with about so many requests, and its true figures: answers a second, and latencies in ms."""
    drawn = latencies(2 * count + 50, phi, seed, skewed)
    requests = one_client(drawn.values, count * drawn.mean)
    true = {share: 1e3 * latency for share, latency in drawn.quantile.items()}
    return requests, {"rate": 1 / drawn.mean, **true}


def figure_of(requests: SettingRequests, name) -> Interval:
    if name == "rate":
        return requests.throughput()
    return requests.percentile(100 * name)


def holds(interval: Interval, true: float) -> bool:
    """Whether the truth is within; an end that is not known is no end, where the other one is."""
    low = -np.inf if interval.low is None else interval.low
    high = np.inf if interval.high is None else interval.high
    return low <= true <= high


def covered(count: int, phi: float, tries: int, skewed=False) -> dict:
    """Figure -> (share of runs in which it has an interval, share of those intervals that hold the truth)."""
    held = {name: [] for name in FIGURES}
    for seed in range(tries):
        requests, true = simulated(count, phi, (seed, count, skewed), skewed)
        for name in FIGURES:
            interval = figure_of(requests, name)
            if (interval.low, interval.high) != (None, None):
                held[name].append(holds(interval, true[name]))
    return {name: (len(some) / tries, np.mean(some or [1])) for name, some in held.items()}


@pytest.mark.slow
@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("effective", [200, 500])
@pytest.mark.parametrize("phi", [0, 0.5, 0.9])
def test_intervals_hold_the_truth(phi, effective, skewed):
    """In at least 93 % of 1,000 runs with as many independent answers: throughput, and each percentile that has one."""
    count = round(effective * independent_ones(phi))
    for name, (known, held) in covered(count, phi, 1000, skewed).items():
        if name == 0.99 and known < 0.9:  # too few samples for this one, and so it says
            continue
        assert known > 0.9 and held >= 0.93, (name, known, held)


@pytest.mark.slow
@pytest.mark.parametrize("count", [70, 150, 400, 1000])
@pytest.mark.parametrize("phi", [0, 0.5, 0.9])
def test_few_answers_seldom_mislead(phi, count):
    """However few: at most 8 % of 1,000 runs have an interval that misses the truth; most of the others cannot tell."""
    for name, (known, held) in covered(count, phi, 1000).items():
        assert known * (1 - held) <= 0.08, (name, known, held)


def test_a_sample_of_the_simulations_agrees():
    """100 runs of 600 requests that correlate by a half: 90 intervals hold; 100 requests that correlate by 0.9 have none."""
    for name, (known, held) in covered(600, 0.5, 100).items():
        assert held >= 0.9, name
        assert known == 1 or name == 0.99
    assert all(known <= 0.05 for known, _ in covered(100, 0.9, 60).values())


def test_intervals_of_independent_ones_are_too_narrow_where_latencies_correlate():
    """What is simulated is worth simulating: as if they were independent, not half of the intervals hold the truth."""
    from blipkit.statistics import percentile

    held = []
    for seed in range(100):
        requests, true = simulated(1000, 0.9, seed, False)
        held.append(holds(percentile(requests.latency_ms, 50), true[0.5]))
    assert np.mean(held) < 0.5
