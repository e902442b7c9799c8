"""Does a setting have one throughput and one latency? Its runs say so, say not, or cannot tell.

Their thirds agree and nothing drifts through them, as far as their own noise lets that be seen. The
limit on thirds is that of Triton's perf_analyzer (max/min <= 1.10 over three windows); a difference
beyond it must also be more than chance, and a slow drift stays within it, so drift is judged, too.
Where a drift of 20 % could go unseen, nothing can be told. Windows are cut at equal counts of
answers, so that few answers do not look unsteady. docs/load.md has the formulas.

The clients' process imports this module: no library but numpy.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from blipkit.load.correlation import effective_size

WINDOWS = 3
SPREAD = 1.10  # largest over smallest of the windows' throughputs, and of their mean latencies
FEWEST = 4  # answers in a window of a warm-up
DRIFT = 0.05  # of the mean latency, first to last answer of a run; and it must be significant
# What chance alone gives in so many of all settings: together at most 5 % of false alarms.
DRIFT_CHANCE = 0.04
THIRDS_CHANCE = 0.005
# A setting is steady only where so large a drift would have been found in so many of all tries.
SEEN_DRIFT = 0.20
SEEN_IN = 0.90
# independent answers below which a correlation, and so any interval, is not known well enough
LEAST_EFFECTIVE = 50

_beyond = NormalDist().inv_cdf(1 - DRIFT_CHANCE / 2)
_found = _beyond + NormalDist().inv_cdf(SEEN_IN)  # standard errors of a drift that is found


@dataclass(frozen=True)
class Window:
    """A share of a run's answers, in the order in which they came.

    from_s, to_s: when; per_s: answers per second; latency_s: their mean latency.
    """

    from_s: float
    to_s: float
    per_s: float
    latency_s: float


@dataclass(frozen=True)
class Answers:
    """A run's answers in the order in which they came. finished, latency: of each, s."""

    finished: np.ndarray
    latency: np.ndarray

    @classmethod
    def of(cls, finished: Sequence[float], latency: Sequence[float]) -> "Answers":
        """In order, from any order."""
        order = np.argsort(finished, kind="stable")
        return cls(np.asarray(finished)[order], np.asarray(latency)[order])

    @property
    def gaps(self) -> np.ndarray:
        """The times from each answer to the next, s; their mean is one over the throughput."""
        return np.diff(self.finished)


def windows(
    finished: Sequence[float], latency: Sequence[float], count: int = WINDOWS
) -> list[Window]:
    """`count` equal shares of the answers."""
    answers = Answers.of(finished, latency)
    finished = answers.finished
    edges = np.linspace(0, len(finished) - 1, count + 1).astype(int)
    rows = []
    for first, last in zip(edges, edges[1:], strict=False):
        took = max(finished[last] - finished[first], 1e-9)
        mean_s = answers.latency[first + 1 : last + 1].mean()
        rows.append(Window(finished[first], finished[last], (last - first) / took, mean_s))
    return rows


def uneven(finished: Sequence[float], latency: Sequence[float]) -> str:
    """Whether a warm-up's thirds differ, in words; "" where they agree. Times in seconds."""
    if len(finished) <= FEWEST * WINDOWS:
        return f"{len(finished)} answers, {FEWEST * WINDOWS + 1} needed to tell"
    thirds = windows(finished, latency)
    throughputs = [third.per_s for third in thirds]
    latencies = [third.latency_s for third in thirds]
    for name, figures in (("throughput", throughputs), ("latency", latencies)):
        if not max(figures) <= SPREAD * min(figures):
            return differ(name, max(figures) / min(figures))
    return ""


def differ(name: str, factor: float) -> str:
    """That thirds differ by a factor, in words."""
    return f"{name} of its thirds differs by a factor of {factor:.2f}, limit {SPREAD}"


def unstable(runs: Sequence[Answers]) -> str:
    """Why no single figure describes a setting, in words; "" where nothing speaks against it.

    Nothing does where the thirds of its runs agree, and latency does not drift, but for chance.
    """
    figures: dict[str, Callable[[Answers], np.ndarray]] = {
        "throughput": lambda run: run.gaps,
        "latency": lambda run: run.latency,
    }
    for name, of_run in figures.items():
        factor, chance = thirds_of([of_run(run) for run in runs])
        if factor > SPREAD and chance < THIRDS_CHANCE:
            return differ(name, factor)
    drift = drift_of(runs)
    if drift.effective < LEAST_EFFECTIVE or abs(drift.share) <= max(DRIFT, _beyond * drift.error):
        return ""
    way = "rises" if drift.share > 0 else "falls"
    return f"latency {way} by {abs(drift.share):.0%} from first to last, limit {DRIFT:.0%}"


