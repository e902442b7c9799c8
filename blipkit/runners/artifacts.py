"""Compiled components on disk. Each has a folder named by a content key (weights, code, shapes,
precision, flags, versions), with a manifest beside the compiled file. A damaged one is refused by
name before anything loads it.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from blipkit.errors import BlipkitError, shown
from blipkit.machine import host
from blipkit.model.buckets import Bucket
from blipkit.reading.files import MB, file_digest, is_plain_name, read_bytes
from blipkit.reading.json_text import parse_object
from blipkit.reading.traced_file import STORAGES
from blipkit.records.typed import Record, part, record_of, row_of
from blipkit.runners.arms import Arm, parse_arm
from blipkit.runners.spec import Build

MANIFEST = "manifest.json"
ADOPTED = "adopted-"  # begins the name of a folder whose file was compiled elsewhere
FORMAT = 1  # part of every key: raise it when artifacts of older kits must not be reused


@dataclass(frozen=True)
class Manifest:
    """What an artifact says about itself, in the file beside the compiled one.

    file: name of the compiled file; seconds: that compiling took; bytes, sha256: of the file;
    compiled_on: name of the machine. Of an adopted file, seconds is None, compiled_on UNKNOWN.
    """

    build: Build = part()
    key: str
    file: str
    seconds: float | None
    bytes: int
    compiled_on: str
    sha256: str


@dataclass(frozen=True)
class Artifact:
    """One compiled component, for one bucket; two buckets share a folder where the component's
    shapes agree.

    skipped: it was there already, and was not compiled again.
    """

    folder: Path
    manifest: Manifest
    bucket: Bucket
    skipped: bool = False

    @property
    def build(self) -> Build:
        """What it was built from."""
        return self.manifest.build

    @property
    def component(self) -> str:
        """The component's name."""
        return self.build.component

    @property
    def arm(self) -> Arm:
        """The arm that it was compiled for."""
        return Arm(self.build.runner, self.build.precision, self.build.device)

    @property
    def path(self) -> Path:
        """The compiled file."""
        return self.folder / self.manifest.file


class Artifacts(list[Artifact]):
    """Artifacts of one arm: every component of a checkpoint, for one or more buckets."""

    @property
    def buckets(self) -> list[Bucket]:
        """The buckets that they were compiled for, each once, smallest first."""
        return sorted({artifact.bucket for artifact in self})

    def of(self, bucket: Bucket) -> dict[str, Artifact]:
        """Component name -> artifact for one bucket."""
        return {artifact.component: artifact for artifact in self if artifact.bucket == bucket}


@dataclass(frozen=True)
class CompiledComponent:
    """What compiling a component for an arm and a bucket took and produced, or why it failed.

    predicted_mb: its weights in the arm's precision, and nothing else; MB are 10^6 bytes. seconds:
    None for an emulated arm, whose seconds are a stand-in's. predicted_s: what neuronx-cc may take,
    None for other compilers. skipped: whether it was there already. flags: what the compiler was
    told. key: of its content. failed: why there is none, "" where it was compiled; then seconds, mb
    and skipped are None. adopted: what is not known of a file that was brought along, "" of ours.
    """

    arm: str
    component: str
    bucket: str
    predicted_mb: float
    seconds: float | None = None
    predicted_s: float | None = None
    mb: float | None = None
    skipped: bool | None = None
    flags: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    failed: str = ""
    adopted: str = ""
    evidence: str = "measured"


@dataclass(frozen=True)
class CompileJob:
    """One component to compile, and the folder that its artifact has, or will have.

    compiler_flags: a profile's own, for neuronx-cc.
    """

    component: str
    bucket: Bucket
    arm: Arm
    folder: Path
    compiler_flags: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """As a child process gets it."""
        return {
            "component": self.component,
            "bucket": asdict(self.bucket),
            "arm": str(self.arm),
            "folder": str(self.folder),
            "compiler_flags": list(self.compiler_flags),
        }

    @classmethod
    def from_json(cls, values: dict) -> "CompileJob":
        """The job that `to_json` wrote."""
        return cls(
            component=values["component"],
            bucket=Bucket(**values["bucket"]),
            arm=parse_arm(values["arm"]),
            folder=Path(values["folder"]),
            compiler_flags=tuple(values["compiler_flags"]),
        )


def content_key(build: Build) -> str:
    """24 hex digits over everything that a compiled file depends on."""
    hashed = json.dumps(dict(asdict(build), format=FORMAT), sort_keys=True)
    return hashlib.sha256(hashed.encode()).hexdigest()[:24]


def artifact_folder(root: Path, arm: Arm, build: Build) -> Path:
    """Where the artifact of a build is, or will be."""
    name = "-".join([build.component, *str(arm).split(), content_key(build)])
    if build.adopted:
        name = ADOPTED + name
    return root / name


