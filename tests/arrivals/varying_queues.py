"""Queues whose service times vary, first come first served: latencies by arithmetic, no dispatcher and no clock.

All of them take 20 ms on average, but for what has two kinds of requests.
"""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from virtual_arrivals import WARMUP, known_rate

from blipkit.arrivals.queueing import erlang_c, served
from blipkit.arrivals.schedule import Offer
from blipkit.arrivals.search import Trial
from blipkit.statistics import samples_needed

MEAN_S = 0.02
TAIL = 2.5  # of Pareto's
FIXED, EXPONENTIAL, TWO_KINDS, PARETO = "fixed", "exponential", "two kinds", "Pareto"


def two_kinds(rng: np.random.Generator, count: int) -> np.ndarray:
    """15 ms, and one in twenty 100 ms."""
    return np.where(rng.random(count) < 1 / 20, 0.1, 0.015)


def pareto(rng: np.random.Generator, count: int) -> np.ndarray:
    return MEAN_S * (TAIL - 1) / TAIL * (1 + rng.pareto(TAIL, count))


SERVICES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    FIXED: lambda rng, count: np.full(count, MEAN_S),
    EXPONENTIAL: lambda rng, count: rng.exponential(MEAN_S, count),
    TWO_KINDS: two_kinds,
    PARETO: pareto,
}


def share_late(rate_per_s: float, servers: int, limit_s: float) -> float:
    """Of M/M/c: who need not wait takes an exponential time, who must another one before, of a rate of its own."""
    served_per_s = 1 / MEAN_S
    goes_on_per_s = servers * served_per_s - rate_per_s
    waits = erlang_c(servers, rate_per_s * MEAN_S)
    at_once = math.exp(-served_per_s * limit_s)
    waited = goes_on_per_s * at_once - served_per_s * math.exp(-goes_on_per_s * limit_s)
    return (1 - waits) * at_once + waits * waited / (goes_on_per_s - served_per_s)


class Queue(NamedTuple):
    """service: one of SERVICES; servers: that take from one queue."""

    service: str
    servers: int

    @property
    def most_per_s(self) -> float:
        """What the servers can do."""
        mean_s = 0.01925 if self.service == TWO_KINDS else MEAN_S
        return self.servers / mean_s

    def latencies_ms(self, arrivals: np.ndarray, seed) -> tuple[np.ndarray, float]:
        """(latencies in order of arrival, mean service time in s)."""
        services = SERVICES[self.service](np.random.default_rng(seed), len(arrivals))
        times = arrivals - arrivals[0]  # servers are free from zero on
        answered = served(times.tolist(), services.tolist(), self.servers)
        return 1e3 * (np.array(answered) - times), float(services.mean())

    def asks(self, percentile: float, limit_ms: float, length: float, seed: int):
        """rate -> what a run there saw, as the search asks for one."""
        runs = itertools.count(1)  # seeds as `Planted` has them

        def ask(rate_per_s: float) -> Trial:
            own_seed = 1000 * seed + next(runs)
            needed = length * samples_needed(percentile) / rate_per_s
            seconds = max(needed, length * limit_ms / 1e3)
            offer = Offer("poisson", rate_per_s, seconds, WARMUP * seconds, schedule_seed=own_seed)
            arrivals = offer.times()
            latencies, service_s = self.latencies_ms(arrivals, (own_seed, 1))
            busy = rate_per_s * service_s / self.servers
            return Trial(rate_per_s, latencies[arrivals >= 0], seconds, busy)

        return ask

    def known_per_s(self, percentile: float, limit_ms: float) -> float:
        """The rate at which a target is held: exact for exponential times, else by a simulation of 400,000 requests,
        to about 1 %.
        """
        if self.service == FIXED:
            return known_rate(MEAN_S, self.servers, percentile, limit_ms)
        if self.service == EXPONENTIAL:
            allowed = 1 - percentile / 100
            return brentq(
                lambda rate: share_late(rate, self.servers, limit_ms / 1e3) - allowed,
                0.01 * self.most_per_s,
                0.999 * self.most_per_s,
            )
        times = np.cumsum(np.random.default_rng(0).exponential(1.0, 400_000))
        low, high = 0.0, self.most_per_s
        for _ in range(10):
            rate = (low + high) / 2
            latencies, _ = self.latencies_ms(times / rate, 1)
            if (latencies > limit_ms).mean() <= 1 - percentile / 100:
                low = rate
            else:
                high = rate
        return (low + high) / 2
