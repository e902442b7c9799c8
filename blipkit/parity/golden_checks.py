"""What golden outputs must be before anybody compares with them: whole, and of one piece."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from blipkit.errors import shown
from blipkit.runners.arms import REFERENCE

if TYPE_CHECKING:
    from blipkit.parity.golden import Manifest

DIGEST = "digest"  # key of the manifest's own digest, over all its other keys


def output_name(number: int, arm: str) -> str:
    """Of the tensor that an arm made in a step, among the golden ones."""
    return f"{number:03}.{arm}"


def manifest_digest(written: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest as JSON holds it, its own digest left out."""
    held = {key: value for key, value in written.items() if key != DIGEST}
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()


def check_digest(written: Mapping[str, Any]) -> None:
    """Refuse a manifest that was changed after it was written; an older kit's has no digest."""
    digest = written.get(DIGEST, "")
    if digest and digest != manifest_digest(written):
        raise ValueError("its manifest was changed: it has another digest than it says")


def check_manifest(manifest: "Manifest") -> None:
    """Refuse a manifest whose frames, answers, questions and steps do not fit each other."""
    frames = len(manifest.frames)
    if len(manifest.answers) != frames:
        raise ValueError(f"answers about {len(manifest.answers)} frames, and {frames} frames")
    if not 0 <= manifest.followed <= frames:
        raise ValueError(f"followed is {manifest.followed}; expected 0 to {frames}")
    questions = manifest.same.get("questions")
    if not isinstance(questions, list):
        raise ValueError(f"questions are {shown(questions)}; expected a list")
    for number, answers in enumerate(manifest.answers):
        if len(answers) != len(questions):
            seen = f"{len(answers)} answers about frame {number}"
            raise ValueError(f"{seen}, and {len(questions)} questions")
    for number, step in enumerate(manifest.steps):
        if missing := [name for name in ("component", "bucket", "output") if name not in step]:
            raise ValueError(f"step {number} has no {', '.join(missing)}")


def check_tensors(tensors: Mapping[str, torch.Tensor], manifest: "Manifest") -> None:
    """Refuse tensors that are not those of the manifest's steps, each in its shape."""
    shapes = {
        output_name(number, arm): step["output"]
        for number, step in enumerate(manifest.steps)
        for arm in (REFERENCE, manifest.arm)
    }
    if different := sorted(shapes.keys() ^ tensors.keys()):
        where = "in its manifest alone" if different[0] in shapes else "not in its manifest"
        raise ValueError(f"tensor {shown(different[0])} is {where}")
    for name, shape in shapes.items():
        found = tensors[name]
        if str(tuple(found.shape)) != shape or not found.is_floating_point():
            seen = f"{found.dtype} of shape {tuple(found.shape)}"
            raise ValueError(f"tensor {name!r} is {seen}; expected numbers of shape {shape}")