def unclear(runs: Sequence[Answers]) -> str:
    """Why it cannot be told whether a setting holds still, in words; "" where it can."""
    count = sum(len(run.latency) for run in runs)
    drift = drift_of(runs)
    if drift.effective < LEAST_EFFECTIVE:
        worth = f"{count} answers are worth {drift.effective:.0f} independent ones"
        return f"{worth}, {LEAST_EFFECTIVE} needed to tell"
    unseen = _found * drift.error
    if unseen <= SEEN_DRIFT:
        return ""
    times = (unseen / SEEN_DRIFT) ** 2
    return (
        f"a drift of {unseen:.0%} could go unseen, {SEEN_DRIFT:.0%} must not: "
        f"{times:.1f} times as many answers would tell"
    )


@dataclass(frozen=True)
class Drift:
    """How latency changes over a run, the mean of several.

    share: from the first to the last answer, as a share of the mean; error: its standard error;
    effective: how many independent answers it rests on.
    """

    share: float
    error: float
    effective: float


def drift_of(runs: Sequence[Answers]) -> Drift:
    """The drift of latency: least squares, its error from what is left and how that correlates."""
    drifts = [_drift_of(run.latency) for run in runs if len(run.latency) >= WINDOWS]
    if not drifts:
        return Drift(0.0, math.inf, 0.0)
    return Drift(
        share=sum(one.share for one in drifts) / len(drifts),
        error=math.sqrt(sum(one.error**2 for one in drifts)) / len(drifts),
        effective=sum(one.effective for one in drifts),
    )


def _drift_of(latency: np.ndarray) -> Drift:
    """The drift of one run: a line's rise over its mean; sqrt(12 / n) deviations are its error."""
    n = len(latency)
    mean = latency.mean()
    place = np.arange(n) - (n - 1) / 2
    slope = (place * latency).sum() / np.square(place).sum()
    left = _more_than_rounding(latency - mean - slope * place, mean)
    effective = effective_size(left, removed=2)
    error = math.sqrt(12 / effective) * left.std(ddof=2) / mean
    return Drift(float(slope * (n - 1) / mean), float(error), effective)


def thirds_of(runs: Sequence[np.ndarray]) -> tuple[float, float]:
    """By which factor the means of thirds differ at most, and how likely chance alone does that.

    runs: figures of each run in their order. Chi-square of the thirds' means about their run's, two
    degrees of freedom a run. Where they are worth too few independent ones, chance explains it.
    """
    factor, squares, effective = 1.0, 0.0, 0.0
    for figures in runs:
        thirds = np.array_split(figures, WINDOWS)
        if len(figures) < FEWEST * WINDOWS:
            continue
        means = np.array([third.mean() for third in thirds])
        of_third = np.repeat(means, [len(third) for third in thirds])
        left = _more_than_rounding(figures - of_third, means.max())
        worth = effective_size(left, removed=WINDOWS)
        # of one third's mean; never zero, so that equal figures with a step are seen
        variance = max(left.var(ddof=WINDOWS) * WINDOWS / worth, 1e-20 * means.max() ** 2)
        squares += float(np.square(means - means.mean()).sum() / variance)
        factor = max(factor, float(means.max() / max(means.min(), 1e-12)))
        effective += worth
    if effective < LEAST_EFFECTIVE:
        return factor, 1.0
    return factor, _chance_of(squares, len(runs))


def _more_than_rounding(left: np.ndarray, scale: float) -> np.ndarray:
    """What a fit leaves of figures; zeros where that is rounding, which would seem to correlate."""
    if np.abs(left).max() <= 1e-9 * scale:
        return np.zeros_like(left)
    return left


def _chance_of(squares: float, runs: int) -> float:
    """How likely a chi-square with 2 degrees of freedom a run is larger; its closed form."""
    half = squares / 2
    terms = [half**k / math.factorial(k) for k in range(runs)]
    return math.exp(-half) * sum(terms)
