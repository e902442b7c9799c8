"""A setting's row: what its requests say, and whether that may be believed.

A row is stable, unstable (its figures drift or differ from window to window) or INVALID (the
measurement itself cannot be trusted), with the reason in words. docs/load.md has each formula with
its source.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property

import pandas

from blipkit.load.stability import unstable
from blipkit.statistics import Interval, mean_interval, percentile, rate, samples_needed

PERCENTILES = (50, 90, 99)
ENDS = ("", "_low", "_high")  # of a key: a figure, and the ends of its 95 % interval
SHARES = [
    "clients_percent",
    "host_percent",
    "neighbours_percent",
    "steal_percent",
    "gpu_percent",
    "memory_gib",
]
OUTCOMES = ["sent", "answered", "wrong", "refused", "failed", "lost"]
# what the generator may be late: a share of the latency's p99, or so many s, whichever is larger
LAG_SHARE = 0.1
LAG_S = 1e-3
UNKNOWN = Interval(math.nan, math.nan, math.nan)
LITTLE = 0.05  # by which N = X R may miss
ANSWERED = ("answered", "wrong")
STABLE = "stable"
UNSTABLE = "unstable"
INVALID = "INVALID"


@dataclass(frozen=True)
class Basis:
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
class Requests:
    """Those of a setting's runs, and what was counted in each.

    requests: a pandas frame with a column `run`; runs: `Measured.counts` of each.
    """

    requests: pandas.DataFrame
    runs: Sequence[dict]

    @property
    def seconds(self) -> float:
        """The measured time of a run."""
        return self.runs[0]["seconds"]

    @cached_property
    def sent(self) -> pandas.DataFrame:
        """Those that were due in the measured time."""
        due = self.requests.scheduled
        return self.requests[(due >= 0) & (due < self.seconds)]

    @cached_property
    def answered(self) -> pandas.DataFrame:
        """Of those, the ones that got an answer, right or wrong, whenever it came."""
        return self.sent[self.sent.status.isin(ANSWERED)]

    @cached_property
    def in_time(self) -> list[pandas.DataFrame]:
        """For each run that has any, those that were answered in the measured time."""
        received = self.requests.received.between(0, self.seconds)
        answered = self.requests[self.requests.status.isin(ANSWERED) & received]
        return [own for _, own in answered.groupby("run")] or [answered]

    @cached_property
    def latency_ms(self) -> pandas.Series:
        """Of those answered: from when a client meant to send to when it had the answer."""
        return (self.answered.received - self.answered.scheduled) * 1e3

    def mean_ms(self, begin: str, end: str) -> float:
        """Mean time between two steps of the requests that were answered."""
        return 1e3 * (self.answered[end] - self.answered[begin]).mean()


def summarise(requests: pandas.DataFrame, runs: Sequence[dict], basis: Basis) -> dict:
    """A setting's row, from the requests of all its runs and what was counted in each.

    Throughput in requests and answers per second with 95 % intervals, over runs where there are
    several; latency percentiles in ms with theirs, None where n is too small for one; latency_ms:
    that one which the target is about; within_target: the share of those answered that came within
    the target, and right.
    """
    asked = Requests(requests, runs)
    per_second = throughput(asked)
    mean_ms = asked.mean_ms("scheduled", "received")
    queued_ms = asked.mean_ms("sent", "dequeued")
    service_ms = asked.mean_ms("started", "finished")
    good = (asked.latency_ms <= basis.limit_ms) & (asked.answered.status == "answered")
    row = {
        "requests": len(asked.answered),
        "runs": len(runs),
        "percentile": basis.percentile,
        "within_target": good.mean(),
        "mean_ms": mean_ms,
        "queued_ms": queued_ms,
        "service_ms": service_ms,
        "overhead_ms": mean_ms - queued_ms - service_ms,
        "lag_ms": 1e3 * (asked.sent.sent - asked.sent.scheduled).quantile(0.99),
        "littles_law_ratio": per_second.value * (mean_ms / 1e3 + basis.think_s) / basis.clients,
        "unaccounted": sum(map(unaccounted, runs)),
    }
    for end, value in zip(ENDS, astuple(per_second), strict=True):
        row[f"requests_per_s{end}"] = value
        row[f"answers_per_s{end}"] = basis.questions * value
    row.update(percentiles(asked, basis.percentile))
    row.update(counted(runs))
    state, reason = judged(row, asked, basis)
    for name, value in row.items():
        if not is_known(value):
            row[name] = None
    row.update(state=state, reason=reason)
    return row


def is_known(value: float | str) -> bool:
    """Whether a figure is one; words always are."""
    return isinstance(value, str) or math.isfinite(value)


def throughput(asked: Requests) -> Interval:
    """Requests answered per second, over runs where there are several, else over batches of one."""
    if len(asked.runs) == 1:
        return rate(asked.in_time[0].received, asked.seconds)
    per_run = [len(own) / asked.seconds for own in asked.in_time]
    without_any = len(asked.runs) - len(asked.in_time)
    return mean_interval(per_run + [0.0] * without_any)


def percentiles(asked: Requests, percent: float) -> dict[str, float]:
    """p50, p90, p99 and what the target is about, with intervals, ms; that one as latency, too."""
    by_run = [own for _, own in asked.latency_ms.groupby(asked.answered.run)]
    found = {}
    for q in sorted({*PERCENTILES, percent}):
        known = latency_percentile(asked.latency_ms, by_run, q)
        for end, value in zip(ENDS, astuple(known), strict=True):
            found[f"p{q:g}{end}_ms"] = value
    for end in ENDS:
        found[f"latency{end}_ms"] = found[f"p{percent:g}{end}_ms"]
    return found


def latency_percentile(
    latency: pandas.Series, by_run: Sequence[pandas.Series], q: float
) -> Interval:
    """With its interval, which holds what changes from run to run; nan where n is too small."""
    if len(latency) < samples_needed(q):
        return UNKNOWN
    pooled = percentile(latency, q)
    if len(by_run) <= 1:
        return pooled
    over_runs = mean_interval([percentile(run, q).value for run in by_run])
    low = min(pooled.low, over_runs.low)
    high = max(pooled.high, over_runs.high)
    return Interval(pooled.value, low, high)


def counted(runs: Sequence[dict]) -> dict[str, float | str]:
    """Sums of what became of the requests, means of what the machine did, what disturbed it."""
    counts = pandas.DataFrame(runs)
    counts["clients_percent"] = 100 * counts.clients_cpu_s / counts.seconds / counts.cores
    found = counts[OUTCOMES].sum().to_dict()
    found.update(counts.reindex(columns=SHARES).astype(float).mean().to_dict())
    found["disturbed"] = "; ".join(dict.fromkeys(filter(None, counts.disturbed)))
    return found


def unaccounted(run: dict) -> int:
    """Requests that were not counted just once: by the clients, by the server, by both alike.

    Where something died, the two may differ.
    """
    kept = run["answered"] + run["wrong"]
    here = abs(run["sent"] - kept - run["refused"] - run["failed"] - run["lost"]) + run["twice"]
    ends = ("answered", "refused", "failed", "dropped")
    there = abs(run["server_received"] - sum(run[f"server_{name}"] for name in ends))
    if run["problem"]:
        return here + there
    between = abs(kept - run["server_answered"])
    for ours, its in (("sent", "received"), ("refused", "refused"), ("failed", "failed")):
        between += abs(run[ours] - run[f"server_{its}"])
    return here + there + between


def judged(row: dict, asked: Requests, basis: Basis) -> tuple[str, str]:
    """Whether a row may be believed, and if not, why: the first reason, the gravest first."""
    problems = [run["problem"] for run in asked.runs if run["problem"]]
    if problems:
        return INVALID, "; ".join(problems)
    if not row["requests"]:
        return INVALID, "no request was answered in the measured time"
    if reason := late_clients(row, asked) or missed_little(row, basis):
        return INVALID, reason
    for own in asked.in_time:
        if reason := unstable(own.received, own.received - own.scheduled):
            return UNSTABLE, reason
    return STABLE, ""


def late_clients(row: dict, asked: Requests) -> str:
    """That the generator was late itself, in words; "" where it was not."""
    p99_ms = 1e3 * (asked.sent.received - asked.sent.scheduled).quantile(0.99)
    allowed_ms = max(LAG_SHARE * p99_ms, 1e3 * LAG_S)
    if row["lag_ms"] <= allowed_ms:
        return ""
    return f"the clients sent up to {row['lag_ms']:.2g} ms late (p99), limit {allowed_ms:.2g} ms"


def missed_little(row: dict, basis: Basis) -> str:
    """That throughput times latency is not the number of clients, in words; "" where it is.

    It may miss by the requests that the edges of a run cut, and by chance in what was thought.
    """
    thought = basis.think_s / (row["mean_ms"] / 1e3 + basis.think_s)
    cut = max(LITTLE, basis.clients * row["runs"] / row["requests"])
    may_miss = cut + 3 * thought / math.sqrt(row["requests"])
    if row["refused"] or abs(row["littles_law_ratio"] - 1) <= may_miss:
        return ""
    times = f"{row['littles_law_ratio']:.2f} times the {basis.clients} clients"
    return f"throughput times latency is {times} (Little's law)"
