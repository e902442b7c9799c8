"""Who is compared in 03, about which frames: candidates, incumbent, same-precision baselines."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from blipkit.display.tables import show_table
from blipkit.frames.frames import Frame
from blipkit.model.pipeline import Answer
from blipkit.parity.calls import Limits
from blipkit.parity.engine import Engine
from blipkit.parity.golden import GoldenOutputs, find_golden_outputs
from blipkit.parity.lacking import NOT_RECORDED
from blipkit.paths import is_folder
from blipkit.runners.arms import INCUMBENT, REFERENCE, parse_arm, same_precision_baseline
from blipkit.runners.compiled import adopted_lines
from blipkit.study import Study

# what 03 takes
NUMBERS = "numbers, s"
ANSWERS = "answers, s"
MEMORY = "memory, GiB"
BESIDE_FLOAT64 = f"{REFERENCE}, beside float64"  # the baseline of a float32 arm


@dataclass(frozen=True)
class Panel:
    """The arms that are compared, and what asks them; in a replay nothing is asked.

    candidates: the profile's arms; incumbent: the name that the incumbent's rows carry, "" where
    none is named; golden: what it answered, where it was recorded on another machine; frames: what
    is asked about; effort: seconds, or GiB, that were measured of NUMBERS, ANSWERS and MEMORY.
    """

    study: Study
    candidates: Sequence[str]
    incumbent: str
    golden: GoldenOutputs | None
    frames: Sequence[Frame]
    effort: dict[str, float] = field(default_factory=dict)

    @cached_property
    def arms(self) -> list[str]:
        """The candidates, and the incumbent where it is none of them."""
        named = [*self.candidates, self.incumbent]
        return list(dict.fromkeys(filter(None, named)))

    def arm_of(self, name: str) -> str:
        """What computes under a name: under the incumbent's, the arm of golden outputs."""
        if self.golden and name == self.incumbent:
            return self.golden.arm
        return name

    def precision(self, name: str) -> str:
        """The precision whose limits apply to an arm."""
        return parse_arm(self.arm_of(name)).rounds_like

    @property
    def has_float32(self) -> bool:
        """Whether an arm computes in float32, so that it is compared with float64."""
        return any(self.precision(arm) == "float32" for arm in self.baselines)

    @property
    def limits(self) -> Limits:
        """What the profile says a comparison has to be within."""
        knobs = self.study.knobs
        return Limits(knobs.tensor_limit, knobs.sigma_limit, knobs.overlap_floor)

    @cached_property
    def baselines(self) -> Mapping[str, str | None]:
        """Arm -> its same-precision baseline, an arm too; None where torch has no such model."""
        known = [arm for arm in self.arms if self.arm_of(arm) != INCUMBENT]
        return {arm: same_precision_baseline(self.arm_of(arm)) for arm in known}

    @cached_property
    def engine(self) -> Engine:
        """The arms of this machine and their same-precision baselines, each once."""
        here = [arm for arm in self.arms if self.arm_of(arm) == arm]
        baselines = [arm for arm in self.baselines.values() if arm]
        study = self.study
        return Engine(study.checkpoint, [*here, *baselines], study.common, study.artifacts)

    @property
    def ranked_questions(self) -> int:
        """How many questions have candidates, so that their answers can be judged."""
        return sum(question.candidates is not None for question in self.study.questions)

    @cached_property
    def places(self) -> list[int]:
        """Where our frames stand among the golden outputs'; none without golden outputs."""
        if self.golden is None:
            return []
        return self.golden.places(self.frames)

    @cached_property
    def followed(self) -> list[Frame]:
        """The frames followed through every component: the first, or those of golden outputs."""
        if self.golden:
            return [self.frames[self.places.index(place)] for place in self.golden.followed]
        return list(self.frames[: self.study.knobs.compared_frames])

    def count(self, name: str) -> int:
        """How many frames an arm is asked about; fewer, where it is a baseline alone."""
        if name in (REFERENCE, *self.arms):
            return len(self.frames)
        return min(self.study.knobs.baseline_frames, len(self.frames))

    @cached_property
    def answers(self) -> Mapping[str, list[list[Answer]]]:
        """Arm -> [frame][question]: every answer, asked once and kept."""
        counts = {arm: self.count(arm) for arm in self.engine.arms}
        started = time.perf_counter()
        answers = dict(self.engine.answers(self.frames, counts))
        if self.golden:
            answers[self.incumbent] = self.golden.answers(self.places)
        self.effort[ANSWERS] = time.perf_counter() - started
        return answers

    def table(self) -> None:
        """Each arm beside its same-precision baseline."""
        rows = [
            {"arm": self.arm_of(arm), "same-precision baseline": baseline or BESIDE_FLOAT64}
            for arm, baseline in self.baselines.items()
        ]
        show_table(rows, "Each arm, and the model that shows what its precision alone costs")
        for line in adopted_lines(self.study.results):
            print(line)


def lacking_ranked(panel: Panel) -> str:
    """Why there are no rows about questions with candidates."""
    if panel.ranked_questions:
        return NOT_RECORDED
    return "no question has candidates"


def open_panel(study: Study) -> Panel:
    """The panel of a study. An arm is compiled when it is first asked; in a replay, none is."""
    knobs = study.knobs
    incumbent = knobs.incumbent
    if is_folder(incumbent):
        incumbent = INCUMBENT
    golden = None
    if not study.replay:
        golden = find_golden_outputs(knobs.incumbent)
    return Panel(study, study.common.arms, incumbent, golden, study.frames(knobs.frames))
