"""What a rehearsal of 09 has: the study, two arms that stand in, the processes, and its phases."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blipkit.frames.source import FrameSource
from blipkit.machine.scratch import ScratchFolder
from blipkit.records.typed import measure_typed
from blipkit.runners.arms import is_forkable, parse_arm
from blipkit.service.extra import lacking
from blipkit.service.rows import CANDIDATE, PRIMARY
from blipkit.study import Study

if TYPE_CHECKING:
    from blipkit.service.api import Limits
    from blipkit.service.camera_clients import EncodedForm
    from blipkit.service.rehearse import Load, Phase
    from blipkit.service.stage import Stage

Row = TypeVar("Row")
FIRST = {PRIMARY: 100.0, CANDIDATE: 0.0}
PLANTED = 0.3  # share of frames that the candidate answers wrongly, once it is told to
IN_FLIGHT = 16  # of each inference server: closed loops on two cores are no guide here
FORMS = 8  # different requests, where one follows another


class Rehearsal:
    """Both tiers of a study on this machine, started when they are first asked.

    lacks: why nothing can be measured here, "" where it can, or where recorded rows are read.
    """

    def __init__(self, study: Study):
        self.study = study
        self.phases: list[Phase] = []
        self.lacks = ""
        if not study.replay:
            self.lacks = lacking() or self._no_arm()
        self._scratch = ScratchFolder()

    @cached_property
    def arms(self) -> dict[str, str]:
        """What stands in for each backend: the profile's first two arms that hold no device."""
        here = [arm for arm in self.study.common.arms if is_forkable(parse_arm(arm))]
        names = (PRIMARY, CANDIDATE)
        return dict(zip(names, (here[:1] + here[:2])[-2:], strict=False))

    def _no_arm(self) -> str:
        """Why no arm can stand in."""
        if self.arms:
            return ""
        held = "every arm of the profile holds a device, which two servers cannot share"
        return f"{held}; run blipkit serve on each machine, and blipkit api before them"

    def __str__(self) -> str:
        if self.study.replay:
            return "recorded elsewhere; nothing is started here"
        if self.lacks:
            return f"NOT-RUN: {self.lacks}"
        stand = ", ".join(f"{arm} stands in for {name}" for name, arm in self.arms.items())
        return f"{stand}; both on this machine, over loopback"

    @cached_property
    def stage(self) -> "Stage":
        """The processes: two inference tiers, and the API tier that gives the primary all."""
        from blipkit.service.inference import Room
        from blipkit.service.loading import plan_of
        from blipkit.service.stage import Stage

        study, knobs = self.study, self.study.knobs
        folder = study.artifacts.parent
        plans = {name: plan_of(study.profile, arm, name, folder) for name, arm in self.arms.items()}
        stage = Stage(Path(self._scratch.name))
        try:
            room = Room(knobs.servers or 1, knobs.in_flight or IN_FLIGHT)
            stage.open_inference(plans, room, PLANTED)
            stage.open_api(FIRST, self.limits)
        except BaseException:
            stage.close()
            raise
        return stage

    @property
    def limits(self) -> "Limits":
        """Of the API tier, which here looks after its backends more often."""
        from blipkit.service.api import Limits

        knobs = self.study.knobs
        return Limits(knobs.api_in_flight, knobs.timeout_s, health_every_s=0.1)

    def copy_to_candidate(self) -> None:
        """From now on the API tier sends a copy of every request to the candidate."""
        self.stage.end("api")
        self.stage.open_api(FIRST, self.limits, CANDIDATE)

    def close(self) -> None:
        """End all processes; their ledgers are read before."""
        if "stage" in vars(self):
            self.stage.close()
        self._scratch.cleanup()

    @property
    def questions(self) -> list[str]:
        """What cameras ask: those with yes and no to choose from, else all."""
        ranked = [one.text for one in self.study.questions if one.candidates == ("yes", "no")]
        return ranked or [one.text for one in self.study.questions]

    @property
    def source(self) -> FrameSource:
        """The frames that cameras send, in turn."""
        return FrameSource.of(self.study.common, self.study.knobs.frames)

    def forms(self) -> "list[EncodedForm]":
        """The frames as requests."""
        from blipkit.service.camera_clients import form_of
        from blipkit.service.children import jpeg

        return [form_of(jpeg(frame.image), self.questions) for frame in self.source.load()[:FORMS]]

    def load(self, seconds: float) -> "Load":
        """What cameras send for so long; every phase at other times."""
        from blipkit.service.rehearse import Load

        knobs = self.study.knobs
        seed = self.study.common.seed + len(self.phases)
        rate = knobs.rate_per_s
        return Load(rate, seconds, self.source, self.questions, knobs.timeout_s, seed)

    def rated_per_s(self) -> dict[str, float]:
        """What each backend holds, requests/s, where 04 has measured its arm."""
        from blipkit.service.loading import recommended

        folder, profile = self.study.artifacts.parent, self.study.profile
        limit_ms = profile.section("concurrency").latency_limit_ms
        rows = {name: recommended(folder, arm, limit_ms) for name, arm in self.arms.items()}
        return {name: row.summary.requests_per_s.value for name, row in rows.items() if row}

    def measured(self, kind: str, row: type[Row], measure: Callable[[], list[Row]]) -> list[Row]:
        """Rows measured on the stage and kept, or read where this is a replay; none where nothing
        can be measured.
        """
        if self.lacks:
            return []
        try:
            return measure_typed(self.study.results, kind, row, measure)
        except BaseException:
            self.close()
            raise
