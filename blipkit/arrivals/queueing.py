"""What queueing theory says that a request waits, from the rate and the service times alone."""

import math
from collections.abc import Sequence


def erlang_c(servers: int, load: float) -> float:
    """The share of requests that wait, where arrivals are Poisson and service is exponential.

    load: arrival rate times service time, less than `servers`. Erlang, 1917.
    """
    blocked = 1.0  # share refused, were there no queue: Erlang's B formula, server by server
    for count in range(1, servers + 1):
        blocked = load * blocked / (count + load * blocked)
    return blocked / (1 - load / servers * (1 - blocked))


def mean_wait_s(rate_per_s: float, service_s: float, variation: float, servers: int) -> float:
    """Mean time in the queue of Poisson arrivals; infinite where the servers cannot keep up.

    variation: standard deviation of the service time over its mean, 0 where it is fixed. Allen and
    Cunneen: that of exponential times, times (1 + variation^2) / 2. Exact for one server
    (Pollaczek and Khinchine), an approximation for several.
    """
    load = rate_per_s * service_s
    if load >= servers:
        return math.inf
    exponential = erlang_c(servers, load) * service_s / (servers - load)
    return exponential * (1 + variation**2) / 2


def served(arrivals: Sequence[float], services: Sequence[float], servers: int) -> list[float]:
    """When each request is answered, first come first served; times in s, arrivals in order."""
    free = [0.0] * servers
    answered = []
    for arrived, service in zip(arrivals, services, strict=True):
        first = free.index(min(free))
        free[first] = max(arrived, free[first]) + service
        answered.append(free[first])
    return answered
