"""Fleets of one or more machines with made-up arrivals, for the tests of the engine."""

import numpy as np

from blipkit.capacity.fleet import Fleet
from blipkit.capacity.group import Machine
from blipkit.capacity.stations import Retrying, Service, Station


def machine(at_s: float = 0.0, kind: int = 0) -> Machine:
    """A machine that serves from `at_s` on."""
    return Machine(kind, 0, at_s, at_s, at_s)


def fleet_of(
    machines: int,
    station: Station,
    service_s,
    late_after_s: float = 1.0,
    retrying: Retrying | None = None,
) -> Fleet:
    """So many machines that are in service, all alike."""
    times = np.asarray(service_s, dtype=float)
    fleet = Fleet([station], [Service(times, np.zeros(len(times)))], late_after_s)
    fleet.set_retries(retrying or Retrying())
    for _ in range(machines):
        fleet.start(machine())
    return fleet


def exponential(size: int = 20_000) -> np.ndarray:
    """Quantiles of an exponential distribution with a mean of one: to draw from."""
    times = -np.log1p(-(np.arange(size) + 0.5) / size)
    return times / times.mean()


def poisson_arrivals(rate: float, count: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """(times, draws) of so many arrivals at `rate` a second."""
    random = np.random.default_rng(seed)
    return np.cumsum(random.exponential(1 / rate, count)), random.random(count)
