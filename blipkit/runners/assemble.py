"""Compiled components in memory, and put back together: a pipeline, or transformers' own class on
them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from blipkit.errors import BlipkitError
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import PIECES, Component, isolate
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
    """A compiled component in memory: call it with positional tensors of its bucket's shapes, get
    one tensor.
    """

    artifact: Artifact
    component: Component
    run: Callable

    @property
    def bucket(self) -> Bucket:
        return self.artifact.bucket

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            name: tuple(shape)
            for name, (shape, _) in self.artifact.manifest["input_shapes"].items()
        }

    def __call__(self, *inputs):
        if len(inputs) != len(self._shapes):
            raise BlipkitError(
                f"{self.component.name}: got {len(inputs)} inputs, expected "
                f"{', '.join(self._shapes)}"
            )
        for tensor, (name, shape) in zip(inputs, self._shapes.items(), strict=True):
            if tensor.shape != shape:
                seen = f"{self.component.name}.{name} has shape {tuple(tensor.shape)}"
                advice = "pad to it, or add a bucket for this shape and run 02_trace again"
                raise BlipkitError(f"{seen}, the artifact was compiled for {shape}; {advice}")
        return self.run(*inputs)


def check_weights(artifact: Artifact, component: Component) -> None:
    """Refuse an artifact that was not compiled from this very component."""
    if artifact.manifest["weights_digest"] != component.digest:
        seen = (
            f"artifact {artifact.folder.name} was compiled from weights "
            f"{artifact.manifest['weights_digest']}"
        )
        expected = f"the checkpoint's {component.name} has {component.digest}"
        raise BlipkitError(f"{seen}, {expected}; run 02_trace for this checkpoint")


def load_artifact(artifact: Artifact, component: Component) -> Loaded:
    """Load a compiled component into this process."""
    check_weights(artifact, component)
    runner = get_runner(artifact.arm)
    return Loaded(
        artifact, component, runner.load(artifact.path, artifact.manifest, component.module)
    )


def assemble(
    checkpoint: Checkpoint, artifacts: Artifacts, load: Callable = load_artifact
) -> Pipeline:
    """Load artifacts of one arm into a pipeline; `load` may put them elsewhere than in this
    process.
    """
    arms = {str(a.arm) for a in artifacts}
    if len(arms) != 1:
        raise BlipkitError(
            f"a pipeline needs artifacts of one arm, saw {', '.join(sorted(arms)) or 'none'}"
        )
    for bucket in artifacts.buckets:
        if absent := [name for name in PIECES if name not in artifacts.of(bucket)]:
            raise BlipkitError(
                f"bucket {bucket} of {arms.pop()} lacks {', '.join(absent)}; trace all components"
            )
    loaded = load_each(checkpoint, artifacts, load)
    stages = {}
    for bucket in artifacts.buckets:
        pieces = artifacts.of(bucket).items()
        stages[bucket] = {name: loaded[artifact.folder] for name, artifact in pieces}
    return Pipeline(checkpoint, stages)


def load_each(checkpoint: Checkpoint, artifacts: Artifacts, load: Callable) -> dict[Path, Loaded]:
    """Folder -> the compiled component in memory, once: two buckets may share an image encoder."""
    components = isolate(checkpoint)
    one_each = {a.folder: a for a in artifacts}
    return {folder: load(a, components[a.component]) for folder, a in one_each.items()}


def load_stages(
    checkpoint: Checkpoint, artifacts: Artifacts, load: Callable = load_artifact
) -> dict[str, list[Loaded]]:
    """Component name -> its compiled components in memory, one per bucket that differs."""
    loaded = load_each(checkpoint, artifacts, load).values()
    return {name: [one for one in loaded if one.component.name == name] for name in PIECES}


def plug_in(checkpoint: Checkpoint, artifacts: Artifacts, load: Callable = load_artifact):
    """transformers' own BlipForQuestionAnswering on the artifacts; `checkpoint.model` is left as it
    is.

    `generate` may be asked for as many new tokens as the largest bucket's answer_tokens.
    """
    stages = load_stages(checkpoint, artifacts, load)
    model = shallow_copy(checkpoint.model)
    model.vision_model = ImageEncoderWrapper.from_model(*stages["image_encoder"])
    model.text_encoder = TextEncoderWrapper.from_model(*stages["text_encoder"])
    model.text_decoder = TextDecoderWrapper.from_model(*stages["text_decoder"])
    return model
