"""Figures with their intervals, by scipy; nothing here knows what was measured."""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special, stats


@dataclass(frozen=True)
class Interval:
    """A figure and the ends of its 95 % interval; None for what is not known.

    An end may be infinite: the samples do not bound it.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    @property
    def is_bounded(self) -> bool:
        """Whether both ends are known, and finite."""
        return _is_finite(self.low) and _is_finite(self.high)

    @property
    def half_width(self) -> float | None:
        """Half the interval's width over the figure; None where that is zero, or an end unknown."""
        if not self.value or not self.is_bounded:
            return None
        return (self.high - self.low) / 2 / self.value

    def finite(self) -> "Interval":
        """With None for what is not finite, as JSON keeps it."""
        return self.rising(lambda figure: figure if _is_finite(figure) else None)

    def rising(self, function: Callable[[float], float | None]) -> "Interval":
        """A function of the figure that grows with it; what is not known stays so."""
        return Interval(
            _of_known(function, self.value),
            _of_known(function, self.low),
            _of_known(function, self.high),
        )

    def falling(self, function: Callable[[float], float | None]) -> "Interval":
        """A function of the figure that falls as it grows, so that the ends change places."""
        mapped = self.rising(function)
        return Interval(mapped.value, mapped.high, mapped.low)

    def times(self, factor: float) -> "Interval":
        """Each figure times a factor that is not negative."""
        return self.rising(lambda figure: factor * figure)

    def inverse(self) -> "Interval":
        """One over each figure; None where that is zero."""
        return self.falling(lambda figure: 1 / figure if figure else None)

    def over(self, other: "Interval") -> "Interval":
        """This over another of positive figures: least over most, to most over least."""
        return Interval(
            _quotient(self.value, other.value),
            _quotient(self.low, other.high),
            _quotient(self.high, other.low),
        )


UNKNOWN = Interval(None)
ENDS = (0.025, 0.975)  # of a distribution, between which 95 % of it lie


def _is_finite(figure: float | None) -> bool:
    return figure is not None and math.isfinite(figure)


def _of_known(function: Callable[[float], float | None], figure: float | None) -> float | None:
    return None if figure is None else function(figure)


def _quotient(above: float | None, below: float | None) -> float | None:
    """None where either is not known, or nothing can be divided by."""
    if above is None or not below:
        return None
    return above / below


def percentile(samples, q: float, effective: float | None = None) -> Interval:
    """The q-th percentile (0-100) and its 95 % interval from order statistics.

    effective: how many independent samples these are worth; None where they are independent. An
    end that so few cannot bound is infinite. The percentile is itself a sample, not interpolated.
    Binomial ranks; David and Nagaraja, Order Statistics, section 7.1; of samples worth fewer, the
    ranks of those few, as shares of all.
    """
    samples = np.sort(np.asarray(samples, dtype=float))
    n = len(samples)
    worth = n
    if effective is not None:
        worth = max(int(effective), 1)
    value = np.percentile(samples, q, method="inverted_cdf")
    # how many of so many independent samples may be at or below the percentile; their ranks, from 1
    fewest, most = stats.binom.ppf(ENDS, worth, q / 100)
    low_rank = math.floor(fewest * n / worth)
    high_rank = math.ceil((most + 1) * n / worth)
    return Interval(float(value), _at_rank(samples, low_rank), _at_rank(samples, high_rank))


def _at_rank(samples: np.ndarray, rank: int) -> float:
    """The sample of a rank, from 1; infinite beyond the first or the last."""
    if rank < 1:
        return -math.inf
    if rank > len(samples):
        return math.inf
    return float(samples[rank - 1])


def samples_needed(q: float, confidence: float = 0.99) -> int:
    """How many samples, none of them beyond a limit, show that a percentile holds: 459 for p99.

    The least n of MLPerf's early stopping: `confidence` that fewer than 1 - q of all are beyond.
    More are needed where some are.
    """
    return int(np.ceil(np.log(1 - confidence) / np.log(q / 100)))


def mean_interval(values) -> Interval:
    """Mean and its 95 % t-interval, cut off at zero; of two or more values, none negative."""
    values = np.asarray(values, dtype=float)
    n = len(values)
    mean = values.mean()
    quantile = stats.t.ppf(ENDS[1], n - 1)
    half = quantile * values.std(ddof=1) / np.sqrt(n)
    return Interval(float(mean), max(float(mean - half), 0.0), float(mean + half))


def wilson(count: int, n: int) -> Interval:
    """A rate with its 95 % Wilson interval; anything from 0 to 1 where nothing was counted."""
    if n == 0:
        return Interval(None, 0.0, 1.0)
    interval = stats.binomtest(count, n).proportion_ci(0.95, method="wilson")
    return Interval(count / n, float(interval.low), float(interval.high))


def share_bound(count: int, n: int) -> float:
    """Upper 95 % bound of a share, exact and one-sided: at the bound or above, so few hits in n
    independent trials come up in at most one of twenty tries. Clopper and Pearson (1934).
    """
    if count >= n:
        return 1.0
    # by special, as stats.beta takes 20 times as long: a watched switch asks after each request
    return float(special.betaincinv(count + 1, n - count, 0.95))


def trials_needed(limit: float, count: int = 0) -> int:
    """How many trials, `count` of them hits, bound a share by `limit` (`share_bound`)."""

    def is_bounded(more: int) -> bool:
        return share_bound(count, count + more) <= limit

    misses = bisect_left(range(10**9), True, key=is_bounded)  # the more of them, the less the bound
    return count + misses


