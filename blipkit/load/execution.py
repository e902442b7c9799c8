"""Did it run on the device? What the settings sent to it, and what its witnesses counted."""

from dataclasses import dataclass

from blipkit.display.tables import show_table
from blipkit.load.admission import Admission
from blipkit.load.grid import Grid
from blipkit.load.runs import RunExecution
from blipkit.load.setting import COLUMNS
from blipkit.records.gates import Gate, not_run
from blipkit.records.typed import measure_typed, records_of
from blipkit.runners.arms import parse_arm
from blipkit.runners.neuron.proof import execution_gate
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
class ExecutionProof:
    """rows: of each run; expected: whether arms on a device were under load.

    recorded: False where a replay's folder has no such rows.
    """

    rows: list[RunExecution]
    expected: bool
    recorded: bool = True

    def table(self) -> None:
        """What was sent, and what the device counted."""
        caption = "What was sent, and what the device counted"
        if self.rows:
            show_table(records_of(self.rows), caption, SHOWN)
            return
        none = "none here"
        if not self.recorded:
            none = "not recorded"
        show_table([{"arms on a Neuron device": none}], caption)

    def gates(self) -> list[Gate]:
        """One, where arms on a Neuron device were under load."""
        if not self.expected:
            return []
        if not self.recorded:
            return [not_run(GATE, "answer", "no executions were kept in the recorded folder")]
        return [execution_gate(GATE, [row.execution for row in self.rows])]


def prove_execution(study: Study, grid: Grid, admission: Admission) -> ExecutionProof:
    """Every run's proof, that with admission control, too; it writes records of `executions`."""
    rows = measure_typed(
        study.results, "executions", RunExecution, lambda: grid.executions + admission.executions
    )
    arms = study.common.arms[: study.knobs.arms_under_load]
    expected = any(parse_arm(arm).spec.holds_core for arm in arms)
    return ExecutionProof(rows, expected, "executions" not in study.results.lacking)
