"""When requests arrive that wait for nobody's answer: seeded times, drawn before any is sent.

The clients' process draws them again, so nothing is imported here but numpy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Offer:
    """Requests that arrive whatever comes back; plain values, as a child gets JSON.

    pattern: one of PATTERNS; rate_per_s: requests per second, on average; seconds: the measured
    time; warmup_s: as long before it they arrive at the same rate; burst_size, burst_s: of bursts,
    how many requests an event sends, and within how many s; schedule_seed: of the times.
    """

    pattern: str
    rate_per_s: float
    seconds: float
    warmup_s: float
    burst_size: int = 1
    burst_s: float = 0.0
    schedule_seed: int = 0

    def times(self) -> np.ndarray:
        """When each request arrives, in s from the start of measuring, in order."""
        span_s = self.warmup_s + self.seconds
        return np.sort(PATTERNS[self.pattern](self, span_s)) - self.warmup_s


def poisson(offer: Offer, span_s: float) -> np.ndarray:
    """Times that know nothing of each other, as those of many cameras together."""
    rng = np.random.default_rng(offer.schedule_seed)
    return uniform_times(rng, offer.rate_per_s, span_s)


def fixed(offer: Offer, span_s: float) -> np.ndarray:
    """Equal gaps, as of one camera that sends by a clock."""
    return np.arange(round(offer.rate_per_s * span_s)) / offer.rate_per_s


def bursts(offer: Offer, span_s: float) -> np.ndarray:
    """Events at Poisson times, each of which sends its first request at once and the others within
    `burst_s`: a dog barks, and a camera sends several frames.

    Events before the beginning still send, so that the mean rate holds from the beginning on.
    """
    rng = np.random.default_rng(offer.schedule_seed)
    events_per_s = offer.rate_per_s / offer.burst_size
    events = uniform_times(rng, events_per_s, span_s + offer.burst_s) - offer.burst_s
    delays = rng.uniform(0, offer.burst_s, (len(events), offer.burst_size))
    delays[:, 0] = 0.0
    times = (events[:, None] + delays).ravel()
    return times[(times >= 0) & (times < span_s)]


def uniform_times(rng: np.random.Generator, per_s: float, span_s: float) -> np.ndarray:
    """A Poisson process: its count is Poisson's, and given the count its times are uniform."""
    return rng.uniform(0, span_s, rng.poisson(per_s * span_s))


PATTERNS: dict[str, Callable[[Offer, float], np.ndarray]] = {
    "poisson": poisson,
    "fixed": fixed,
    "bursts": bursts,
}
