"""What answers: a pipeline in this process, from frames' indices to the answers about each.

Importing transformers' models takes seconds, which checking a profile should not: it waits until a
pipeline is put together.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from blipkit.frames.frames import Frame, load_frames
from blipkit.frames.questions import Question, parse_questions
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint, load_checkpoint
from blipkit.runners.artifacts import Artifact, Artifacts, read_artifact

NOTHING = "nothing"  # a call that answers without a model: what it takes is the harness's own


@dataclass(frozen=True)
class FrameSource:
    """Which frames are asked about, as `load_frames` takes them.

    source: "synthetic", or a folder of images; count: how many at most; seed: the series of drawn
    scenes, or which images of a folder; skip_unreadable: go on without images that cannot be read.
    """

    source: str
    count: int
    seed: int
    skip_unreadable: bool = False

    def load(self) -> list[Frame]:
        """The frames, in the order in which their indices count."""
        return load_frames(self.source, self.count, self.seed, self.skip_unreadable)


@dataclass(frozen=True)
class Answering:
    """What a process that answers is told; plain values, as a child gets JSON.

    checkpoint: its source; components: of each compiled one, its folder and its bucket's sizes;
    questions: as a profile writes them; frames: which ones; call: one of CALLS, or NOTHING;
    threads: torch's own, of each server.
    """

    checkpoint: str
    components: list[tuple[str, dict[str, int]]]
    questions: list
    frames: FrameSource
    call: str
    threads: int

    @classmethod
    def of_json(cls, told: dict) -> "Answering":
        """As `dataclasses.asdict` wrote it."""
        frames = FrameSource(**told["frames"])
        plain = {name: value for name, value in told.items() if name != "frames"}
        return cls(frames=frames, **plain)

    def read_artifacts(self) -> Artifacts:
        """The compiled components, each checked against its manifest."""
        return Artifacts(read_artifact(Path(f), Bucket(**sizes)) for f, sizes in self.components)


def place_of(artifact: Artifact) -> tuple[str, dict[str, int]]:
    """An artifact's folder and its bucket's sizes, from which a child reads it again."""
    return str(artifact.folder), asdict(artifact.bucket)


def answerer(told: dict, cpus: Sequence[int] = ()) -> Callable[[list[int]], list[list[str]]]:
    """Indices of frames -> the answers about each, by a pipeline of this process, kept to `cpus`.

    told: an `Answering`, as JSON has it.
    """
    answering = Answering.of_json(told)
    if cpus:
        os.sched_setaffinity(0, cpus)
    if answering.call == NOTHING:
        return answer_nothing
    torch.set_num_threads(answering.threads)
    artifacts = answering.read_artifacts()
    questions = parse_questions(answering.questions)
    ask = CALLS[answering.call](load_checkpoint(answering.checkpoint), artifacts, questions)
    # decoded before anything is timed
    pictures = [frame.image for frame in answering.frames.load()]

    def answer(frames: list[int]) -> list[list[str]]:
        return ask([pictures[index] for index in frames])

    return answer


def answer_nothing(frames: list[int]) -> list[list[str]]:
    """No answers about each frame, at once."""
    return [[]] * len(frames)


def by_pipeline(
    checkpoint: Checkpoint, artifacts: Artifacts, questions: list[Question]
) -> Callable:
    """All questions about all images in one call of the pipeline."""
    from blipkit.runners.assemble import assemble

    pipeline = assemble(checkpoint, artifacts)

    def ask(images) -> list[list[str]]:
        return [[answer.text for answer in row] for row in pipeline.answer(images, questions)]

    return ask


def by_generate(
    checkpoint: Checkpoint, artifacts: Artifacts, questions: list[Question]
) -> Callable:
    """transformers' own `generate` on the plugged-in components, one question a call.

    This is the published recipe.
    """
    from blipkit.runners.assemble import plug_in

    model = plug_in(checkpoint, artifacts)
    processor = checkpoint.processor
    tokens = min(bucket.answer_tokens for bucket in artifacts.buckets)

    def ask_one(image) -> list[str]:
        given = [processor(images=image, text=q.text, return_tensors="pt") for q in questions]
        answers = [model.generate(**inputs, max_new_tokens=tokens)[0] for inputs in given]
        return [processor.decode(ids, skip_special_tokens=True) for ids in answers]

    def ask(images) -> list[list[str]]:
        return [ask_one(image) for image in images]

    return ask


CALLS = {"pipeline": by_pipeline, "generate": by_generate}
