"""What is rehearsed: cameras send by Poisson's schedule while weights change, a backend is killed,
and a candidate that answers wrongly is found by its shadow.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from blipkit.arrivals.schedule import uniform_times
from blipkit.frames.source import FrameSource
from blipkit.machine import child
from blipkit.service.children import Sending
from blipkit.service.json_lines import read_json_lines
from blipkit.service.ledger import LedgerLine, read_ledger
from blipkit.service.pairs import pair_in
from blipkit.service.reconcile import Reconciled, reconcile
from blipkit.service.rows import (
    CANDIDATE,
    PRIMARY,
    EventRow,
    PairRow,
    PhaseRow,
    RequestRow,
    request_row,
)
from blipkit.service.stage import Stage

MOST_S = 120  # beyond a schedule, that clients may take


@dataclass(frozen=True)
class Load:
    """What cameras send. rate_per_s: on average; seed: of the times."""

    rate_per_s: float
    seconds: float
    frames: FrameSource
    questions: list[str]
    timeout_s: float = 10.0
    seed: int = 0

    def times(self) -> list[float]:
        """A Poisson process; s from its beginning, in order."""
        rng = np.random.default_rng(self.seed)
        return sorted(map(float, uniform_times(rng, self.rate_per_s, self.seconds)))


@dataclass
class Phase:
    """A phase that is under way, and what is known of it when it is over.

    ids: of the requests that its cameras send; began: of this process's clock; seconds: of load.
    """

    name: str
    ids: list[str]
    began: float
    seconds: float
    events: list[EventRow] = field(default_factory=list)
    killed: int = 0
    switches: int = 0
    began_s: float = 0.0
    lag_p99_ms: float = 0.0
    lines: list[LedgerLine] = field(default_factory=list)

    @property
    def now_s(self) -> float:
        """Since the phase began."""
        return time.perf_counter() - self.began

    def note(self, what: str, weights: dict[str, float]) -> None:
        """Write down what was done."""
        self.events.append(EventRow(self.name, time.time(), what, dict(weights)))

    def end(self, began_s: float) -> None:
        """The schedule's 0 is known now: from it on, what was done is counted."""
        self.began_s = began_s
        self.events = [replace(event, at_s=round(event.at_s - began_s, 3)) for event in self.events]


@contextmanager
def under_load(stage: Stage, name: str, load: Load) -> Iterator[Phase]:
    """Cameras send while the context is open, which waits for the last reply."""
    times = load.times()
    sending = Sending(
        stage.tiers["api"].url, times, load.frames, load.questions, name, load.timeout_s
    )
    ledger = stage.folder / f"clients-{name}.jsonl"
    asked = {"sending": asdict(sending), "ledger": str(ledger)}
    clients = child.start("blipkit.service.children:send", asked, threads=1, forked=stage.forked)
    ids = [f"{name}-{number}" for number in range(len(times))]
    phase = Phase(name, ids, time.perf_counter(), load.seconds)
    with ThreadPoolExecutor(1) as pool:
        sent: Future = pool.submit(clients.result, load.seconds + MOST_S)
        try:
            wait_for_lines(ledger, sent)
            phase.began = time.perf_counter()
            yield phase
            reply = sent.result()
        except BaseException:
            clients.kill()
            raise
    phase.end(reply["began_s"])
    phase.lag_p99_ms = reply["lag_p99_ms"]
    phase.lines = read_ledger([ledger])


def wait_for_lines(path: Path, sent: Future) -> None:
    """Wait until the clients have written their first line, or have ended."""
    while not sent.done() and not (path.exists() and path.stat().st_size):
        time.sleep(0.02)


def set_weights(stage: Stage, phase: Phase, weights: dict[str, float]) -> str:
    """Set the weights; why they were not taken, "" where they were."""
    problem = stage.route(weights)
    said = ", ".join(f"{name}={weight:g}" for name, weight in weights.items())
    phase.note(f"refused: {problem}" if problem else said, {} if problem else weights)
    if not problem:
        phase.switches += 1
    return problem


def shares(percent: float) -> dict[str, float]:
    """The weights where the candidate gets so much."""
    return {PRIMARY: 100.0 - percent, CANDIDATE: float(percent)}


