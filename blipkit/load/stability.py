"""Does a run have one throughput and one latency? Its thirds agree, and nothing drifts through it.

The limit on thirds is that of Triton's perf_analyzer (max/min <= 1.10 over three windows), which
alone would let a queue grow by 5 % a window; so the drift is judged besides. Windows are cut at
equal counts of answers, so that few of them do not look unsteady.
"""

from collections.abc import Sequence

import numpy as np

WINDOWS = 3
SPREAD = 1.10  # largest over smallest of the windows' throughputs, and of their mean latencies
FEWEST = 4  # answers in a window
DRIFT = 0.05  # of the mean latency, first to last tenth of a run; and it must be significant
TENTHS = 10


def windows(
    finished: Sequence[float], latency: Sequence[float], count: int = WINDOWS
) -> list[dict]:
    """Equal shares of the answers in the order in which they came, a row for each.

    from_s, to_s: when; per_s: answers per second; latency_s: their mean latency.
    """
    order = np.argsort(finished)
    finished = np.asarray(finished)[order]
    latency = np.asarray(latency)[order]
    edges = np.linspace(0, len(finished) - 1, count + 1).astype(int)
    rows = []
    for first, last in zip(edges, edges[1:], strict=False):
        took = max(finished[last] - finished[first], 1e-9)
        rows.append(
            {
                "from_s": finished[first],
                "to_s": finished[last],
                "per_s": (last - first) / took,
                "latency_s": latency[first + 1 : last + 1].mean(),
            }
        )
    return rows


def uneven(finished: Sequence[float], latency: Sequence[float]) -> str:
    """Whether a run's thirds differ, in words; "" where they agree. Times in seconds."""
    if len(finished) <= FEWEST * WINDOWS:
        return f"{len(finished)} answers, {FEWEST * WINDOWS + 1} needed to tell"
    rows = windows(finished, latency)
    for name, key in (("throughput", "per_s"), ("latency", "latency_s")):
        seen = [row[key] for row in rows]
        if not max(seen) <= SPREAD * min(seen):
            factor = max(seen) / min(seen)
            return f"{name} of its thirds differs by a factor of {factor:.2f}, limit {SPREAD}"
    return ""


def unstable(finished: Sequence[float], latency: Sequence[float]) -> str:
    """Why a run has no one figure, in words; "" where it has.

    It has where its thirds agree, and its latency does not drift.
    """
    if said := uneven(finished, latency):
        return said
    drift, significant = trend(finished, latency)
    if not significant or abs(drift) <= DRIFT:
        return ""
    way = "rises" if drift > 0 else "falls"
    by = f"latency {way} by {abs(drift):.0%}"
    return f"{by} from its first tenth to its last, limit {DRIFT:.0%}"


def trend(finished: Sequence[float], latency: Sequence[float]) -> tuple[float, bool]:
    """Change of latency over a run as a share of its mean, and whether chance would not do that.

    From means of tenths, as neighbouring latencies depend on each other (batch means); least
    squares, two-sided t-test at 95 %.
    """
    if len(finished) < 2 * TENTHS:
        return 0.0, False
    from scipy.stats import linregress

    means = [row["latency_s"] for row in windows(finished, latency, TENTHS)]
    line = linregress(range(TENTHS), means)
    return float(line.slope * (TENTHS - 1) / np.mean(means)), bool(line.pvalue < 0.05)
