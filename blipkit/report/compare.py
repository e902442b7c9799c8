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
from blipkit.records.documents import check_results_folder, read_document
from blipkit.records.gates import Gate
from blipkit.records.results import Results

Judgement = Literal["better", "worse", "same", "not known"]
Interval = tuple[float | None, float | None]
RANK = {
    "PASS": 0,
    "WARN": 1,
    "FAIL": 2,
    "INVALID": 3,
}  # the less the better; what is not here was not measured
PRICED_BY = {"instance", "region", "option"}
NOTED = {
    "limit": "limit",
    "instance": "priced as",
    "region": "region",
    "option": "option",
}  # what a row says of itself
NOTED |= {"price_as_of": "prices of", "evidence": "evidence"}
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


GATE, TIMING_GATE = Figure("gate", "", ""), Figure("gate", "", "", judged=False)
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
    runs = [read_document(folder / "run.json").get("notebooks", {}) for folder in (a, b)]
    broken = {stem for run in runs for stem, one in run.items() if one["status"] in ENDED}
    ends = [
        {stem: ENDED.get(run[stem]["status"], "PASS") for stem in run if stem in broken}
        for run in runs
    ]
    before, after = (_sides(Results(folder), own) for folder, own in zip((a, b), ends, strict=True))
    if not before | after:
        raise BadInput(
            f"nothing to compare: no gates in {a} or {b}; run a profile into each: blipkit run tiny"
        )
    return [
        _change(what, before.get(what, Side()), after.get(what, Side()), baseline)
        for what in before | after
    ]


def exit_status(changes: Iterable[Change]) -> int:
    """1 where something judged is worse, else 0."""
    return int(any(change.figure.judged and change.judgement == "worse" for change in changes))


def judge_intervals(before: Interval, after: Interval, more_is_better: bool = False) -> Judgement:
    """Whether a figure moved beyond both intervals; not known where an end is missing that could
    have told.
    """
    (a_low, a_high), (b_low, b_high) = before, after
    rose = None not in (a_high, b_low) and b_low > a_high
    fell = None not in (a_low, b_high) and b_high < a_low
    if rose or fell:
        return "better" if rose == more_is_better else "worse"
    return "not known" if None in (*before, *after) else "same"


def table(changes: Iterable[Change]):
    """The changes as a rich table."""
    return terminal_table(("what", "A", "B", "change", "judgement"), map(_cells, changes))


def differences_table(rows: list[dict]):
    """The rows of `differences` as a rich table."""
    return terminal_table(tuple(rows[0]) if rows else ("what",), (row.values() for row in rows))


def _sides(results: Results, ends: dict[str, str]) -> dict[str, Side]:
    """Every gate and figure of a folder by its name; ends: how those notebooks ended that are shown
    as gates.
    """
    gates = [*results.gates(), *(Gate(stem, "answer", status) for stem, status in ends.items())]
    sides = {gate.gate: _gate_side(gate) for gate in gates}
    for kind, figures in FIGURES.items():
        for row in results.rows(kind):
            setting = (
                f"{row['arm']}{placement_note(row)}, servers {row['servers']}, clients "
                f"{row['clients']}"
            )
            if row["arm"].split()[0] != OVERHEAD:
                sides |= {
                    f"{setting}: {figure.name}": _figure_side(figure, row) for figure in figures
                }
    return sides


def _gate_side(gate: Gate) -> Side:
    """A gate's status with what it measured."""
    rank = RANK.get(gate.status)
    shown = gate.status if gate.measured is None else f"{gate.status} ({number(gate.measured)})"
    return Side(
        TIMING_GATE if gate.kind == "timing" else GATE, shown, rank, (rank, rank), vars(gate)
    )


def _figure_side(figure: Figure, row: dict) -> Side:
    """A figure with its interval, a question mark where an end is not known."""
    found = [row.get(figure.key.format(end)) for end in ("", "_low", "_high")]
    value, *ends = (one if one is not None and math.isfinite(one) else None for one in found)
    if ends == [None, None]:
        return Side(figure, number(value), value, None, row)
    low, high = ("?" if end is None else number(end) for end in ends)
    return Side(figure, f"{number(value)} ({low} to {high})", value, tuple(ends), row)


def _change(what: str, before: Side, after: Side, baseline: bool) -> Change:
    figure, a, b = before.figure or after.figure, before.about, after.about
    differs = [key for key in NOTED if None not in (a.get(key), b.get(key)) and a[key] != b[key]]
    notes = [f"{NOTED[key]} {number(a[key])} in A, {number(b[key])} in B" for key in differs]
    what += f" ({'; '.join(notes)})" if notes else ""
    unlike = "priced otherwise" if PRICED_BY & set(differs) else ""
    if TIMING_GATE in (before.figure, after.figure) and before.value != after.value:
        figure, unlike = TIMING_GATE, "times are judged by their intervals"
    return Change(what, figure, before, after, *_judge(figure, before, after, unlike, baseline))


def _judge(
    figure: Figure, before: Side, after: Side, unlike: str, baseline: bool
) -> tuple[Judgement, str]:
    """The judgement on A and B, and why it is not known; unlike: what they do not share, so that
    neither is better.
    """
    missing = [name for name, side in (("A", before), ("B", after)) if side.value is None]
    if missing:
        judgement = "worse" if baseline and figure.judged and missing == ["B"] else "not known"
        return judgement, f"not measured in {' and '.join(missing)}"
    if unlike or None in (before.interval, after.interval):
        return "not known", unlike or "no interval"
    judgement = judge_intervals(before.interval, after.interval, figure.more_is_better)
    return judgement, "n too small for an interval" if judgement == "not known" else ""


def _cells(change: Change) -> tuple[str, ...]:
    what, figure, before, after, judgement, reason = change
    is_ratio = figure.unit and before.value and after.value is not None  # a gate has no unit
    relative = f"{after.value / before.value - 1:+.1%}" if is_ratio else ""
    if not figure.judged and judgement in ("better", "worse"):
        judgement += ", shown only"
    what = f"{what}, {figure.unit}" if figure.unit else what
    return (
        what,
        before.shown,
        after.shown,
        relative,
        f"{judgement}: {reason}" if reason else judgement,
    )
