"""What changed from one results folder to another: gates by their status, times and cost by their intervals.

Only what was recorded is compared; nothing is measured or judged again. What else the systems do not share is said by
blipkit/systems.py, without which a change means little.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from blipkit.errors import BadInput
from blipkit.figures import terminal_table
from blipkit.records import Gate, Results, read_document
from blipkit.systems import check_folder, placement_note
from blipkit.verdict import number

Judgement = Literal["better", "worse", "same", "not known"]
Interval = tuple[float | None, float | None]
RANK = {"PASS": 0, "WARN": 1, "FAIL": 2, "INVALID": 3}  # the less the better; what is not here was not measured
SETTING = ("arm", "placement", "servers", "clients")
PRICED_BY = ("instance", "region", "option")
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


LOAD = (
    Figure("p50", "p50{}_ms", "ms", judged=False),
    Figure("p90", "p90{}_ms", "ms"),
    Figure("p99", "p99{}_ms", "ms"),
    Figure("throughput", "answers_per_s{}", "answers/s", more_is_better=True, judged=False),
)
COST = (Figure("cost", "usd_per_million{}", "USD per million answers"),)


class Change(NamedTuple):
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
    return terminal_table(("what", "A", "B", "change", "judgement"), map(_cells, changes))


def differences_table(rows: list[dict]):
    """The rows of `differences` as a rich table."""
    return terminal_table(tuple(rows[0]) if rows else ("what",), (row.values() for row in rows))


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


def _pairs(before: list[dict], after: list[dict], keys: Sequence[str]) -> list[tuple[dict, dict]]:
    """Rows that agree in `keys`, in the order of `before`, then what is left of `after`; {} where there is no other."""
    a, b = ({tuple(row[key] for key in keys): row for row in rows} for rows in (before, after))
    return [(a.get(place, {}), b.get(place, {})) for place in a | b]


def _gate_change(before: dict, after: dict, baseline: bool) -> Change:
    answer = "timing" not in (before.get("kind"), after.get("kind"))
    ranks = [RANK.get(one.get("status")) for one in (before, after)]
    unlike = "" if answer or ranks[0] == ranks[1] else "times are judged by their intervals"
    judgement, reason = _judge(ranks, [(rank, rank) for rank in ranks], baseline and answer, unlike=unlike)
    what = (before or after)["gate"] + _notes(before, after, ("limit", "evidence"))
    return Change(what, _status(before), _status(after), judgement=judgement, judged=answer, reason=reason)


def _figure_change(figure: Figure, before: dict, after: dict, baseline: bool) -> Change:
    row = before or after
    values = [_known(one.get(figure.key.format(""))) for one in (before, after)]
    intervals = [_interval(one, figure) for one in (before, after)]
    unlike = "priced otherwise" if any(before.get(key) != after.get(key) for key in PRICED_BY) else ""
    judgement, reason = _judge(values, intervals, baseline and figure.judged, figure.more_is_better, unlike)
    what = f"{row['arm']}{placement_note(row)}, servers {row['servers']}, clients {row['clients']}: {figure.name}"
    what += _notes(before, after, (*PRICED_BY, "price_as_of", "evidence"))
    return Change(what, *values, *intervals, figure.unit, judgement, figure.judged, reason)


def _judge(values, intervals, must_be_there: bool, more_is_better=False, unlike="") -> tuple[Judgement, str]:
    """The judgement on A and B, and why it is not known; unlike: what they do not share, so that neither is better."""
    missing = [name for name, value in zip("AB", values, strict=True) if value is None]
    if missing:
        judgement = "worse" if must_be_there and missing == ["B"] else "not known"
        return judgement, f"not measured in {' and '.join(missing)}"
    if unlike or None in intervals:
        return "not known", unlike or "no interval"
    judgement = judge_intervals(*intervals, more_is_better)
    return judgement, "n too small for an interval" if judgement == "not known" else ""


def _notes(before: dict, after: dict, keys: Sequence[str]) -> str:
    """What both rows say of how they were judged or priced, where they disagree."""
    words = {"instance": "priced as", "price_as_of": "prices of"}
    differs = [key for key in keys if None not in (before.get(key), after.get(key)) and before[key] != after[key]]
    notes = [f"{words.get(key, key)} {number(before[key])} in A, {number(after[key])} in B" for key in differs]
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
    keys = [figure.key.format(end) for end in ("_low", "_high")]
    return tuple(_known(row.get(key)) for key in keys) if any(key in row for key in keys) else None


def _cells(change: Change) -> tuple[str, ...]:
    is_ratio = change.unit and change.before and change.after is not None  # a gate has no unit
    relative = f"{change.after / change.before - 1:+.1%}" if is_ratio else ""
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
