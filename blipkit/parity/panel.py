"""Who is compared in 03, about which frames: candidates, incumbent, models in their formats."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from blipkit.display.tables import show_table
from blipkit.frames.frames import Frame
from blipkit.model.pipeline import Answer
from blipkit.parity.engine import Engine
from blipkit.parity.golden import Bundle, find_bundle
from blipkit.parity.lacking import NOT_RECORDED
from blipkit.paths import is_folder
from blipkit.runners.arms import INCUMBENT, REFERENCE, parse_arm, same_precision_baseline
from blipkit.study import Study

# what 03 takes
NUMBERS = "numbers, s"
ANSWERS = "answers, s"
MEMORY = "memory, GiB"


@dataclass(frozen=True)
class Panel:
    """The arms that are compared, and what asks them; in a replay nothing is asked.

    candidates: the profile's arms; incumbent: the name that the incumbent's rows carry, "" where
    none is named; bundle: what it answered, where it was recorded on another machine; frames: what
    is asked about; took: seconds, or GiB, that were measured of NUMBERS, ANSWERS and MEMORY.
    """

    study: Study
    candidates: Sequence[str]
    incumbent: str
    bundle: Bundle | None
    frames: Sequence[Frame]
    took: dict[str, float] = field(default_factory=dict)

    @cached_property
    def arms(self) -> list[str]:
        """The candidates, and the incumbent where it is none of them."""
        named = [*self.candidates, self.incumbent]
        return list(dict.fromkeys(filter(None, named)))

    def arm_of(self, name: str) -> str:
        """What computes under a name: a bundle's arm under the incumbent's, else the arm named."""
        if self.bundle and name == self.incumbent:
            return self.bundle.arm
        return name

    def precision(self, name: str) -> str:
        """The number format whose limits apply to an arm."""
        return parse_arm(self.arm_of(name)).rounds_like

    @cached_property
    def formats(self) -> dict[str, str | None]:
        """Arm -> the model by torch in its number format; None where torch has no such model."""
        known = [arm for arm in self.arms if self.arm_of(arm) != INCUMBENT]
        return {arm: same_precision_baseline(self.arm_of(arm)) for arm in known}

    @cached_property
    def engine(self) -> Engine:
        """The arms of this machine and the models in their number formats, each once."""
        here = [arm for arm in self.arms if self.arm_of(arm) == arm]
        models = [model for model in self.formats.values() if model]
        study = self.study
        return Engine(study.checkpoint, [*here, *models], study.common, study.artifacts)

    @property
    def ranked_questions(self) -> int:
        """How many questions have candidates, so that their answers can be judged."""
        return sum(question.candidates is not None for question in self.study.questions)

    @cached_property
    def places(self) -> list[int]:
        """Where our frames stand among the bundle's; none without a bundle."""
        if self.bundle is None:
            return []
        return self.bundle.places(self.frames)

    @cached_property
    def followed(self) -> list[Frame]:
        """The frames followed through every component: the first ones, or those of the bundle."""
        if self.bundle:
            return [self.frames[self.places.index(place)] for place in self.bundle.followed]
        return list(self.frames[: self.study.knobs.compared_frames])

    def count(self, name: str) -> int:
        """How many frames an arm is asked about; fewer, where it only shows its number format."""
        if name in (REFERENCE, *self.arms):
            return len(self.frames)
        return min(self.study.knobs.baseline_frames, len(self.frames))

    @cached_property
    def answers(self) -> dict[str, list[list[Answer]]]:
        """Arm -> [frame][question]: every answer, asked once and kept."""
        counts = {arm: self.count(arm) for arm in self.engine.arms}
        started = time.perf_counter()
        given = self.engine.answers(self.frames, counts)
        if self.bundle:
            given[self.incumbent] = self.bundle.answers(self.places)
        self.took[ANSWERS] = time.perf_counter() - started
        return given

    def table(self) -> None:
        """Each arm beside the model that shows what its number format does."""
        rows = [
            {"arm": self.arm_of(arm), "the same format by torch": model or "none: static limits"}
            for arm, model in self.formats.items()
        ]
        show_table(rows, "Each arm, and the model that shows what its number format does")


def lacking_ranked(panel: Panel) -> str:
    """Why there are no rows about questions with candidates."""
    if panel.ranked_questions:
        return NOT_RECORDED
    return "no question has candidates"


def open_panel(study: Study) -> Panel:
    """The panel of a study. Nothing is compiled before it is asked; in a replay, nothing is."""
    knobs = study.knobs
    incumbent = knobs.incumbent
    if is_folder(incumbent):
        incumbent = INCUMBENT
    bundle = None
    if not study.replay:
        bundle = find_bundle(knobs.incumbent)
    return Panel(study, study.common.arms, incumbent, bundle, study.frames(knobs.frames))
