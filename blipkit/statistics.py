"""Percentiles and intervals, from scipy; nothing here knows what was measured."""

import numpy as np
from scipy import stats


def percentile(samples, q: float) -> tuple[float, float, float]:
    """The q-th percentile (0-100) and its 95 % interval from order statistics; an end that n cannot bound is inf.

    The percentile is itself a sample, not interpolated. Binomial ranks; David and Nagaraja, Order Statistics, section 7.1.
    """
    ordered = np.sort(np.asarray(samples, dtype=float))
    n = len(ordered)
    low, high = stats.binom.ppf([0.025, 0.975], n, q / 100).astype(int)
    lower = ordered[low - 1] if low >= 1 else -np.inf
    upper = ordered[high] if high < n else np.inf
    return float(np.percentile(ordered, q, method="inverted_cdf")), float(lower), float(upper)


def wilson(count: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a rate; (0, 1) where nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    interval = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def rate(times, seconds: float, batches: int = 10) -> tuple[float, float, float]:
    """Events per second in 0 to `seconds`, and its 95 % t-interval from the rates of equal batches of the time.

    Batch means; Law, Simulation Modeling and Analysis, section 9.5.3.
    """
    counts, _ = np.histogram(np.asarray(times, dtype=float), bins=batches, range=(0, seconds))
    per_second = counts * batches / seconds
    mean, half = per_second.mean(), stats.t.ppf(0.975, batches - 1) * per_second.std(ddof=1) / np.sqrt(batches)
    return float(mean), float(max(mean - half, 0)), float(mean + half)
