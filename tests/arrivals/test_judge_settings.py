"""How many queries LoadGen's early stopping needs, and what of a run is not official."""

import numpy as np
import pytest
from scipy import stats

from blipkit.arrivals.judge_settings import (
    LEAST_S,
    SHARE,
    judging_of,
    queries_needed,
    unofficial,
)
from blipkit.statistics import samples_needed


def early_stopping_holds(late: int, queries: int, percentile: float) -> bool:
    """LoadGen's rule, written by the incomplete beta function as its early_stopping.cc does."""
    on_time = queries - late
    return stats.beta.cdf(percentile / 100, on_time, 1 + late) <= 0.01


@pytest.mark.parametrize("percentile", [50, 90, 95, 99])
def test_so_many_queries_pass_where_three_quarters_of_what_may_be_late_is(percentile):
    """And one query fewer does not, by LoadGen's own formula."""
    queries = queries_needed(percentile)

    def holds(count: int) -> bool:
        late = int(np.floor(SHARE * (1 - percentile / 100) * count))
        return early_stopping_holds(late, count, percentile)

    assert holds(queries)
    assert not holds(queries - 1)


@pytest.mark.parametrize("percentile", [90, 99])
def test_without_any_late_query_it_is_the_kits_own_minimum(percentile):
    """With none beyond, LoadGen's least number of queries is that of `samples_needed`."""
    assert queries_needed(percentile, share=0) == samples_needed(percentile)


def test_a_slow_rate_takes_as_long_as_its_queries():
    """And a fast one the least duration, in which a queue that grows by a twentieth passes the target half way."""
    slow = judging_of(1.0, 90, 250, 3)
    fast = judging_of(1e6, 90, 250, 3)
    assert slow.expected_s == pytest.approx(slow.queries)
    assert fast.expected_s / 2 / 20 == pytest.approx(0.25)
    assert judging_of(1e6, 90, 1, 3).expected_s == LEAST_S


def test_what_is_not_official_is_said():
    """Each setting that differs from MLPerf's rules is named."""
    text = "\n".join(unofficial())
    for name in ("min_query_count", "min_duration", "600 s", "percentile", "seeds", "samples"):
        assert name in text
