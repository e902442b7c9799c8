"""Compiled files that somebody else made, taken up like ours: `adopt` checks one, copies it, and
writes its manifest, from which `place_of` finds it wherever its component is asked for.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from blipkit.errors import BadInput
from blipkit.machine import host
from blipkit.model.buckets import Bucket
from blipkit.model.components import Component
from blipkit.reading.files import file_digest, shown_path
from blipkit.reading.traced_file import TracedFile, read_traced_file
from blipkit.runners.arms import Arm
from blipkit.runners.artifacts import (
    ADOPTED,
    artifact_folder,
    finish_artifact,
    read_build,
    unfinished_folder,
)
from blipkit.runners.neuron.options import auto_cast, auto_cast_in, casts_as_read, possible_casts
from blipkit.runners.spec import UNKNOWN, Adopted, Build
from blipkit.runners.takes import Takes, check_call, find_takes


@dataclass(frozen=True)
class Offer:
    """A compiled file, and what was said of it.

    dtypes: the number format of each of its inputs, none where it should say them itself; flags:
    for neuronx-cc, None where nobody said them; neuronx_cc: the compiler's version, "" likewise.
    """

    file: Path
    component: Component
    arm: Arm
    dtypes: tuple[str, ...] = ()
    flags: tuple[str, ...] | None = None
    neuronx_cc: str = ""


@dataclass(frozen=True)
class AdoptedFile:
    """Where an adopted file now is, and what it takes; is_new: False where it was there already."""

    folder: Path
    build: Build
    bucket: Bucket
    is_new: bool


def place_of(root: Path, arm: Arm, build: Build) -> Path:
    """Where the artifact of a build is, or will be; an adopted one takes its place."""
    return _adopted_in_place_of(root, build) or artifact_folder(root, arm, build)


def _adopted_in_place_of(root: Path, build: Build) -> Path | None:
    """The folder of the adopted file for a build's component, arm and shapes, if there is one."""
    for folder in sorted(root.glob(f"{ADOPTED}*")):
        if not folder.suffix and _interface(read_build(folder)) == _interface(build):
            return folder
    return None


def _interface(build: Build) -> tuple:
    """What a build shares with whatever can be called in its place."""
    shapes = {name: shape for name, (shape, _) in build.input_shapes.items()}
    arm = (build.runner, build.precision, build.device)
    return build.component, arm, shapes, build.output_shape


def adopt(offer: Offer, buckets: Sequence[Bucket], root: Path) -> AdoptedFile:
    """Check a compiled file and copy it to where artifacts are; root: their folder.

    BadInput says why it is none of the component's, for the arm, in any of the buckets.
    """
    traced = read_traced_file(offer.file)
    _check_runner(offer, traced)
    _check_flags(offer)
    takes = find_takes(offer.file, offer.component, traced, offer.dtypes, buckets)
    if _runs_here(offer.arm):
        check_call(offer.file, offer.component, takes, offer.arm.device)
    build = build_of(offer, takes)
    folder = artifact_folder(root, offer.arm, build)
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        _check_place(root, folder, build)
        is_new = not folder.is_dir()
        if is_new:
            _copy(folder, build, offer.file)
    return AdoptedFile(folder, build, takes.bucket, is_new)


def _check_runner(offer: Offer, traced: TracedFile) -> None:
    """Refuse an arm that loads no such file."""
    arm, file = offer.arm, shown_path(offer.file)
    if not arm.spec.loads_torchscript:
        advice = "take an arm of torchscript or neuron"
        raise BadInput(f"arm '{arm}' loads no file of torch.jit.save; {advice}")
    if traced.for_neuron and not arm.spec.holds_core:
        advice = "--arm 'neuron none', or with the casts that it was compiled with"
        raise BadInput(f"{file} was compiled for Neuron, which arm '{arm}' is not; {advice}")
    if arm.spec.holds_core and not traced.for_neuron:
        advice = "--arm 'torchscript float32', or its precision"
        raise BadInput(
            f"{file} calls nothing that torch_neuronx compiled; for '{arm}' expected "
            f"a file that does: {advice}"
        )


def _runs_here(arm: Arm) -> bool:
    """Whether a call needs nothing that this machine lacks, and takes nothing that 03 needs."""
    if arm.device == "cuda":
        return bool(host.describe().gpus)
    return not arm.spec.holds_core


def _check_flags(offer: Offer) -> None:
    """Refuse flags that contradict the arm's name, by which 03 will judge the file."""
    arm = offer.arm
    if not arm.spec.holds_core and (offer.flags is not None or offer.neuronx_cc):
        problem = "--flags and --neuronx-cc are of neuronx-cc"
        raise BadInput(f"{problem}, which did not compile for '{arm}'; leave them out")
    if offer.flags is None:
        return
    possible = possible_casts(*auto_cast_in(offer.flags), offer.neuronx_cc)
    mode, cast = auto_cast(arm.precision)
    expected = casts_as_read(mode, cast, neuronx_cc=offer.neuronx_cc)
    if expected not in (*possible, _reading(offer)):
        problem = f"--flags mean {_reading(offer)!r}, arm '{arm}' says {expected!r}"
        raise BadInput(f"{problem}; expected both alike: --arm 'neuron {possible[0]}'")


def _reading(offer: Offer) -> str:
    """How the compiler read its casts, as far as anybody said."""
    if offer.flags is None:
        return UNKNOWN
    mode, cast = auto_cast_in(offer.flags)
    return casts_as_read(mode, cast, neuronx_cc=offer.neuronx_cc)


def build_of(offer: Offer, takes: Takes) -> Build:
    """What an adopted file was built from, as far as it is known."""
    component, arm = offer.component, offer.arm
    flags = {}
    if arm.spec.holds_core:
        flags["casts_as_read"] = _reading(offer)
    if offer.flags is not None:
        flags["compiler_args"] = list(offer.flags)
    versions = {}
    if offer.neuronx_cc:
        versions["neuronx-cc"] = offer.neuronx_cc
    return Build(
        component=component.name,
        runner=arm.runner,
        precision=arm.precision,
        device=arm.device,
        weights_digest=UNKNOWN,
        code_digest=digest_of(offer.file),
        input_shapes=component.plain_shapes(takes.bucket),
        output_shape=list(component.output_shape(takes.bucket)),
        flags=flags,
        versions=versions,
        adopted=Adopted(takes.dtypes),
    )


def digest_of(file: Path) -> str:
    """What stands for the code of an adopted file, the file itself: 16 hex digits."""
    return file_digest(file)[:16]


def _check_place(root: Path, folder: Path, build: Build) -> None:
    """Refuse a second file in the place of a component, and the same with other words."""
    taken = _adopted_in_place_of(root, build)
    if taken and taken != folder:
        problem = f"{build.component} is adopted already for these shapes, from another file"
        raise BadInput(f"{problem} or said otherwise: {taken}; delete that folder first")


def _copy(folder: Path, build: Build, file: Path) -> None:
    """Copy a file into an artifact's folder, whole or not at all.

    BadInput where the copy is not the file that was checked.
    """
    unfinished = unfinished_folder(folder)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    copied = unfinished / "compiled.pt"
    try:
        shutil.copyfile(file, copied)
        if digest_of(copied) != build.code_digest:
            advice = "adopt it again when nobody writes to it"
            raise BadInput(f"{shown_path(file)} changed while it was read; {advice}")
        finish_artifact(folder, build, copied, None, UNKNOWN)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
