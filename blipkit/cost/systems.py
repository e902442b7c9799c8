"""The systems that results folders describe: each at its best setting, and what keeps it out."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from blipkit.cost.prices import Price
from blipkit.cost.provenance import Gap, gaps_in_evidence
from blipkit.cost.rows import AnswerCost, Choices, Conditions, CostRow
from blipkit.cost.throughput import CHAPTER
from blipkit.load.arm_choice import DECISIONS_GATE, PARITY_GATE
from blipkit.load.setting import name_of
from blipkit.load.summary import STABLE
from blipkit.machine.host import Machine
from blipkit.records.documents import find_folder
from blipkit.records.environment import recorded_kind
from blipkit.records.gates import Gate, not_run
from blipkit.records.results import Results
from blipkit.records.typed import part, row_of

# Gates of a system that must pass -> the notebook that judges them.
NEEDED_GATES = {
    PARITY_GATE: "03_parity",
    DECISIONS_GATE: "03_parity",
    "answers under load": "04_concurrency",
    "requests conserved": "04_concurrency",
    "latency target": "04_concurrency",
}
# of one whose throughput is a rate of arrivals
NEEDED_BY_ARRIVALS = {"rate holds target": CHAPTER, "generator kept up": CHAPTER}
PLATFORM_GATE = "platform_support"  # must have been judged, whatever it says
NEEDED_ON_NEURON = {
    "execution parity": "03_parity",
    "execution load": "04_concurrency",
    PLATFORM_GATE: "00_environment",
}


@dataclass(frozen=True, kw_only=True)
class System:
    """A machine and an arm at the best setting that 04 found for it, priced.

    machine, profile: their names; kind: of machine, as `machine_kind` has it, "unknown" where the
    folder does not say; folder: of its results; setting, choices, latency: in words; gap: the first
    of `gaps`, "" without any.
    """

    machine: str
    profile: str
    kind: str
    folder: str
    setting: str
    choices: str
    latency: str
    row: CostRow = part()
    gaps: list[Gap]
    gap: str

    @property
    def arm(self) -> str:
        """The runner and its precision."""
        return self.row.arm

    @property
    def is_ruled_out(self) -> bool:
        """Whether its answers were measured, and are not the reference's."""
        return any(gap.ruled_out for gap in self.gaps)

    @property
    def instance(self) -> str:
        """What the machine is priced as."""
        return self.row.price.instance

    @property
    def cost(self) -> AnswerCost:
        """What a million good answers cost on it."""
        return self.row.cost

    @property
    def title(self) -> str:
        """The instance and the arm."""
        return f"{self.instance}, {self.arm}"


def side_by_side(system: System) -> dict[str, Any]:
    """What a table of systems shows of one, by column."""
    price = system.row.price
    return {
        "machine": system.machine,
        "arm": system.arm,
        "servers-clients": system.setting,
        "throughput by": system.row.basis,
        "answers/s": system.row.answers_per_s.value,
        "latency": system.latency,
        "priced as": f"{price.instance}, {price.option}, {price.region}, {price.price_as_of}",
        "USD per million good answers": system.cost.usd_per_million.value,
        "evidence": price.evidence,
        "why it may not be compared": system.gap,
    }


def is_instance(machine: Machine, price: Price) -> bool:
    """Whether a machine shows the vCPUs and accelerators of the instance that it is priced as."""
    devices = machine.neuron_devices or machine.gpus
    if not devices:
        return False
    name = re.compile(rf"\b{re.escape(price.accelerator)}\b")
    named = all(name.search(gpu.lower()) for gpu in machine.gpus)
    return named and len(devices) == price.accelerator_count and machine.cores == price.vcpu


@dataclass(frozen=True)
class Origin:
    """What a record says of where it was measured, and by which profile."""

    machine: str
    profile: str


def find_results(name: str) -> Path:
    """A folder with results of 05: by path, by name in results/, or <machine>/<profile> in
    results/published/.
    """
    return find_folder(name, "cost", "05_cost")


def systems_of(folders: Iterable[Results]) -> list[System]:
    """One for each results folder and arm that has an operating point."""
    systems = []
    for results in folders:
        gates = results.gates()
        kind = recorded_kind(results)
        for record in results.rows("cost"):
            row = row_of(CostRow, record)
            if not row.best:
                continue
            origin = row_of(Origin, record)
            gaps = gaps_of(row, origin.machine, kind, gates)
            gaps += gaps_in_evidence(results, row, origin.machine)
            systems.append(
                System(
                    machine=origin.machine,
                    profile=origin.profile,
                    kind=kind,
                    folder=str(results.folder),
                    setting=name_of(row),
                    choices=(row.choices or Choices()).in_words(),
                    latency=row.latency_text,
                    row=row,
                    gaps=gaps,
                    gap=next((gap.reason for gap in gaps), ""),
                )
            )
    return systems


def gaps_of(row: CostRow, machine: str, kind: str, gates: list[Gate]) -> list[Gap]:
    """What keeps a system out of a verdict, given every gate of its folder."""
    arm = row.arm
    needed = {name.format(arm=arm): notebook for name, notebook in NEEDED_GATES.items()}
    if kind == "neuron":
        needed.update(NEEDED_ON_NEURON)
    if row.is_by_arrivals:
        needed.update(NEEDED_BY_ARRIVALS)
    judged = {gate.gate: gate for gate in gates if not _of_other_arm(gate.gate, arm)}
    for name in needed:
        judged.setdefault(name, not_run(name, kind="answer", reason=""))
    gaps = []
    for name, gate in judged.items():
        if gate.status not in _allowed(name, needed):
            parts = [f"{name} is {gate.status}", gate.reason, gate.next]
            reason = "; ".join(filter(None, parts))
            gaps.append(Gap(reason, needed.get(name, ""), _is_ruled_out(gate)))
    if row.state != STABLE:
        notebook = CHAPTER if row.is_by_arrivals else "04_concurrency"
        gaps.append(Gap(f"the throughput of {arm} is {row.state}", notebook))
    price = row.price
    if price.evidence not in ("measured", "recorded"):
        reason = f"{machine} is priced as {price.instance}: {price.evidence}"
        gaps.append(Gap(reason, "05_cost"))
    return gaps


def _allowed(name: str, needed: Iterable[str]) -> tuple[str, ...]:
    """The statuses of a gate with which a system may still be compared."""
    if name not in needed:
        return ("PASS", "WARN", "NOT-RUN")
    if name == PLATFORM_GATE:
        return ("PASS", "WARN")
    return ("PASS",)


def _is_ruled_out(gate: Gate) -> bool:
    """Whether a gate has shown that an arm's answers are others."""
    return gate.status == "FAIL" and gate.gate.startswith(("parity ", "decisions "))


def _of_other_arm(gate: str, arm: str) -> bool:
    """Whether a gate, "decisions ARM" or "parity ARM COMPONENT", judges another arm than this."""
    if gate == DECISIONS_GATE.format(arm=arm):
        return False
    if gate.rpartition(" ")[0] in (f"parity {arm}", "parity every arm"):
        return False
    return gate.startswith(("parity ", "decisions "))


def differing_conditions(first: Conditions, second: Conditions) -> list[str]:
    """The conditions in which two systems differ, by name, so that they may not be compared."""
    names = [field.name for field in fields(Conditions)]
    return [name for name in names if getattr(first, name) != getattr(second, name)]
