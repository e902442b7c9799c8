"""What changed from one results folder to another: gates by their status, times and cost by their intervals.

Only what was recorded is compared; nothing is measured or judged again. What else the systems do not share is said by
blipkit/systems.py, without which a change means little.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from blipkit.errors import BadInput
from blipkit.records import Gate, Results
from blipkit.systems import check_folder, placement_note, read_document
from blipkit.verdict import number

Judgement = Literal["better", "worse", "same", "not known"]
Interval = tuple[float | None, float | None]
BEST_FIRST = ("PASS", "WARN", "FAIL", "INVALID")
SETTING = ("arm", "placement", "servers", "clients")
PRICED_BY = ("instance", "region", "option")
OVERHEAD = "null"  # the runner that measures the kit itself
ENDED = {"stopped": "FAIL", "skipped": "NOT-RUN"}  # else a notebook ran to its gates


@dataclass(frozen=True)
class Figure:
    """A figure of a record: its key, those of its 95 % interval, and whether its change counts in the exit status."""

    name: str
    key: str
    low: str
    high: str
    unit: str
    more_is_better: bool = False
    judged: bool = True


LOAD = (
    Figure("p50", "p50_ms", "p50_low_ms", "p50_high_ms", "ms", judged=False),
    Figure("p99", "p99_ms", "p99_low_ms", "p99_high_ms", "ms"),
    Figure("throughput", "answers_per_s", "answers_per_s_low", "answers_per_s_high", "answers/s", True, judged=False),
)
COST = (Figure("cost", "usd_per_million", "usd_per_million_low", "usd_per_million_high", "USD per million answers"),)


@dataclass(frozen=True)
class Change:
    """One thing in A (before) and in B (after).

    An interval's end is None where n cannot bound it. judged: whether "worse" makes the exit status 1. reason: why
    the judgement is not known.
    """

    what: str
    before: float | str | None
    after: float | str | None
    before_interval: Interval | None = None
    after_interval: Interval | None = None
    unit: str = ""
    judgement: Judgement = "not known"
    judged: bool = True
    reason: str = ""


def compare_folders(a: Path, b: Path, baseline: bool = False) -> list[Change]:
    """Every gate, every load setting and its cost in A and B, in A's order, then what only B has.

    baseline: A is what B must not fall behind, so that what A measured and B did not is worse. Raises BadInput for a
    folder that is not one of results.
    """
    for folder in (a, b):
        check_folder(folder)
    changes = [_gate_change(*pair, baseline) for pair in _pairs(*_gates(a, b), ["gate"])]
    for kind, figures in (("concurrency", LOAD), ("cost", COST)):
        for before, after in _pairs(_rows(a, kind), _rows(b, kind), SETTING):
            changes += [_figure_change(figure, before, after, baseline) for figure in figures]
    if not changes:
        raise BadInput(f"nothing to compare: no gates in {a} or {b}; run a profile into each: blipkit run tiny")
    return changes


def exit_status(changes: Iterable[Change]) -> int:
    """1 where something judged is worse, else 0."""
    return int(any(change.judged and change.judgement == "worse" for change in changes))


def judge_intervals(before: Interval, after: Interval, more_is_better: bool = False) -> Judgement:
    """Whether a figure moved beyond both intervals; not known where an end is missing that could have told."""
    (a_low, a_high), (b_low, b_high) = before, after
    if a_high is not None and b_low is not None and b_low > a_high:
        return "better" if more_is_better else "worse"
    if a_low is not None and b_high is not None and b_high < a_low:
        return "worse" if more_is_better else "better"
    return "not known" if None in (*before, *after) else "same"


def table(changes: Iterable[Change]):
    """The changes as a rich table."""
    return _rich_table(("what", "A", "B", "change", "judgement"), map(_cells, changes))


def differences_table(rows: list[dict]):
    """The rows of `differences` as a rich table."""
    return _rich_table(tuple(rows[0]) if rows else ("what",), (row.values() for row in rows))


def _rows(folder: Path, kind: str) -> list[dict]:
    results = Results(folder)
    rows = results.read(kind) if results.has(kind) else []
    # rows of older kits have no placement: there was one
    return [{"placement": "threads", **row} for row in rows if row["arm"].split()[0] != OVERHEAD]


def _gates(*folders: Path) -> list[list[dict]]:
    """The gates of each folder; a notebook that one of them did not get through is a gate in all."""
    runs = [read_document(folder / "run.json").get("notebooks", {}) for folder in folders]
    broken = {stem for run in runs for stem, one in run.items() if one["status"] in ENDED}
    found = []
    for folder, run in zip(folders, runs, strict=True):
        ends = [Gate(stem, "answer", ENDED.get(run[stem]["status"], "PASS")) for stem in run if stem in broken]
        found.append([vars(gate) for gate in (*Results(folder).gates(), *ends)])
    return found


def _pairs(before: list[dict], after: list[dict], keys: Sequence[str]) -> Iterator[tuple[dict, dict]]:
    """Rows that agree in `keys`, in the order of `before`, then what is left of `after`; {} where there is no other."""
    left = list(after)
    for row in before:
        other = next((one for one in left if all(one[key] == row[key] for key in keys)), {})
        if other:
            left.remove(other)
        yield row, other
    yield from (({}, other) for other in left)


def _gate_change(before: dict, after: dict, baseline: bool) -> Change:
    gate = before or after
    answer = "timing" not in (before.get("kind"), after.get("kind"))
    was, now = (BEST_FIRST.index(g["status"]) if g.get("status") in BEST_FIRST else None for g in (before, after))
    judgement, reason = _unmeasured(was, now, baseline and answer)
    if judgement is None and was == now:
        judgement = "same"
    elif judgement is None and answer:
        judgement = "worse" if now > was else "better"
    elif judgement is None:
        judgement, reason = "not known", "times are judged by their intervals"
    what = gate["gate"] + _notes(before, after, ("limit", "evidence"))
    return Change(what, _status(before), _status(after), judgement=judgement, judged=answer, reason=reason)


def _figure_change(figure: Figure, before: dict, after: dict, baseline: bool) -> Change:
    row = before or after
    values = [_known(one.get(figure.key)) for one in (before, after)]
    intervals = [_interval(one, figure) for one in (before, after)]
    judgement, reason = _unmeasured(*values, baseline and figure.judged)
    if judgement is None and any(before.get(key) != after.get(key) for key in PRICED_BY):
        judgement, reason = "not known", "priced otherwise"
    elif judgement is None and None in intervals:
        judgement, reason = "not known", "no interval"
    elif judgement is None:
        judgement = judge_intervals(*intervals, figure.more_is_better)
        reason = "n too small for an interval" if judgement == "not known" else ""
    what = f"{row['arm']}{placement_note(row)}, servers {row['servers']}, clients {row['clients']}: {figure.name}"
    what += _notes(before, after, (*PRICED_BY, "price_as_of", "evidence"))
    return Change(what, *values, *intervals, figure.unit, judgement, figure.judged, reason)


def _unmeasured(before, after, must_be_there: bool) -> tuple[Judgement | None, str]:
    """The judgement where A or B measured nothing, and why; None where both did."""
    missing = [name for name, value in (("A", before), ("B", after)) if value is None]
    if not missing:
        return None, ""
    judgement = "worse" if must_be_there and missing == ["B"] else "not known"
    return judgement, f"not measured in {' and '.join(missing)}"


def _notes(before: dict, after: dict, keys: Sequence[str]) -> str:
    """What both rows say of how they were judged or priced, where they disagree."""
    words = {"instance": "priced as", "price_as_of": "prices of"}
    shared = [key for key in keys if before.get(key) is not None and after.get(key) is not None]
    notes = [
        f"{words.get(key, key)} {number(before[key])} in A, {number(after[key])} in B"
        for key in shared
        if before[key] != after[key]
    ]
    return f" ({'; '.join(notes)})" if notes else ""


def _status(gate: dict) -> str | None:
    """A gate's status with what it measured; None where there is no gate."""
    measured = "" if gate.get("measured") is None else f" ({number(gate['measured'])})"
    return gate["status"] + measured if gate else None


