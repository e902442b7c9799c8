import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.service.sequential import (
    LimitTest,
    RatioTest,
    mean_of_logs,
    needed_by_limit,
    needed_by_ratio,
)

SHARES = st.floats(0.01, 0.99)


@given(SHARES, st.integers(0, 20), st.integers(0, 20), st.floats(1, 3))
def test_the_expectation_of_a_ratio_is_one(share, ours, theirs, allowed):
    """Whatever happened before, the next failure changes the e-value by 1 on average while the candidate is as bad as allowed."""
    before = RatioTest(allowed)
    for _ in range(ours):
        before.failed(share, True)
    for _ in range(theirs):
        before.failed(share, False)
    part = share * allowed / (share * allowed + 1 - share)
    after = 0.0
    for by_candidate, chance in ((True, part), (False, 1 - part)):
        test = RatioTest(allowed)
        test._logs = list(before._logs)
        test.failed(share, by_candidate)
        after += chance * math.exp(test.log_e - before.log_e)
    assert after == pytest.approx(1, rel=1e-9)


@given(st.floats(0.001, 0.4), st.floats(0.01, 1), st.integers(0, 30), st.integers(0, 300))
def test_within_the_limit_the_expectation_is_at_most_one(limit, part, failed, passed):
    """A candidate that fails less often than it may never gains evidence on average."""
    before = LimitTest(limit)
    before.tried(True, failed)
    before.tried(False, passed)
    rate, after = part * limit, 0.0
    for failing, chance in ((True, rate), (False, 1 - rate)):
        test = LimitTest(limit)
        test._logs = list(before._logs)
        test.tried(failing)
        after += chance * math.exp(test.log_e - before.log_e)
    assert after <= 1 + 1e-9


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 2**32 - 1))
def test_the_order_is_no_evidence(outcomes, seed):
    """The same trials in another order say the same."""
    first, second, shuffled = LimitTest(0.01), LimitTest(0.01), list(outcomes)
    random.Random(seed).shuffle(shuffled)
    for one in outcomes:
        first.tried(one)
    for one in shuffled:
        second.tried(one)
    assert first.log_e == pytest.approx(second.log_e, abs=1e-9)


def ever_reached(test_of, limit: float, runs: int, steps: int, seed: int) -> int:
    """How many of so many runs ever reach the limit, looked at after each event."""
    draw, reached = random.Random(seed), 0
    for _ in range(runs):
        test, tell = test_of(draw)
        for _ in range(steps):
            tell()
            if test.log_e >= math.log(limit):
                reached += 1
                break
    return reached


def equal_sides(draw):
    """A ratio test of a candidate that is as bad as the primary, while its share changes."""
    test = RatioTest()

    def tell():
        share = draw.choice([0.05, 0.5, 0.9])
        test.failed(share, draw.random() < share)

    return test, tell


def just_allowed(draw):
    """A limit test of a candidate that fails as often as it may."""
    test = LimitTest(0.02)
    return test, lambda: test.tried(draw.random() < 0.02)


@pytest.mark.parametrize("test_of", [equal_sides, just_allowed])
def test_looking_all_the_time_does_not_inflate(test_of):
    """Looked at after each of 300 events, at most one of twenty runs is ever called worse."""
    assert ever_reached(test_of, 20, 150, 300, 1) <= 12  # 7.5 expected at most; 12 at 1 in 20


@pytest.mark.slow
@pytest.mark.parametrize("test_of", [equal_sides, just_allowed])
def test_looking_all_the_time_does_not_inflate_in_many_runs(test_of):
    """The same in 2,000 runs of 2,000 events."""
    assert ever_reached(test_of, 20, 2_000, 2_000, 2) <= 116  # 100 expected at most; 116 at 1 in 20


def test_what_is_certain_is_no_evidence():
    """At a share of 0 or 1 all failures are one side's: nothing can be compared."""
    test = RatioTest()
    for share, ours in ((0.0, False), (1.0, True)):
        test.failed(share, ours)
    assert test.log_e == pytest.approx(0)


def test_what_comes_together_counts_once():
    """A pause that makes five requests late is worth one late request."""
    one, five = RatioTest(), RatioTest(together=5)
    one.failed(0.1, True)
    for _ in range(5):
        five.failed(0.1, True)
    assert five.log_e == pytest.approx(one.log_e)


@pytest.mark.parametrize("share", [0.05, 0.5])
@pytest.mark.parametrize("rate", [0.005, 0.02])
def test_what_is_needed_suffices(share, rate):
    """With so many failures it is called worse, with one fewer not; so many trials bring them nearly surely."""
    needed = needed_by_ratio(rate, share, 60, 0.95, 1)
    test = RatioTest()
    for _ in range(needed.failures - 1):
        test.failed(share, True)
    assert test.log_e < math.log(60)
    test.failed(share, True)
    assert test.log_e >= math.log(60)
    draw = random.Random(3)
    enough = sum(
        sum(draw.random() < rate for _ in range(needed.trials)) >= needed.failures
        for _ in range(60)
    )
    assert enough >= 51  # 57 expected; fewer than 51 in 1 of 200 tries


def test_what_cannot_be_seen_is_said_so():
    """Without a primary, nothing is compared; what is allowed is not noticed."""
    assert needed_by_ratio(0.02, 1.0, 60, 0.95, 1).trials is None
    assert needed_by_limit(0.02, 0.02, 60, 0.95).trials is None
    assert needed_by_limit(0.02, 0.005, 60, 0.95).trials == 1211


def test_a_mean_of_logs_does_not_overflow():
    """Evidence of thousands of failures stays a number."""
    assert mean_of_logs([5000.0, 0.0]) == pytest.approx(5000 - math.log(2))
    assert mean_of_logs([0.0]) == 0
