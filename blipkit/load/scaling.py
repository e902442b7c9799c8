"""How throughput grows with clients and servers, and where that ends: two laws fitted to a grid.

The queue's law (`queueing`) is of all settings of an arm, placement and batch. Gunther's universal
scalability law, X(S) = a S / (1 + s (S - 1) + k S (S - 1)), is of the highest throughput by number
of servers, where enough numbers were tried (Guerrilla Capacity Planning, chapter 4). As S / X is
linear in 1, S - 1 and S (S - 1), its coefficients are a least-squares problem without a start
value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blipkit.display.tables import show_table
from blipkit.load.grid import Grid
from blipkit.load.queueing import FEWEST_POINTS, QueueLaw, QueuePoint, fit_queue
from blipkit.load.rows import GridRow
from blipkit.load.summary import INVALID
from blipkit.records.typed import part, records_of, write_typed
from blipkit.study import Study

FEWEST_SERVERS = 4  # numbers of servers that three coefficients are fitted to


@dataclass(frozen=True)
class QueueLawRow:
    """A record of `scalability`: the queue's law of an arm, placement and batch."""

    arm: str
    placement: str
    batch_size: int
    law: QueueLaw = part()


@dataclass(frozen=True)
class ServerLaw:
    """The universal scalability law over servers.

    one_server_per_s: requests per second of one, the law's a; contention, coherency: its s and k;
    peak_servers: with how many throughput is highest, inf where it only levels off; misfit: the
    largest relative error.
    """

    one_server_per_s: float
    contention: float
    coherency: float
    peak_servers: float
    misfit: float


@dataclass(frozen=True)
class ServerLawRow:
    """A record of `server_scaling`: the law over servers of an arm, placement and batch."""

    arm: str
    placement: str
    batch_size: int
    law: ServerLaw = part()


@dataclass(frozen=True)
class Scalability:
    """queues, servers: the laws of each arm, placement and batch that has enough settings.

    recorded: False where a replay's folder has no settings to fit.
    """

    queues: list[QueueLawRow]
    servers: list[ServerLawRow]
    recorded: bool = True

    def table(self) -> None:
        """Each law's figures, with their intervals, and how far it is off."""
        none = f"{FEWEST_POINTS} believable settings are needed, of requests served one at a time"
        if not self.recorded:
            none = "not recorded"
        rows = records_of(self.queues) or [{"law": none}]
        show_table(rows, "The law of the closed queue: service, and what busy servers add to it")
        if self.servers:
            caption = "The universal scalability law, over servers"
            show_table(records_of(self.servers), caption)


def fit_laws(study: Study, grid: Grid) -> Scalability:
    """The laws of a grid; it writes records of `scalability` and `server_scaling`.

    INVALID settings are no points of a law.
    """
    if not grid.rows:
        return Scalability([], [], recorded=False)
    queues, servers = [], []
    for rows in grid.groups.values():
        setting = rows[0].setting
        names = (setting.arm, setting.placement, setting.batch_size)
        believed = [row for row in rows if row.state != INVALID]
        if law := queue_law(believed, study.knobs.think_ms):
            queues.append(QueueLawRow(*names, law))
        if law := server_law(believed):
            servers.append(ServerLawRow(*names, law))
    write_typed(study.results, "scalability", queues)
    write_typed(study.results, "server_scaling", servers)
    return Scalability(queues, servers)


def queue_law(rows: Sequence[GridRow], think_ms: float) -> QueueLaw | None:
    """The queue's law of settings that differ in servers and clients alone.

    think_ms: mean time that their clients think. None where there are too few, or their servers
    take several requests at once, which is another queue.
    """
    if any(row.batch_size > 1 for row in rows):
        return None
    points = []
    for row in rows:
        pause_ms = think_ms + max(row.summary.times.overhead_ms or 0.0, 0.0)
        throughput = row.summary.requests_per_s
        points.append(QueuePoint(row.servers, row.clients, pause_ms / 1e3, throughput))
    return fit_queue(points)


def server_law(rows: Sequence[GridRow]) -> ServerLaw | None:
    """The universal scalability law of the highest throughput by number of servers.

    None where too few numbers of servers were tried.
    """
    best: dict[int, float] = {}
    for row in rows:
        per_second = row.summary.requests_per_s.value or 0.0
        best[row.servers] = max(per_second, best.get(row.servers, 0.0))
    if len(best) < FEWEST_SERVERS or min(best.values()) <= 0:
        return None
    servers = np.array(sorted(best), dtype=float)
    measured = np.array([best[count] for count in sorted(best)])
    a, s, k = _fit(servers, measured)
    misfit = np.abs(throughput_at(servers, a, s, k) / measured - 1).max()
    return ServerLaw(float(a), float(s), float(k), peak_of(s, k), float(misfit))


def _fit(servers: np.ndarray, per_second: np.ndarray) -> tuple[float, float, float]:
    """a, s and k, none of them negative, with the least relative errors of the throughput."""
    from scipy.optimize import nnls

    terms = np.stack([np.ones_like(servers), servers - 1, servers * (servers - 1)], axis=1)
    weights = (per_second / servers)[:, None]
    (inverse, contention, coherency), _ = nnls(terms * weights, np.ones(len(servers)))
    return 1 / inverse, contention / inverse, coherency / inverse


def throughput_at(servers, a: float, s: float, k: float):
    """Requests per second with so many servers, by the universal scalability law."""
    return a * servers / (1 + s * (servers - 1) + k * servers * (servers - 1))


def peak_of(s: float, k: float) -> float:
    """The servers at which the law's throughput is highest; inf where it only levels off."""
    if s >= 1:
        return 1.0
    if not k:
        return math.inf
    return math.sqrt((1 - s) / k)
