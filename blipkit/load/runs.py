"""One run of a setting, as a study asks for it, and what is kept of it."""

from dataclasses import dataclass, field, replace
from functools import partial

import pandas

from blipkit.load.measure import measure_setting
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.runners.arms import parse_arm
from blipkit.runners.compile import trace
from blipkit.serving.answering import NOTHING, FrameSource
from blipkit.study import Study

# s that the harness alone is measured, and of a round of its warm-up: thousands of requests already
BRIEF_S = 0.4
BRIEF_WARMUP_S = 0.1


def frame_source(study: Study) -> FrameSource:
    """Which frames the clients ask about."""
    common = study.common
    count = study.knobs.distinct_frames
    return FrameSource(common.frames_from, count, common.seed, common.skip_unreadable)


def workload_of(study: Study, setting: Setting, run: int) -> Workload:
    """What clients ask in one run of a setting; each run has a seed of its own."""
    knobs = study.knobs
    common = study.common
    work = Workload(
        checkpoint=study.checkpoint.source,
        questions=common.questions,
        frames=frame_source(study),
        seconds=knobs.seconds,
        warmup_s=knobs.warmup,
        think_s=knobs.think_ms / 1e3,
        repeat_share=knobs.repeat_share,
        seed=common.seed + run,
    )
    if setting.call == NOTHING:
        work = replace(work, seconds=BRIEF_S, warmup_s=BRIEF_WARMUP_S)
    return work


@dataclass(frozen=True)
class Runs:
    """What the runs of settings left beside their requests; each row has its setting and its run.

    counts: what clients and servers counted; machine: pandas frames of its samples; executions:
    what proves that a Neuron device executed it.
    """

    counts: list[dict] = field(default_factory=list)
    machine: list[pandas.DataFrame] = field(default_factory=list)
    executions: list[dict] = field(default_factory=list)

    def machine_frame(self) -> pandas.DataFrame:
        """The machine's samples of all runs."""
        return pandas.concat(self.machine, ignore_index=True)

    def tell(self, problem: str) -> None:
        """Write down what went wrong with the run that was measured last, too."""
        told = [self.counts[-1]["problem"], problem]
        self.counts[-1]["problem"] = "; ".join(filter(None, told))


def measure_run(
    study: Study, setting: Setting, run: int, runs: Runs, limit: int = 0
) -> pandas.DataFrame:
    """One run of a setting, what is not compiled yet compiled before: its requests.

    limit: requests inside at most, 0 for no limit.
    """
    artifacts = trace(
        study.components,
        study.artifacts,
        *parse_arm(setting.arm),
        shapes=study.buckets,
        compiler_flags=study.common.compiler_flags,
    )
    knobs = study.knobs
    wait_s = knobs.batch_wait_ms / 1e3
    options = ServerOptions(study.common.threads, knobs.batch, wait_s, limit)
    found = measure_setting(artifacts, setting, workload_of(study, setting, run), options)
    about = dict(setting.row, run=run)
    if limit:
        about["limit"] = limit
    runs.counts.append(with_values(about, found.counts))
    runs.machine.append(pandas.DataFrame([s.columns() for s in found.samples]).assign(**about))
    runs.executions.extend(with_values(about, row) for row in found.executions)
    return found.requests.assign(**about)


def with_values(about: dict, values: dict) -> dict:
    """A record that begins with what it is about."""
    row = dict(about)
    row.update(values)
    return row


def keep_run(
    study: Study, name: str, setting: Setting, run: int, runs: Runs, limit: int = 0
) -> pandas.DataFrame:
    """Measure a run, and keep its requests as samples; in a replay, those recorded there."""
    measured = partial(measure_run, study, setting, run, runs, limit)
    frame = study.results.measure_samples(name, measured)
    if runs.counts and (lost := frame.attrs.get("not_kept")):
        runs.tell(lost)
    return frame
