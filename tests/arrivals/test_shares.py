"""The table by target: each judged by the samples of the same runs."""

import numpy as np

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.search import Trial
from blipkit.arrivals.shares import target_shares
from blipkit.load.setting import Setting
from blipkit.load.target import Target

TARGET = Target(90.0, 1.0, shared=False)  # its limit does not matter
SETTING = Setting("torchscript float32", "pipeline", "threads", 1, 1)


def test_a_looser_target_holds_at_a_higher_rate():
    """Service of 10 ms; all requests took 12 ms at 40 requests/s, 25 at 60, 70 at 80, 200 at 100, the most."""
    seen = {40: 12, 60: 25, 80: 70, 100: 200}
    trials = [Trial(float(rate), np.full(400, float(ms)), 60.0) for rate, ms in seen.items()]
    rows = target_shares(trials, TARGET, Basis(None, SETTING, 100.0, 10.0, "here"))
    assert [row.limit_ms for row in rows] == [15, 20, 30, 50, 100]
    assert [row.share for row in rows] == [0.4, 0.4, 0.6, 0.6, 0.8]
    assert [row.rate_per_s.high for row in rows] == [60, 60, 80, 80, 100]


def test_a_target_that_no_run_held_has_no_share():
    """Nor has any, without a run."""
    trials = [Trial(50.0, np.full(400, 99.0), 60.0)]
    basis = Basis(None, SETTING, 100.0, 10.0, "here")
    assert [row.share for row in target_shares(trials, TARGET, basis)] == [None] * 4 + [0.5]
    assert target_shares([], TARGET, basis) == []
