"""Does a run have one throughput and one latency? Its thirds agree, and nothing drifts through it.

The limit on thirds is that of Triton's perf_analyzer (max/min <= 1.10 over three windows), which
alone would let a queue grow by 5 % a window; so the drift is judged, too. Windows are cut at
equal counts of answers, so that few answers do not look unsteady.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WINDOWS = 3
SPREAD = 1.10  # largest over smallest of the windows' throughputs, and of their mean latencies
FEWEST = 4  # answers in a window
DRIFT = 0.05  # of the mean latency, first to last tenth of a run; and it must be significant
TENTHS = 10


@dataclass(frozen=True)
class Window:
    """A share of a run's answers, in the order in which they came.

    from_s, to_s: when; per_s: answers per second; latency_s: their mean latency.
    """

    from_s: float
    to_s: float
    per_s: float
    latency_s: float


def windows(
    finished: Sequence[float], latency: Sequence[float], count: int = WINDOWS
) -> list[Window]:
    """`count` equal shares of the answers."""
    order = np.argsort(finished)
    finished = np.asarray(finished)[order]
    latency = np.asarray(latency)[order]
    edges = np.linspace(0, len(finished) - 1, count + 1).astype(int)
    rows = []
    for first, last in zip(edges, edges[1:], strict=False):
        took = max(finished[last] - finished[first], 1e-9)
        mean_s = latency[first + 1 : last + 1].mean()
        rows.append(Window(finished[first], finished[last], (last - first) / took, mean_s))
    return rows


def uneven(finished: Sequence[float], latency: Sequence[float]) -> str:
    """Whether a run's thirds differ, in words; "" where they agree. Times in seconds."""
    if len(finished) <= FEWEST * WINDOWS:
        return f"{len(finished)} answers, {FEWEST * WINDOWS + 1} needed to tell"
    thirds = windows(finished, latency)
    throughputs = [third.per_s for third in thirds]
    latencies = [third.latency_s for third in thirds]
    for name, figures in (("throughput", throughputs), ("latency", latencies)):
        if not max(figures) <= SPREAD * min(figures):
            factor = max(figures) / min(figures)
            return f"{name} of its thirds differs by a factor of {factor:.2f}, limit {SPREAD}"
    return ""


def unstable(finished: Sequence[float], latency: Sequence[float]) -> str:
    """Why no single figure describes a run, in words; "" where one does.

    One does where the run's thirds agree, and its latency does not drift.
    """
    if reason := uneven(finished, latency):
        return reason
    drift, significant = trend(finished, latency)
    if not significant or abs(drift) <= DRIFT:
        return ""
    way = "rises" if drift > 0 else "falls"
    change = f"latency {way} by {abs(drift):.0%}"
    return f"{change} from its first tenth to its last, limit {DRIFT:.0%}"


def trend(finished: Sequence[float], latency: Sequence[float]) -> tuple[float, bool]:
    """Change of latency over a run as a share of its mean, and whether it is more than chance.

    From means of tenths, as neighbouring latencies depend on each other (batch means); least
    squares, two-sided t-test at 95 %.
    """
    if len(finished) < 2 * TENTHS:
        return 0.0, False
    from scipy.stats import linregress

    means = [tenth.latency_s for tenth in windows(finished, latency, TENTHS)]
    line = linregress(range(TENTHS), means)
    return float(line.slope * (TENTHS - 1) / np.mean(means)), bool(line.pvalue < 0.05)
