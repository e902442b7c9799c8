"""Gates: named checks with their limits, and the one place where their status is decided.

Whoever judges says what was measured and what holds; PASS, WARN, FAIL and INVALID are said here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from blipkit.errors import GateFailed

Status = Literal["PASS", "WARN", "FAIL", "INVALID", "NOT-RUN"]
Kind = Literal["answer", "timing"]  # parity, decisions, counts; or p99, rates, stability

WORST_FIRST = ("FAIL", "INVALID", "WARN", "PASS", "NOT-RUN")
SHARED = "the machine is shared"


@dataclass(frozen=True)
class Gate:
    """A named check with its limit.

    measured, limit: figures, or texts; evidence: where `measured` comes from; next: what to do, ""
    where it holds. unit: of both figures, "" where `reason` says what is counted.
    """

    gate: str
    kind: Kind
    status: Status
    measured: float | str | None = None
    limit: float | str | None = None
    evidence: str = "measured"
    reason: str = ""
    next: str = ""
    unit: str = ""


def judge(
    gate: str,
    kind: Kind,
    measured: float,
    limit: float,
    *,
    at_least: bool = False,
    **details,
) -> Gate:
    """PASS where `measured` is within `limit`, or at least as much; a NaN never is.

    details: what `decide` takes.
    """
    holds = measured >= limit if at_least else measured <= limit
    return decide(gate, kind, bool(holds), measured=measured, limit=limit, **details)


def decide(
    gate: str, kind: Kind, holds: bool, tolerable: bool = False, shared: bool = False, **details
) -> Gate:
    """PASS where it holds, WARN where it is tolerable that it does not, else FAIL.

    shared: the machine was not ours alone: a timing gate is at most WARN. details: the gate's
    measured, limit, unit, evidence, reason and next; what to do next is left out where it holds.
    """
    if holds:
        details["next"] = ""
        return Gate(gate, kind, "PASS", **details)
    status = "WARN" if tolerable else "FAIL"
    return _excused(Gate(gate, kind, status, **details), shared)


def invalid(gate: str, kind: Kind, reason: str, *, shared: bool = False, **details) -> Gate:
    """A measurement that cannot be trusted, or says nothing."""
    return _excused(Gate(gate, kind, "INVALID", reason=reason, **details), shared)


def _excused(gate: Gate, shared: bool) -> Gate:
    """At most WARN for a timing gate of a machine that was not ours alone."""
    if gate.kind != "timing" or not shared or gate.status == "WARN":
        return gate
    reason = "; ".join(filter(None, [gate.reason, SHARED]))
    return replace(gate, status="WARN", reason=reason)


def warned(gate: Gate, why: str, next: str) -> Gate:
    """At most WARN for a gate that holds on grounds which say little."""
    if gate.status != "PASS":
        return gate
    return replace(gate, status="WARN", reason=f"{why}; {gate.reason}", next=next)


def worsened(gate: Gate, why: str, next: str, tolerable: bool = False) -> Gate:
    """FAIL for a gate that held otherwise, or at most WARN where that is tolerable."""
    if gate.status not in ("PASS", "WARN"):
        return gate
    if tolerable:
        return warned(gate, why, next)
    return replace(gate, status="FAIL", reason=f"{why}; {gate.reason}", next=next)


def worst_of(gate: str, kind: Kind, parts: Iterable[Status], **details) -> Gate:
    """As bad as the worst of its parts; PASS without any. details: as `decide` takes it."""
    status = min(parts, key=WORST_FIRST.index, default="PASS")
    if status == "PASS":
        details["next"] = ""
    return Gate(gate, kind, status, **details)


def not_run(gate: str, kind: Kind, reason: str, next: str = "") -> Gate:
    """A gate that nothing was measured for."""
    return Gate(gate, kind, "NOT-RUN", evidence="none", reason=reason, next=next)


def not_recorded(gate: str, kind: Kind) -> Gate:
    """A gate that rests on what a replay's folder does not have."""
    reason = "the recorded folder has no such measurement"
    return not_run(gate, kind, reason, "record it again with this kit")


def worst(gates: Iterable[Gate]) -> Status:
    """The worst status among the gates; NOT-RUN only where nothing was measured."""
    return min((gate.status for gate in gates), key=WORST_FIRST.index, default="NOT-RUN")


def judged_otherwise(gates: Iterable[Gate], recorded: Iterable[Gate]) -> list[str]:
    """In words, each gate whose status is another than the recorded one: rules may have changed."""
    before = {gate.gate: gate.status for gate in recorded}
    return [
        f"{gate.gate} is {gate.status}, was {before[gate.gate]}"
        for gate in gates
        if before.get(gate.gate, gate.status) != gate.status
    ]


def raise_for(gates: list[Gate]) -> None:
    """Raise GateFailed, naming each gate that is FAIL or INVALID."""
    bad = [g for g in gates if g.status in ("FAIL", "INVALID")]
    if bad:
        raise GateFailed("\n".join(map(_in_words, bad)))


def _in_words(gate: Gate) -> str:
    """One line: what it measured, against what, why, and what to do."""
    why = "; ".join(filter(None, [gate.reason, gate.next]))
    head = f"{gate.gate}: {gate.status}, measured {gate.measured}, limit {gate.limit}"
    if gate.unit:
        head = f"{head} {gate.unit}"
    if not why:
        return head
    return f"{head}. {why}"