def is_not_worse(first: int, second: int, n: int, margin: float) -> bool:
    """Whether, of n pairs, the first of each hits at most `margin` (a share above 0) more often.

    first, second: pairs in which it alone hits. At a difference of `margin` it says so in about one
    of twenty tries. Tango's score test of paired shares, Statistics in Medicine 17 (1998).
    """
    # the likeliest share of pairs in which the second alone hits, were the difference `margin`:
    # the root above zero of 2 n share^2 + b share - second margin (1 - margin)
    b = (2 * n - first + second) * margin - first - second
    root = math.sqrt(b**2 + 8 * n * second * margin * (1 - margin))
    share = (root - b) / (4 * n)
    expected = n * margin
    spread = math.sqrt(n * (2 * share + margin * (1 - margin)))
    return first - second - expected <= stats.norm.ppf(0.05) * spread


def is_more_often(first: int, second: int) -> bool:
    """Whether the first alone hits more often than the second alone; says so of two equal ones in
    at most one of twenty tries. Exact sign test.
    """
    if not first:
        return False
    test = stats.binomtest(first, first + second, alternative="greater")
    return bool(test.pvalue <= 0.05)


def is_larger_share(first: tuple[int, int], second: tuple[int, int], chance: float = 0.05) -> bool:
    """Whether the first share is larger than the second, each a count and of how many; says so of
    two equal ones with at most this chance. Fisher's exact test, one-sided.
    """
    table = [[count, n - count] for count, n in (first, second)]
    return bool(stats.fisher_exact(table, alternative="greater").pvalue <= chance)


def one_way_chance(most: int, n: int) -> float:
    """How likely n even choices of two are as uneven as `most` of them one way; 0-1, two-sided."""
    return float(stats.binomtest(most, n).pvalue)


def alike_ratio(overlap: float) -> float:
    """The ratio of two normal errors' spreads at which their densities overlap by so much: 1.22 for
    0.99. Bhattacharyya's coefficient of the two is sqrt(2 r / (1 + r^2)).
    """
    square = overlap**2
    return (1 + math.sqrt(1 - square**2)) / square


def chance_ratio(lengths, units: float, tries: int) -> float:
    """How many times as long as another one an error can be by chance, where both only round.

    lengths: of such an error (L2 norm over the reference's), one for each unit, such as a frame,
    however its elements depend on each other; units: how many the two errors to be compared have;
    tries: how many such comparisons are made, one of which is beyond the ratio in at most one of a
    thousand runs. With s the standard deviation of log(length^2) over n units, log of the ratio's
    square has standard deviation s sqrt(2 / units), and the ratio is
    exp(t s sqrt(2 / units) / 2), t: Student's quantile 1 - 0.001 / tries with n - 1 degrees of
    freedom. Infinite with fewer than three units: they show no spread.
    """
    lengths = np.asarray(lengths, dtype=float)
    lengths = lengths[np.isfinite(lengths) & (lengths > 0)]
    n = len(lengths)
    if n < 3:
        return math.inf
    spread = np.log(lengths**2).std(ddof=1)
    quantile = stats.t.isf(0.001 / tries, n - 1)
    return float(np.exp(quantile * spread * np.sqrt(2 / units) / 2))


def effective_units(lengths) -> float:
    """How many equal units a sum of squares over unequal ones is worth: (sum x^2)^2 / sum x^4."""
    squares = np.asarray(lengths, dtype=float) ** 2
    if not squares.any():
        return float(len(squares))
    return float(squares.sum() ** 2 / (squares**2).sum())


def mcnemar(first: int, second: int) -> float:
    """Exact two-sided p of McNemar's test; first, second: the pairs that disagree, either way."""
    if first + second == 0:
        return 1.0
    return one_way_chance(first, first + second)


@dataclass(frozen=True)
class Bin:
    """Answers of about one confidence: from `above` to `up_to`, 0-1.

    n: how many; confidence: their mean; right: the share of them that is right.
    """

    above: float
    up_to: float
    n: int
    confidence: float
    right: Interval


def reliability(confidence, right, bins: int = 10) -> list[Bin]:
    """The occupied bins of equal width, by confidence; right: whether each answer is."""
    confidence = np.asarray(confidence, dtype=float)
    right = np.asarray(right, dtype=bool)
    # the bin of each answer, from 0; its upper edge belongs to it
    places = np.ceil(confidence * bins).astype(int) - 1
    places = np.clip(places, 0, bins - 1)
    rows = []
    for place in np.unique(places):
        inside = places == place
        n = int(inside.sum())
        mean = float(confidence[inside].mean())
        share = wilson(int(right[inside].sum()), n)
        rows.append(Bin(place / bins, (place + 1) / bins, n, mean, share))
    return rows


def calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error of `reliability`'s bins: |confidence - share right|, by n."""
    weighted = sum(bin.n * abs(bin.confidence - bin.right.value) for bin in bins)
    return weighted / sum(bin.n for bin in bins)


def rate(times, seconds: float, batches: int = 10) -> Interval:
    """Events a second from 0 to `seconds`, with a 95 % t-interval from equal batches of the time.

    Batch means; Law, Simulation Modeling and Analysis, section 9.5.3.
    """
    times = np.asarray(times, dtype=float)
    counts, _ = np.histogram(times, bins=batches, range=(0, seconds))
    return mean_interval(counts * batches / seconds)
