"""The report's own tables, as HTML: gates, what is missing, the systems, what differs, the
machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blipkit.cost.missing import MissingStep
from blipkit.cost.systems import systems_of
from blipkit.display.tables import number, table_html
from blipkit.machine.host import Machine
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.typed import records_of
from blipkit.report.differences import find_differences
from blipkit.report.verdict import Verdict

# a field of a `System` -> its column
SYSTEM_COLUMNS = {
    "machine": "machine",
    "arm": "arm",
    "setting": "servers-clients",
    "basis": "throughput by",
    "answers_per_s": "answers/s",
    "latency": "latency",
    "instance": "priced as",
    "region": "region",
    "price_as_of": "prices of",
    "usd_per_million": "USD per million good answers",
    "evidence": "evidence",
    "gap": "why it may not be compared",
}
# a field of a `MissingStep` -> its column
MISSING_COLUMNS = {
    "what": "what",
    "command": "command",
    "hours": "about hours",
    "usd": "about USD",
}
SIGNS = {"PASS": "✓", "WARN": "!", "FAIL": "✗", "INVALID": "?", "NOT-RUN": "–"}


@dataclass(frozen=True)
class Tables:
    """Each as HTML; "" for one that has nothing to show."""

    gates: str
    missing: str
    systems: str
    differences: str
    machine: str


def make_tables(verdict: Verdict, machine: Machine, folders: Sequence[Path]) -> Tables:
    """The tables of a verdict, of what environment.json says of its machine, and of the systems in
    these folders.
    """
    return Tables(
        gates=_gates_table(verdict.gates),
        missing=_missing_table(verdict.decision.missing),
        systems=_systems_table(folders),
        differences=_differences_table(folders),
        machine=_machine_table(machine),
    )


def _gates_table(gates: Sequence[Gate]) -> str:
    cells = [
        {
            "gate": gate.gate,
            "status": f"{SIGNS[gate.status]} {gate.status}",
            "measured": number(gate.measured),
            "limit": number(gate.limit),
            "evidence": gate.evidence,
            "reason": gate.reason,
            "what to do next": gate.next,
        }
        for gate in gates
    ]
    return table_html(cells, "Every check with its limit")


def _missing_table(missing: Sequence[MissingStep]) -> str:
    """To get what is missing; "" where nothing is."""
    return _table_of(missing, MISSING_COLUMNS, "To get the missing evidence")


def _systems_table(folders: Sequence[Path]) -> str:
    """The systems side by side; "" where nothing is priced."""
    caption = "Each system at its best setting within the latency target"
    return _table_of(systems_of(map(Results, folders)), SYSTEM_COLUMNS, caption)


def _table_of(rows: Sequence, columns: dict[str, str], caption: str) -> str:
    """What these columns (field -> title) show of the rows; "" where there is none."""
    if not rows:
        return ""
    records = records_of(rows)
    cells = [{title: record[name] for name, title in columns.items()} for record in records]
    return table_html(cells, caption)


def _differences_table(folders: Sequence[Path]) -> str:
    """What the systems do not share; "" where there is but one."""
    if len(folders) < 2:
        return ""
    different = find_differences(folders)
    cells = [dict(zip(different.columns, line, strict=True)) for line in different.lines]
    return table_html(cells, "What differs between the systems")


def _machine_table(machine: Machine) -> str:
    """What environment.json says, each library in a row of its own."""
    known = machine.facts()
    known.update(known.pop("versions"))
    cells = [{"what": what, "seen": str(value)} for what, value in known.items()]
    return table_html(cells, "The machine and its libraries")
