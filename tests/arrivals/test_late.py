"""The interval of the share late: wider where neighbours depend on each other, and covering what is true."""

import numpy as np
import pytest
from virtual_arrivals import waits_s

from blipkit.arrivals.late import late_share

SERVICE_S = 0.02


def test_neighbours_that_depend_on_each_other_say_less():
    """100 late in one piece leave a wider interval than 100 that are spread over 1,000."""
    spread = np.ones(1000)
    spread[::10] = 99.0
    together = np.where(np.arange(1000) < 100, 99.0, 1.0)
    wide, narrow = (late_share([one], 20.0, 90.0) for one in (together, spread))
    assert wide.value == narrow.value == 0.1
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_that_nothing_is_late_yet_says_little_where_latencies_swing_slowly():
    """Of 200 requests none was late; a slow swing is worth a few, noise is worth nearly all."""
    swing = 10 + 8 * np.sin(np.arange(200) / 60)
    noise = np.random.default_rng(1).permutation(swing)
    slow, quick = (late_share([one], 20.0, 90.0) for one in (swing, noise))
    assert slow.value == quick.value == 0
    assert quick.high < 0.06 and slow.high > 0.3


def test_without_a_request_a_share_may_be_anything():
    """As of a run so short that none was due."""
    share = late_share([np.array([])], 20.0, 90.0)
    assert (share.value, share.low, share.high) == (None, 0, 1)


def test_a_share_of_none_or_all_has_an_interval():
    """A count has one, where no spread is seen."""
    none, every = (late_share([np.full(44, ms)], 20.0, 90.0) for ms in (1.0, 99.0))
    assert none.low == 0 < none.high < 1 and 0 < every.low < 0.99 < every.high <= 1


@pytest.mark.parametrize(("servers", "busy", "limit_ms"), [(1, 0.586, 60.0), (2, 0.767, 60.0)])
def test_the_interval_of_the_share_late_covers_it(servers, busy, limit_ms):
    """Of 200 runs of 1,100 requests on M/D/c, cut from a long one, at least 85 % hold the whole one's share."""
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.exponential(SERVICE_S / servers / busy, 400_000))
    latencies = 1e3 * (waits_s(times, SERVICE_S, servers) + SERVICE_S)
    share = (latencies > limit_ms).mean()
    begins = rng.integers(0, len(latencies) - 1100, 200)
    intervals = [late_share([latencies[at : at + 1100]], limit_ms, 90.0) for at in begins]
    assert np.mean([one.low <= share <= one.high for one in intervals]) >= 0.85
