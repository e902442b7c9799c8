"""The grid of a study: every setting measured, as often as it says, each in fresh processes."""

import itertools
from dataclasses import dataclass

import pandas

from blipkit.display.tables import show_table
from blipkit.load.asked import Asked
from blipkit.load.figures import draw_chart, draw_over_time, draw_split
from blipkit.load.gates import grid_not_run, load_gates
from blipkit.load.rows import OVERHEAD, Target, complete, summary_row
from blipkit.load.runs import Runs, keep_run, with_values
from blipkit.load.setting import COLUMNS, Setting, setting_of
from blipkit.load.stability import FEWEST, WINDOWS, windows
from blipkit.load.summary import Basis
from blipkit.records.gates import Gate
from blipkit.serving.answering import NOTHING
from blipkit.study import Study

NULL = "null float32"  # the arm whose runner does nothing
START_S = 5  # to start a setting's processes, by experience
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
# of every row of a grid, so that one of an older kit is told from it
KEYS = (*SHOWN, *DOUBTS, "within_target", "percentile", "best")
NOT_RECORDED = [{"settings": "not recorded"}]


def settings_of(study: Study) -> list[Setting]:
    """What a study measures: two settings that are our own overhead, then every one asked for.

    First the harness alone, then the whole path with a runner that does nothing.
    """
    knobs = study.knobs
    overhead = [Setting(NULL, call, "threads", 1, 1) for call in (NOTHING, knobs.call)]
    arms = study.common.arms[: knobs.arms_under_load]
    asked = itertools.product(arms, [knobs.call], knobs.placements, knobs.servers, knobs.clients)
    return overhead + [Setting(*one) for one in asked]


@dataclass(frozen=True)
class Grid:
    """Every setting of a study, measured, or as it was recorded elsewhere.

    rows: a row for each setting, the first OVERHEAD of them our own overhead; target: what they are
    judged by; requests: a pandas frame of every request; counts: of each run; machine: the
    machine's samples; executions: what proves that a Neuron device executed it, where this machine
    measured; lacks: what a recorded folder lacks, so that nothing can be judged, in words.
    """

    rows: list[dict]
    target: Target
    requests: pandas.DataFrame
    counts: list[dict]
    machine: pandas.DataFrame
    executions: list[dict]
    lacks: str = ""

    @property
    def measured(self) -> list[dict]:
        """The rows of settings with a model."""
        return self.rows[OVERHEAD:]

    @property
    def groups(self) -> dict[tuple[str, str], list[dict]]:
        """(arm, placement) -> the rows of its settings, which make one curve."""
        found = {}
        for row in self.measured:
            found.setdefault((row["arm"], row["placement"]), []).append(row)
        return found

    @property
    def busiest(self) -> dict | None:
        """The row with the most clients, on the fewest servers; None where there is no row."""
        return max(self.measured, key=crowding, default=None)

    def runs_of(self, row: dict | None, frame: pandas.DataFrame) -> pandas.DataFrame:
        """What `frame`, requests or samples, has of a row's setting."""
        if row is None or frame.empty:
            return frame
        return frame.merge(pandas.DataFrame([setting_of(row).row]))

    def answered(self, row: dict | None) -> pandas.DataFrame:
        """The requests of a row's setting that were due in the measured time, and answered."""
        own = self.runs_of(row, self.requests)
        if own.empty:
            return own
        return own[(own.scheduled >= 0) & (own.status == "answered")]

    def table(self) -> None:
        """Every setting, our own overhead first: measured, predicted, and the ratio of the two."""
        about = f"latency_ms: p{self.target.percentile:g}"
        about = f"{about}; latency_high_ms: the upper end of its interval"
        rows = [{name: row[name] for name in SHOWN} for row in self.rows]
        show_table(rows or NOT_RECORDED, f"The grid, our own overhead first. {about}")

    def feeding(self) -> str:
        """What the most servers would take of this host to be fed, in words."""
        if not self.measured:
            return "not recorded"
        first = self.measured[0]
        most = max(row["servers"] for row in self.measured)
        per_second = most * first["requests_per_s"]
        percent = most * first["feeding_percent"]
        need = f"{most} servers at {per_second:.0f} requests/s would need {percent:.0f} %"
        return f"{need} of this host to be fed (predicted)"

    def doubts(self) -> None:
        """What would make a row doubtful, for each."""
        rows = []
        for row in self.rows:
            name = f"{row['call']}, {row['placement']} {row['servers']}-{row['clients']}"
            rows.append(with_values({"setting": name}, {key: row[key] for key in DOUBTS}))
        show_table(rows or NOT_RECORDED, "What would make a row doubtful")

    def where_latency_goes(self) -> None:
        """A figure: the mean latency of each setting, split."""
        if self.measured:
            draw_split(self.measured)

    def over_time(self) -> None:
        """A figure: each answer of the busiest setting's first run, its thirds, and our CPU."""
        row = self.busiest
        requests = self.runs_of(row, self.requests)
        if requests.empty:
            return
        requests = requests[(requests.run == 0) & (requests.status == "answered")]
        run = next(one for one in self.counts if setting_of(row).is_that_of(one))
        timed = requests[requests.received.between(0, run["seconds"])]
        thirds = []
        if len(timed) > FEWEST * WINDOWS:
            thirds = windows(timed.received, timed.received - timed.scheduled)
        beside = self.runs_of(row, self.machine)
        if len(beside):
            beside = cpu_beside(beside[beside.run == 0], run["cores"])
        draw_over_time(row, requests, thirds, beside)

    def chart(self) -> None:
        """The published chart, for each arm and placement: latency over servers and clients."""
        for group, rows in self.groups.items():
            draw_chart(rows, ", ".join(group), self.target.limit_ms)

    def gates(self) -> list[Gate]:
        """Those of `OF_GRID`; NOT-RUN where a recorded folder lacks what they rest on."""
        if self.lacks:
            return grid_not_run(self.lacks)
        return load_gates(self.measured, self.target.limit_ms, self.target.shared)


