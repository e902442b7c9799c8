"""Did it run on the device? What the settings sent to it, and what its witnesses counted."""

from dataclasses import dataclass

from blipkit.display.tables import show_table
from blipkit.load.admission import Admission
from blipkit.load.grid import Grid
from blipkit.load.setting import COLUMNS
from blipkit.records.gates import Gate, not_run
from blipkit.records.typed import row_of
from blipkit.runners.arms import parse_arm
from blipkit.runners.neuron import proof
from blipkit.study import Study

GATE = "execution load"
SHOWN = (
    *COLUMNS,
    "sent",
    "monitor_completed",
    "counter_rise",
    "utilisation_percent",
    "device_ms",
    "total_ms",
    "predicted_host_gib",
)


@dataclass(frozen=True)
class Execution:
    """rows: a `proof.Execution`'s record for each run; expected: whether arms on a device were
    under load.

    recorded: False where a replay's folder has no such rows.
    """

    rows: list[dict]
    expected: bool
    recorded: bool = True

    def table(self) -> None:
        """What was sent, and what the device counted."""
        rows = [{name: row[name] for name in SHOWN} for row in self.rows]
        none = "none here"
        if not self.recorded:
            none = "not recorded"
        about = "What was sent, and what the device counted"
        show_table(rows or [{"arms on a Neuron device": none}], about)

    def gates(self) -> list[Gate]:
        """One, where arms on a Neuron device were under load."""
        if not self.expected:
            return []
        if not self.recorded:
            return [not_run(GATE, "answer", "no executions were kept in the recorded folder")]
        rows = [row_of(proof.Execution, row) for row in self.rows]
        return [proof.execution_gate(GATE, rows)]


def prove_execution(study: Study, grid: Grid, admission: Admission) -> Execution:
    """Every run's proof, that with admission control, too; it writes records of `executions`."""
    rows = study.results.measure("executions", lambda: grid.executions + admission.executions)
    arms = study.common.arms[: study.knobs.arms_under_load]
    expected = any(parse_arm(arm).spec.holds_core for arm in arms)
    return Execution(rows, expected, "executions" not in study.results.lacking)
