"""Compiled components on disk. Each has a folder named by a content key (weights, code, shapes,
dtype, flags, versions), with a manifest beside the compiled file. A damaged one is refused by name
before anything loads it.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from blipkit.errors import BlipkitError
from blipkit.machine import host
from blipkit.model.buckets import Bucket
from blipkit.runners.arms import Arm, parse_arm

FORMAT = 1  # part of every key: raise it when artifacts of older kits must not be reused


@dataclass(frozen=True)
class Artifact:
    """One compiled component, for one bucket; two buckets may share a folder where a component's
    shapes agree.

    skipped: it was there already, and compiling it again was not needed.
    """

    folder: Path
    manifest: dict
    bucket: Bucket
    skipped: bool = False

    @property
    def component(self) -> str:
        return self.manifest["component"]

    @property
    def arm(self) -> Arm:
        return Arm(*(self.manifest[name] for name in Arm._fields))

    @property
    def path(self) -> Path:
        """The compiled file."""
        return self.folder / self.manifest["file"]

    def row(self) -> dict:
        """What compiling it took and produced; MB are 10^6 bytes."""
        return {
            "arm": str(self.arm),
            "component": self.component,
            "bucket": str(self.bucket),
            "seconds": self.manifest["seconds"],
            "mb": self.manifest["bytes"] / 1e6,
            "skipped": self.skipped,
            "flags": self.manifest["flags"],
            "key": self.manifest["key"],
        }


class Artifacts(list[Artifact]):
    """Artifacts of one arm: every component of a checkpoint, for one or more buckets."""

    @property
    def buckets(self) -> list[Bucket]:
        return sorted({a.bucket for a in self})

    def of(self, bucket: Bucket) -> dict[str, Artifact]:
        """Component name -> artifact for one bucket."""
        return {a.component: a for a in self if a.bucket == bucket}


@dataclass(frozen=True)
class CompileJob:
    """One component to compile, and the folder that its artifact will have.

    compiler_flags: a profile's own, for neuronx-cc.
    """

    component: str
    bucket: Bucket
    arm: Arm
    folder: Path
    compiler_flags: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """As a child is told it."""
        return {
            "component": self.component,
            "bucket": asdict(self.bucket),
            "arm": str(self.arm),
            "folder": str(self.folder),
            "compiler_flags": list(self.compiler_flags),
        }

    @classmethod
    def from_json(cls, told: dict) -> "CompileJob":
        """The job that `to_json` told."""
        return cls(
            told["component"],
            Bucket(**told["bucket"]),
            parse_arm(told["arm"]),
            Path(told["folder"]),
            tuple(told["compiler_flags"]),
        )


def content_key(about: dict) -> str:
    """24 hex digits over everything that a compiled file depends on."""
    hashed = json.dumps(dict(about, format=FORMAT), sort_keys=True)
    return hashlib.sha256(hashed.encode()).hexdigest()[:24]


def artifact_folder(root: Path, arm: Arm, about: dict) -> Path:
    """Where the artifact is that `about` describes, or will be."""
    return root / "-".join([about["component"], *str(arm).split(), content_key(about)])


def write_artifact(
    folder: Path, about: dict, compile_into: Callable, module, inputs: tuple
) -> None:
    """Compile into a folder beside `folder` and move it there when it is whole.

    compile_into: a runner's `compile`. Kept in the manifest: key, seconds, bytes, SHA-256, shapes,
    flags, versions.
    """
    part, failed = _part_and_failed(folder)
    shutil.rmtree(failed, ignore_errors=True)
    part.mkdir(parents=True)
    file = part / "compiled.pt"
    started = time.perf_counter()
    try:
        compile_into(file, about, module, inputs)
    except BaseException:
        set_aside(folder)
        raise
    seconds = round(time.perf_counter() - started, 3)
    manifest = dict(
        about,
        key=content_key(about),
        file=file.name,
        seconds=seconds,
        bytes=file.stat().st_size,
        compiled_on=host.describe().name,
        sha256=file_digest(file),
    )
    (part / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    part.rename(folder)


def _part_and_failed(folder: Path) -> tuple[Path, Path]:
    """Where an artifact is while it is compiled, and where what a failed compiler left is kept."""
    return folder.with_name(f"{folder.name}.part"), folder.with_name(f"{folder.name}.failed")


def set_aside(folder: Path) -> Path:
    """Keep what a failed compiler left, as `*.failed`, where it left a log or more; else remove it.
    Where it would be.
    """
    part, failed = _part_and_failed(folder)
    if (part / "compiler").is_dir():
        part.rename(failed)
    shutil.rmtree(part, ignore_errors=True)
    return failed


def read_artifact(folder: Path, bucket: Bucket, skipped: bool = False) -> Artifact:
    """Read an artifact's manifest and check its file against it."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        file = manifest["file"]
        known = manifest["sha256"]
        seen = file_digest(folder / file)
        if seen != known:
            said = f"its manifest says {known[:12]}... ({manifest['bytes']} bytes)"
            raise ValueError(f"{file} has SHA-256 {seen[:12]}..., {said}")
    except (OSError, ValueError, KeyError) as error:
        advice = f"delete {folder} and run 02_trace again"
        raise BlipkitError(f"artifact {folder.name} is damaged: {error}; {advice}") from None
    return Artifact(folder, manifest, bucket, skipped)


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