def switch_by_steps(
    stage: Stage, phase: Phase, steps: Sequence[float], step_s: float, kill_at: float = -1
) -> None:
    """Give the candidate one share after another, each for `step_s`.

    kill_at: at which share it is killed, in the middle of the step, and started again; the next
    step waits until it is ready.
    """
    for percent in steps:
        set_weights(stage, phase, shares(percent))
        begun = time.perf_counter()
        if percent == kill_at:
            time.sleep(step_s / 2)
            kill_and_restart(stage, phase, percent)
        time.sleep(max(0.0, step_s - (time.perf_counter() - begun)))


def kill_and_restart(stage: Stage, phase: Phase, percent: float) -> None:
    """Kill the candidate while it serves, and start it again where it was asked."""
    stage.kill(CANDIDATE)
    phase.killed += 1
    phase.note(f"{CANDIDATE} is killed", shares(percent))
    stage.start(CANDIDATE)
    stage.wait_until_ready(CANDIDATE)
    stage.wait_until_routed(CANDIDATE)
    phase.note(f"{CANDIDATE} is ready again", shares(percent))


def reconciled(stage: Stage, phases: Sequence[Phase]) -> Reconciled:
    """What became of every request of the phases, by the ledgers of clients and both tiers."""
    sent = [one for phase in phases for one in phase.ids]
    known = set(sent)
    clients = [line for phase in phases for line in phase.lines]
    api = [line for line in stage.ledger("api") if line.request_id in known]
    served = stage.ledger(PRIMARY, CANDIDATE)
    inference = [line for line in served if line.request_id in known]
    return reconcile(clients, api, inference, sent)


def phase_row(stage: Stage, phase: Phase, stands_in: str) -> PhaseRow:
    """What became of a phase's requests. stands_in: what the backends are, in words."""
    found = reconciled(stage, [phase])
    rows = request_rows(stage, phase)
    latencies = [row.latency_ms for row in rows if row.outcome == "answered"]
    return PhaseRow(
        phase=phase.name,
        seconds=round(phase.seconds, 3),
        sent=found.sent,
        answered=found.answered,
        refused=len(found.refused),
        rejected=len(found.rejected),
        failed=len(found.failed),
        lost=len(found.lost) + len(found.unaccounted),
        double=len(found.double) + len(found.answers_differ) + len(found.unknown),
        retried=sum(row.attempt > 1 for row in rows),
        switches=phase.switches,
        killed=phase.killed,
        p50_ms=quantile(latencies, 0.5),
        p99_ms=quantile(latencies, 0.99),
        lag_p99_ms=round(phase.lag_p99_ms, 3),
        stands_in=stands_in,
    )


def quantile(values: Sequence[float], q: float) -> float | None:
    """An order statistic; None of nothing."""
    if not values:
        return None
    return float(np.quantile(values, q, method="higher"))


def request_rows(stage: Stage, phase: Phase) -> list[RequestRow]:
    """A row for each line of the phase's clients."""
    attempts = {line.request_id: line.attempt for line in stage.ledger("api")}
    return [
        request_row(phase.name, line, phase.began_s, attempts.get(line.request_id, 1))
        for line in phase.lines
    ]


def pair_rows(stage: Stage, phase: Phase) -> list[PairRow]:
    """What the primary and its shadow answered to the phase's requests, so far."""
    places = {request_id: float(place) for place, request_id in enumerate(phase.ids)}
    rows = []
    for _, record in read_json_lines(stage.pairs, "run 09_service again", may_be_cut=True):
        request_id = record["request_id"]
        if request_id not in places or not record["candidate"]:  # nothing to compare with
            continue
        pair = pair_in(record, CANDIDATE)
        if pair is None:
            continue
        place, primary, candidate = places[request_id], list(pair.primary), list(pair.candidate)
        rows.append(PairRow(phase.name, request_id, place, primary, candidate))
    return rows


def all_pairs(stage: Stage, phase: Phase, most_s: float = 2.0) -> list[PairRow]:
    """The pairs of a phase that is over, once its last copies were answered."""
    ends = time.perf_counter() + most_s
    rows = pair_rows(stage, phase)
    while len(rows) < len(phase.ids) and time.perf_counter() < ends:
        time.sleep(0.1)
        rows = pair_rows(stage, phase)
    return rows
