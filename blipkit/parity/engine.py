"""Ask several arms the same questions: 03_parity compares the answers, `capture` keeps them."""

import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from blipkit.display.progress import Steps
from blipkit.errors import BadInput
from blipkit.frames.frames import Frame, images
from blipkit.frames.questions import Question, parse_questions
from blipkit.model.buckets import Bucket, parse_buckets
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import Components, isolate
from blipkit.model.pipeline import Answer, Pipeline, Step
from blipkit.profiles.common import Common
from blipkit.runners.arms import REFERENCE, parse_arm
from blipkit.runners.assemble import assemble
from blipkit.runners.compile import trace_arms
from blipkit.runners.loader import ArmExecution, ComponentLoader


class Engine:
    """The reference and other arms, each a pipeline on its own compiled components.

    Nothing is compiled or assembled before an arm is asked. Components that hold a NeuronCore are
    loaded in a child of their arm's own, where arms take turns; `close` ends the last.
    """

    def __init__(
        self, checkpoint: Checkpoint, arms: Sequence[str], common: Common, artifacts: Path
    ):
        """arms: beside the reference, which comes first; artifacts: where compiled ones are."""
        self.checkpoint = checkpoint
        self.common = common
        self.artifacts = artifacts
        self.arms = list(dict.fromkeys([REFERENCE, *arms]))
        self._loader = ComponentLoader()

    @cached_property
    def components(self) -> Components:
        """The checkpoint taken apart, in the order that data takes."""
        return isolate(self.checkpoint)

    @cached_property
    def questions(self) -> list[Question]:
        """What is asked about each frame."""
        return parse_questions(self.common.questions)

    @cached_property
    def buckets(self) -> list[Bucket]:
        """The static shapes that the arms are compiled for."""
        return parse_buckets(self.common.buckets)

    @property
    def block(self) -> int:
        """How many frames are asked about at once: those of the largest bucket."""
        return max(bucket.frames for bucket in self.buckets)

    @cached_property
    def pipelines(self) -> Mapping[str, Pipeline]:
        """Arm -> its pipeline. What is not compiled yet is compiled now."""
        torch.set_num_threads(self.common.threads)
        arms = [parse_arm(arm) for arm in self.arms]
        flags = self.common.compiler_flags
        compiled = trace_arms(self.components, self.artifacts, arms, self.buckets, flags)
        return {
            arm: assemble(self.checkpoint, artifacts, self._loader.load)
            for arm, artifacts in zip(self.arms, compiled, strict=True)
        }

    @property
    def reference(self) -> Pipeline:
        return self.pipelines[REFERENCE]

    def walk(self, frames: Sequence[Frame]) -> list[Step]:
        """Every call of a component that the reference's answers took, with its tensors."""
        return self.reference.walk(images(frames), self.questions)

    def walk_unused(self, frames: Sequence[Frame], walked: Sequence[Step]) -> list[Step]:
        """The calls of buckets that `walked` did not use, each about as many frames as it holds.

        A server may choose any bucket that fits; one that no question fits is left out.
        """
        used = {step.bucket for step in walked}
        steps: list[Step] = []
        for bucket, stages in self.reference.stages.items():
            if bucket in used:
                continue
            alone = Pipeline(self.checkpoint, {bucket: stages})
            with suppress(BadInput):  # fits none of the questions
                steps += alone.walk(images(frames[: bucket.frames]), self.questions)
        return steps

    def outputs(self, steps: Sequence[Step]) -> list[Mapping[str, Tensor]]:
        """For each step, arm -> what its component makes of the tensors that the reference's got.

        One arm after the other, as those that hold a NeuronCore take turns.
        """
        outputs: list[dict[str, Tensor]] = [{} for _ in steps]
        for arm, pipeline in self.pipelines.items():
            for step, of_step in zip(steps, outputs, strict=True):
                of_step[arm] = pipeline.stages[step.bucket][step.component](*step.inputs)
        return outputs

    def answers(
        self, frames: Sequence[Frame], counts: Mapping[str, int]
    ) -> Mapping[str, list[list[Answer]]]:
        """Arm -> [frame][question]: what it answers about the first `counts[arm]` of the frames.

        Frames are asked about in blocks. A block's pixels are prepared once a turn, by the
        reference.
        """
        pictures = images(frames)
        answers: dict[str, list[list[Answer]]] = {arm: [] for arm in counts}
        starts = range(0, max(counts.values()), self.block)
        turns = turns_of(list(counts))
        with Steps(len(turns) * len(starts), "asking about frames") as steps:
            for turn, start in itertools.product(turns, starts):
                steps.begin(f"from {start + 1} on")
                pixels = self.reference.preprocess(pictures[start : start + self.block])
                for arm in turn:
                    wanted = pixels[: max(counts[arm] - start, 0)]
                    if len(wanted):
                        answers[arm] += self.pipelines[arm].answer(wanted, self.questions)
        return answers

    def close(self) -> list[ArmExecution]:
        """End the child that holds a NeuronCore, if any; what proves that it ran there, a row for
        each turn.
        """
        return self._loader.close()


def turns_of(arms: Sequence[str]) -> list[list[str]]:
    """The arms in the order in which they are asked all there is to ask: those that hold no
    NeuronCore together, then each of the others alone.
    """
    alone = [arm for arm in arms if parse_arm(arm).spec.holds_core]
    together = [arm for arm in arms if arm not in alone]
    return [turn for turn in (together, *([arm] for arm in alone)) if turn]
