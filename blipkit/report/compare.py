"""What changed from one results folder to another: gates by their status, times and cost by their
intervals.

Only what was recorded is compared; nothing is measured or judged again. What else the systems do
not share is said by blipkit/cost/systems.py, without which a change means little.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from blipkit.cost.systems import placement_note
from blipkit.display.tables import number, terminal_table
from blipkit.errors import BadInput
from blipkit.records.documents import check_results_folder
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.run_record import read_run

Judgement = Literal["better", "worse", "same", "not known"]
Interval = tuple[float | None, float | None]
# the less the better; what is not here was not measured
RANK = {"PASS": 0, "WARN": 1, "FAIL": 2, "INVALID": 3}
PRICED_BY = {"instance", "region", "option"}
# what a row says of itself -> how it is called
NOTED = {
    "limit": "limit",
    "instance": "priced as",
    "region": "region",
    "option": "option",
    "price_as_of": "prices of",
    "evidence": "evidence",
}
OVERHEAD = "null"  # the runner that measures the kit itself
ENDED = {"stopped": "FAIL", "skipped": "NOT-RUN"}  # else a notebook ran to its gates


class Figure(NamedTuple):
    """A figure of a record, and whether its change counts in the exit status.

    key: with {} where the ends of its 95 % interval have _low and _high.
    """

    name: str
    key: str
    unit: str
    more_is_better: bool = False
    judged: bool = True


GATE = Figure("gate", "", "")
TIMING_GATE = Figure("gate", "", "", judged=False)
FIGURES = {
    "concurrency": (
        Figure("p50", "p50{}_ms", "ms", judged=False),
        Figure("p90", "p90{}_ms", "ms"),
        Figure("p99", "p99{}_ms", "ms"),
        Figure("throughput", "answers_per_s{}", "answers/s", more_is_better=True, judged=False),
    ),
    "cost": (Figure("cost", "usd_per_million{}", "USD per million good answers"),),
}


class Side(NamedTuple):
    """A figure in one of the folders, as it is shown; `about`: what its row says of itself.

    value: None where it was not measured. interval: None where there is none, one end where n
    cannot bound it.
    """

    figure: Figure | None = None
    shown: str = "-"
    value: float | None = None
    interval: Interval | None = None
    about: dict = {}


class Change(NamedTuple):
    """One thing in A (before) and in B (after). reason: why the judgement is not known."""

    what: str
    figure: Figure
    before: Side
    after: Side
    judgement: Judgement
    reason: str


def compare_folders(a: Path, b: Path, baseline: bool = False) -> list[Change]:
    """Every gate, every load setting and its cost in A and B, in A's order, then what only B has.

    baseline: A is what B must not fall behind, so that what A measured and B did not is worse.
    Raises BadInput for a folder that is not one of results.
    """
    for folder in (a, b):
        check_results_folder(folder)
    ended_in_a = _ended(a)
    ended_in_b = _ended(b)
    broken = _broken(ended_in_a) | _broken(ended_in_b)
    sides_of_a = _sides(a, ended_in_a, broken)
    sides_of_b = _sides(b, ended_in_b, broken)
    changes = []
    for what in dict.fromkeys([*sides_of_a, *sides_of_b]):
        before = sides_of_a.get(what, Side())
        after = sides_of_b.get(what, Side())
        changes.append(_change(what, before, after, baseline))
    if not changes:
        said = f"nothing to compare: no gates in {a} or {b}"
        raise BadInput(f"{said}; run a profile into each: blipkit run tiny")
    return changes


def _ended(folder: Path) -> dict[str, str]:
    """Notebook -> how it ended, as the status of a gate."""
    chapters = read_run(folder).notebooks
    return {stem: ENDED.get(ended.status, "PASS") for stem, ended in chapters.items()}


def _broken(ended: dict[str, str]) -> set[str]:
    """The notebooks that did not run to their gates."""
    return {stem for stem, status in ended.items() if status != "PASS"}


def exit_status(changes: Iterable[Change]) -> int:
    """1 where something judged is worse, else 0."""
    return int(any(change.figure.judged and change.judgement == "worse" for change in changes))


def judge_intervals(before: Interval, after: Interval, more_is_better: bool = False) -> Judgement:
    """Whether a figure moved beyond both intervals; not known where an end is missing that could
    have told.
    """
    a_low, a_high = before
    b_low, b_high = after
    rose = None not in (a_high, b_low) and b_low > a_high
    fell = None not in (a_low, b_high) and b_high < a_low
    if rose or fell:
        return "better" if rose == more_is_better else "worse"
    if None in (*before, *after):
        return "not known"
    return "same"


def table(changes: Iterable[Change]):
    """The changes as a rich table."""
    return terminal_table(("what", "A", "B", "change", "judgement"), map(_cells, changes))


def differences_table(rows: list[dict]):
    """The rows of `differences` as a rich table."""
    columns = ("what",)
    if rows:
        columns = tuple(rows[0])
    return terminal_table(columns, (row.values() for row in rows))


def _sides(folder: Path, ended: dict[str, str], broken: set[str]) -> dict[str, Side]:
    """Every gate and figure of a folder by its name; how those notebooks `ended` that are `broken`
    in either folder is shown as a gate, too.
    """
    results = Results(folder)
    gates = results.gates()
    for stem, status in ended.items():
        if stem in broken:
            gates.append(Gate(stem, "answer", status))
    sides = {gate.gate: _gate_side(gate) for gate in gates}
    for kind, figures in FIGURES.items():
        for row in results.rows(kind):
            if row["arm"].split()[0] == OVERHEAD:
                continue
            system = f"{row['arm']}{placement_note(row)}"
            setting = f"{system}, servers {row['servers']}, clients {row['clients']}"
            for figure in figures:
                sides[f"{setting}: {figure.name}"] = _figure_side(figure, row)
    return sides


def _gate_side(gate: Gate) -> Side:
    """A gate's status with what it measured."""
    rank = RANK.get(gate.status)
    figure = TIMING_GATE if gate.kind == "timing" else GATE
    shown = gate.status
    if gate.measured is not None:
        shown = f"{shown} ({number(gate.measured)})"
    return Side(figure, shown, rank, (rank, rank), vars(gate))


