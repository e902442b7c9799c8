"""Admission control: twice the clients of the setting to run, but no more requests inside.

What is beyond is refused at once and counted; those admitted should see that setting's latency.
"""

from dataclasses import dataclass, replace

from blipkit.display.tables import show_table
from blipkit.load.asked import Asked
from blipkit.load.gates import admission_gate
from blipkit.load.grid import Grid, asked_of_machine
from blipkit.load.recommend import best_setting
from blipkit.load.rows import Target
from blipkit.load.runs import Runs, keep_run, with_values
from blipkit.load.setting import setting_of
from blipkit.load.summary import Basis, summarise
from blipkit.records.gates import Gate, not_run
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

    row: dict | None
    target: Target
    executions: list[dict]
    lacks: str = ""

    def table(self) -> None:
        """Those admitted beside the setting without a limit."""
        none = self.lacks or "no setting holds the target, so there is none to limit"
        rows = [{"admission control": none}]
        if self.row:
            rows = [{name: self.row[name] for name in SHOWN}]
        show_table(rows, "Twice the clients, with admission control")

    def gates(self) -> list[Gate]:
        """Whether those admitted are within the target."""
        if self.lacks:
            return [not_run("admission control", "timing", self.lacks)]
        return [admission_gate(self.row, self.target.limit_ms, self.target.shared)]


def admit(study: Study, grid: Grid, asked: Asked) -> Admission:
    """Measure the best setting with a limit; it writes `admission_runs`, `admission`, samples."""
    target = grid.target
    if grid.lacks:
        return Admission(None, target, [], grid.lacks)
    best = best_setting(grid.measured, target.limit_ms, target.shared)
    if best is None:
        study.results.write("admission", [])
        return Admission(None, target, [])
    setting = setting_of(best)
    crowd = replace(setting, clients=2 * setting.clients)
    runs = Runs()
    name = f"{crowd.samples_name(0)}-limited"
    requests = keep_run(study, name, crowd, 0, runs, limit=setting.clients)
    counts = study.results.measure("admission_runs", lambda: runs.counts)
    if {name, "admission_runs"} & study.results.lacking:
        return Admission(None, target, [], "no run with a limit was kept in the recorded folder")
    basis = Basis(len(study.common.questions), crowd.clients, target.percentile)
    row = with_values(crowd.row, {"limit": setting.clients})
    row.update(summarise(requests, counts, basis))
    row["unlimited_ms"] = best["latency_high_ms"]
    study.results.write("admission", [with_values(asked_of_machine(study, asked), row)])
    return Admission(row, target, runs.executions)
