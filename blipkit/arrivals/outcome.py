"""What came of one run with arrivals: its figures, and whether they may be believed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas

from blipkit.arrivals.late import late_share
from blipkit.arrivals.search import Trial
from blipkit.arrivals.session import Sent
from blipkit.arrivals.validity import Generator, generator_of, late_generator, state_of
from blipkit.load.conditions import Conditions
from blipkit.load.correlation import effective_size
from blipkit.load.counts import miscounted
from blipkit.load.setting_requests import known
from blipkit.load.target import Target
from blipkit.machine.monitor import taken_by_others
from blipkit.records.typed import part
from blipkit.statistics import UNKNOWN, Interval, percentile, samples_needed


@dataclass(frozen=True)
class Outcome:
    """What came of a run. Requests are those that were due in the measured time.

    rate_per_s: that was offered on average; generator: how well it was sent; late: the share of
    requests that was answered too late, wrong or never, with its interval; latency_ms: the target's
    percentile, with an end that is not known where it may be never; mean_ms, queued_ms, service_ms:
    of those answered, and service_variation: standard deviation of the service time over its mean;
    never_answered, refused, failed, wrong: requests; disturbed: who else used the machine, or what
    slowed it.
    """

    run: int
    purpose: str
    pattern: str
    rate_per_s: float
    seconds: float
    generator: Generator = part()
    late: Interval
    latency_ms: Interval
    mean_ms: float | None
    queued_ms: float | None
    service_ms: float | None
    service_variation: float | None
    never_answered: int
    refused: int
    failed: int
    wrong: int
    disturbed: str
    state: str
    reason: str


@dataclass(frozen=True)
class ArrivalRow:
    """A record of `arrivals`: a run, at which setting, and what was asked."""

    conditions: Conditions = part()
    setting: str
    percentile: float
    limit_ms: float
    outcome: Outcome = part()


def measured_requests(sent: Sent) -> pandas.DataFrame:
    """The requests of a run that were due in the measured time, in the order of the schedule."""
    due = sent.requests.scheduled
    within = (due >= 0) & (due < sent.row.offer.seconds)
    return sent.requests[within].sort_values("number")


def latencies_ms(requests: pandas.DataFrame) -> np.ndarray:
    """From the schedule to a right answer; infinite for what got none."""
    took_ms = 1e3 * (requests.received - requests.scheduled)
    return np.asarray(took_ms.where(requests.status == "answered", np.inf), dtype=float)


def trial_of(sent: Sent) -> Trial:
    """A run as the search takes it; what was not even sent is late, too."""
    requests = measured_requests(sent)
    seen = latencies_ms(requests)
    unsent = max(sent.row.due - len(seen), 0)
    latencies = np.append(seen, np.full(unsent, np.inf))
    offer = sent.row.offer
    busy = offer.rate_per_s * server_s(requests) / sent.row.setting.servers
    return Trial(offer.rate_per_s, latencies, offer.seconds, busy)


def server_s(requests: pandas.DataFrame) -> float:
    """What a request takes of a server's time on average, in batches of the size in which that is
    least; 0 where none was served.

    Requests of a batch share it. Servers that take small batches are always busy long before they
    have too much to do: a queue that grows makes the batches larger.
    """
    served = requests[requests.finished.notna()]
    if served.empty:
        return 0.0
    share_s = (served.finished - served.started) / served["size"]
    return float(share_s.groupby(served["size"]).mean().min())


def outcome_of(sent: Sent, target: Target) -> Outcome:
    """What came of a run."""
    row = sent.row
    requests = measured_requests(sent)
    generator = generator_of(requests, row.due)
    answered = requests[requests.status.isin(("answered", "wrong"))]
    service_ms = 1e3 * (answered.finished - answered.started)
    late = late_generator(generator, target.limit_ms)
    usage = row.counts.machine
    taken = "; ".join(taken_by_others(usage))
    state, reason = state_of(problem_of(sent), late, taken, target.shared)
    statuses = requests.status.value_counts()
    trial = trial_of(sent)
    return Outcome(
        run=row.run,
        purpose=row.purpose,
        pattern=row.offer.pattern,
        rate_per_s=row.offer.rate_per_s,
        seconds=row.offer.seconds,
        generator=generator,
        late=late_share([trial.latencies_ms], target.limit_ms, target.percentile),
        latency_ms=percentile_of([trial], target.percentile),
        mean_ms=known(1e3 * (answered.received - answered.scheduled).mean()),
        queued_ms=known(1e3 * (answered.dequeued - answered.sent).mean()),
        service_ms=known(service_ms.mean()),
        service_variation=known(service_ms.std() / service_ms.mean()),
        never_answered=int(statuses.get("lost", 0)),
        refused=int(statuses.get("refused", 0)),
        failed=int(statuses.get("failed", 0)),
        wrong=int(statuses.get("wrong", 0)),
        disturbed=usage.disturbed,
        state=state,
        reason=reason,
    )


def percentile_of(trials: Sequence[Trial], q: float) -> Interval:
    """The percentile of the latencies of runs, pooled; unknown with too few requests for it."""
    latencies = np.concatenate([trial.latencies_ms for trial in trials])
    if len(latencies) < samples_needed(q):
        return UNKNOWN
    value = percentile(latencies, q).value
    # neighbours depend on each other: who comes after a late request is likely late, too
    effective = sum(effective_size(trial.latencies_ms <= value) for trial in trials)
    return percentile(latencies, q, effective).finite()


def problem_of(sent: Sent) -> str:
    """What went wrong in a run, in words: a process that died, requests that went astray, or none
    that was due.
    """
    clients = sent.row.counts.clients
    problems = [sent.row.counts.problem, miscounted(len(sent.requests), clients.sent)]
    if not sent.row.due:
        problems.append("no request was due in the measured time: raise arrivals.length")
    if twice := clients.twice:
        problems.append(f"{twice} answers belong to no request")
    return "; ".join(filter(None, problems))
