"""A virtual clock for a Dispatcher: the same code as under real load, driven from event to event, and queueing theory."""

import heapq
import itertools
import math
from typing import NamedTuple

from blipkit.serving.scheduler import Dispatcher, Request


class Ended(NamedTuple):
    """A request of one client, when it arrived, was started and finished (s), and in a batch of which size.

    started: None where it was refused.
    """

    client: int
    arrived: float
    started: float | None
    finished: float
    size: int


def drive(
    dispatcher: Dispatcher,
    first: list[float],
    service,
    again=None,
    until=10**9,
    end_s=math.inf,
    retry=None,
) -> list[Ended]:
    """Requests arrive at the times `first`; service() and, where clients ask again, again() are drawn in seconds.

    The requests, in the order in which they end. `until`, `end_s`: after so many, or then, no client asks again.
    retry(): drawn in place of again() by those who were refused.
    """
    order, now = itertools.count(), 0.0
    events = [(at, next(order), "arrive", client) for client, at in enumerate(first)]
    heapq.heapify(events)
    rows, arrived, looked = [], {}, math.inf
    numbers = itertools.count()
    while events:
        now, _, kind, subject = heapq.heappop(events)
        ended = []
        pause = again
        if kind == "arrive":
            request = Request(subject, next(numbers), 0)
            if dispatcher.offer(request, now):
                arrived[request.number] = now
            else:
                rows.append(Ended(subject, now, None, now, 0))
                ended = [request]
                pause = retry or again
        elif kind == "finish":
            worker, started, ended = subject
            dispatcher.finish(worker)
            for request in ended:
                since = arrived.pop(request.number)
                rows.append(Ended(request.client, since, started, now, len(ended)))
        elif kind == "look":
            looked = math.inf
        for worker, _, batch in dispatcher.assign(now):
            heapq.heappush(events, (now + service(), next(order), "finish", (worker, now, batch)))
        due = dispatcher.due(now)
        if now < due < looked:
            looked = due
            heapq.heappush(events, (due, next(order), "look", None))
        if again and len(rows) < until and now < end_s:
            for request in ended:
                heapq.heappush(events, (now + pause(), next(order), "arrive", request.client))
    return rows


def erlang_c(workers: int, load: float) -> float:
    """Probability that a request waits in M/M/c; load: arrival rate times service time."""
    blocked = erlang_b(workers, load)
    return blocked / (1 - load / workers * (1 - blocked))


def erlang_b(workers: int, load: float) -> float:
    """Probability that a request is refused in M/M/c/c."""
    blocked = 1.0
    for count in range(1, workers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked


def closed(workers: int, clients: int, think: float, service: float) -> tuple[float, float]:
    """Throughput and latency of a closed interactive system with exponential times: the machine repairman's."""
    weights = [1.0]
    for n in range(clients):
        weights.append(weights[-1] * (clients - n) / think * service / min(n + 1, workers))
    busy = sum(min(n, workers) * w for n, w in enumerate(weights)) / sum(weights)
    throughput = busy / service
    return throughput, clients / throughput - think
