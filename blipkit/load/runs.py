"""One run of a setting, as a study asks for it, and what is kept of it."""

from dataclasses import dataclass, field, replace
from functools import partial

import pandas

from blipkit.frames.source import FrameSource
from blipkit.load.counts import RunCounts
from blipkit.load.host import Host, may_fork
from blipkit.load.judged import right_digests
from blipkit.load.measure import Measured, measure_on, open_host
from blipkit.load.requests import FIELDS
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.load.summary import Criteria
from blipkit.records.samples import COUNTS, NUMBERS, TEXTS
from blipkit.records.typed import part, record_of
from blipkit.runners.arms import has_model, parse_arm
from blipkit.runners.compile import trace
from blipkit.runners.neuron.proof import Execution
from blipkit.serving.answering import is_from_jpeg
from blipkit.study import Study

# s that a row without a model is measured, and of a round of its warm-up: its requests take a few
# milliseconds at most
BRIEF_S = 0.4
BRIEF_WARMUP_S = 0.1
FEEDING_S = 5.0  # s at most that the row is measured which says what feeding takes
# of samples: what says of which run they are, and what is counted with
RUN_COLUMNS = {
    "arm": TEXTS,
    "call": TEXTS,
    "placement": TEXTS,
    "servers": COUNTS,
    "clients": COUNTS,
    "run": COUNTS,
}
REQUEST_COLUMNS = dict.fromkeys(FIELDS, NUMBERS) | RUN_COLUMNS | {"status": TEXTS}
MACHINE_COLUMNS = dict.fromkeys(("busy", "steal", "ours", "at"), NUMBERS) | RUN_COLUMNS


@dataclass(frozen=True)
class Run:
    """One run of a setting.

    run: its number; limit: requests in flight at most, None for no limit; pause_s: mean time that a
    client lets pass after each reply, None for what the study's clients think.
    """

    setting: Setting = part()
    run: int
    limit: int | None = None
    pause_s: float | None = None

    def mark(self, frame: pandas.DataFrame) -> pandas.DataFrame:
        """Requests or samples of this run, with columns that say so."""
        columns = {name: value for name, value in record_of(self).items() if value is not None}
        return frame.assign(**columns)


@dataclass(frozen=True)
class RunRow:
    """A record of `runs` and of `admission_runs`: what was counted in a run."""

    run: Run = part()
    counts: RunCounts = part()


@dataclass(frozen=True)
class RunExecution:
    """A record of `executions`: what proves that a Neuron device executed a run.

    predicted_host_gib: host memory that its pipelines were expected to take.
    """

    run: Run = part()
    execution: Execution = part()
    predicted_host_gib: float


@dataclass(frozen=True)
class Runs:
    """What the runs of settings left beside their requests; machine: frames of its samples."""

    rows: list[RunRow] = field(default_factory=list)
    machine: list[pandas.DataFrame] = field(default_factory=list)
    executions: list[RunExecution] = field(default_factory=list)

    def add(self, run: Run, measured: Measured) -> None:
        """Keep what came of a run."""
        self.rows.append(RunRow(run, measured.counts))
        self.machine.append(run.mark(measured.samples))
        if measured.execution:
            row = RunExecution(run, measured.execution, measured.predicted_host_gib)
            self.executions.append(row)

    def machine_frame(self) -> pandas.DataFrame:
        """The machine's samples of all runs."""
        return pandas.concat(self.machine, ignore_index=True)

    def add_problem(self, problem: str) -> None:
        """Write down what went wrong with the run that was measured last, too."""
        last = self.rows.pop()
        self.rows.append(replace(last, counts=last.counts.with_problem(problem)))


def frame_source(study: Study) -> FrameSource:
    """Which frames the clients ask about."""
    return FrameSource.of(study.common, study.knobs.distinct_frames)


def think_s_of(study: Study, run: Run) -> float:
    """Mean time that a client of a run lets pass after each reply, s."""
    if run.pause_s is not None:
        return run.pause_s
    return study.knobs.think_ms / 1e3


