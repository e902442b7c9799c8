"""Compiled components in memory, put back together as a pipeline, or in transformers' own class."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from blipkit.errors import BlipkitError
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import COMPONENT_NAMES, Component, isolate
from blipkit.model.pipeline import Pipeline
from blipkit.model.wrappers import (
    ImageEncoderWrapper,
    TextDecoderWrapper,
    TextEncoderWrapper,
    shallow_copy,
)
from blipkit.runners.arms import get_runner
from blipkit.runners.artifacts import Artifact, Artifacts


@dataclass(frozen=True)
class Loaded:
    """A compiled component in memory: called with positional tensors of its bucket's shapes, it
    returns one tensor.
    """

    artifact: Artifact
    component: Component
    run: Callable

    @property
    def bucket(self) -> Bucket:
        """The bucket that it was compiled for."""
        return self.artifact.bucket

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Input -> its shape."""
        input_shapes = self.artifact.build.input_shapes
        return {name: tuple(shape) for name, (shape, _) in input_shapes.items()}

    def __call__(self, *inputs):
        if len(inputs) != len(self._shapes):
            raise BlipkitError(
                f"{self.component.name}: got {len(inputs)} inputs, expected "
                f"{', '.join(self._shapes)}"
            )
        for tensor, (name, shape) in zip(inputs, self._shapes.items(), strict=True):
            if tensor.shape != shape:
                problem = f"{self.component.name}.{name} has shape {tuple(tensor.shape)}"
                advice = "pad to it, or add a bucket for this shape and run 02_trace again"
                raise BlipkitError(f"{problem}, the artifact was compiled for {shape}; {advice}")
        output = self.run(*inputs)
        if self.artifact.build.adopted:
            self._check_output(output)
        return output

    def _check_output(self, output) -> None:
        """Refuse what is no output of the component's: the file is of something else."""
        shape, expected = tuple(output.shape), tuple(self.artifact.build.output_shape)
        if shape != expected:
            problem = f"{self.component.name}: the adopted file returned {shape}"
            advice = f"delete {self.artifact.folder} and adopt the component's own"
            raise BlipkitError(f"{problem}, expected {expected}; {advice}")


def check_weights(artifact: Artifact, component: Component) -> None:
    """Refuse an artifact that was not compiled from this very component.

    Of an adopted one nobody knows that: parity shows it.
    """
    if artifact.build.adopted:
        return
    weights = artifact.build.weights_digest
    if weights != component.digest:
        problem = f"artifact {artifact.folder.name} was compiled from weights {weights}"
        expected = f"the checkpoint's {component.name} has {component.digest}"
        raise BlipkitError(f"{problem}, {expected}; run 02_trace for this checkpoint")


def load_artifact(artifact: Artifact, component: Component) -> Loaded:
    """Load a compiled component into this process."""
    check_weights(artifact, component)
    runner = get_runner(artifact.arm)
    run = runner.load(artifact.path, artifact.build, component.module)
    return Loaded(artifact, component, run)


def assemble(
    checkpoint: Checkpoint, artifacts: Artifacts, load: Callable = load_artifact
) -> Pipeline:
    """The pipeline of one arm's artifacts.

    load: as `load_artifact`; another may put them elsewhere than into this process. BlipkitError
    where the artifacts are of several arms, or a bucket lacks a component.
    """
    arms = {str(artifact.arm) for artifact in artifacts}
    if len(arms) != 1:
        names = ", ".join(sorted(arms)) or "none"
        raise BlipkitError(f"a pipeline needs artifacts of one arm, saw {names}; pass one arm's")
    for bucket in artifacts.buckets:
        if absent := [name for name in COMPONENT_NAMES if name not in artifacts.of(bucket)]:
            problem = f"bucket {bucket} of {arms.pop()} lacks {', '.join(absent)}"
            raise BlipkitError(f"{problem}; trace all components")
    by_folder = {
        loaded.artifact.folder: loaded for loaded in load_each(checkpoint, artifacts, load)
    }
    stages = {}
    for bucket in artifacts.buckets:
        compiled = artifacts.of(bucket).items()
        stages[bucket] = {name: by_folder[artifact.folder] for name, artifact in compiled}
    return Pipeline(checkpoint, stages)


def load_each(checkpoint: Checkpoint, artifacts: Artifacts, load: Callable) -> list[Loaded]:
    """The compiled components in memory, each once, though several buckets may share one."""
    components = isolate(checkpoint)
    by_folder = {artifact.folder: artifact for artifact in artifacts}
    return [load(artifact, components[artifact.component]) for artifact in by_folder.values()]


def _only(name: str, stages: Sequence[Loaded]) -> list[Loaded]:
    """The stages of one component, for each bucket where it differs."""
    return [stage for stage in stages if stage.component.name == name]


def plug_in(checkpoint: Checkpoint, artifacts: Artifacts, load: Callable = load_artifact):
    """transformers' own BlipForQuestionAnswering on the artifacts of one arm.

    `checkpoint.model` is left as it is. `generate` may be asked for as many new tokens as the
    largest bucket's answer_tokens.
    """
    stages = load_each(checkpoint, artifacts, load)
    model = shallow_copy(checkpoint.model)
    model.vision_model = ImageEncoderWrapper.from_model(*_only("image_encoder", stages))
    model.text_encoder = TextEncoderWrapper.from_model(*_only("text_encoder", stages))
    model.text_decoder = TextDecoderWrapper.from_model(*_only("text_decoder", stages))
    return model
