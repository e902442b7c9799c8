"""The highest rate that holds a latency target: doubling, bisection, and a fit to all samples.

Nothing here has a clock or a server: whoever asks gives a function from a rate to the latencies
that were seen. A rate is judged by the samples of all runs at it together, and by the interval of
the share that was late, not by a point.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from blipkit.arrivals.late import late_share
from blipkit.load.target import Target
from blipkit.statistics import UNKNOWN, Interval

SMOOTH = "smooth"
CLIFF = "cliff"
QUIET = 0.1  # of the rate to begin with: at less hardly anything waits, so that less helps no more
STEP = 1.1  # at an edge that is a cliff, so much more load
LEAP = 0.2  # makes such a share of all requests late, beyond the share that is allowed


@dataclass(frozen=True)
class Goal:
    """What is to be found.

    target: that is to be held; first_per_s: where to begin; resolution: how far apart, as a share,
    the last pass and the first fail may be; most_runs: at most so many.
    """

    target: Target
    first_per_s: float
    resolution: float
    most_runs: int


@dataclass(frozen=True)
class Trial:
    """One run. latencies_ms: in order of arrival, infinite for what was never answered; seconds:
    that it lasted; busy: the share of the servers' time that requests at this rate need, 0 where it
    is not known.
    """

    rate_per_s: float
    latencies_ms: np.ndarray
    seconds: float
    busy: float = 0.0


def is_too_much(busy: float) -> bool:
    """Whether servers need more time than there is, so that their queue grows without end."""
    return busy >= 1


@dataclass(frozen=True)
class Rate:
    """A rate that was tried, and the target that it is judged by. latencies_ms: by run, in order of
    arrival; seconds: that the longest run lasted; busy: as a `Trial` has it, the runs' mean.
    """

    per_s: float
    latencies_ms: list[np.ndarray]
    seconds: float
    busy: float
    target: Target

    @property
    def requests(self) -> int:
        """How many, in all runs."""
        return sum(map(len, self.latencies_ms))

    @cached_property
    def share(self) -> Interval:
        """The share that was late, with its interval; all, where the queue grows without end: a
        run that is too short to see it says nothing.
        """
        if is_too_much(self.busy):
            return Interval(1.0, 1.0, 1.0)
        return late_share(self.latencies_ms, self.target.limit_ms, self.target.percentile)

    @property
    def shows_holding(self) -> bool:
        """Whether runs as long as these can say that the target is held: servers must be idle for
        half the target at least, or a queue that still grows would not be seen.
        """
        return (1 - self.busy) * self.seconds >= self.target.limit_ms / 1e3 / 2

    @property
    def holds(self) -> bool | None:
        """Whether it holds the target, by the share's interval; None where that cannot be told."""
        if is_held(self.share.high, self.target) and self.shows_holding:
            return True
        if self.share.low > self.target.allowed:
            return False
        return None

    @property
    def may_tell(self) -> bool:
        """Whether it is not decided yet, and one run more may decide it."""
        is_open = self.holds is None
        return is_open and (self.shows_holding or self.share.value > self.target.allowed)


@dataclass(frozen=True)
class Found:
    """What the trials say of a target.

    per_s: the rate by the fit, its ends the last pass and the first fail, None for what is not
    known; edge: SMOOTH, CLIFF, "" where no higher rate was tried that misses the target; rates:
    that were tried, from the lowest; fitted: the share late at each, by isotonic regression.
    """

    per_s: Interval
    edge: str
    rates: list[Rate]
    fitted: list[float]


def search(ask: Callable[[float], Trial | None], goal: Goal) -> list[Trial]:
    """The runs that it took; the last may be missing where `ask` returned none: it cannot go on."""
    trials = []
    while len(trials) < goal.most_runs and (rate := next_rate(trials, goal)) is not None:
        trial = ask(rate)
        if trial is None:
            break
        trials.append(trial)
    return trials


