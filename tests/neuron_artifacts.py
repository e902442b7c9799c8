"""Small artifacts of the arms on Neuron: a module that doubles two numbers, and files that only say that they are one."""

import types
from pathlib import Path

import torch

from blipkit.machine import host
from blipkit.model.buckets import Bucket
from blipkit.runners.arms import Arm
from blipkit.runners.artifacts import Artifact, artifact_folder, read_artifact, write_artifact
from blipkit.runners.kinds import neuron
from blipkit.runners.spec import Build

MATMULT = Arm("neuron", "matmult bf16")
NONE = Arm("neuron", "none")
BUCKET = Bucket(1, 1, 6, 2, 3)


class Doubling(torch.nn.Module):
    def forward(self, x):
        return 2 * x


def build_for(precision: str, **changed) -> Build:
    """What a module on one tensor of two numbers is built from."""
    figures = {
        "component": "text_encoder",
        "runner": "neuron",
        "precision": precision,
        "device": "cpu",
        "weights_digest": "",
        "code_digest": "",
        "input_shapes": {"x": [[2], "float32"]},
        "output_shape": [2],
        "flags": neuron.flags(precision, ()),
        "versions": host.versions(),
    }
    return Build(**{**figures, **changed})


def component_of(artifact: Artifact):
    """A component that an artifact says it was compiled from."""
    return types.SimpleNamespace(name=artifact.component, digest="", module=None)


def doubling_artifact(root: Path, arm: Arm) -> Artifact:
    """Compiled by the fake torch_neuronx."""
    build = build_for(arm.precision)
    folder = artifact_folder(root, arm, build)
    write_artifact(folder, build, neuron.compile, Doubling().eval(), (torch.ones(2),))
    return read_artifact(folder, BUCKET)


def written_artifact(root: Path, arm: Arm = MATMULT, size: int = 10, **changed) -> Artifact:
    """A file of so many bytes, most of which the disk does not have to keep."""

    def write(path: Path, *_) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    build = build_for(arm.precision, **changed)
    folder = artifact_folder(root, arm, build)
    write_artifact(folder, build, write, None, ())
    return read_artifact(folder, BUCKET)
