"""The grid of a study: every setting measured, as often as it says.

A setting has clients and a dispatcher of its own; the pipelines stay loaded from one to the next.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas

from blipkit.display.progress import Steps
from blipkit.display.tables import counted, show_table
from blipkit.frames.jpeg import QUALITY
from blipkit.load.asked import Asked
from blipkit.load.conditions import conditions_of
from blipkit.load.derived import (
    fed_by,
    first_of_fastest_arm,
    grid_rows,
    or_nan,
    overhead_rows,
)
from blipkit.load.figures import draw_chart, draw_over_time, draw_split
from blipkit.load.gates import grid_not_run, load_gates
from blipkit.load.plan import settings_of, settings_recorded
from blipkit.load.rows import GridRecord, GridRow, SettingRow
from blipkit.load.runs import (
    MACHINE_COLUMNS,
    Hosts,
    Run,
    RunExecution,
    RunRow,
    Runs,
    criteria_of,
    keep_run,
)
from blipkit.load.setting import COLUMNS, Setting
from blipkit.load.stability import FEWEST, WINDOWS, windows
from blipkit.load.summary import summarise
from blipkit.load.target import Target
from blipkit.records.gates import Gate
from blipkit.records.typed import measure_typed, record_of, records_of, write_typed
from blipkit.study import Study

SHOWN = (
    *COLUMNS,
    "requests",
    "requests_per_s",
    "p50_ms",
    "latency_ms",
    "latency_high_ms",
    "p99_ms",
    "mean_ms",
    "predicted_ms",
    "ratio",
    "feeding_percent",
    "state",
)
DOUBTS = (
    "state",
    "reason",
    "effective_requests",
    "disturbed",
    "lag_ms",
    "littles_law_ratio",
    "sent",
    "refused",
    "failed",
    "lost",
    "wrong",
    "unaccounted",
    "clients_percent",
    "host_percent",
    "neighbours_percent",
    "steal_percent",
)
NOT_RECORDED = [{"settings": "not recorded"}]


@dataclass(frozen=True)
class Grid:
    """Every setting of a study, measured, or as it was recorded elsewhere.

    rows: a row for each setting, those of our own overhead first; target: what they are judged by;
    requests: a pandas frame of every request; runs: what each of them counted; machine:
    the machine's samples; executions: what proves that a Neuron device executed it, where this
    machine measured; lacks: what a recorded folder lacks, so that nothing can be judged, in words.
    """

    rows: list[GridRow]
    target: Target
    requests: pandas.DataFrame
    runs: list[RunRow]
    machine: pandas.DataFrame
    executions: list[RunExecution]
    lacks: str = ""

    @property
    def measured(self) -> list[GridRow]:
        """The rows of settings with a model."""
        return self.rows[overhead_rows(self.rows) :]

    @property
    def groups(self) -> dict[tuple[str, ...], list[GridRow]]:
        """Arm, placement and batch, in words -> the rows of its settings, which make one curve."""
        groups = {}
        for row in self.measured:
            arm, _, placement, _, _, *batch = row.setting.words
            groups.setdefault((arm, placement, *batch), []).append(row)
        return groups

    @property
    def busiest(self) -> GridRow | None:
        """The row with the most clients, on the fewest servers; None where there is no row."""
        return max(self.measured, key=lambda row: (row.clients, -row.servers), default=None)

    def answered(self, row: GridRow | None) -> pandas.DataFrame:
        """The requests of a row's setting that were due in the measured time, and answered."""
        if row is None or self.requests.empty:
            return self.requests
        requests = of_setting(self.requests, row.setting)
        return requests[(requests.scheduled >= 0) & (requests.status == "answered")]

    def table(self) -> None:
        """Every setting, our own overhead first: measured, predicted, and the ratio of the two."""
        percentile = f"latency_ms: p{self.target.percentile:g}"
        columns = f"{percentile}; latency_high_ms: the upper end of its interval"
        _show(self.rows, SHOWN, f"The grid, our own overhead first. {columns}")

    def feeding(self) -> str:
        """What the most servers would take of this host to be fed, in words."""
        if not self.measured:
            return "not recorded"
        first = first_of_fastest_arm(self.measured)
        if first is None:
            return "not known: every setting is INVALID"
        most = max(row.servers for row in self.measured)
        times = most / min(first.servers, first.clients)  # as many as the first one keeps busy
        per_second = times * first.summary.requests_per_s.value
        percent = times * or_nan(first.feeding_percent)
        if math.isnan(percent):
            return "not known: the last row of our own overhead says nothing"
        servers = f"{counted(most, 'server')} of {first.arm}"
        need = f"{servers} at {per_second:.0f} requests/s would need {percent:.0f} %"
        return f"{need} of this host for {fed_by(self.rows)} (predicted){self._frame_size()}"

    def _frame_size(self) -> str:
        """How large a frame is as it travels, in words; "" where none did."""
        sizes = [row.counts.clients.frame_kb for row in self.runs]
        if not any(sizes):
            return ""
        return f"; a frame is a JPEG of {max(sizes):.1f} kB on average, quality {QUALITY}"

    def doubts(self) -> None:
        """For each row, what would make it doubtful."""
        caption = "What would make a row doubtful"
        if not self.rows:
            show_table(NOT_RECORDED, caption)
            return
        names = [f"{row.arm}, {row.setting.call}, {row.name}" for row in self.rows]
        table = pandas.DataFrame(records_of(self.rows), columns=DOUBTS)
        table.insert(0, "setting", names)
        show_table(table, caption)

    def where_latency_goes(self) -> None:
        """A figure for each arm: the mean latency of each of its settings, split."""
        for arm in dict.fromkeys(row.arm for row in self.measured):
            draw_split([row for row in self.measured if row.arm == arm], arm)

    def over_time(self) -> None:
        """A figure: each answer of the busiest setting's first run, its thirds, and our CPU."""
        row = self.busiest
        if row is None or self.requests.empty:
            return
        requests = of_setting(self.requests, row.setting)
        if requests.empty:
            return
        requests = requests[(requests.run == 0) & (requests.status == "answered")]
        counts = next(one.counts for one in self.runs if one.run.setting == row.setting)
        timed = requests[requests.received.between(0, counts.seconds)]
        thirds = []
        if len(timed) > FEWEST * WINDOWS:
            thirds = windows(timed.received, timed.received - timed.scheduled)
        beside = self.machine
        if len(beside):
            samples = of_setting(beside, row.setting)
            beside = with_cpu_percent(samples[samples.run == 0], counts.cores)
        draw_over_time(row, requests, thirds, beside)

    def chart(self) -> None:
        """The published chart, for each arm and placement: latency over servers and clients."""
        for group, rows in self.groups.items():
            draw_chart(rows, ", ".join(group), self.target.limit_ms)

    def gates(self) -> list[Gate]:
        """Those of `OF_GRID`; NOT-RUN where a recorded folder lacks what they rest on."""
        if self.lacks:
            return grid_not_run(self.lacks)
        fed = fed_by(self.rows)
        return load_gates(self.measured, self.target.limit_ms, self.target.shared, fed)


