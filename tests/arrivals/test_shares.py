"""The table by target: each judged by the samples of the same runs."""

import re

import numpy as np
import pytest
from scipy.optimize import brentq
from varying_queues import FIXED, MEAN_S, Queue

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.find import try_below
from blipkit.arrivals.plan import MULTIPLES
from blipkit.arrivals.search import Trial
from blipkit.arrivals.shares import TargetShare, target_shares
from blipkit.load.setting import Setting
from blipkit.load.target import Target
from blipkit.paths import ROOT
from blipkit.records.typed import row_of

TARGET = Target(90.0, 1.0, shared=False)  # its limit does not matter
SETTING = Setting("torchscript float32", "pipeline", "threads", 1, 1)


def test_a_looser_target_holds_at_a_higher_rate():
    """Service of 10 ms; all requests took 12 ms at 40 requests/s, 25 at 60, 70 at 80, 200 at 100, the most."""
    seen = {40: 12, 60: 25, 80: 70, 100: 200}
    trials = [Trial(float(rate), np.full(400, float(ms)), 60.0) for rate, ms in seen.items()]
    rows = target_shares(trials, TARGET, Basis(None, SETTING, 100.0, 10.0, "here"))
    assert [row.limit_ms for row in rows] == [15, 20, 30, 50, 100]
    shares = [row.share_of_closed_loop for row in rows]
    assert [share.low for share in shares] == [0.4, 0.4, 0.6, 0.6, 0.8]
    assert [share.high for share in shares] == [0.6, 0.6, 0.8, 0.8, 1.0]
    assert all(row.rate_per_s == share.times(100) for row, share in zip(rows, shares, strict=True))


def test_a_share_is_the_rates_and_not_its_last_pass_alone():
    """Too few requests to be sure of 60 a second: the share is the fit's, which lies between."""
    late = np.repeat([12.0, 90.0], [280, 8])
    trials = [
        Trial(30.0, np.full(400, 12.0), 60.0),
        Trial(60.0, late, 60.0),
        Trial(90.0, np.full(400, 90.0), 60.0),
    ]
    row = target_shares(
        trials, Target(97.0, 1.0, shared=False), Basis(None, SETTING, 100.0, 10.0, "here")
    )[2]
    share = row.share_of_closed_loop
    assert share.low == 0.3 and share.high == 0.9 and 0.6 < share.value < 0.65


def test_a_record_of_an_older_kit_has_the_rate_alone():
    """Its share was the last pass's: it is not shown under the name of another figure."""
    old = {"times_service": 5.0, "limit_ms": 37.7, "percentile": 90.0, "share": 0.25}
    old |= {"rate_per_s": 222.0, "rate_per_s_low": 60.0, "rate_per_s_high": 242.0}
    row = row_of(TargetShare, old)
    assert row.share_of_closed_loop.value is None and row.rate_per_s.value == 222


def test_a_target_that_no_run_held_has_no_share():
    """Nor has any, without a run."""
    trials = [Trial(50.0, np.full(400, 99.0), 60.0)]
    basis = Basis(None, SETTING, 100.0, 10.0, "here")
    shares = [row.share_of_closed_loop.low for row in target_shares(trials, TARGET, basis)]
    assert shares == [None] * 4 + [0.5]
    assert target_shares([], TARGET, basis) == []


def test_lower_rates_are_tried_until_the_tightest_target_is_held():
    """Half the lowest rate and half of that, as many as may be; none where a run held it, or there is no run; a run that went wrong is the last."""
    tightest = Target(90.0, 15.0, shared=False)

    def tried(first: list[tuple[float, float]], most: int = 2, wrong: bool = False) -> list[float]:
        rates = []

        def ask(rate_per_s: float) -> Trial | None:
            rates.append(rate_per_s)
            return None if wrong else ran(rate_per_s, 12.0 if rate_per_s < 30 else 25.0)

        try_below(ask, [ran(*one) for one in first], tightest, most)
        return rates

    def ran(rate_per_s: float, took_ms: float) -> Trial:
        return Trial(rate_per_s, np.full(400, took_ms), 60.0)

    assert tried([(100.0, 25.0), (200.0, 99.0)]) == [50.0, 25.0]
    assert tried([(50.0, 25.0)], most=4) == [25.0]
    assert tried([(100.0, 25.0)], most=1) == [50.0] and tried([(100.0, 25.0)], most=0) == []
    assert tried([(20.0, 12.0), (100.0, 99.0)]) == [] == tried([])
    assert tried([(100.0, 25.0)], wrong=True) == [50.0]


@pytest.mark.slow
@pytest.mark.parametrize("servers", [1, 2, 4])
def test_the_document_has_what_a_closed_loop_flatters_by(servers):
    """The rate that holds a target over what the servers can do, for fixed service times, within 0.01."""
    queue = Queue(FIXED, servers)
    document = (ROOT / "docs/arrivals.md").read_text()
    for percentile in (90.0, 99.0):
        (line,) = re.findall(rf"^\| {servers}, p{percentile:g} \| (.*) \|$", document, re.M)
        limits_ms = [1e3 * MEAN_S * times for times in MULTIPLES]
        seen = [queue.known_per_s(percentile, limit) / queue.most_per_s for limit in limits_ms]
        assert list(map(float, line.split(" | "))) == pytest.approx(seen, abs=0.01)


def test_one_server_holds_what_the_formula_gives():
    """A wait of M/D/1 is at most one service time with probability (1 - busy) e^busy: p99 within two of them at 0.135 busy."""
    busy = brentq(lambda share: (1 - share) * np.exp(share) - 0.99, 0.01, 0.9)
    queue = Queue(FIXED, 1)
    seen = queue.known_per_s(99.0, 2e3 * MEAN_S) / queue.most_per_s
    assert seen == pytest.approx(busy, abs=0.005)
