"""How throughput grows with clients, and where that ends: Gunther's universal scalability law.

X(N) = a N / (1 + s (N - 1) + k N (N - 1)), with a: throughput of one client, s: contention, k:
coherency (Guerrilla Capacity Planning, chapter 4). As N / X is linear in 1, N - 1 and N (N - 1),
its coefficients are a least-squares problem without a start value.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blipkit.display.tables import show_table
from blipkit.load.grid import Grid
from blipkit.load.runs import with_values
from blipkit.study import Study

DRAWS = 500  # of throughputs within their intervals, for the law's own intervals
INTERVAL_SD = 2 * 1.96  # standard deviations in a 95 % interval


@dataclass(frozen=True)
class Scalability:
    """laws: for each arm, placement and number of servers with three numbers of clients, a law.

    recorded: False where a replay's folder has no settings to fit.
    """

    laws: list[dict]
    recorded: bool = True

    def table(self) -> None:
        """Each law's coefficients with their intervals, its peak, and how far it is off."""
        none = "three numbers of clients are needed"
        if not self.recorded:
            none = "not recorded"
        rows = self.laws or [{"law": none}]
        show_table(rows, "The universal scalability law, by number of servers")


def fit_laws(study: Study, grid: Grid) -> Scalability:
    """A law for each arm, placement and number of servers; it writes records of `scalability`."""
    if not grid.rows:
        return Scalability([], recorded=False)
    laws = []
    for (arm, placement), count in itertools.product(grid.groups, study.knobs.servers):
        own = [row for row in grid.groups[arm, placement] if row["servers"] == count]
        if fit := fit_usl(own):
            saturated = next(row["clients"] for row in own if row["saturated"])
            about = {"arm": arm, "placement": placement, "servers": count}
            laws.append(with_values(dict(about, saturated_at=saturated), fit))
    study.results.write("scalability", laws)
    return Scalability(laws)


def fit_usl(rows: Sequence[dict], seed: int = 0) -> dict[str, float] | None:
    """The law's a, s and k with 95 % intervals, from settings that differ in clients.

    peak: the clients at which throughput is highest, inf where it only levels off; misfit: the
    largest relative error. None where fewer than three numbers of clients were tried.
    """
    clients = np.array([row["clients"] for row in rows], dtype=float)
    per_second = np.array([row["requests_per_s"] for row in rows])
    if len(set(clients)) < 3 or not (per_second > 0).all():
        return None
    widths = [row["requests_per_s_high"] - row["requests_per_s_low"] for row in rows]
    spread = np.array(widths) / INTERVAL_SD
    drawn = np.random.default_rng(seed).normal(per_second, spread, (DRAWS, len(rows)))
    a, s, k = _fit(clients, np.maximum(per_second, 1e-9))
    fits = np.array([_fit(clients, np.maximum(one, 1e-9)) for one in drawn])
    low, high = np.percentile(fits, [2.5, 97.5], axis=0)
    return {
        "misfit": float(np.abs(law(clients, a, s, k) / per_second - 1).max()),
        "one_client_per_s": float(a),
        "one_client_per_s_low": float(low[0]),
        "one_client_per_s_high": float(high[0]),
        "contention": float(s),
        "contention_low": float(low[1]),
        "contention_high": float(high[1]),
        "coherency": float(k),
        "coherency_low": float(low[2]),
        "coherency_high": float(high[2]),
        "peak": peak_of(s, k),
    }


def _fit(clients: np.ndarray, per_second: np.ndarray) -> tuple[float, float, float]:
    """a, s and k, none of them negative; relative errors of the throughput are what is small."""
    from scipy.optimize import nnls

    terms = np.stack([np.ones_like(clients), clients - 1, clients * (clients - 1)], axis=1)
    weights = (per_second / clients)[:, None]
    (one, contention, coherency), _ = nnls(terms * weights, np.ones(len(clients)))
    return 1 / one, contention / one, coherency / one


def law(clients, a: float, s: float, k: float):
    """Requests per second with so many clients."""
    return a * clients / (1 + s * (clients - 1) + k * clients * (clients - 1))


def peak_of(s: float, k: float) -> float:
    """The clients at which the law's throughput is highest; inf where it only levels off."""
    if s >= 1:
        return 1.0
    if not k:
        return math.inf
    return math.sqrt((1 - s) / k)