def criteria_of(study: Study, run: Run) -> Criteria:
    """What the requests of any run of a study are judged by."""
    knobs = study.knobs
    return Criteria(
        questions=len(study.common.questions),
        clients=run.setting.clients,
        percentile=knobs.percentile,
        think_s=think_s_of(study, run),
        limit_ms=knobs.latency_limit_ms,
    )


def workload_of(study: Study, run: Run) -> Workload:
    """What clients ask in one run of a setting; each run has a seed of its own."""
    knobs = study.knobs
    common = study.common
    work = Workload(
        checkpoint=study.checkpoint.source,
        questions=common.questions,
        frames=frame_source(study),
        seconds=knobs.seconds,
        warmup_s=knobs.warmup,
        think_s=think_s_of(study, run),
        repeat_share=knobs.repeat_share,
        seed=common.seed + run.run,
    )
    if has_model(run.setting.arm):
        return work
    if is_from_jpeg(run.setting.call):
        return replace(work, seconds=min(work.seconds, FEEDING_S))
    return replace(work, seconds=BRIEF_S, warmup_s=BRIEF_WARMUP_S)


def options_of(study: Study, run: Run) -> ServerOptions:
    """How the servers of a run serve."""
    knobs = study.knobs
    return ServerOptions(
        threads=study.common.threads,
        batch_wait_s=knobs.batch_wait_ms / 1e3,
        limit=run.limit or 0,
        start_gap_s=knobs.start_gap_s,
    )


class Hosts:
    """The pipelines of a study: those of one arm and placement at a time, loaded when first asked
    for.
    """

    def __init__(self, study: Study):
        self.study = study
        self._host: Host | None = None
        self._loaded: tuple[str, ...] = ()  # arm, call and placement of what is loaded

    def __enter__(self) -> "Hosts":
        return self

    def __exit__(self, *_) -> None:
        if self._host:
            self._host.close()

    def measure(self, run: Run) -> Measured:
        """One run of a setting whose clients wait for their answers."""
        work = workload_of(self.study, run)
        return measure_on(self.host_of(run), run.setting, work, options_of(self.study, run))

    def host_of(self, run: Run) -> Host:
        """The pipelines for a run, loaded; what is not compiled yet is compiled before."""
        setting = run.setting
        needed = (setting.arm, setting.call, setting.placement)
        if not (self._host and self._host.is_fit and self._loaded == needed):
            self._open(setting, workload_of(self.study, run), options_of(self.study, run))
            self._loaded = needed
        return self._host

    def _open(self, setting: Setting, work: Workload, options: ServerOptions) -> None:
        if self._host:
            self._host.close()
            self._host = None
        study = self.study
        artifacts = trace(
            study.components,
            study.artifacts,
            *parse_arm(setting.arm),
            shapes=study.buckets,
            compiler_flags=study.common.compiler_flags,
        )
        servers = setting.servers
        if may_fork(artifacts) and setting.arm in study.common.arms:
            servers = max(servers, *study.knobs.servers)
        self._host = open_host(artifacts, setting, work, options, servers)
        alone = self._host.expected
        self._host.expected = right_digests(study, setting.arm, setting.call, alone)


def measure_run(hosts: Hosts, run: Run, runs: Runs) -> pandas.DataFrame:
    """The requests of one run of a setting."""
    measured = hosts.measure(run)
    runs.add(run, measured)
    return run.mark(measured.requests)


def keep_run(hosts: Hosts, name: str, run: Run, runs: Runs) -> pandas.DataFrame:
    """Measure a run, and keep its requests as the samples `name`; in a replay, those recorded."""
    measured = partial(measure_run, hosts, run, runs)
    frame = hosts.study.results.measure_samples(name, measured, REQUEST_COLUMNS)
    if runs.rows and (problem := frame.attrs.get("not_kept")):
        runs.add_problem(problem)
    return frame
