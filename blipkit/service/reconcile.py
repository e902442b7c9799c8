"""Does every request that a client sent have exactly one outcome? The ledgers of client, API tier
and inference tier side by side.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from blipkit.records.gates import Gate, judge, not_run
from blipkit.service.ledger import LedgerLine
from blipkit.statistics import share_bound

NOTHING_LOST = "nothing lost"
NOTHING_DOUBLE = "nothing double"
SWITCH_FAILS_NOTHING = "switch fails nothing"
Lines = Mapping[str, Sequence[LedgerLine]]  # request id -> its lines at one tier


@dataclass(frozen=True)
class Ids:
    """Request ids of one finding, in the order in which the client wrote them down."""

    ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def __str__(self) -> str:
        """How many, and the first of them."""
        if not self.ids:
            return "0"
        more = ", ..." if len(self.ids) > 3 else ""
        return f"{len(self.ids)} ({', '.join(self.ids[:3])}{more})"


@dataclass(frozen=True)
class Reconciled:
    """What became of the requests of a run.

    sent: how many; answered, refused, rejected, failed: by what the client saw; lost: without an
    outcome; double: with two, as where the client was refused what the API tier answered;
    executed_twice: at the inference tier, which is no fault of its own; answers_differ: what the
    client read is not what the API tier sent on, or what no execution answered; unaccounted:
    answered, as the client says, and a tier has no line of it that says so; unknown: at a tier, and
    no client sent it. switches: how many there were meanwhile.
    """

    sent: int
    answered: int
    refused: Ids
    rejected: Ids
    failed: Ids
    lost: Ids
    double: Ids
    executed_twice: Ids
    answers_differ: Ids
    unaccounted: Ids
    unknown: Ids

    @property
    def is_sound(self) -> bool:
        """Whether nothing was lost, doubled, changed on its way, or is in one ledger alone."""
        faults = (self.lost, self.double, self.answers_differ, self.unaccounted, self.unknown)
        return not any(map(len, faults))

    def gates(self, switches: int = 0) -> list[Gate]:
        """Nothing lost, nothing double, and none of so many switches failed a request."""
        if not self.sent:
            names = (NOTHING_LOST, NOTHING_DOUBLE, SWITCH_FAILS_NOTHING)
            return [not_run(name, "answer", "no request was sent", "send some") for name in names]
        return [self._nothing_lost(), self._nothing_double(), self._nothing_failed(switches)]

    def _nothing_lost(self) -> Gate:
        count = len(self.lost) + len(self.unaccounted)
        return judge(
            NOTHING_LOST,
            "answer",
            count,
            0,
            reason=f"{self._counts()}; lost {self.lost}, in one ledger alone {self.unaccounted}"
            f"; {self._bound(count)}",
            next="look these ids up in the ledgers of both tiers",
        )

    def _nothing_double(self) -> Gate:
        count = len(self.double) + len(self.answers_differ) + len(self.unknown)
        return judge(
            NOTHING_DOUBLE,
            "answer",
            count,
            0,
            reason=f"{self._counts()}; two outcomes {self.double}, answers that changed on their "
            f"way {self.answers_differ}, sent by no client {self.unknown}"
            f"; executed twice, which is allowed: {self.executed_twice}; {self._bound(count)}",
            next="look these ids up in the ledgers of both tiers",
        )

    def _nothing_failed(self, switches: int) -> Gate:
        if not switches:
            reason = "nothing was switched meanwhile"
            return not_run(SWITCH_FAILS_NOTHING, "answer", reason, "switch under load")
        count = len(self.failed)
        reason = f"{self._counts()}; failed {self.failed}; {self._bound(count)}"
        if not count:
            bound = share_bound(0, switches)
            reason += f"; {switches} switches, so that per switch it is below {bound:.2g}"
        return judge(
            SWITCH_FAILS_NOTHING,
            "answer",
            count,
            0,
            reason=reason,
            next="look these ids up in the API tier's ledger: status and backend",
        )

    def _counts(self) -> str:
        refused, rejected = len(self.refused), len(self.rejected)
        return f"{self.sent} sent, {self.answered} answered, {refused} refused, {rejected} rejected"

    def _bound(self, count: int) -> str:
        return f"upper 95 % bound per request {share_bound(count, self.sent):.2g}"


@dataclass(frozen=True)
class Case:
    """One request id with its lines at client, API tier and inference tier; None: no ledger of that
    tier is at hand.
    """

    request_id: str
    client: Sequence[LedgerLine]
    api: Sequence[LedgerLine] | None
    executions: Sequence[LedgerLine] | None

    @property
    def outcome(self) -> str:
        """What the client saw first; lost where it wrote nothing."""
        if not self.client:
            return "lost"
        return self.client[0].outcome

    @property
    def is_double(self) -> bool:
        """Whether the client, or the API tier, has two outcomes of it, or the client was refused
        what the API tier answered, and would send it again.
        """
        is_refused = self.outcome in ("refused", "rejected") and was_answered(self.api or ())
        return is_refused or len(self.client) > 1 or len(self.api or ()) > 1

    @property
    def was_executed_twice(self) -> bool:
        """Whether the inference tier worked on it twice, as after a retry."""
        return len(self.executions or ()) > 1

    @property
    def changed_on_its_way(self) -> bool:
        """Whether a tier handed on other answers than it was given.

        Two executions may differ from each other, as two backends do: one of them is handed on.
        """
        ways = [lines for lines in (self.client, self.api, self.executions) if lines is not None]
        digests = [digests_of(lines) for lines in ways if was_answered(lines)]
        return any(not handed_on <= given for handed_on, given in pairwise(digests))

    @property
    def is_unaccounted(self) -> bool:
        """Whether it was answered, as the client says, and a tier's ledger does not say so."""
        tiers = [lines for lines in (self.api, self.executions) if lines is not None]
        return self.outcome == "answered" and not all(map(was_answered, tiers))


