"""How MLPerf's LoadGen is asked to judge a rate, and in what that is not its official run."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

AGREES = "judge agrees"  # the gate
CONFIDENCE = 0.99  # of LoadGen's early stopping
# of the requests that the target lets be late: LoadGen is to see so many, and still be sure
SHARE = 0.75
LEAST_S = 2.0  # of LoadGen's schedule, where so few requests take less
# Latency targets that the schedule lasts, at least: at a rate that is a twentieth too high for the
# servers, the queue has passed the target half way through.
TARGETS = 40
MOST_QUERIES = 10**7
OFFICIAL_S = 600
OFFICIAL_QUERIES = 100


@dataclass(frozen=True)
class Judging:
    """What LoadGen is told; plain values, as a child gets JSON.

    rate_per_s: target_qps; limit_ms, percentile: the target latency; queries, least_s: the least
    number of queries, and the least duration; schedule_seed: of its schedule, and of the frames'
    order.
    """

    rate_per_s: float
    limit_ms: float
    percentile: float
    queries: int
    least_s: float
    schedule_seed: int

    @property
    def expected_s(self) -> float:
        """How long its schedule is about to be."""
        return max(self.queries / self.rate_per_s, self.least_s)


def judging_of(rate_per_s: float, percentile: float, limit_ms: float, seed: int) -> Judging:
    """A rate as LoadGen is to judge it: by as few queries as its early stopping needs, and for as
    long as a queue that grows slowly takes to be seen.
    """
    queries = queries_needed(percentile)
    least_s = max(LEAST_S, TARGETS * limit_ms / 1e3)
    return Judging(rate_per_s, limit_ms, percentile, queries, least_s, seed)


def queries_needed(percentile: float, share: float = SHARE) -> int:
    """About the fewest queries for which early stopping holds though this share of what may be late
    is. As late ones are whole, it holds for some fewer, too, and not for some up to 5 % more.

    LoadGen's rule: were 1 - percentile of all late, so few late ones among so many would come up
    in at most one of a hundred runs (binomial, tolerance 0).
    """
    from scipy import stats

    may_be_late = 1 - percentile / 100

    def holds(queries: int) -> bool:
        late = np.floor(share * may_be_late * queries)
        return bool(stats.binom.cdf(late, queries, may_be_late) <= 1 - CONFIDENCE)

    return bisect_left(range(MOST_QUERIES), True, key=holds)


def unofficial() -> list[str]:
    """In what this run is none that MLPerf would accept, a line each."""
    return [
        f"min_query_count: what early stopping needs where {SHARE:.0%} of the requests that may be"
        f" late are; officially {OFFICIAL_QUERIES}",
        f"min_duration: {TARGETS} times the target, at least {LEAST_S:g} s;"
        f" officially {OFFICIAL_S} s",
        "target latency and percentile: the profile's; officially those of a benchmark, at p99",
        "seeds: of the profile; officially those that a round publishes",
        "samples: the frames of the profile, by their index; officially a benchmark's data set",
        "PerformanceOnly alone: no accuracy run beside it; answers are compared by their digests",
    ]
