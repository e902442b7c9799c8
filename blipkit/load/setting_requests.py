"""The requests of a setting's runs, and the figures that follow from their times."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas

from blipkit.load.counts import RunCounts
from blipkit.statistics import UNKNOWN, Interval, mean_interval, percentile, rate, samples_needed

ANSWERED = ("answered", "wrong")


@dataclass(frozen=True)
class SettingRequests:
    """requests: of all runs, a pandas frame with a column `run`; runs: what each counted."""

    requests: pandas.DataFrame
    runs: Sequence[RunCounts]

    @property
    def seconds(self) -> float:
        """The measured time of a run."""
        return self.runs[0].seconds

    @cached_property
    def sent(self) -> pandas.DataFrame:
        """The requests that were due in the measured time."""
        due = self.requests.scheduled
        return self.requests[(due >= 0) & (due < self.seconds)]

    @cached_property
    def answered(self) -> pandas.DataFrame:
        """Of those, the ones that got an answer, right or wrong, whenever it came."""
        return self.sent[self.sent.status.isin(ANSWERED)]

    @cached_property
    def in_time(self) -> list[pandas.DataFrame]:
        """For each run that has any, the requests that were answered in the measured time."""
        received = self.requests.received.between(0, self.seconds)
        answered = self.requests[self.requests.status.isin(ANSWERED) & received]
        return [of_run for _, of_run in answered.groupby("run")] or [answered]

    @cached_property
    def latency_ms(self) -> pandas.Series:
        """Of those answered: from when a client meant to send to when it had the answer."""
        return (self.answered.received - self.answered.scheduled) * 1e3

    @property
    def lag_ms(self) -> float:
        """How late the clients sent, at p99."""
        return 1e3 * (self.sent.sent - self.sent.scheduled).quantile(0.99)

    @property
    def p99_ms(self) -> float:
        """Latency of all that was sent, at p99, whatever their number."""
        return 1e3 * (self.sent.received - self.sent.scheduled).quantile(0.99)

    def mean_ms(self, begin: str, end: str) -> float:
        """Mean time between two steps of the requests that were answered; nan without any."""
        return 1e3 * (self.answered[end] - self.answered[begin]).mean()

    def throughput(self) -> Interval:
        """Requests answered per second: over the runs where there are several, else over batches of
        one run.
        """
        if len(self.runs) == 1:
            return rate(self.in_time[0].received, self.seconds)
        per_run = [len(of_run) / self.seconds for of_run in self.in_time]
        without_any = len(self.runs) - len(self.in_time)
        return mean_interval(per_run + [0.0] * without_any)

    def percentile(self, q: float) -> Interval:
        """The latency's percentile, ms; its interval holds what changes from run to run, too.

        Unknown where there are too few requests for one.
        """
        if len(self.latency_ms) < samples_needed(q):
            return UNKNOWN
        pooled = percentile(self.latency_ms, q)
        by_run = [of_run for _, of_run in self.latency_ms.groupby(self.answered.run)]
        if len(by_run) <= 1:
            return pooled.finite()
        over_runs = mean_interval([percentile(of_run, q).value for of_run in by_run])
        low = min(pooled.low, over_runs.low)
        high = max(pooled.high, over_runs.high)
        return Interval(pooled.value, low, high).finite()

    def within(self, limit_ms: float) -> float:
        """The share of those answered that came within a limit, and right; nan without any."""
        good = (self.latency_ms <= limit_ms) & (self.answered.status == "answered")
        return good.mean()


def known(figure: float) -> float | None:
    """A figure; None where it is not finite."""
    if math.isfinite(figure):
        return float(figure)
    return None