def was_answered(lines: Sequence[LedgerLine]) -> bool:
    """Whether any line of a tier says that it answered."""
    return any(line.outcome == "answered" for line in lines)


def digests_of(lines: Sequence[LedgerLine]) -> set[str]:
    """The digests of what was answered."""
    return {line.answers for line in lines if line.outcome == "answered"}


def reconcile(
    client: Iterable[LedgerLine],
    api: Iterable[LedgerLine] | None,
    inference: Iterable[LedgerLine] | None,
    sent: Iterable[str] = (),
) -> Reconciled:
    """Every request id's outcome, held against both tiers'.

    api, inference: None where that tier keeps no ledger. sent: ids that a client sent, where a
    client that died may not have written their outcomes.
    """
    clients, apis, executions = by_id(client), by_id(api), by_id(inference)
    ids = list(dict.fromkeys([*clients, *sent]))
    cases = [
        Case(one, clients.get(one, ()), lines_at(apis, one), lines_at(executions, one))
        for one in ids
    ]
    known = set(ids)
    at_tiers = dict.fromkeys([*(apis or ()), *(executions or ())])
    return Reconciled(
        sent=len(cases),
        answered=sum(case.outcome == "answered" for case in cases),
        refused=ids_where(cases, lambda case: case.outcome == "refused"),
        rejected=ids_where(cases, lambda case: case.outcome == "rejected"),
        failed=ids_where(cases, lambda case: case.outcome == "failed"),
        lost=ids_where(cases, lambda case: case.outcome == "lost"),
        double=ids_where(cases, lambda case: case.is_double),
        executed_twice=ids_where(cases, lambda case: case.was_executed_twice),
        answers_differ=ids_where(cases, lambda case: case.changed_on_its_way),
        unaccounted=ids_where(cases, lambda case: case.is_unaccounted),
        unknown=Ids(tuple(one for one in at_tiers if one not in known)),
    )


def by_id(lines: Iterable[LedgerLine] | None) -> Lines | None:
    """Request id -> its lines, in their order; None without a ledger."""
    if lines is None:
        return None
    found: dict[str, list[LedgerLine]] = defaultdict(list)
    for line in lines:
        found[line.request_id].append(line)
    return dict(found)


def lines_at(tier: Lines | None, request_id: str) -> Sequence[LedgerLine] | None:
    """A request's lines at a tier; None where it keeps no ledger."""
    if tier is None:
        return None
    return tier.get(request_id, ())


def ids_where(cases: Iterable[Case], holds: Callable[[Case], bool]) -> Ids:
    """The ids of the cases for which something holds."""
    return Ids(tuple(case.request_id for case in cases if holds(case)))
