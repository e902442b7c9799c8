"""What was tested, in words that stand before any figure: model, frames, machine and date."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blipkit.frames.frames import SYNTHETIC
from blipkit.model.checkpoints import is_demonstration
from blipkit.report.folders import knobs_of, machine_of, run_of


@dataclass(frozen=True)
class Tested:
    """Of a results folder: the model that was asked, about which frames, on which machine, when.

    model: a checkpoint's source, of a folder its name alone; demonstration: whether it is the
    project's own, which nobody serves; frames, measured: in words.
    """

    model: str
    demonstration: bool
    frames: str
    machine: str
    measured: str

    def in_words(self) -> str:
        """All of it in one sentence."""
        model = self.model
        if self.demonstration:
            model += ", a demonstration model"
        return f"{model}, asked about {self.frames}, on {self.machine}, {self.measured}"


def tested_in(folder: Path) -> Tested:
    """What the results folder of a run tested."""
    source = knobs_of(folder, "common").checkpoint
    return Tested(
        model=_name_of(source),
        demonstration=is_demonstration(source),
        frames=_frames_of(folder),
        machine=machine_of(folder).name,
        measured=run_of(folder).measured_on or "on a day that is not recorded",
    )


def _name_of(source: str) -> str:
    """A checkpoint's source; of a folder the last name, as the rest is private."""
    if Path(source).is_absolute() or source.startswith((".", "~")):
        return Path(source).name
    return source


def _frames_of(folder: Path) -> str:
    """How many frames, and what kind."""
    count = knobs_of(folder, "parity").frames
    if knobs_of(folder, "common").frames_from == SYNTHETIC:
        return f"{count:,} synthetic scenes"
    return f"up to {count:,} frames of a folder"


def said_first(tested: Sequence[Tested]) -> str:
    """Everything that was tested as the head of a report has it, each machine once."""
    said = dict.fromkeys(one.in_words() for one in tested)
    return f"Tested: {'; '.join(said)}."
