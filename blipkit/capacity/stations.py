"""What a machine is to a queue: servers, places to wait, measured times; how cameras retry."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Station:
    """What a kind of machine is: S servers, and how many requests wait for them at most."""

    servers: int
    waiting: int

    @property
    def room(self) -> int:
        """Requests that it has at most, served and waiting."""
        return self.servers + self.waiting


@dataclass(frozen=True)
class Service:
    """Measured times of requests, s: on a server, and of the same ones beside queue and server."""

    service_s: np.ndarray
    overhead_s: np.ndarray

    def times(self, factor: float) -> "Service":
        """As of a machine that takes so many times as long."""
        return Service(self.service_s * factor, self.overhead_s)


@dataclass(frozen=True)
class Retrying:
    """How cameras ask again after a refusal: so many times, after `wait_s`, twice that, and on."""

    times: int = 0
    wait_s: float = 1.0