def crowding(row: dict) -> tuple[int, int]:
    """How many clients, and how few servers for them."""
    return row["clients"], -row["servers"]


def cpu_beside(samples: pandas.DataFrame, cores: int) -> pandas.DataFrame:
    """A run's samples with `cpu_percent`: our share of all cores' time since the one before."""
    busy_s = samples.ours.diff()
    passed_s = samples["at"].diff()
    return samples.assign(cpu_percent=100 * busy_s / passed_s / cores)


def expected_time(study: Study) -> str:
    """How many settings are measured, and for how long, in words."""
    knobs = study.knobs
    count = len(settings_of(study))
    each = f"{knobs.repeats} times {knobs.seconds:g} s each"
    return f"{count} settings, {each}, and about {START_S} s to start each"


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
        recorded = results.measure("runs", list)
    if "runs" in results.lacking:
        return as_recorded(study, "counts of the runs")
    for run, setting in itertools.product(range(study.knobs.repeats), settings):
        name = setting.samples_name(run)
        frames.append(keep_run(study, name, setting, run, runs))
        if name in results.lacking:
            return as_recorded(study, f"requests of {setting}")
        print(f"{setting}: {len(frames[-1])} requests")
    requests = pandas.concat(frames, ignore_index=True)
    counts = recorded or results.measure("runs", lambda: runs.counts)
    machine = results.measure_samples("machine", runs.machine_frame)
    rows = [summary_row(one, requests, counts, basis_of(study, one.clients)) for one in settings]
    target = target_of(study)
    complete(rows, target)
    about = asked_of_machine(study, asked)
    results.write("concurrency", [with_values(about, row) for row in rows])
    return Grid(rows, target, requests, counts, machine, runs.executions)


def as_recorded(study: Study, lacking: str) -> Grid:
    """The rows of a recorded folder as they are, where it lacks what they came from."""
    rows = study.results.measure("concurrency", list, needs=KEYS)
    empty = pandas.DataFrame()
    lacks = f"no {lacking} were kept in the recorded folder"
    return Grid(rows, target_of(study), empty, [], empty, [], lacks)


def target_of(study: Study) -> Target:
    """What a study's rows are judged by."""
    knobs = study.knobs
    return Target(knobs.percentile, knobs.latency_limit_ms, study.common.shared)


def basis_of(study: Study, clients: int) -> Basis:
    """What the requests of a setting with so many clients are judged by."""
    knobs = study.knobs
    return Basis(
        questions=len(study.common.questions),
        clients=clients,
        percentile=knobs.percentile,
        think_s=knobs.think_ms / 1e3,
        limit_ms=knobs.latency_limit_ms,
    )


def asked_of_machine(study: Study, asked: Asked) -> dict:
    """What every record of a grid says of what was asked: only like is compared with like."""
    knobs = study.knobs
    common = study.common
    about = {
        "distinct_frames": knobs.distinct_frames,
        "seconds": knobs.seconds,
        "latency_limit_ms": knobs.latency_limit_ms,
        "batch": knobs.batch,
        "think_ms": knobs.think_ms,
        "repeat_share": knobs.repeat_share,
        "warmup": knobs.warmup,
        "shared": common.shared,
        "batch_wait_ms": knobs.batch_wait_ms,
        "questions": common.questions,
        "buckets": common.buckets,
    }
    if asked.digest:
        about["frames_digest"] = asked.digest
    return about
