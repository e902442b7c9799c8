"""The gates of 04: answers under load, what became of each request, is the target held."""

import math
from collections.abc import Sequence

from blipkit.errors import first_of
from blipkit.load.derived import FED_BY
from blipkit.load.recommend import best_setting, is_quiet, is_trusted
from blipkit.load.rows import AdmissionRow, GridRow
from blipkit.load.summary import INVALID, STABLE, UNSTABLE, Outcomes
from blipkit.records.gates import Gate, invalid, judge, not_run, warned

ANSWERS = "answers under load"
CONSERVED = "requests conserved"
STABLE_LOAD = "stable load"
TARGET = "latency target"
HOST = "host share"
QUIET = "quiet machine"
ADMISSION = "admission control"
# the gates of a grid, with their kinds, in their order
OF_GRID = {
    ANSWERS: "answer",
    CONSERVED: "answer",
    STABLE_LOAD: "timing",
    TARGET: "timing",
    HOST: "timing",
    QUIET: "timing",
}
LONGER = "take a quiet machine, or raise concurrency.seconds"
FEEDING = 10.0  # percent of the host: more for feeding the servers is worth a warning
SHOWN = 3  # settings named in one reason
CPU = "% of the host's CPU"


def load_gates(
    rows: Sequence[GridRow], limit_ms: float, shared: bool, fed_by: str = FED_BY
) -> list[Gate]:
    """The gates of a grid, from the rows of its settings with a model.

    fed_by: what feeding the servers takes the host's CPU for, in words.
    """
    if not requests_sent(rows):
        reason = "; ".join(["no request was sent", *left_out(rows)])
        return [invalid(ANSWERS, "answer", reason, measured=0, limit=0, next=LONGER)]
    return [
        answers_gate(rows),
        conserved_gate(rows),
        stable_gate(rows, shared),
        target_gate(rows, limit_ms, shared),
        host_gate(rows, shared, fed_by),
        quiet_gate(rows, shared),
    ]


def grid_not_run(reason: str) -> list[Gate]:
    """The gates of a grid whose requests were not recorded."""
    advice = "record 04_concurrency there again"
    return [not_run(name, kind, reason, advice) for name, kind in OF_GRID.items()]


def requests_sent(rows: Sequence[GridRow]) -> int:
    """How many requests were sent in all settings."""
    return sum(row.summary.outcomes.sent for row in rows)


def believed(rows: Sequence[GridRow]) -> list[GridRow]:
    """The rows that are evidence: an INVALID one says nothing in favour of any gate."""
    return [row for row in rows if row.state != INVALID]


def named(row: GridRow, rows: Sequence[GridRow]) -> str:
    """A row's name among these, with its arm where they are of several."""
    if len({one.arm for one in rows}) == 1:
        return row.name
    return f"{row.arm}, {row.name}"


def left_out(rows: Sequence[GridRow]) -> list[str]:
    """Which rows are no evidence, and why, in words; one sentence, or none."""
    doubted = [row for row in rows if row.state == INVALID]
    if not doubted:
        return []
    reasons = [f"{named(row, rows)}: {row.summary.reason}" for row in doubted]
    counted = f"{len(doubted)} of {len(rows)} settings are INVALID and no evidence"
    return [f"{counted}: {first_of(reasons, SHOWN)}"]


def answers_gate(rows: Sequence[GridRow]) -> Gate:
    """No request failed, got lost, or got another answer than without load."""
    bad = sum(bad_answers(row.summary.outcomes) for row in rows)
    faults = "that failed, got lost, or got other answers than without load"
    return _counted(ANSWERS, rows, bad, faults, "see each row's reason, and samples/requests")


def bad_answers(outcomes: Outcomes) -> int:
    """Requests without an answer, or with another one than without load."""
    return outcomes.wrong + outcomes.failed + outcomes.lost


def _counted(name: str, rows: Sequence[GridRow], bad: int, faults: str, advice: str) -> Gate:
    """FAIL where a request of any row has a fault; PASS only by the rows that are evidence."""
    sent = requests_sent(rows)
    if not bad:
        sent = requests_sent(believed(rows))
    reason = "; ".join([f"requests of {sent} {faults}", *left_out(rows)])
    if not bad and not believed(rows):
        return invalid(name, "answer", reason, limit=0, next=LONGER)
    return judge(name, "answer", bad, 0, reason=reason, next=advice)


def conserved_gate(rows: Sequence[GridRow]) -> Gate:
    """Every request was counted once, by clients and servers alike."""
    astray = sum(row.summary.unaccounted for row in rows)
    faults = "that clients and servers count differently, or that were answered twice"
    return _counted(CONSERVED, rows, astray, faults, "report it: this is the kit's own fault")


def stable_gate(rows: Sequence[GridRow], shared: bool) -> Gate:
    """Every setting has one throughput and one latency; where none has, nothing can be said."""
    doubted = [row for row in rows if row.state != STABLE]
    reasons = [f"{named(row, rows)} is {row.state}: {row.summary.reason}" for row in doubted]
    reason = first_of(reasons, SHOWN) or "every setting is stable"
    if len(doubted) == len(rows):
        figures = {"measured": len(doubted), "limit": 0, "unit": "settings"}
        return invalid(STABLE_LOAD, "timing", reason, shared=shared, next=LONGER, **figures)
    return _tolerable(STABLE_LOAD, len(doubted), 0, reason, LONGER, "settings")


