"""The latency target, by which settings and rates of arrivals are judged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """What settings, and rates of arrivals, are judged by.

    percentile: of latency, that the target is about; limit_ms: the target; shared: whether the
    machine is not ours alone, so that unstable settings may be recommended, too.
    """

    percentile: float
    limit_ms: float
    shared: bool

    @property
    def allowed(self) -> float:
        """The share of requests that may be late."""
        return 1 - self.percentile / 100

    def __str__(self) -> str:
        return f"p{self.percentile:g} within {self.limit_ms:g} ms"
