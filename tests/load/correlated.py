"""Latencies that resemble their neighbours, whose true figures are known."""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import pandas
from load_rows import run_counts
from scipy.signal import lfilter
from scipy.stats import norm

from blipkit.load.setting_requests import SettingRequests

CV = 0.25  # of latencies that are not skewed: a log-normal with this coefficient of variation
SPREAD = math.sqrt(math.log(1 + CV**2))  # of their logarithm


class Latencies(NamedTuple):
    """values: of a run, s; mean: the true one; quantile: share -> the true latency."""

    values: np.ndarray
    mean: float
    quantile: dict[float, float]


def independent_ones(phi: float) -> float:
    """How many answers are worth one independent one, where their logarithms are AR(1)."""
    return (1 + phi) / (1 - phi)


def latencies(count: int, phi: float, seed, skewed: bool = False) -> Latencies:
    """So many, their logarithms (of skewed ones: their normal scores) AR(1) with `phi`; 10 ms.

    Skewed ones are exponential.
    """
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal(count) * math.sqrt(1 - phi**2)
    steps[0] /= math.sqrt(1 - phi**2)
    scores = lfilter([1], [1, -phi], steps)
    shares = (0.5, 0.9, 0.99)
    if skewed:
        true = {share: -0.01 * math.log(1 - share) for share in shares}
        return Latencies(-0.01 * norm.logsf(scores), 0.01, true)
    true = {share: 0.01 * math.exp(SPREAD * NormalDist().inv_cdf(share)) for share in shares}
    return Latencies(0.01 * np.exp(SPREAD * scores), 0.01 * math.exp(SPREAD**2 / 2), true)


def one_client(values: np.ndarray, seconds: float) -> SettingRequests:
    """The requests of one client that asks without a pause, for so long."""
    received = np.cumsum(values)
    due = received - values
    times = {"scheduled": due, "sent": due, "dequeued": due, "started": due}
    frame = pandas.DataFrame({**times, "finished": received, "received": received})
    frame = frame[frame.scheduled < seconds].assign(client=0, run=0, status="answered")
    return SettingRequests(frame, [run_counts(len(frame), seconds)])
