"""What queueing theory says, exactly or in the limit; the mean waits are in units of 1 / mu."""

import math

import numpy as np
from scipy import stats
from virtual import erlang_b, erlang_c

__all__ = ["erlang_b", "erlang_c", "mdc_wait", "mmc_wait", "square_root_delay"]


def mmc_wait(servers: int, load: float) -> float:
    """Mean wait of M/M/c with a mean service of 1: C(c, a) / (c - a)."""
    return erlang_c(servers, load) / (servers - load)


def mdc_wait(servers: int, load: float, most: int = 400) -> float:
    """Mean wait of M/D/c with a service of 1, exactly.

    All that are in service now have left one service time later, and nobody who came since has:
    so the number in the system steps by n -> max(n - c, 0) + Poisson(load), and its stationary
    distribution is also that of any moment.
    """
    arrived = stats.poisson.pmf(np.arange(most), load)
    there = np.zeros(most)
    there[0] = 1.0
    for _ in range(2000):
        left = np.concatenate([[there[: servers + 1].sum()], there[servers + 1 :]])
        after = np.convolve(left, arrived)[:most]
        if np.abs(after - there).max() < 1e-14:
            break
        there = after / after.sum()
    return float(np.arange(most) @ there) / load - 1


def square_root_delay(beta: float) -> float:
    """Share that waits in the limit where c = a + beta sqrt(a): Halfin and Whitt (1981)."""
    return 1 / (1 + beta * stats.norm.cdf(beta) / stats.norm.pdf(beta))


def square_root_servers(load: float, beta: float) -> int:
    """Servers by the square-root rule."""
    return math.ceil(load + beta * math.sqrt(load))