def _show(rows: list[GridRow], columns: Sequence[str], caption: str) -> None:
    """Rows of a grid as a table; that they were not recorded, where there are none."""
    if not rows:
        show_table(NOT_RECORDED, caption)
        return
    show_table(records_of(rows), caption, columns)


def of_setting(frame: pandas.DataFrame, setting: Setting) -> pandas.DataFrame:
    """What a frame, of requests or samples, has of a setting."""
    columns = record_of(setting)
    if "batch_size" not in frame:  # of an older kit, whose settings had the same one
        del columns["batch_size"]
    return frame.merge(pandas.DataFrame([columns]))


def with_cpu_percent(samples: pandas.DataFrame, cores: int) -> pandas.DataFrame:
    """A run's samples with `cpu_percent`: our share of all cores' time since the one before."""
    busy_s = samples.ours.diff()
    passed_s = samples["at"].diff()
    return samples.assign(cpu_percent=100 * busy_s / passed_s / cores)


def measure_grid(study: Study, asked: Asked) -> Grid:
    """Measure every setting, and write records of `runs` and `concurrency`, and samples.

    A whole grid lies between two runs of a setting. In a replay, the requests recorded elsewhere
    are summarised again; where that folder lacks them, its rows are taken as they are.
    """
    results = study.results
    settings = settings_of(study)
    runs = Runs()
    frames = []
    recorded = []
    if study.replay:
        recorded = measure_typed(results, "runs", RunRow, list)
        settings = settings_recorded(settings, recorded)
    if "runs" in results.lacking:
        return as_recorded(study, "counts of the runs")
    todo = list(itertools.product(range(study.knobs.repeats), settings))
    with Hosts(study) as hosts, Steps(len(todo), "measuring") as steps:
        for number, setting in todo:
            steps.begin(setting)
            name = setting.samples_name(number)
            frames.append(keep_run(hosts, name, Run(setting, number), runs))
            if name in results.lacking:
                return as_recorded(study, f"requests of {setting}")
            print(f"{setting}: {len(frames[-1])} requests")
    requests = pandas.concat(frames, ignore_index=True)
    counted = recorded or measure_typed(results, "runs", RunRow, lambda: runs.rows)
    machine = results.measure_samples("machine", runs.machine_frame, MACHINE_COLUMNS)
    measured = [setting_row(study, setting, requests, counted) for setting in settings]
    target = target_of(study)
    rows = grid_rows(measured, target)
    write_typed(results, "concurrency", grid_records(study, asked, rows))
    return Grid(rows, target, requests, counted, machine, runs.executions)


def setting_row(
    study: Study, setting: Setting, requests: pandas.DataFrame, runs: Sequence[RunRow]
) -> SettingRow:
    """A setting with its summary, from the requests and counts of all settings."""
    counts = [row.counts for row in runs if row.run.setting == setting]
    criteria = criteria_of(study, Run(setting, 0))
    return SettingRow(setting, summarise(of_setting(requests, setting), counts, criteria))


def grid_records(study: Study, asked: Asked, rows: Sequence[GridRow]) -> list[GridRecord]:
    """The records of a grid, each with what was asked; rows with a model have their name."""
    conditions = conditions_of(study, asked.digest)
    count = overhead_rows(rows)
    overhead = [GridRecord(conditions, row) for row in rows[:count]]
    return overhead + [GridRecord(conditions, row, row.name) for row in rows[count:]]


def as_recorded(study: Study, lacking: str) -> Grid:
    """The rows of a recorded folder as they are, where it lacks what they came from."""
    records = measure_typed(study.results, "concurrency", GridRecord, list)
    rows = [record.row for record in records]
    empty = pandas.DataFrame()
    lacks = f"no {lacking} were kept in the recorded folder"
    return Grid(rows, target_of(study), empty, [], empty, [], lacks)


def target_of(study: Study) -> Target:
    """What a study's rows are judged by."""
    knobs = study.knobs
    return Target(knobs.percentile, knobs.latency_limit_ms, study.common.shared)
