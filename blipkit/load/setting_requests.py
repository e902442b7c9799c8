"""The requests of a setting's runs, and the figures that follow from their times."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas

from blipkit.load.correlation import effective_size
from blipkit.load.counts import RunCounts
from blipkit.load.stability import LEAST_EFFECTIVE, Answers
from blipkit.statistics import UNKNOWN, Interval, mean_interval, percentile, rate, samples_needed

ANSWERED = ("answered", "wrong")
# a request reaches them in this order
STEPS = ("scheduled", "sent", "dequeued", "started", "finished", "received")


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

    @cached_property
    def answers(self) -> list[Answers]:
        """For each run, when its answers came in the measured time, and their latencies, s."""
        return [
            Answers.of(of_run.received, of_run.received - of_run.scheduled)
            for of_run in self.in_time
        ]

    @cached_property
    def effective(self) -> float:
        """How many independent answers those that came in the measured time are worth."""
        return sum(effective_size(run.latency) for run in self.answers)

    def out_of_order(self) -> int:
        """Answered requests whose steps are not in order, or were not all timed."""
        steps = self.requests[self.requests.status.isin(ANSWERED)]
        in_order = pandas.Series(True, index=steps.index)
        for earlier, later in itertools.pairwise(STEPS):
            in_order &= steps[earlier] <= steps[later]
        return int((~in_order).sum())

    def throughput(self) -> Interval:
        """Requests answered per second: over the runs where there are several, else over batches of
        one run.

        Without an interval where a run's gaps are worth too few independent ones.
        """
        if len(self.runs) == 1:
            per_second = rate(self.in_time[0].received, self.seconds)
            if effective_size(self.answers[0].gaps) < LEAST_EFFECTIVE:
                return Interval(per_second.value)
            return per_second
        per_run = [len(of_run) / self.seconds for of_run in self.in_time]
        without_any = len(self.runs) - len(self.in_time)
        return mean_interval(per_run + [0.0] * without_any)

    def percentile(self, q: float) -> Interval:
        """The latency's percentile, ms; its interval holds what changes from run to run, too.

        Unknown where there are too few requests for one; without an interval where they are worth
        too few independent ones.
        """
        needed = samples_needed(q)
        if len(self.latency_ms) < needed:
            return UNKNOWN
        value = percentile(self.latency_ms, q).value
        by_run = self._latency_ms_by_run
        effective = sum(effective_size(of_run <= value) for of_run in by_run)
        if self.effective < LEAST_EFFECTIVE or effective < needed:
            return Interval(value)
        pooled = percentile(self.latency_ms, q, effective)
        if len(by_run) == 1:
            return pooled.finite()
        over_runs = mean_interval([percentile(of_run, q).value for of_run in by_run])
        low = min(pooled.low, over_runs.low)
        high = max(pooled.high, over_runs.high)
        return Interval(value, low, high).finite()

    @property
    def _latency_ms_by_run(self) -> list[pandas.Series]:
        """The latencies of each run in the order in which the answers came."""
        in_turn = self.answered.received.argsort(kind="stable")
        latency_ms = self.latency_ms.iloc[in_turn]
        run = self.answered.run.iloc[in_turn]
        return [of_run for _, of_run in latency_ms.groupby(run)]

    def within(self, limit_ms: float) -> float:
        """The share of those sent that were answered right and within a limit; nan without any.

        What was refused, failed or got lost was not.
        """
        return _share(self._good(limit_ms), self.sent)

    def good_share(self, limit_ms: float) -> float:
        """The share of those answered that were so right and within a limit; nan without any."""
        return _share(self._good(limit_ms), self.answered)

    def _good(self, limit_ms: float) -> pandas.DataFrame:
        """The requests that were answered right and within a limit."""
        in_time = self.latency_ms <= limit_ms
        return self.answered[in_time & (self.answered.status == "answered")]


def _share(some: pandas.DataFrame, of_all: pandas.DataFrame) -> float:
    """How many these are of all; nan where there are none."""
    if of_all.empty:
        return math.nan
    return len(some) / len(of_all)


def known(figure: float) -> float | None:
    """A figure; None where it is not finite."""
    if math.isfinite(figure):
        return float(figure)
    return None
