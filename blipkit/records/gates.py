"""Gates: named checks with their limits, and the one place where their status is judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from blipkit.errors import GateFailed

Status = Literal["PASS", "WARN", "FAIL", "INVALID", "NOT-RUN"]


WORST_FIRST = ("FAIL", "INVALID", "WARN", "PASS", "NOT-RUN")


@dataclass
class Gate:
    """A named check with its limit. `kind` is answer (parity, decisions, counts) or timing (p99,
    stability).
    """

    gate: str
    kind: Literal["answer", "timing"]
    status: Status
    measured: float | str | None = None
    limit: float | str | None = None
    evidence: str = "measured"
    reason: str = ""
    next: str = ""


def judge(
    gate: str, kind: str, measured: float, limit: float, *, at_least=False, shared=False, **about
) -> Gate:
    """PASS where `measured` is within `limit`; a NaN never is.

    On a shared machine a timing gate that does not hold is WARN: the machine was not ours alone.
    about: the gate's evidence, reason and next; what to do next is left out where it holds.
    """
    holds = measured >= limit if at_least else measured <= limit
    status = "FAIL"
    if holds:
        status = "PASS"
        about["next"] = ""
    elif kind == "timing" and shared:
        status = "WARN"
        about["reason"] = "; ".join(filter(None, [about.get("reason"), "the machine is shared"]))
    return Gate(gate, kind, status, measured, limit, **about)


def not_run(gate: str, kind: str, reason: str, next: str = "") -> Gate:
    """A gate that nothing was measured for."""
    return Gate(gate, kind, "NOT-RUN", evidence="none", reason=reason, next=next)


def not_recorded(gate: str, kind: str) -> Gate:
    """A gate that rests on what a replay's folder does not have."""
    reason = "the recorded folder has no such measurement"
    return not_run(gate, kind, reason, "record it again with this kit")


def worst(gates: Iterable[Gate]) -> Status:
    """The worst status among the gates; NOT-RUN only where nothing was measured."""
    return min((gate.status for gate in gates), key=WORST_FIRST.index, default="NOT-RUN")


def raise_for(gates: list[Gate]) -> None:
    """Raise GateFailed, naming each gate that is FAIL or INVALID."""
    bad = [g for g in gates if g.status in ("FAIL", "INVALID")]
    if bad:
        raise GateFailed("\n".join(map(_in_words, bad)))


def _in_words(gate: Gate) -> str:
    """One line: what it saw, against what, why, and what to do."""
    why = "; ".join(filter(None, [gate.reason, gate.next]))
    head = f"{gate.gate}: {gate.status}, measured {gate.measured}, limit {gate.limit}"
    if not why:
        return head
    return f"{head}. {why}"
