"""What clients ask about: the frames, known by a digest, and the questions."""

from dataclasses import dataclass

from blipkit.display.figures import show_frames
from blipkit.frames.frames import Frame
from blipkit.load.runs import frame_source
from blipkit.model.checkpoints import digest
from blipkit.parity.golden import frame_digest
from blipkit.records.typed import measure_typed
from blipkit.study import Study

SHOWN = 4  # frames


@dataclass(frozen=True)
class Pictures:
    """A record of `pictures`. frames_digest: of the pixels of all frames, 16 hex digits."""

    frames_digest: str


@dataclass(frozen=True)
class Asked:
    """frames: those that are shown; questions: about each of them.

    digest: of all frames' pixels, 16 hex digits: two machines are only compared where they saw the
    same pictures; "" where a recorded folder does not say.
    """

    frames: list[Frame]
    questions: list[str]
    digest: str

    def show(self) -> None:
        """Display the first frames, each with its right answers where it is labelled."""
        captions = [self.caption(frame) for frame in self.frames]
        show_frames([frame.image for frame in self.frames], captions)

    def caption(self, frame: Frame) -> str:
        """A frame's name, and under it each question with its right answer."""
        lines = [frame.name]
        for question in self.questions:
            lines.append(f"{question} {frame.answers.get(question, '(not labelled)')}")
        return "\n".join(lines)


def what_clients_ask(study: Study) -> Asked:
    """The frames and questions of a study; it writes a record of `pictures`, their digest."""
    rows = measure_typed(
        study.results, "pictures", Pictures, lambda: [Pictures(digest_of_frames(study))]
    )
    shown = study.frames(min(SHOWN, study.knobs.distinct_frames))
    questions = [question.text for question in study.questions]
    frames_digest = next((row.frames_digest for row in rows), "")
    return Asked(shown, questions, frames_digest)


def digest_of_frames(study: Study) -> str:
    """The digest of the pixels of all frames that the clients ask about."""
    return digest(map(frame_digest, frame_source(study).load()))
