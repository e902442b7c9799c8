"""The share of requests that was late, with an interval that knows that neighbours depend on each
other: who comes after a late request is likely late, too.
"""

import math
from collections.abc import Sequence

import numpy as np

from blipkit.statistics import Interval

BLOCKS = (10, 5)  # of each run, by which it is seen how much its latencies depend on each other
FEWEST = 5  # requests in a block
TIE_MS = 1e-6  # latencies that differ by less are alike


def late_share(runs: Sequence[np.ndarray], limit_ms: float, percentile: float) -> Interval:
    """The share of requests that was later than the limit, with its 95 % interval.

    runs: latencies of each, ms, in order of arrival; without any it may be anything. Wilson's
    interval for as many requests as these are worth, which is fewer where neighbours depend on each
    other; wider by Student's quantile, as only so many blocks said what they are worth.
    """
    from scipy import stats

    latencies = np.concatenate(runs)
    if not len(latencies):
        return Interval(None, 0.0, 1.0)
    share = float((latencies > limit_ms).mean())
    effect, blocks = design_effect(runs, limit_ms, percentile)
    worth = len(latencies) / effect
    z = float(stats.t.ppf(0.975, max(blocks - 1, 1)))
    middle = (share + z**2 / (2 * worth)) / (1 + z**2 / worth)
    spread = share * (1 - share) / worth + z**2 / (4 * worth**2)
    half = z * math.sqrt(spread) / (1 + z**2 / worth)
    low = max(middle - half, 0.0)
    if not share:  # exactly; what is left of the subtraction is not
        low = 0.0
    return Interval(share, low, min(middle + half, 1.0))


def design_effect(
    runs: Sequence[np.ndarray], limit_ms: float, percentile: float
) -> tuple[float, int]:
    """How many requests are worth one independent one, at least 1; and how many blocks said so.

    By how much more the share of slow requests varies from block to block than it would were they
    independent (Kish, Survey Sampling, 1965). Slow is what is beyond the limit, or, where fewer are
    than may be, the slowest that may be: that nothing was late yet says nothing of how much
    neighbours depend on each other.
    """
    level_ms = min(limit_ms, np.percentile(np.concatenate(runs), percentile, method="higher"))
    slow = [run >= level_ms - TIE_MS for run in runs]
    share = float(np.concatenate(slow).mean())
    if share == 1:  # all alike
        return 1.0, len(runs) * max(BLOCKS)
    return max(effect_of(slow, share, count) for count in BLOCKS)


def effect_of(slow: Sequence[np.ndarray], share: float, count: int) -> tuple[float, int]:
    """The design effect as `count` blocks of each run have it, and how many blocks there are."""
    blocks = [block for run in slow for block in blocks_of(run, count)]
    if len(blocks) < 2:
        return 1.0, len(blocks)
    size = np.mean([len(block) for block in blocks])
    spread = np.var([block.mean() for block in blocks], ddof=1)
    return max(1.0, float(spread * size / (share * (1 - share)))), len(blocks)


def blocks_of(run: np.ndarray, count: int) -> list[np.ndarray]:
    """A run cut into equal blocks of neighbours; fewer, where it is short."""
    return np.array_split(run, max(1, min(count, len(run) // FEWEST)))
