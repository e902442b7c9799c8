"""The rows of 09, as records keep them."""

from dataclasses import dataclass, field

from blipkit.service.ledger import LedgerLine
from blipkit.service.shadow import Pair
from blipkit.service.wire import Answered

PRIMARY, CANDIDATE = "gpu", "inf2"  # backends of a rehearsal
BARE, ONE, BOTH = "a bare app", "the inference tier", "both tiers"  # ways of a request
STAYED = "did not go back"  # begins the event of a switch whose load ended before


@dataclass(frozen=True)
class HopRow:
    """One part of one request's way. hop: which tier; part: of it; ms: how long it took."""

    hop: str
    part: str
    ms: float


@dataclass(frozen=True)
class HopCost:
    """What lies between a client and the model, of requests that one client sent one after another.

    way: through which tiers; mean_ms, p99_ms: of what is not decoding or answering.
    """

    way: str
    requests: int
    mean_ms: float
    p99_ms: float


@dataclass(frozen=True)
class RequestRow:
    """A request under load, as its client saw it.

    phase: of the rehearsal; due_s: since the phase began; latency_ms: since it was due; attempt: at
    the API tier.
    """

    phase: str
    request_id: str
    due_s: float
    latency_ms: float
    outcome: str
    status: int
    backend: str
    attempt: int


def request_row(phase: str, line: LedgerLine, began_s: float, attempt: int) -> RequestRow:
    """A client's line as a row. began_s: Unix time of the phase's beginning."""
    return RequestRow(
        phase=phase,
        request_id=line.request_id,
        due_s=round(line.at_s - line.latency_ms / 1000 - began_s, 4),
        latency_ms=line.latency_ms,
        outcome=line.outcome,
        status=line.status,
        backend=line.backend,
        attempt=attempt,
    )


@dataclass(frozen=True)
class EventRow:
    """What was done to the tiers. at_s: since the phase began; weights: percent by backend from
    then on; what: in words.
    """

    phase: str
    at_s: float
    what: str
    weights: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PairRow:
    """A request that both answered. at_s: its place among the phase's."""

    phase: str
    request_id: str
    at_s: float
    primary: list[Answered]
    candidate: list[Answered]

    def pair(self) -> Pair:
        """As a tally takes it."""
        return Pair(self.request_id, "", self.at_s, tuple(self.primary), tuple(self.candidate))


@dataclass(frozen=True)
class PhaseRow:
    """What became of the requests of a phase, in `service`.

    switches: changes of weights; killed: backends that were killed; retried: requests that were
    answered at the second attempt; lag_p99_ms: how late the clients themselves were; stands_in:
    what the backends are instead of GPU and Inf2.
    """

    phase: str
    seconds: float
    sent: int
    answered: int
    refused: int
    rejected: int
    failed: int
    lost: int
    double: int
    retried: int
    switches: int
    killed: int
    p50_ms: float | None
    p99_ms: float | None
    lag_p99_ms: float
    stands_in: str
