"""What answers: a pipeline in this process, from frames' indices to the answers about each.

Importing transformers' models takes seconds, which checking a profile should not: it waits until a
pipeline is put together.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from blipkit.frames.frames import Frame, load_frames
from blipkit.frames.questions import Question, parse_questions
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint, load_checkpoint
from blipkit.records.typed import row_of
from blipkit.runners.artifacts import Artifact, Artifacts, read_artifact

NOTHING = "nothing"  # a call that answers without a model: what it takes is the harness's own

Handler = Callable[[list[int]], list[list[str]]]  # frames' indices -> the answers about each


@dataclass(frozen=True)
class FrameSource:
    """Which frames are asked about, as `load_frames` takes them.

    source: "synthetic", or a folder of images; count: how many at most; seed: the series of
    synthetic scenes, or which images of a folder; skip_unreadable: go on without images that cannot
    be read.
    """

    source: str
    count: int
    seed: int
    skip_unreadable: bool = False

    def load(self) -> list[Frame]:
        """The frames, in the order in which their indices count."""
        return load_frames(self.source, self.count, self.seed, self.skip_unreadable)


@dataclass(frozen=True)
class ArtifactPlace:
    """Where a child reads an artifact again. sizes: of its bucket, by name."""

    folder: str
    sizes: dict[str, int]


@dataclass(frozen=True)
class Answering:
    """What a process that answers needs to know; plain values, as a child gets JSON.

    checkpoint: its source; components: where each compiled one is; questions: as a profile writes
    them; frames: which ones; call: one of CALLS, or NOTHING; threads: torch's own, of each server;
    forked: whether it touches neither CUDA nor Neuron, so that its processes may be forked;
    start_gap_s: between the starts of two of its processes.
    """

    checkpoint: str
    components: list[ArtifactPlace]
    questions: list
    frames: FrameSource
    call: str
    threads: int
    forked: bool = False
    start_gap_s: float = 0.0

    def read_artifacts(self) -> Artifacts:
        """The compiled components, each checked against its manifest."""
        places = self.components
        return Artifacts(read_artifact(Path(one.folder), Bucket(**one.sizes)) for one in places)


def place_of(artifact: Artifact) -> ArtifactPlace:
    """From where a child reads an artifact again."""
    return ArtifactPlace(str(artifact.folder), asdict(artifact.bucket))


def make_handler(answering: dict[str, Any], cpus: Sequence[int] = ()) -> Handler:
    """What answers in this process, which keeps to `cpus`.

    answering: an `Answering`, as JSON has it.
    """
    plan = row_of(Answering, answering)
    if cpus:
        os.sched_setaffinity(0, cpus)
    if plan.call == NOTHING:
        return answer_nothing
    torch.set_num_threads(plan.threads)
    artifacts = plan.read_artifacts()
    questions = parse_questions(plan.questions)
    ask = CALLS[plan.call](load_checkpoint(plan.checkpoint), artifacts, questions)
    # decoded before anything is timed
    images = [frame.image for frame in plan.frames.load()]

    def answer(frames: list[int]) -> list[list[str]]:
        return ask([images[index] for index in frames])

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
        prompts = [processor(images=image, text=q.text, return_tensors="pt") for q in questions]
        answers = [model.generate(**inputs, max_new_tokens=tokens)[0] for inputs in prompts]
        return [processor.decode(ids, skip_special_tokens=True) for ids in answers]

    def ask(images) -> list[list[str]]:
        return [ask_one(image) for image in images]

    return ask


CALLS = {"pipeline": by_pipeline, "generate": by_generate}