def next_rate(trials: Sequence[Trial], goal: Goal) -> float | None:
    """The rate to try next; None where enough is known.

    Doubled until the target is missed, halved until it is held; then the middle between the two,
    and where these are near, the one of them that is less known. Where hardly anything waits and
    the target is missed all the same, no rate holds it.
    """
    if not trials:
        return goal.first_per_s
    found = judge_trials(trials, goal.target)
    fits = [is_held(share, goal.target) for share in found.fitted]
    if all(fits):
        return next_higher(found.rates[-1])
    first_missed = fits.index(False)
    held = [place for place in range(first_missed) if found.rates[place].shows_holding]
    if not held:
        half = found.rates[0].per_s / 2
        return half if half > goal.first_per_s * QUIET else None
    below, above = found.rates[held[-1]], found.rates[held[-1] + 1]
    if above.per_s > (1 + goal.resolution) * below.per_s:
        return math.sqrt(below.per_s * above.per_s)
    unsure = [rate for rate in (below, above) if rate.may_tell]
    if not unsure:
        return None
    return min(unsure, key=lambda rate: rate.requests).per_s


def next_higher(rate: Rate) -> float:
    """Where no rate was missed yet: twice the highest, or a little more where its servers are
    nearly busy already.
    """
    if rate.shows_holding:
        return 2 * rate.per_s
    return STEP * rate.per_s


def judge_trials(trials: Sequence[Trial], target: Target) -> Found:
    """What these trials, whatever they were made for, say of a target."""
    rates = pooled(trials, target)
    if not rates:
        return Found(UNKNOWN, "", [], [])
    fitted = isotonic(rates)
    first_fail = min((rate.per_s for rate in rates if rate.holds is False), default=math.inf)
    passed = [rate.per_s for rate in rates if rate.holds]
    last_pass = max((per_s for per_s in passed if per_s < first_fail), default=None)
    per_s = crossing(rates, fitted, target)
    edge = ""
    if per_s is not None and per_s < rates[-1].per_s:
        edge = edge_at(per_s, rates, fitted, target)
    return Found(Interval(per_s, last_pass, first_fail).finite(), edge, rates, fitted)


def pooled(trials: Sequence[Trial], target: Target) -> list[Rate]:
    """Each rate that was tried, with all its runs, from the lowest."""
    runs: dict[float, list[Trial]] = {}
    for trial in trials:
        runs.setdefault(trial.rate_per_s, []).append(trial)
    rates = []
    for per_s in sorted(runs):
        latencies = [trial.latencies_ms for trial in runs[per_s]]
        seconds = max(trial.seconds for trial in runs[per_s])
        busy = float(np.mean([trial.busy for trial in runs[per_s]]))
        rates.append(Rate(per_s, latencies, seconds, busy, target))
    return rates


def isotonic(rates: Sequence[Rate]) -> list[float]:
    """The shares late that come nearest to those seen and never fall as the rate grows.

    Each counts as much as it has requests. Barlow, Bartholomew, Bremner and Brunk, 1972.
    """
    from scipy.optimize import isotonic_regression

    shares = [rate.share.value for rate in rates]
    weights = [rate.requests for rate in rates]
    return list(map(float, isotonic_regression(shares, weights=weights).x))


def is_held(share: float, target: Target) -> bool:
    """Whether so few are late; the sum of the percentile and its rest may not be exactly 1."""
    return share <= target.allowed + 1e-12


def crossing(rates: Sequence[Rate], fitted: Sequence[float], target: Target) -> float | None:
    """The rate at which the fit reaches the allowed share, on a line between two that were tried.

    The highest one where all of them held it; None where none did.
    """
    held = [is_held(share, target) for share in fitted]
    if not any(held):
        return None
    if all(held):
        return rates[-1].per_s
    above = held.index(False)
    shares = fitted[above - 1 : above + 1]
    per_s = [rate.per_s for rate in rates[above - 1 : above + 1]]
    return float(np.interp(target.allowed, shares, per_s))


def edge_at(per_s: float, rates: Sequence[Rate], fitted: Sequence[float], target: Target) -> str:
    """Whether a little more load than this rate makes far more requests late."""
    tried = [rate.per_s for rate in rates]
    share = np.interp(STEP * per_s, tried, fitted)
    return CLIFF if share >= target.allowed + LEAP else SMOOTH
