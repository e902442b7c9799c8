"""The verbs of 09: each measures on a stage, or reads what was recorded, and returns a result that
knows its table, its figure and its gates.

Without the extra `service` nothing is measured, and every gate is NOT-RUN with what installs it.
"""

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from blipkit.machine.scratch import ScratchFolder
from blipkit.parity.excused import ExcusedMargin
from blipkit.records.typed import measure_typed, read_typed
from blipkit.runners.arms import is_forkable, parse_arm
from blipkit.service.extra import lacking
from blipkit.service.outcome import (
    ByHand,
    Costs,
    Outcome,
    Rollback,
    Shadow,
    SwitchRun,
)
from blipkit.service.reconcile import Reconciled
from blipkit.service.rows import CostRow, EventRow, HopRow, PairRow, PhaseRow, RequestRow
from blipkit.serving.answering import FrameSource
from blipkit.study import Study

if TYPE_CHECKING:
    from blipkit.service.api import Limits
    from blipkit.service.camera_clients import Form
    from blipkit.service.rehearse import Load, Phase
    from blipkit.service.stage import Stage

Row = TypeVar("Row")
PRIMARY, CANDIDATE = "gpu", "inf2"
STEPS = (0, 5, 50, 100, 0)  # percent that the candidate gets, one after another
KILLED_AT = 50  # percent
PLANTED = 0.3  # share of frames that the bad version answers wrongly
ROLLBACK_S = 8.0
FIRST = {PRIMARY: 100.0, CANDIDATE: 0.0}
IN_FLIGHT = 16  # of each inference server: closed loops on two cores are no guide here


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
        common = self.study.common
        count = self.study.knobs.frames
        return FrameSource(common.frames_from, count, common.seed, common.skip_unreadable)

    def forms(self) -> "list[Form]":
        """The frames as requests."""
        from blipkit.service.camera_clients import form_of
        from blipkit.service.children import jpeg

        return [form_of(jpeg(frame.image), self.questions) for frame in self.source.load()[:8]]

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


def open_tiers(study: Study) -> Rehearsal:
    """Both tiers of a study; nothing is started before it is asked."""
    return Rehearsal(study)


def ask_by_hand(tiers: Rehearsal) -> ByHand:
    """One request through both tiers, taken apart."""

    def measure() -> list[HopRow]:
        from blipkit.service import hops

        client, url, form = tiers.stage.client, tiers.stage.tiers["api"].url, tiers.forms()[0]
        hops.ask(client, url, form)  # connects
        took_ms, reply = hops.ask(client, url, form)
        print(f"{reply['request_id']}: {[one['text'] for one in reply['answers']]}")
        return hops.hop_rows(took_ms, reply["timings_ms"])

    return ByHand(tiers.measured("service_hops", HopRow, measure))


def measure_costs(tiers: Rehearsal) -> Costs:
    """What each tier adds to the model's own time, beside an app that does nothing."""

    def measure() -> list[CostRow]:
        from blipkit.service import hops

        stage, knobs = tiers.stage, tiers.study.knobs
        ways = {
            hops.BARE: stage.open_bare(),
            hops.ONE: stage.tiers[PRIMARY].url,
            hops.BOTH: stage.tiers["api"].url,
        }
        forms = tiers.forms()
        rows = [
            hops.cost_row(stage.client, way, url, forms, knobs.hop_requests)
            for way, url in ways.items()
        ]
        stage.end("bare")
        return rows

    rows = tiers.measured("service_costs", CostRow, measure)
    study = tiers.study
    return Costs(rows, study.knobs.hop_limit_ms, study.common.shared, tiers.lacks)


def ask_shadow(tiers: Rehearsal) -> Shadow:
    """Cameras ask the primary for a while, and every request goes to the candidate, too."""

    def measure() -> list[PairRow]:
        from blipkit.service import rehearse

        tiers.copy_to_candidate()
        seconds = tiers.study.knobs.shadow_s
        with rehearse.under_load(tiers.stage, "shadow", tiers.load(seconds)) as phase:
            phase.note(f"{CANDIDATE} gets copies", rehearse.shares(0))
        tiers.phases.append(phase)
        return rehearse.all_pairs(tiers.stage, phase)

    rows = tiers.measured("service_pairs", PairRow, measure)
    return Shadow(rows, margin_of(tiers), tiers.study.knobs.frame_flip_limit, tiers.lacks)


def margin_of(tiers: Rehearsal) -> float:
    """Below which margin a flip is the candidate's rounding, nats: as 03 measured, else as the
    profile says.
    """
    arm = tiers.arms.get(CANDIDATE)
    for row in read_typed(tiers.study.results, "parity_noise", ExcusedMargin):
        if row.arm == arm:
            return row.excused_margin
    return tiers.study.knobs.excused_margin


def rehearse_switch(tiers: Rehearsal) -> SwitchRun:
    """Cameras ask while the candidate gets one share after another, and is killed in the middle."""

    def measure() -> list[EventRow]:
        from blipkit.service import rehearse

        step_s = tiers.study.knobs.step_s
        load = tiers.load(step_s * (len(STEPS) + 1))
        with rehearse.under_load(tiers.stage, "switch", load) as phase:
            rehearse.switch_by_steps(tiers.stage, phase, STEPS, step_s, KILLED_AT)
        tiers.phases.append(phase)
        return phase.events

    events = tiers.measured("service_events", EventRow, measure)
    rows = tiers.measured("service_requests", RequestRow, partial(requests_of, tiers))
    return SwitchRun(rows, events)


def requests_of(tiers: Rehearsal) -> "list[RequestRow]":
    """Every request of the last phase."""
    from blipkit.service.rehearse import request_rows

    return request_rows(tiers.stage, tiers.phases[-1])


def rehearse_rollback(tiers: Rehearsal) -> Rollback:
    """The candidate begins to answer wrongly once it has a fifth of the traffic; its shadow's
    answers take it back.
    """

    def measure() -> list[EventRow]:
        from blipkit.service.rolling import Watched, roll_back

        watched = Watched(tiers.stage, margin_of(tiers), tiers.rated_per_s())
        phase = roll_back(tiers.stage, tiers.load(ROLLBACK_S), watched)
        tiers.phases.append(phase)
        return phase.events

    return Rollback(tiers.measured("service_rollback", EventRow, measure))


def reconcile_all(tiers: Rehearsal) -> Outcome:
    """What became of every request of every phase; then all processes are ended."""

    def phases() -> list[PhaseRow]:
        from blipkit.service import rehearse

        stands_in = str(tiers)
        return [rehearse.phase_row(tiers.stage, phase, stands_in) for phase in tiers.phases]

    def ledgers() -> list[Reconciled]:
        from blipkit.service import rehearse

        return [rehearse.reconciled(tiers.stage, tiers.phases)]

    rows = tiers.measured("service", PhaseRow, phases)
    found = tiers.measured("service_ledgers", Reconciled, ledgers)
    tiers.close()
    return Outcome(rows, found, tiers.lacks)