def write_artifact(
    folder: Path, build: Build, compile_component: Callable, module, inputs: tuple
) -> None:
    """Compile into a folder beside `folder`, and move it there when it is whole.

    compile_component: a runner's `compile`.
    """
    unfinished = unfinished_folder(folder)
    shutil.rmtree(_failed(folder), ignore_errors=True)
    unfinished.mkdir(parents=True)
    file = unfinished / "compiled.pt"
    started = time.perf_counter()
    try:
        compile_component(file, build, module, inputs)
    except BaseException:
        set_aside(folder)
        raise
    seconds = round(time.perf_counter() - started, 3)
    finish_artifact(folder, build, file, seconds, host.describe().name)


def finish_artifact(
    folder: Path, build: Build, file: Path, seconds: float | None, compiled_on: str
) -> None:
    """Write the manifest beside a file in the unfinished folder, and move both to `folder`."""
    manifest = Manifest(
        build=build,
        key=content_key(build),
        file=file.name,
        seconds=seconds,
        bytes=file.stat().st_size,
        compiled_on=compiled_on,
        sha256=file_digest(file),
    )
    text = json.dumps(record_of(manifest), indent=2)
    (file.parent / MANIFEST).write_text(text + "\n")
    file.parent.rename(folder)


def unfinished_folder(folder: Path) -> Path:
    """Where an artifact is while it is compiled."""
    return folder.with_name(f"{folder.name}.part")


def _failed(folder: Path) -> Path:
    """Where the files of a compiler that failed are kept."""
    return folder.with_name(f"{folder.name}.failed")


def set_aside(folder: Path) -> Path:
    """Keep what a failed compiler left, where it left a log or more; remove the rest.

    Returns the folder that keeps it, which is not there where nothing was left.
    """
    unfinished = unfinished_folder(folder)
    failed = _failed(folder)
    if (unfinished / "compiler").is_dir():
        unfinished.rename(failed)
    shutil.rmtree(unfinished, ignore_errors=True)
    return failed


def read_artifact(folder: Path, bucket: Bucket, skipped: bool = False) -> Artifact:
    """The artifact in a folder; BlipkitError where its file is not the one that was compiled."""
    with _damaged(folder):
        manifest = _manifest_in(folder)
        _check_file(folder, manifest)
    return Artifact(folder, manifest, bucket, skipped)


def read_build(folder: Path) -> Build:
    """What the artifact in a folder says that it was built from; its file is not looked at."""
    with _damaged(folder):
        return _manifest_in(folder).build


@contextlib.contextmanager
def _damaged(folder: Path):
    """What is wrong inside is an artifact's damage, with what to do."""
    try:
        yield
    except (OSError, ValueError, BlipkitError) as error:
        advice = _again(folder)
        said = str(error).removesuffix(f"; {advice}")
        raise BlipkitError(f"artifact {folder.name} is damaged: {said}; {advice}") from None


def _again(folder: Path) -> str:
    """What makes a damaged artifact anew."""
    if folder.name.startswith(ADOPTED):
        return f"delete {folder}, adopt its file again and run 02_trace again"
    return f"delete {folder} and run 02_trace again"


def _manifest_in(folder: Path) -> Manifest:
    """The manifest of a folder, which is of the build that its name says."""
    written = read_bytes(folder / MANIFEST, MB, f"expected the {MANIFEST} of an artifact")
    again = partial(_again, folder)
    manifest = row_of(Manifest, Record(parse_object(written), MANIFEST, again))
    _check_name(folder, manifest)
    return manifest


def _check_name(folder: Path, manifest: Manifest) -> None:
    """Refuse a manifest of another build than its folder's name says."""
    key = content_key(manifest.build)
    if manifest.key != key:
        problem = f"{MANIFEST} has the key {shown(manifest.key)}, what it was built from has {key}"
        raise ValueError(problem)
    if not folder.name.endswith(f"-{key}"):
        raise ValueError(f"{MANIFEST} is of the artifact ...-{key}")
    adopted = manifest.build.adopted
    if adopted and not set(adopted.takes.values()) <= set(STORAGES.values()):
        raise ValueError(f"{MANIFEST} has the number formats {shown(adopted.takes)}")


def _check_file(folder: Path, manifest: Manifest) -> None:
    """Refuse a file outside the folder, and one that is not the file that was compiled."""
    name = manifest.file
    if not is_plain_name(name) or (folder / name).is_symlink():
        raise ValueError(f"{MANIFEST} names the file {shown(name)}; expected one in the folder")
    size = (folder / name).stat().st_size
    if size != manifest.bytes:
        raise ValueError(f"{name} has {size} bytes, its manifest says {manifest.bytes}")
    digest = file_digest(folder / name)
    if digest != manifest.sha256:
        expected = f"its manifest says {manifest.sha256[:12]}..."
        raise ValueError(f"{name} has SHA-256 {digest[:12]}..., {expected}")