def _known(value) -> float | None:
    """A finite number, or None."""
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def _interval(row: dict, figure: Figure) -> Interval | None:
    """The figure's interval; None where the row has none at all."""
    keys = (figure.low, figure.high)
    return tuple(_known(row.get(key)) for key in keys) if any(key in row for key in keys) else None


def _cells(change: Change) -> tuple[str, ...]:
    relative = ""
    if all(isinstance(value, (int, float)) for value in (change.before, change.after)) and change.before:
        relative = f"{change.after / change.before - 1:+.1%}"
    judgement = change.judgement
    if not change.judged and judgement in ("better", "worse"):
        judgement += ", shown only"
    return (
        f"{change.what}, {change.unit}" if change.unit else change.what,
        _with_interval(change.before, change.before_interval),
        _with_interval(change.after, change.after_interval),
        relative,
        f"{judgement}: {change.reason}" if change.reason else judgement,
    )


def _with_interval(value: float | str | None, interval: Interval | None) -> str:
    if interval is None:
        return number(value)
    low, high = ("?" if end is None else number(end) for end in interval)
    return f"{number(value)} ({low} to {high})"


def _rich_table(columns: Sequence[str], rows: Iterable[Iterable[str]]):
    from rich.table import Table
    from rich.text import Text

    made = Table(*columns)
    for row in rows:
        made.add_row(*map(Text, row))  # Text: what a record says is no markup
    return made
