"""`blipkit capture`: ask one arm what 03_parity asks, and keep golden outputs of it."""

import contextlib
import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import save_file

from blipkit.errors import BadInput
from blipkit.frames.frames import COLUMNS, LABELS, SYNTHETIC, Frame
from blipkit.frames.source import FrameSource
from blipkit.machine import host
from blipkit.model.checkpoints import load_checkpoint
from blipkit.model.pipeline import Step
from blipkit.parity.engine import Engine
from blipkit.parity.golden import (
    FRAMES,
    MANIFEST,
    TENSORS,
    FrameDigest,
    GoldenOutputs,
    Manifest,
    describe_step,
    frame_digest,
    to_be_shared,
)
from blipkit.parity.golden_checks import DIGEST, manifest_digest, output_name
from blipkit.profiles.common import Common
from blipkit.profiles.profile import Profile
from blipkit.reading.files import file_digest
from blipkit.records.documents import SCHEMA
from blipkit.records.typed import record_of
from blipkit.runners.arms import REFERENCE, check_answers, parse_arm


def capture(
    profile: Profile, arm: str, folder: Path, artifacts: Path, with_frames: bool = False
) -> GoldenOutputs:
    """Ask one arm what 03_parity asks, and write it down. artifacts: where compiled ones are."""
    common = profile.common
    knobs = profile.section("parity")
    check_capture(common, arm, folder, with_frames)
    checkpoint = load_checkpoint(common.checkpoint)
    frames = FrameSource.of(common, knobs.frames).load()
    pictures = []
    if with_frames:
        pictures = frames
    engine = Engine(checkpoint, [arm], common, artifacts)
    with contextlib.closing(engine):
        steps = engine.walk(frames[: knobs.compared_frames])
        tensors = outputs_of(engine, arm, steps)
        size = size_in_words(tensors, pictures)
        print(f"{folder}: {size}; asking {arm} about {len(frames)} frames")
        answers = engine.answers(frames, {arm: len(frames)})[arm]
    manifest = Manifest(
        captured=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=host.describe().name,
        arm=arm,
        checkpoint=checkpoint.source,
        same=to_be_shared(checkpoint, engine.questions, engine.buckets),
        versions=host.versions(),
        frames=[FrameDigest(frame.name, frame_digest(frame)) for frame in frames],
        followed=min(knobs.compared_frames, len(frames)),
        steps=[describe_step(step) for step in steps],
        answers=answers,
    )
    return write_golden_outputs(folder, manifest, tensors, pictures)


def outputs_of(engine: Engine, arm: str, steps: Sequence[Step]) -> Mapping[str, torch.Tensor]:
    """`output_name` -> what the reference, and the arm, made of each step."""
    tensors = {}
    outputs = engine.outputs(steps)
    for number, step in enumerate(steps):
        tensors[output_name(number, REFERENCE)] = step.output
        tensors[output_name(number, arm)] = outputs[number][arm].detach().cpu()
    return tensors


def size_in_words(tensors: Mapping[str, torch.Tensor], pictures: Sequence[Frame]) -> str:
    """How large golden outputs of these will be."""
    size = sum(tensor.nbytes for tensor in tensors.values())
    size += sum(3 * frame.image.width * frame.image.height for frame in pictures)
    with_or_without = "with" if pictures else "without"
    return f"about {size / 1e6:.1f} MB, {with_or_without} frames"


def check_capture(common: Common, arm: str, folder: Path, with_frames: bool) -> None:
    """Refuse an arm that answers nowhere, a folder of something else, frames that must stay."""
    check_answers(parse_arm(arm))
    if folder.is_symlink():
        problem = f"--to {folder} is a link; expected a folder, existing or not"
        raise BadInput(f"{problem}: pass the one that it leads to, or another")
    if folder.exists() and not (folder / MANIFEST).is_file():
        problem = f"{folder} is there and holds no golden outputs"
        raise BadInput(f"{problem}; pass another folder with --to, so that nothing is lost")
    if with_frames and common.frames_from != SYNTHETIC and not common.share_frames:
        advice = "if they may go: --set common.share_frames=true"
        raise BadInput(f"--with-frames hands on frames of yours; {advice}")


def write_golden_outputs(
    folder: Path,
    manifest: Manifest,
    tensors: Mapping[str, torch.Tensor],
    pictures: Sequence[Frame],
) -> GoldenOutputs:
    """Put golden outputs in place when they are whole. pictures: frames to hand on."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    contiguous = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(contiguous, part / TENSORS)
    manifest = replace(manifest, tensors_digest=file_digest(part / TENSORS))
    written = {"schema": SCHEMA}
    written.update(record_of(manifest))
    written = json.loads(json.dumps(written))  # as whoever reads it has it
    written[DIGEST] = manifest_digest(written)
    manifest = replace(manifest, digest=written[DIGEST])
    (part / MANIFEST).write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    if pictures:
        write_pictures(part / FRAMES, pictures)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)
    return GoldenOutputs(folder, manifest, tensors)


def write_pictures(folder: Path, frames: Sequence[Frame]) -> None:
    """Frames without loss and their labels, as a folder that `common.frames_from` can name."""
    folder.mkdir()
    with (folder / LABELS).open("w", newline="", encoding="utf-8") as file:
        labels = csv.writer(file)
        labels.writerow(COLUMNS)
        for number, frame in enumerate(frames):
            name = f"{number:05}.png"
            frame.image.save(folder / name)
            labels.writerows([name, *pair] for pair in frame.answers.items())
