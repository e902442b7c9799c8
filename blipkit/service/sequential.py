"""Tests that may be looked at after every request, and are as seldom wrong as if looked at once.

Each keeps an e-value: a product of likelihood ratios whose expectation, while nothing is wrong, is
never above 1. So it ever reaches 1 / a with a chance of at most a (Ville's inequality), however
often one looks, and 1 over its largest value is a p-value that is always valid. What is wrong need
not be known in size: a mixture over several sizes is an e-value, too (Robbins, 1970; Johari et al.,
Operations Research 70(3), 2022). The mean of e-values is one, so that several signals share one
limit. Formulas, and how many requests they need: docs/switching.md.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

# how many times as often as it may, a candidate may fail, where it does: the mixture
FACTORS = (1.5, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)


def mean_of_logs(logs: Sequence[float]) -> float:
    """The logarithm of the mean of numbers whose logarithms these are."""
    largest = max(logs)
    total = sum(math.exp(one - largest) for one in logs)
    return largest + math.log(total / len(logs))


class RatioTest:
    """Does the candidate fail more than `allowed` times as often as the primary, a request?

    Each request goes to the candidate with a known chance, its share at that moment. Of those that
    fail, whoever served them, the candidate then has no larger part than its share explains: so
    only these count, and neither the rate of failures, which may change with the hour, nor the
    shares have to stay the same. together: failures that come in one go, as in a pause, and are
    worth one: their evidence is divided by it, which errs to the safe side. It may grow meanwhile.
    """

    def __init__(self, allowed: float = 1.0, together: int = 1):
        self.allowed = allowed
        self.together = together
        self._logs = [0.0] * len(FACTORS)

    def failed(self, share: float, by_candidate: bool) -> None:
        """A request failed. share: the candidate's when it was sent, 0-1."""
        expected = _part(self.allowed, share)
        for place, factor in enumerate(FACTORS):
            supposed = _part(self.allowed * factor, share)
            ratio = _likelihood_ratio(by_candidate, supposed, expected)
            self._logs[place] += ratio / self.together

    @property
    def log_e(self) -> float:
        """The logarithm of the e-value."""
        return mean_of_logs(self._logs)


class LimitTest:
    """Do more than `limit` of the candidate's trials fail? limit: a share above 0 and below 1.

    together: as `RatioTest` has it.
    """

    def __init__(self, limit: float, together: int = 1):
        self.limit = limit
        self.together = together
        self._supposed = [factor * limit for factor in FACTORS if factor * limit < 0.5] or [0.75]
        self._logs = [0.0] * len(self._supposed)

    def tried(self, failed: bool, times: int = 1) -> None:
        """So many of the candidate's trials ended so."""
        for place, supposed in enumerate(self._supposed):
            ratio = _likelihood_ratio(failed, supposed, self.limit)
            self._logs[place] += times * ratio / self.together

    @property
    def log_e(self) -> float:
        """The logarithm of the e-value."""
        return mean_of_logs(self._logs)


def _part(ratio: float, share: float) -> float:
    """The candidate's part of all failures, if it fails `ratio` times as often as the primary."""
    return share * ratio / (share * ratio + 1 - share)


def _likelihood_ratio(happened: bool, supposed: float, expected: float) -> float:
    """The logarithm of how much likelier it is if its chance is `supposed`, not `expected`.

    Zero where either is certain: what cannot be otherwise shows nothing.
    """
    if not 0 < expected < 1 or not 0 < supposed < 1:
        return 0.0
    if happened:
        return math.log(supposed / expected)
    return math.log((1 - supposed) / (1 - expected))


@dataclass(frozen=True)
class Needed:
    """What a test needs to see a candidate that fails in `rate` of its trials, where the primary
    never does: `failures` of it, which `trials` of its own bring with the chance asked for.

    None for both: it cannot be seen so.
    """

    rate: float
    failures: int | None
    trials: int | None


MOST_FAILURES = 10_000


def needed_by_ratio(
    rate: float, share: float, limit: float, surely: float, together: int
) -> Needed:
    """For `RatioTest` at this share of the candidate's. limit: of the e-value; surely: a chance."""
    test = RatioTest(together=together)
    failures = 0
    while test.log_e < math.log(limit):
        if failures >= MOST_FAILURES or not 0 < share < 1:
            return Needed(rate, None, None)
        test.failed(share, by_candidate=True)
        failures += 1
    return Needed(rate, failures, _trials(failures, rate, surely))


def needed_by_limit(
    rate: float, allowed: float, limit: float, surely: float, together: int = 1
) -> Needed:
    """For `LimitTest` of `allowed`. The trials that did not fail count against it as they come."""

    def is_seen(failures: int) -> bool:
        test = LimitTest(allowed, together)
        test.tried(True, failures)
        test.tried(False, _trials(failures, rate, surely) - failures)
        return test.log_e >= math.log(limit)

    counts = range(1, MOST_FAILURES)
    if rate <= allowed or not is_seen(counts[-1]):
        return Needed(rate, None, None)
    failures = counts[bisect_left(counts, True, key=is_seen)]
    return Needed(rate, failures, _trials(failures, rate, surely))


def _trials(failures: int, rate: float, surely: float) -> int:
    """How many trials have at least so many failures with the chance `surely`."""
    return failures + int(stats.nbinom.ppf(surely, failures, rate))
