"""Percentiles and intervals, from scipy; nothing here knows what was measured."""

from bisect import bisect_left

import numpy as np
from scipy import stats


def percentile(samples, q: float) -> tuple[float, float, float]:
    """The q-th percentile (0-100) and its 95 % interval from order statistics; an end that n cannot
    bound is inf.

    The percentile is itself a sample, not interpolated. Binomial ranks; David and Nagaraja, Order
    Statistics, section 7.1.
    """
    samples = np.asarray(samples, dtype=float)
    low, high = stats.quantile_test(samples, p=q / 100).confidence_interval(0.95)
    value = np.percentile(samples, q, method="inverted_cdf")
    lower = np.nan_to_num(low, nan=-np.inf)
    upper = np.nan_to_num(high, nan=np.inf)
    return float(value), float(lower), float(upper)


def samples_needed(q: float, confidence: float = 0.99) -> int:
    """How many samples show, with this confidence, that a q-th percentile holds, if none of them is
    beyond the limit: 459 for p99.

    The least n of MLPerf's early stopping: confidence that fewer than 1 - q of all are beyond. More
    are needed if some are.
    """
    return int(np.ceil(np.log(1 - confidence) / np.log(q / 100)))


def mean_interval(values) -> tuple[float, float, float]:
    """Mean and its 95 % t-interval, which ends at zero; at least two values, none of them
    negative.
    """
    values = np.asarray(values, dtype=float)
    mean = values.mean()
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(mean), max(float(mean - half), 0.0), float(mean + half)


def wilson(count: int, n: int) -> tuple[float, float]:
    """95 % Wilson interval of a rate; (0, 1) where nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    interval = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def trials_needed(limit: float, count: int = 0) -> int:
    """How many trials bound a rate by `limit` (`wilson`'s upper end) where `count` of them are what
    is counted.
    """

    def is_bounded(n: int) -> bool:
        return n > 0 and wilson(count, n)[1] <= limit

    return count + bisect_left(range(count, 10**9), True, key=is_bounded)


def mcnemar(first: int, second: int) -> float:
    """Exact two-sided p of McNemar's test: `first` and `second` are the two counts of pairs that
    disagree.
    """
    if first + second == 0:
        return 1.0
    return float(stats.binomtest(first, first + second).pvalue)


def reliability(confidence, right, bins: int = 10) -> list[dict]:
    """A row for each occupied bin of confidence (0-1, closed above): its n, mean confidence, share
    right and interval.
    """
    confidence = np.asarray(confidence, dtype=float)
    right = np.asarray(right, dtype=bool)
    places = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    rows = []
    for place in np.unique(places):
        inside = places == place
        count = int(right[inside].sum())
        n = int(inside.sum())
        low, high = wilson(count, n)
        row = {
            "from": place / bins,
            "to": (place + 1) / bins,
            "n": n,
            "confidence": float(confidence[inside].mean()),
            "right": count / n,
            "low": low,
            "high": high,
        }
        rows.append(row)
    return rows


def calibration_error(rows: list[dict]) -> float:
    """Expected calibration error of what `reliability` returned: |confidence - share right|,
    weighted by n.
    """
    weighted = sum(row["n"] * abs(row["confidence"] - row["right"]) for row in rows)
    return weighted / sum(row["n"] for row in rows)


def rate(times, seconds: float, batches: int = 10) -> tuple[float, float, float]:
    """Events per second in 0 to `seconds`, and its 95 % t-interval from the rates of equal batches
    of the time.

    Batch means; Law, Simulation Modeling and Analysis, section 9.5.3.
    """
    times = np.asarray(times, dtype=float)
    counts, _ = np.histogram(times, bins=batches, range=(0, seconds))
    return mean_interval(counts * batches / seconds)
