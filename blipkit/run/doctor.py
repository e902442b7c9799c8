"""What `blipkit doctor` says: of this machine, or of a profile lowered as for Neuron."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console

from blipkit.display.tables import terminal_table
from blipkit.errors import BadInput
from blipkit.machine import host
from blipkit.profiles.profile import Profile
from blipkit.records.gates import Gate
from blipkit.records.typed import record_of, records_of
from blipkit.runners.arms import Arm, all_arms, check_machine
from blipkit.runners.neuron.doctor import Part, check_parts
from blipkit.runners.neuron.support import support_gate

if TYPE_CHECKING:
    from blipkit.runners.neuron.lowering import Lowering


@dataclass(frozen=True)
class Examined:
    """This machine, as far as it matters here.

    parts: what Neuron needs; support: what AWS says of the platform; arms: arm -> why it cannot
    run here, "" where it can.
    """

    machine: host.Machine
    parts: list[Part]
    support: Gate
    arms: dict[str, str]

    @property
    def is_ready(self) -> bool:
        """Whether nothing that Neuron needs is missing."""
        return all(part.status != "FAIL" for part in self.parts)

    def as_json(self) -> dict[str, Any]:
        """The same as `blipkit doctor --json` prints it."""
        return {
            "machine": self.machine.facts(),
            "ready": self.is_ready,
            "parts": records_of(self.parts),
            "platform_support": record_of(self.support),
            "arms": self.arms,
        }

    def show(self, console: Console) -> None:
        """The machine, its parts, what mends them, and the arms."""
        machine = self.machine
        console.print(f"{machine.name}, {machine.memory_gib} GiB, {machine.system}")
        if machine.cpu_quota:
            console.print(f"this container may use {machine.cpu_quota:g} of its cores' time")
        libraries = machine.versions.items()
        console.print(", ".join(f"{name} {version}" for name, version in libraries))
        console.print(self._table_of_parts())
        for part in self.parts:
            if part.next:
                print(f"{part.status} {part.part}: {part.next}")
        support = self.support
        print(f"{support.status} platform_support: {support.reason}; {support.next}")
        console.print(self._table_of_arms())

    def _table_of_parts(self):
        columns = ("part", "seen", "expected for Neuron", "status")
        cells = ((part.part, part.seen, part.expected, part.status) for part in self.parts)
        return terminal_table(columns, cells)

    def _table_of_arms(self):
        """A row for each reason: the arms that it stops."""
        stopped_by: dict[str, list[str]] = {}
        for arm, reason in self.arms.items():
            stopped_by.setdefault(reason, []).append(arm)
        rows = []
        for reason, arms in stopped_by.items():
            rows.append((", ".join(arms), "no" if reason else "yes", reason))
        return terminal_table(("arms", "run here", "why not"), rows)


def examine() -> Examined:
    """Look at this machine."""
    arms = {str(arm): why_not(arm) for arm in all_arms()}
    return Examined(host.describe(), check_parts(), support_gate(), arms)


def why_not(arm: Arm) -> str:
    """Why an arm cannot run here, "" where it can; arms that one reason stops share its words."""
    try:
        check_machine(arm)
    except BadInput as error:
        return str(error).replace(str(arm), "ARM")
    return ""


def show_lowering(profile: Profile, console: Console) -> int:
    """Print how each component lowers, by bucket, and what stands in its way; the exit status."""
    from blipkit.model.buckets import parse_buckets
    from blipkit.model.checkpoints import load_checkpoint
    from blipkit.model.components import isolate
    from blipkit.runners.neuron.lowering import MAKE_STACK, find_stack, lower

    stack = profile.section("trace").neuron_stack
    if find_stack(stack) is None:  # asked before weights are read
        print(f"NOT-RUN: there is no environment to lower it in: {MAKE_STACK}")
        return 1
    components = isolate(load_checkpoint(profile.common.checkpoint))
    rows = lower(components, parse_buckets(profile.common.buckets), stack)
    columns = ("component", "bucket", "lowers", "operations", "64-bit", "error")
    cells = map(_cells_of_lowering, rows)
    console.print(terminal_table(columns, cells, caption="64-bit: integer operations"))
    for row in rows:
        for finding in row.findings:
            problem = f"{finding.status}: {row.component}: {finding.what}: {finding.where}"
            print(f"{problem}; {finding.next}")
    return int(any(row.status == "FAIL" for row in rows))


def _cells_of_lowering(row: "Lowering") -> tuple[str, ...]:
    operations = str(row.operation_count or 0)
    in_64_bit = str(row.int64_operation_count or 0)
    error = ""
    if row.relative_l2 is not None:
        error = f"{row.relative_l2:.1e}"
    return row.component, row.bucket, row.status, operations, in_64_bit, error
