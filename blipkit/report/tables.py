"""The report's own tables, as HTML: gates, what is missing, the systems, what differs, the
machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blipkit.cost.missing import MissingStep
from blipkit.cost.systems import side_by_side, systems_of
from blipkit.display.tables import counted, folded_html, number, table_html
from blipkit.machine.host import Machine
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.report.differences import find_differences
from blipkit.report.verdict import Verdict

SIGNS = {"PASS": "✓", "WARN": "!", "FAIL": "✗", "INVALID": "?", "NOT-RUN": "–"}


@dataclass(frozen=True)
class Tables:
    """Each as HTML; "" for one that has nothing to show."""

    unpassed: str
    passed: str
    missing: str
    systems: str
    differences: str
    machine: str


def make_tables(verdict: Verdict, machine: Machine, folders: Sequence[Path]) -> Tables:
    """The tables of a verdict, of what environment.json says of its machine, and of the systems in
    these folders.
    """
    return Tables(
        unpassed=_unpassed_table([gate for gate in verdict.gates if gate.status != "PASS"]),
        passed=_passed_table([gate for gate in verdict.gates if gate.status == "PASS"]),
        missing=_missing_table(verdict.decision.missing),
        systems=_systems_table(folders),
        differences=_differences_table(folders),
        machine=_machine_table(machine),
    )


def _unpassed_table(gates: Sequence[Gate]) -> str:
    """The gates that a reader has to know of; "" where there is none."""
    if not gates:
        return ""
    return table_html(
        list(map(_gate_cells, gates)), "Every check that did not pass, with its limit"
    )


def _passed_table(gates: Sequence[Gate]) -> str:
    """The gates that passed, folded; "" where there is none."""
    if not gates:
        return ""
    caption = f"{counted(len(gates), 'check')} passed: what each measured, and its limit"
    return folded_html(list(map(_gate_cells, gates)), caption)


def _gate_cells(gate: Gate) -> dict[str, str]:
    return {
        "gate": gate.gate,
        "status": f"{SIGNS[gate.status]} {gate.status}",
        "measured": number(gate.measured),
        "limit": number(gate.limit),
        "unit": gate.unit,
        "evidence": gate.evidence,
        "reason": gate.reason,
        "what to do next": gate.next,
    }


def _missing_table(missing: Sequence[MissingStep]) -> str:
    """To get what is missing; "" where nothing is."""
    if not missing:
        return ""
    cells = [
        {"what": one.what, "command": one.command, "about hours": one.hours, "about USD": one.usd}
        for one in missing
    ]
    return table_html(cells, "To get the missing evidence")


def _systems_table(folders: Sequence[Path]) -> str:
    """The systems side by side; "" where nothing is priced."""
    cells = list(map(side_by_side, systems_of(map(Results, folders))))
    if not cells:
        return ""
    return table_html(cells, "Each system at its best setting within the latency target")


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
