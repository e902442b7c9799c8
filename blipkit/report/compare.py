"""What changed from one results folder to another: gates by their status, times and cost by their
intervals.

Only what was recorded is compared; nothing is measured or judged again. What else the systems do
not share is said by `differences.py`, without which a change means little.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from blipkit.display.tables import number, terminal_table
from blipkit.errors import BadInput
from blipkit.records.documents import check_results_folder
from blipkit.records.evidence import open_evidence
from blipkit.records.gates import Gate, Status, worst_of
from blipkit.records.run_record import read_run
from blipkit.report.differences import Differences
from blipkit.report.sides import PRICED_BY, TIMING_GATE, WORDS, Quantity, Side, sides_of
from blipkit.statistics import Interval

Judgement = Literal["better", "worse", "same", "not known"]
# how a notebook ended, as the status of a gate; else it ran to its gates
ENDED: dict[str, Status] = {"stopped": "FAIL", "skipped": "NOT-RUN"}


@dataclass(frozen=True)
class Change:
    """One thing in A (before) and in B (after). reason: why the judgement is not known."""

    what: str
    quantity: Quantity
    before: Side
    after: Side
    judgement: Judgement
    reason: str


def compare_folders(a: Path, b: Path, baseline: bool = False) -> list[Change]:
    """Every gate, every load setting and its cost in A and B, in A's order, then what only B has.

    baseline: A is what B must not fall behind, so that what A measured and B did not is worse.
    Raises BadInput for a folder that is not one of results, or whose records were cut or changed.
    """
    for folder in (a, b):
        check_results_folder(folder)
        open_evidence(folder)
    ended_in_a = _ends_of_notebooks(a)
    ended_in_b = _ends_of_notebooks(b)
    broken = {gate.gate for gate in (*ended_in_a, *ended_in_b) if gate.status != "PASS"}
    sides_of_a = sides_of(a, [gate for gate in ended_in_a if gate.gate in broken])
    sides_of_b = sides_of(b, [gate for gate in ended_in_b if gate.gate in broken])
    changes = []
    for what in dict.fromkeys([*sides_of_a, *sides_of_b]):
        before = sides_of_a.get(what, Side())
        after = sides_of_b.get(what, Side())
        changes.append(_change(what, before, after, baseline))
    if not changes:
        problem = f"nothing to compare: no gates in {a} or {b}"
        raise BadInput(f"{problem}; run a profile into each: blipkit run tiny")
    return changes


def _ends_of_notebooks(folder: Path) -> list[Gate]:
    """How each notebook of a run ended, as a gate of its name."""
    notebooks = read_run(folder).notebooks
    gates = []
    for stem, notebook in notebooks.items():
        status = ENDED.get(notebook.status, "PASS")
        gates.append(worst_of(stem, "answer", [status]))
    return gates


def has_worsened(changes: Iterable[Change]) -> bool:
    """Whether something judged is worse."""
    return any(change.quantity.judged and change.judgement == "worse" for change in changes)


def in_a_line(changes: Sequence[Change]) -> str:
    """What the table comes to: how many got worse, and which; how many cannot be judged."""
    judged = [change for change in changes if change.quantity.judged]
    worse = [change.what for change in judged if change.judgement == "worse"]
    counted = f"{len(worse)} of {len(judged)} that are judged got worse"
    if worse:
        counted = f"{counted}: {'; '.join(worse)}"
    unknown = [change for change in judged if change.judgement == "not known"]
    return f"{counted}. Of {len(unknown)} it is not known"


def judge_intervals(before: Interval, after: Interval, more_is_better: bool = False) -> Judgement:
    """Whether a figure moved beyond both intervals; not known where an end is missing that could
    have told.
    """
    rose = None not in (before.high, after.low) and after.low > before.high
    fell = None not in (before.low, after.high) and after.high < before.low
    if rose or fell:
        return "better" if rose == more_is_better else "worse"
    if None in (before.low, before.high, after.low, after.high):
        return "not known"
    return "same"


def table(changes: Iterable[Change]):
    """The changes as a rich table."""
    return terminal_table(("what", "A", "B", "change", "judgement"), map(_cells, changes))


def differences_table(different: Differences):
    """What the systems do not share as a rich table."""
    return terminal_table(different.columns, different.lines)


def _change(what: str, before: Side, after: Side, baseline: bool) -> Change:
    differing = before.terms.differing(after.terms)
    notes = []
    for name in differing:
        in_a, in_b = (number(getattr(side.terms, name)) for side in (before, after))
        notes.append(f"{WORDS[name]} {in_a} in A, {in_b} in B")
    if notes:
        what = f"{what} ({'; '.join(notes)})"
    quantity = before.quantity or after.quantity
    unlike = ""
    if PRICED_BY & set(differing):
        unlike = "priced otherwise"
    if "basis" in differing:
        unlike = "one throughput is of clients who wait, or of other arrivals"
    moved = before.figure.value != after.figure.value
    if moved and TIMING_GATE in (before.quantity, after.quantity):
        quantity = TIMING_GATE
        unlike = "times are judged by their intervals"
    judgement, reason = _judge(quantity, before, after, unlike, baseline)
    return Change(what, quantity, before, after, judgement, reason)


def _judge(
    quantity: Quantity, before: Side, after: Side, unlike: str, baseline: bool
) -> tuple[Judgement, str]:
    """The judgement on A and B, and why it is not known; unlike: what they do not share, so that
    neither is better.
    """
    missing = [name for name, side in (("A", before), ("B", after)) if not side.is_measured]
    if missing:
        counts_as_worse = baseline and quantity.judged and missing == ["B"]
        judgement = "worse" if counts_as_worse else "not known"
        return judgement, f"not measured in {' and '.join(missing)}"
    if unlike:
        return "not known", unlike
    if not (before.has_interval and after.has_interval):
        return "not known", "no interval"
    judgement = judge_intervals(before.figure, after.figure, quantity.more_is_better)
    if judgement == "not known":
        return judgement, "n too small for an interval"
    return judgement, ""


def _cells(change: Change) -> tuple[str, ...]:
    what = ", ".join(filter(None, [change.what, change.quantity.unit]))
    judgement = change.judgement
    if not change.quantity.judged and judgement in ("better", "worse"):
        judgement += ", shown only"
    if change.reason:
        judgement += f": {change.reason}"
    return what, change.before.shown, change.after.shown, _relative(change), judgement


def _relative(change: Change) -> str:
    """By which share a figure changed; nothing for a gate, which has no unit."""
    before, after = change.before.figure.value, change.after.figure.value
    if not change.quantity.unit or not before or after is None:
        return ""
    return f"{after / before - 1:+.1%}"
