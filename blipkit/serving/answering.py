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

from blipkit.frames.images import image_in
from blipkit.frames.jpeg import as_jpegs
from blipkit.frames.questions import Question, parse_questions
from blipkit.frames.source import FrameSource
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint, load_checkpoint
from blipkit.records.typed import row_of
from blipkit.runners.artifacts import Artifact, Artifacts, read_artifact

NOTHING = "nothing"  # a call that answers without a model: what it takes is the harness's own
# How a call's name ends where a frame travels as a camera sends it, to be decoded where it is
# served; elsewhere its index travels, and all frames are decoded before anything is timed.
FROM_JPEG = " from JPEG"

# frames' indices, or their pictures as they travel -> the answers about each
Handler = Callable[[list[int | bytes]], list[list[str]]]


@dataclass(frozen=True)
class ArtifactPlace:
    """Where a child reads an artifact again. sizes: of its bucket, by name."""

    folder: str
    sizes: dict[str, int]


@dataclass(frozen=True)
class Answering:
    """What a process that answers needs to know; plain values, as a child gets JSON.

    checkpoint: its source; components: where each compiled one is; questions: as a profile writes
    them; frames: which ones; call: one of `known_calls`; threads: torch's own, of each server;
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

    def asked(self) -> list[int | bytes]:
        """What asks about each frame, in their order: its index, or its picture as it travels."""
        frames = self.frames.load()
        if is_from_jpeg(self.call):
            return as_jpegs(frames)
        return list(range(len(frames)))


def is_from_jpeg(call: str) -> bool:
    """Whether frames travel as JPEGs in a call, by its name."""
    return call.endswith(FROM_JPEG)


def known_calls() -> list[str]:
    """Every call, by its name: those of CALLS, from decoded frames or from JPEGs, and NOTHING."""
    return [*CALLS, *(f"{call}{FROM_JPEG}" for call in CALLS), NOTHING]


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
    by = CALLS[plan.call.removesuffix(FROM_JPEG)]
    ask = by(load_checkpoint(plan.checkpoint), artifacts, questions)
    if is_from_jpeg(plan.call):
        return lambda pictures: ask([image_in(picture) for picture in pictures])
    # decoded before anything is timed
    images = [frame.image for frame in plan.frames.load()]
    return lambda frames: ask([images[index] for index in frames])


def answer_nothing(frames: list[int | bytes]) -> list[list[str]]:
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
