"""Clients that wait for servers, as a closed queue: its throughput, and its fit to measured ones.

The machine repairman's network: C clients pause, ask, and wait; S servers take one request at a
time from one queue. Service takes longer the more servers are busy, by the factor
1 + contention (busy - 1). It is solved exactly, for exponential times; where clients do not pause,
times of any kind give the same (Lazowska and others, Quantitative System Performance, chapters 6
and 8).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blipkit.statistics import UNKNOWN, Interval

FEWEST_POINTS = 4  # two are fitted, and as many are left to contradict them
NO_PAUSE = 1e-9  # of the service time: what is less is nothing
INTERVAL_SD = 2 * 1.96  # standard deviations in a 95 % interval


@dataclass(frozen=True)
class QueuePoint:
    """A setting's throughput. pause_s: mean time from an answer to the client's next request, and
    what a request spends outside of queue and server.
    """

    servers: int
    clients: int
    pause_s: float
    per_second: Interval


@dataclass(frozen=True)
class QueueLaw:
    """The law of settings that differ in servers and clients alone.

    settings: how many it is fitted to; service_ms: of a request, where one server is busy;
    contention: the share of it by which service takes longer for each other busy server, not known
    where as many were busy in all settings; misfit: the largest relative error of a throughput;
    servers: the most that were tried; speedup: their throughput over that of one, by the law.
    """

    settings: int
    service_ms: Interval
    contention: Interval
    misfit: float
    servers: int
    speedup: float


def closed_throughput(point: QueuePoint, service_s: float, contention: float) -> float:
    """Requests per second of so many clients and servers, by the law."""
    waiting = np.arange(1, point.clients + 1)  # requests that wait or are served
    busy = np.minimum(waiting, point.servers)
    served_per_s = busy / (service_s * (1 + contention * (busy - 1)))
    if point.pause_s < NO_PAUSE * service_s:
        return float(served_per_s[-1])
    asked_per_s = (point.clients - waiting + 1) / point.pause_s
    # how likely so many wait, from one to the next: what comes over what goes; none first
    logarithms = np.concatenate([[0.0], np.cumsum(np.log(asked_per_s / served_per_s))])
    likely = np.exp(logarithms - logarithms.max())
    return float((likely[1:] * served_per_s).sum() / likely.sum())


def fit_queue(points: Sequence[QueuePoint]) -> QueueLaw | None:
    """The law with the least relative errors; None for fewer points than show whether it fits."""
    from scipy.optimize import least_squares

    if len(points) < FEWEST_POINTS or not all(point.per_second.value for point in points):
        return None
    busy = np.array([min(point.servers, point.clients) for point in points])
    measured = np.array([point.per_second.value for point in points])

    def errors(fitted: np.ndarray) -> np.ndarray:
        service_s, contention = np.exp(fitted[0]), 0.0
        if len(fitted) > 1:
            contention = fitted[1]
        by_law = [closed_throughput(point, service_s, contention) for point in points]
        return np.array(by_law) / measured - 1

    start = [float(np.log((busy / measured).min())), 0.1]
    lowest = [-np.inf, 0.0]
    known = 2 if len(set(busy)) > 1 else 1
    fit = least_squares(errors, start[:known], bounds=(lowest[:known], np.inf), ftol=1e-12)
    ends = _ends(fit, points)
    contention = UNKNOWN
    if known == 2:
        contention = Interval(ends[1].value, ends[1].low, ends[1].high)
    most = max(point.servers for point in points)
    return QueueLaw(
        settings=len(points),
        service_ms=ends[0].rising(lambda logarithm: float(1e3 * np.exp(logarithm))),
        contention=contention,
        misfit=float(np.abs(fit.fun).max()),
        servers=most,
        speedup=most / (1 + (contention.value or 0.0) * (most - 1)),
    )


def _ends(fit, points: Sequence[QueuePoint]) -> list[Interval]:
    """What was fitted with 95 % intervals, from those of the throughputs; else without."""
    values = [float(value) for value in fit.x]
    if not all(point.per_second.is_bounded for point in points):
        return [Interval(value) for value in values]
    widths = [(point.per_second.high - point.per_second.low) for point in points]
    deviations = np.array(widths) / INTERVAL_SD / [point.per_second.value for point in points]
    # how far each error moves each of them, to the first order
    moves = np.linalg.pinv(fit.jac) * deviations
    half = INTERVAL_SD / 2 * np.sqrt(np.square(moves).sum(axis=1))
    return [
        Interval(value, max(value - one, lowest), value + one)
        for value, one, lowest in zip(values, half, (-np.inf, 0.0), strict=False)
    ]
