"""Admission control: twice the clients of the setting to run, but no more requests in flight.

What is beyond is refused at once and counted; those admitted should see that setting's latency.
"""

from dataclasses import dataclass, replace

from blipkit.display.tables import show_table
from blipkit.load.asked import Asked
from blipkit.load.conditions import conditions_of
from blipkit.load.derived import Target
from blipkit.load.gates import ADMISSION, admission_gate
from blipkit.load.grid import Grid
from blipkit.load.recommend import best_setting
from blipkit.load.rows import AdmissionRecord, AdmissionRow, GridRow
from blipkit.load.runs import Hosts, Run, RunExecution, RunRow, Runs, keep_run
from blipkit.load.summary import Criteria, summarise
from blipkit.records.gates import Gate, not_run
from blipkit.records.typed import measure_typed, record_of, write_typed
from blipkit.study import Study

SHOWN = (
    "clients",
    "limit",
    "sent",
    "answered",
    "refused",
    "p50_ms",
    "latency_high_ms",
    "unlimited_ms",
    "state",
)


@dataclass(frozen=True)
class Admission:
    """row: the setting with twice the clients and a limit, None where there was none to limit.

    executions: what proves that a Neuron device executed it; lacks: what a recorded folder lacks.
    """

    row: AdmissionRow | None
    target: Target
    executions: list[RunExecution]
    lacks: str = ""

    def table(self) -> None:
        """Those admitted beside the setting without a limit."""
        caption = "Twice the clients, with admission control"
        if self.row:
            show_table([record_of(self.row)], caption, SHOWN)
            return
        none = self.lacks or "no setting holds the target, so there is none to limit"
        show_table([{"admission control": none}], caption)

    def gates(self) -> list[Gate]:
        """Whether those admitted are within the target."""
        if self.lacks:
            return [not_run(ADMISSION, "timing", self.lacks)]
        return [admission_gate(self.row, self.target.limit_ms, self.target.shared)]


def admit(study: Study, grid: Grid, asked: Asked) -> Admission:
    """Measure the best setting with a limit; it writes `admission_runs`, `admission`, samples."""
    target = grid.target
    if grid.lacks:
        return Admission(None, target, [], grid.lacks)
    best = best_setting(grid.measured, target.limit_ms, target.shared)
    if best is None:
        write_typed(study.results, "admission", [])
        return Admission(None, target, [])
    runs = Runs()
    row = measure_limited(study, best, target, runs)
    if row is None:
        return Admission(None, target, [], "no run with a limit was kept in the recorded folder")
    conditions = conditions_of(study, asked.digest)
    write_typed(study.results, "admission", [AdmissionRecord(conditions, row)])
    return Admission(row, target, runs.executions)


def measure_limited(study: Study, best: GridRow, target: Target, runs: Runs) -> AdmissionRow | None:
    """A setting with twice the clients and a limit; None where a recorded folder lacks the run."""
    crowd = replace(best.setting, clients=2 * best.clients)
    run = Run(crowd, 0, limit=best.clients)
    name = f"{crowd.samples_name(run.run)}-limited"
    with Hosts(study) as hosts:
        requests = keep_run(hosts, name, run, runs)
    rows = measure_typed(study.results, "admission_runs", RunRow, lambda: runs.rows)
    if {name, "admission_runs"} & study.results.lacking:
        return None
    criteria = Criteria(len(study.common.questions), crowd.clients, target.percentile)
    summary = summarise(requests, [row.counts for row in rows], criteria)
    return AdmissionRow(crowd, summary, limit=best.clients, unlimited_ms=best.latency_ms.high)