def host_gate(rows: Sequence[GridRow], shared: bool = False, fed_by: str = FED_BY) -> Gate:
    """What feeds the servers leaves the host's CPU to others."""
    known = [row.feeding_percent for row in believed(rows) if row.feeding_percent is not None]
    known = [percent for percent in known if not math.isnan(percent)]
    if not known:
        unknown = "no believable setting, or none of our own overhead, says what feeding takes"
        reason = "; ".join([unknown, *left_out(rows)])
        return invalid(HOST, "timing", reason, shared=shared, limit=FEEDING, unit=CPU, next=LONGER)
    reason = f"percent of the host's CPU for {fed_by}"
    advice = "decode and preprocess elsewhere, or take more vCPUs"
    return _tolerable(HOST, max(known), FEEDING, reason, advice, CPU)


def quiet_gate(rows: Sequence[GridRow], shared: bool = False) -> Gate:
    """Nothing besides what was measured changed its times."""
    disturbed = [row for row in rows if row.summary.machine.disturbed]
    if not disturbed and not believed(rows):
        reason = "; ".join(left_out(rows))
        return invalid(QUIET, "timing", reason, shared=shared, limit=0, next=LONGER)
    reasons = [f"{named(row, rows)}: {row.summary.machine.disturbed}" for row in disturbed]
    reason = first_of(reasons, SHOWN) or "nothing disturbed it"
    return _tolerable(QUIET, len(disturbed), 0, reason, LONGER, "settings")


def _tolerable(
    name: str, measured: float, limit: float, reason: str, advice: str, unit: str
) -> Gate:
    """A timing gate that warns where it does not hold, on any machine."""
    words = {"reason": reason, "next": advice, "unit": unit}
    return judge(name, "timing", measured, limit, tolerable=True, **words)


def target_gate(rows: Sequence[GridRow], limit_ms: float, shared: bool) -> Gate:
    """Does some setting hold the latency target?

    A target below the service time is a finding; an unstable system gives no answer. On a shared
    machine a setting that is not stable is at most a warning.
    """
    known = [row for row in rows if row.latency_ms.high is not None and row.state != INVALID]
    trusted = [row for row in known if is_trusted(row, shared)]
    if not trusted:
        return target_unknown(rows, known, limit_ms, shared)
    shown = best_setting(rows, limit_ms, shared)
    if shown is None:
        shown = min(trusted, key=lambda row: row.latency_ms.high)
    high_ms = shown.latency_ms.high
    percent = shown.summary.percentile
    name = named(shown, rows)
    reason = f"p{percent:g} of {name}, upper end of its 95 % interval, ms"
    advice = f"not reachable here; fastest is {high_ms:.0f} ms at {name}"
    words = {"reason": reason, "next": advice, "unit": "ms"}
    gate = judge(TARGET, "timing", high_ms, limit_ms, shared=shared, **words)
    if shown.state == STABLE:
        return gate
    return warned(gate, f"{name} is {shown.state}: {shown.summary.reason}", LONGER)


def target_unknown(
    rows: Sequence[GridRow], known: Sequence[GridRow], limit_ms: float, shared: bool
) -> Gate:
    """The latency target where no setting may be held against it.

    known: the rows with an interval of the percentile.
    """
    crowded = [row for row in known if not is_quiet(row)]
    unstable = [row for row in believed(rows) if row.state == UNSTABLE]
    advice = LONGER
    if crowded:
        first = crowded[0]
        taken = f"others took {first.taken_percent:.0f} % of the machine"
        others = f"{taken} at {named(first, rows)}"
        reason = f"no setting is stable and had most of the machine: {others}"
    elif known or (unstable and unstable == believed(rows)):
        first = [*known, *unstable][0]
        reason = f"no setting is stable, first: {first.summary.reason}"
    else:
        reason = too_few(rows)
        advice = f"{LONGER}, or concurrency.repeats, or lower concurrency.percentile"
    words = {"limit": limit_ms, "unit": "ms", "next": advice}
    return invalid(TARGET, "timing", reason, shared=shared, **words)


def too_few(rows: Sequence[GridRow]) -> str:
    """That no setting has an interval of the percentile, in words."""
    most = max(rows, key=lambda row: row.summary.requests).summary
    independent = ""
    if most.effective_requests is not None:
        independent = f", worth {most.effective_requests:.0f} independent ones,"
    few = f"at most {most.requests} requests a setting{independent} are too few"
    return f"{few} for p{most.percentile:g}"


def admission_gate(row: AdmissionRow | None, limit_ms: float, shared: bool) -> Gate:
    """With twice the clients and a limit, those admitted are within the target."""
    if row is None:
        return not_run(ADMISSION, "timing", "no setting to limit", "see latency target")
    unit = f"ms, p{row.summary.percentile:g} of those admitted"
    if row.state == INVALID:
        words = {"limit": limit_ms, "unit": unit, "next": LONGER}
        return invalid(ADMISSION, "timing", row.summary.reason, shared=shared, **words)
    if row.latency_ms.high is None:
        return not_run(ADMISSION, "timing", too_few([row]), LONGER)
    outcomes = row.summary.outcomes
    refused = f"{outcomes.refused} of {outcomes.sent} requests were refused at once"
    admitted = f"p{row.summary.percentile:g} of those admitted, ms"
    reason = "; ".join(filter(None, [refused, row.turns, admitted]))
    advice = f"admit fewer than {row.limit} at once, as a setting of fewer clients does"
    words = {"reason": reason, "next": advice, "unit": unit}
    return judge(ADMISSION, "timing", row.latency_ms.high, limit_ms, shared=shared, **words)