def _figure_side(figure: Figure, row: dict) -> Side:
    """A figure with its interval, a question mark where an end is not known."""
    value = _finite(row, figure.key.format(""))
    low = _finite(row, figure.key.format("_low"))
    high = _finite(row, figure.key.format("_high"))
    if low is None and high is None:
        return Side(figure, number(value), value, None, row)
    shown = f"{number(value)} ({_end(low)} to {_end(high)})"
    return Side(figure, shown, value, (low, high), row)


def _finite(row: dict, key: str) -> float | None:
    """A row's figure; None where it has none, or one that is no number."""
    value = row.get(key)
    if value is None or not math.isfinite(value):
        return None
    return value


def _end(value: float | None) -> str:
    """An end of an interval, as it is shown."""
    return "?" if value is None else number(value)


def _change(what: str, before: Side, after: Side, baseline: bool) -> Change:
    differs = _unlike(before.about, after.about)
    notes = [
        f"{NOTED[key]} {number(before.about[key])} in A, {number(after.about[key])} in B"
        for key in differs
    ]
    if notes:
        what = f"{what} ({'; '.join(notes)})"
    figure = before.figure or after.figure
    unlike = ""
    if PRICED_BY & set(differs):
        unlike = "priced otherwise"
    if TIMING_GATE in (before.figure, after.figure) and before.value != after.value:
        figure = TIMING_GATE
        unlike = "times are judged by their intervals"
    return Change(what, figure, before, after, *_judge(figure, before, after, unlike, baseline))


def _unlike(a: dict, b: dict) -> list[str]:
    """What two rows say otherwise of themselves, those of `NOTED` that both say."""
    said = [key for key in NOTED if None not in (a.get(key), b.get(key))]
    return [key for key in said if a[key] != b[key]]


def _judge(
    figure: Figure, before: Side, after: Side, unlike: str, baseline: bool
) -> tuple[Judgement, str]:
    """The judgement on A and B, and why it is not known; unlike: what they do not share, so that
    neither is better.
    """
    missing = [name for name, side in (("A", before), ("B", after)) if side.value is None]
    if missing:
        counts_as_worse = baseline and figure.judged and missing == ["B"]
        judgement = "worse" if counts_as_worse else "not known"
        return judgement, f"not measured in {' and '.join(missing)}"
    if unlike or None in (before.interval, after.interval):
        return "not known", unlike or "no interval"
    judgement = judge_intervals(before.interval, after.interval, figure.more_is_better)
    if judgement == "not known":
        return judgement, "n too small for an interval"
    return judgement, ""


def _cells(change: Change) -> tuple[str, ...]:
    what = ", ".join(filter(None, [change.what, change.figure.unit]))
    judgement = change.judgement
    if not change.figure.judged and judgement in ("better", "worse"):
        judgement += ", shown only"
    if change.reason:
        judgement += f": {change.reason}"
    return what, change.before.shown, change.after.shown, _relative(change), judgement


def _relative(change: Change) -> str:
    """By which share a figure changed; nothing for a gate, which has no unit."""
    before, after = change.before.value, change.after.value
    if not change.figure.unit or not before or after is None:
        return ""
    return f"{after / before - 1:+.1%}"
