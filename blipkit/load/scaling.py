"""How throughput grows with clients, and where that ends: Gunther's universal scalability law.

X(N) = a N / (1 + s (N - 1) + k N (N - 1)), with a: throughput of one client, s: contention, k:
coherency (Gunther, Guerrilla Capacity Planning, chapter 4). As N / X is linear in 1, N - 1 and
N (N - 1), its coefficients are a least-squares problem without a start value.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blipkit.display.tables import show_table
from blipkit.load.grid import Grid
from blipkit.load.rows import GridRow
from blipkit.load.summary import INVALID
from blipkit.records.typed import part, records_of, write_typed
from blipkit.statistics import Interval
from blipkit.study import Study

DRAWS = 500  # of throughputs within their intervals, for the law's own intervals
INTERVAL_SD = 2 * 1.96  # standard deviations in a 95 % interval


@dataclass(frozen=True)
class Law:
    """The law's coefficients with 95 % intervals.

    misfit: the largest relative error; one_client_per_s: requests per second of one client, the
    law's a; contention, coherency: its s and k; peak: the clients at which throughput is highest,
    inf where it only levels off.
    """

    misfit: float
    one_client_per_s: Interval
    contention: Interval
    coherency: Interval
    peak: float


@dataclass(frozen=True)
class LawRow:
    """The law of an arm, placement and number of servers. saturated_at: the fewest clients with
    which it is.
    """

    arm: str
    placement: str
    servers: int
    saturated_at: int
    law: Law = part()


@dataclass(frozen=True)
class Scalability:
    """laws: for each arm, placement and number of servers with three numbers of clients, a law.

    recorded: False where a replay's folder has no settings to fit.
    """

    laws: list[LawRow]
    recorded: bool = True

    def table(self) -> None:
        """Each law's coefficients with their intervals, its peak, and how far it is off."""
        none = "three numbers of clients are needed"
        if not self.recorded:
            none = "not recorded"
        rows = records_of(self.laws) or [{"law": none}]
        show_table(rows, "The universal scalability law, by number of servers")


def fit_laws(study: Study, grid: Grid) -> Scalability:
    """A law for each arm, placement and number of servers; it writes records of `scalability`.

    INVALID settings are no points of a law.
    """
    if not grid.rows:
        return Scalability([], recorded=False)
    laws = []
    for (arm, placement), servers in itertools.product(grid.groups, study.knobs.servers):
        believed = [row for row in grid.groups[arm, placement] if row.state != INVALID]
        rows = [row for row in believed if row.servers == servers]
        if law := fit_usl(rows):
            saturated_at = next(row.clients for row in rows if row.saturated)
            laws.append(LawRow(arm, placement, servers, saturated_at, law))
    write_typed(study.results, "scalability", laws)
    return Scalability(laws)


def fit_usl(rows: Sequence[GridRow], seed: int = 0) -> Law | None:
    """The law of settings that differ in clients; its intervals from fits to throughputs
    drawn within theirs.

    None where fewer than three numbers of clients were tried.
    """
    throughputs = [row.summary.requests_per_s for row in rows]
    clients = np.array([row.clients for row in rows], dtype=float)
    per_second = np.array([throughput.value for throughput in throughputs])
    if len(set(clients)) < 3 or not (per_second > 0).all():
        return None
    widths = [throughput.high - throughput.low for throughput in throughputs]
    spread = np.array(widths) / INTERVAL_SD
    draws = np.random.default_rng(seed).normal(per_second, spread, (DRAWS, len(rows)))
    a, s, k = _fit(clients, np.maximum(per_second, 1e-9))
    fits = np.array([_fit(clients, np.maximum(draw, 1e-9)) for draw in draws])
    low, high = np.percentile(fits, [2.5, 97.5], axis=0)
    return Law(
        misfit=float(np.abs(throughput_at(clients, a, s, k) / per_second - 1).max()),
        one_client_per_s=Interval(float(a), float(low[0]), float(high[0])),
        contention=Interval(float(s), float(low[1]), float(high[1])),
        coherency=Interval(float(k), float(low[2]), float(high[2])),
        peak=peak_of(s, k),
    )


def _fit(clients: np.ndarray, per_second: np.ndarray) -> tuple[float, float, float]:
    """a, s and k, none of them negative, with the least relative errors of the throughput."""
    from scipy.optimize import nnls

    terms = np.stack([np.ones_like(clients), clients - 1, clients * (clients - 1)], axis=1)
    weights = (per_second / clients)[:, None]
    (inverse, contention, coherency), _ = nnls(terms * weights, np.ones(len(clients)))
    return 1 / inverse, contention / inverse, coherency / inverse


def throughput_at(clients, a: float, s: float, k: float):
    """Requests per second with so many clients, by the law."""
    return a * clients / (1 + s * (clients - 1) + k * clients * (clients - 1))


def peak_of(s: float, k: float) -> float:
    """The clients at which the law's throughput is highest; inf where it only levels off."""
    if s >= 1:
        return 1.0
    if not k:
        return math.inf
    return math.sqrt((1 - s) / k)
