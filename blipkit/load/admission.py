"""Admission control: twice the clients of the setting to run, but no more requests in flight.

What is beyond is refused at once and counted; those admitted should see that setting's latency.

Every client pauses after each reply, answered or refused. If those who are answered asked again at
once, they would take every place that they leave, and those refused would never get one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas

from blipkit.display.tables import show_table
from blipkit.load.asked import Asked
from blipkit.load.conditions import conditions_of
from blipkit.load.gates import ADMISSION, admission_gate
from blipkit.load.grid import Grid
from blipkit.load.recommend import best_setting
from blipkit.load.rows import AdmissionRecord, AdmissionRow, GridRow
from blipkit.load.runs import (
    Hosts,
    Run,
    RunExecution,
    RunRow,
    Runs,
    criteria_of,
    keep_run,
    think_s_of,
)
from blipkit.load.setting_requests import SettingRequests
from blipkit.load.summary import summarise
from blipkit.load.target import Target
from blipkit.records.gates import Gate, not_run
from blipkit.records.typed import measure_typed, record_of, write_typed
from blipkit.study import Study

# of the mean latency: that a client pauses at least, on average. Servers then stay as good as full,
# and about three requests are refused for one that is answered.
PAUSE = 0.25
SHOWN = (
    "clients",
    "limit",
    "pause_ms",
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
            turns = self.row.turns and f"{self.row.turns}, when warm; sent to refused: all"
            caption = "; ".join(filter(None, [caption, turns]))
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
    row = measure_limited(study, best, runs)
    if row is None:
        return Admission(None, target, [], "no run with a limit was kept in the recorded folder")
    conditions = conditions_of(study, asked.digest)
    write_typed(study.results, "admission", [AdmissionRecord(conditions, row)])
    return Admission(row, target, runs.executions)


def measure_limited(study: Study, best: GridRow, runs: Runs) -> AdmissionRow | None:
    """A setting with twice the clients and a limit; None where a recorded folder lacks the run."""
    run = limited_run(study, best)
    name = f"{run.setting.samples_name(run.run)}-limited"
    with Hosts(study) as hosts:
        requests = keep_run(hosts, name, run, runs)
    rows = measure_typed(study.results, "admission_runs", RunRow, lambda: runs.rows)
    if {name, "admission_runs"} & study.results.lacking:
        return None
    return admission_row(study, best, requests, rows)


def limited_run(study: Study, best: GridRow) -> Run:
    """Twice the clients of a setting, no more requests in flight than it has clients."""
    crowd = replace(best.setting, clients=2 * best.clients)
    think_s = think_s_of(study, Run(best.setting, 0))
    pause_s = max(think_s, PAUSE * best.summary.times.mean_ms / 1e3)
    return Run(crowd, 0, limit=best.clients, pause_s=pause_s)


def admission_row(
    study: Study, best: GridRow, requests: pandas.DataFrame, rows: Sequence[RunRow]
) -> AdmissionRow:
    """The row of the run with a limit. best: the setting without one; rows: of that run."""
    run = rows[0].run  # as it was measured, perhaps by an older kit
    pause_ms = None
    if run.pause_s is not None:
        pause_ms = 1e3 * run.pause_s
    counts = [row.counts for row in rows]
    answers = answers_per_client(SettingRequests(requests, counts), run.setting.clients)
    return AdmissionRow(
        run.setting,
        summarise(requests, counts, criteria_of(study, run)),
        limit=run.limit,
        unlimited_ms=best.latency_ms.high,
        pause_ms=pause_ms,
        fewest_answers=min(answers),
        most_answers=max(answers),
    )


def answers_per_client(measured: SettingRequests, clients: int) -> list[int]:
    """How many requests of each client were answered, of those due in the measured time."""
    answered = measured.answered.client.value_counts()
    return [int(answered.get(client, 0)) for client in range(clients)]
