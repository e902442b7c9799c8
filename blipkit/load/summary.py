"""A setting's summary: what its requests say, and whether that may be believed.

A summary is stable, unstable (its figures drift or differ from window to window, or others took
part of the machine), unclear (too few answers, or too much noise, to tell) or INVALID (the
measurement itself cannot be trusted), with the reason in words. docs/load.md has each formula with
its source.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import pandas

from blipkit.load.counts import RunCounts, miscounted
from blipkit.load.setting_requests import SettingRequests, known
from blipkit.load.stability import unclear, unstable
from blipkit.machine.monitor import Usage, taken_by_others
from blipkit.records.typed import interval, part
from blipkit.statistics import Interval

# what the generator may be late: a share of the latency's p99, or so many s, whichever is larger
LAG_SHARE = 0.1
LAG_S = 1e-3
LITTLE = 0.05  # by which N = X R may miss
STABLE = "stable"
UNSTABLE = "unstable"
UNCLEAR = "unclear"
INVALID = "INVALID"


@dataclass(frozen=True)
class Criteria:
    """What a setting's requests are judged by.

    questions: that one request answers; clients: how many asked; percentile: of latency, that the
    target is about; think_s: mean time that a client thought; limit_ms: the latency target.
    """

    questions: int
    clients: int
    percentile: float
    think_s: float = 0.0
    limit_ms: float = math.inf


@dataclass(frozen=True)
class Outcomes:
    """What became of the requests sent, in all runs together."""

    sent: int
    answered: int
    wrong: int
    refused: int
    failed: int
    lost: int


@dataclass(frozen=True)
class MeanTimes:
    """Where the mean latency of the requests goes, ms; None where nothing was answered.

    mean_ms: all of it; queued_ms, service_ms: in the queue, and while served; overhead_ms: the
    rest.
    """

    mean_ms: float | None
    queued_ms: float | None
    service_ms: float | None
    overhead_ms: float | None


@dataclass(frozen=True)
class Summary:
    """Figures of a setting, None where there are too few requests for one, and its state.

    requests: answered, of those due in the measured time; percentile: of latency, that the target
    is about, and that `latency_ms` is; within_target: share of the requests sent that was answered
    right and within the target; lag_ms: how late the clients sent, p99; littles_law_ratio:
    throughput times latency over the clients; unaccounted: requests not counted exactly once;
    requests_per_s, answers_per_s, p50_ms to latency_ms: with 95 % intervals; clients_percent: CPU
    time of asking, of all cores; machine: means over the runs; reason: why it is not stable;
    effective_requests: how many independent ones the requests are worth, about their mean (an
    unclear row's reason counts about the line of their drift); good_share: of the answers, those
    that are right and within the target. None where an older kit did not say.
    """

    requests: int
    runs: int
    percentile: float
    within_target: float | None
    times: MeanTimes = part()
    lag_ms: float | None
    littles_law_ratio: float | None
    unaccounted: int
    requests_per_s: Interval
    answers_per_s: Interval
    p50_ms: Interval = interval("p50{}_ms")
    p90_ms: Interval = interval("p90{}_ms")
    p99_ms: Interval = interval("p99{}_ms")
    latency_ms: Interval = interval("latency{}_ms")
    outcomes: Outcomes = part()
    clients_percent: float | None
    machine: Usage = part()
    state: str
    reason: str
    effective_requests: float | None = None
    good_share: float | None = None


def summarise(requests: pandas.DataFrame, runs: Sequence[RunCounts], criteria: Criteria) -> Summary:
    """The summary of a setting, from the requests of all its runs and what each of them counted."""
    measured = SettingRequests(requests, runs)
    per_second = measured.throughput()
    mean_s = measured.mean_ms("scheduled", "received") / 1e3 + criteria.think_s
    figures = Summary(
        requests=len(measured.answered),
        runs=len(runs),
        percentile=criteria.percentile,
        within_target=known(measured.within(criteria.limit_ms)),
        times=mean_times(measured),
        lag_ms=known(measured.lag_ms),
        littles_law_ratio=known(per_second.value * mean_s / criteria.clients),
        unaccounted=sum(run.unaccounted for run in runs),
        requests_per_s=per_second.finite(),
        answers_per_s=per_second.times(criteria.questions).finite(),
        p50_ms=measured.percentile(50),
        p90_ms=measured.percentile(90),
        p99_ms=measured.percentile(99),
        latency_ms=measured.percentile(criteria.percentile),
        outcomes=outcomes_of(runs),
        clients_percent=mean_known(run.clients_percent for run in runs),
        machine=mean_usage([run.machine for run in runs]),
        state=STABLE,
        reason="",
        effective_requests=measured.effective,
        good_share=known(measured.good_share(criteria.limit_ms)),
    )
    return judged(figures, measured, criteria)


def mean_times(measured: SettingRequests) -> MeanTimes:
    """Where the mean latency of a setting goes."""
    mean_ms = measured.mean_ms("scheduled", "received")
    queued_ms = measured.mean_ms("sent", "dequeued")
    service_ms = measured.mean_ms("started", "finished")
    overhead_ms = mean_ms - queued_ms - service_ms
    return MeanTimes(*map(known, (mean_ms, queued_ms, service_ms, overhead_ms)))


def outcomes_of(runs: Sequence[RunCounts]) -> Outcomes:
    """What became of the requests of all runs together."""
    clients = [run.clients for run in runs]
    return Outcomes(
        sent=sum(counts.sent for counts in clients),
        answered=sum(counts.answered for counts in clients),
        wrong=sum(counts.wrong for counts in clients),
        refused=sum(counts.refused for counts in clients),
        failed=sum(counts.failed for counts in clients),
        lost=sum(counts.lost for counts in clients),
    )


def mean_usage(usages: Sequence[Usage]) -> Usage:
    """The means over the runs, and what disturbed any of them."""

    def mean_of(figure: Callable[[Usage], float | None]) -> float | None:
        return mean_known(map(figure, usages))

    return Usage(
        host_percent=mean_of(lambda usage: usage.host_percent),
        neighbours_percent=mean_of(lambda usage: usage.neighbours_percent),
        steal_percent=mean_of(lambda usage: usage.steal_percent),
        gpu_percent=mean_of(lambda usage: usage.gpu_percent),
        memory_gib=mean_of(lambda usage: usage.memory_gib),
        disturbed="; ".join(dict.fromkeys(filter(None, (one.disturbed for one in usages)))),
    )


def mean_known(figures: Iterable[float | None]) -> float | None:
    """The mean of those that are known; None where none is."""
    values = [figure for figure in figures if figure is not None]
    if not values:
        return None
    return sum(values) / len(values)


def judged(figures: Summary, measured: SettingRequests, criteria: Criteria) -> Summary:
    """The summary with its state, and the first reason if it is not stable, the gravest first."""
    if reason := why_invalid(figures, measured, criteria):
        return replace(figures, state=INVALID, reason=reason)
    if reason := why_unstable(measured):
        return replace(figures, state=UNSTABLE, reason=reason)
    if reason := unclear(measured.answers):
        return replace(figures, state=UNCLEAR, reason=f"cannot tell: {reason}")
    return figures


def why_unstable(measured: SettingRequests) -> str:
    """Why a setting's figures do not hold still, in words; "" where nothing speaks against it."""
    others = [words for run in measured.runs for words in taken_by_others(run.machine)]
    if others:
        return others[0]
    return unstable(measured.answers)


def why_invalid(figures: Summary, measured: SettingRequests, criteria: Criteria) -> str:
    """Why a measurement cannot be trusted, in words; "" where it can."""
    problems = [run.problem for run in measured.runs if run.problem]
    if problem := miscounted(len(measured.requests), figures.outcomes.sent):
        problems.append(problem)
    if problems:
        return "; ".join(problems)
    if not figures.requests:
        return "no request was answered in the measured time"
    return (
        broken_clocks(measured)
        or late_clients(figures.lag_ms, measured.p99_ms)
        or missed_little(figures, criteria)
    )


def broken_clocks(measured: SettingRequests) -> str:
    """That clients and servers do not go by one clock, in words; "" where every request reached its
    steps in their order. Both read the machine's monotonic clock: one that is off, or runs faster,
    is seen as soon as it is off by what a request waits between the two.
    """
    count = measured.out_of_order()
    if not count:
        return ""
    return (
        f"{count} answered requests have their steps out of order, none may: "
        "the clocks of clients and servers differ"
    )


def late_clients(lag_ms: float, p99_ms: float) -> str:
    """That the clients were late themselves, in words; "" where they were not.

    p99_ms: of the latency of all that they sent.
    """
    allowed_ms = max(LAG_SHARE * p99_ms, 1e3 * LAG_S)
    if lag_ms <= allowed_ms:
        return ""
    return f"the clients sent up to {lag_ms:.2g} ms late (p99), limit {allowed_ms:.2g} ms"


def missed_little(figures: Summary, criteria: Criteria) -> str:
    """That throughput times latency is not the number of clients, in words; "" where it is.

    Fewer are in flight where clients are stuck. Both are of the same times: no check of the clocks.
    It may miss by the requests that the edges of a run cut, and by chance in the think times.
    """
    ratio = figures.littles_law_ratio
    thought = criteria.think_s / (figures.times.mean_ms / 1e3 + criteria.think_s)
    cut = max(LITTLE, criteria.clients * figures.runs / figures.requests)
    may_miss = cut + 3 * thought / math.sqrt(figures.requests)
    if figures.outcomes.refused or abs(ratio - 1) <= may_miss:
        return ""
    times = f"{ratio:.2f} times the {criteria.clients} clients"
    return f"throughput times latency is {times} (Little's law)"
