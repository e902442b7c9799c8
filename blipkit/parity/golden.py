"""What one arm answers, kept as a bundle, so that another machine can compare with it.

The incumbent runs on a GPU and the candidate on Inf2, and no machine has both. A bundle is a folder
with a manifest and safetensors: digests of everything that went in, what came out of each component
and at the end, and no picture unless it was asked for. The other machine brings its own frames;
what is not the same there is refused by name.
"""

import contextlib
import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from blipkit.errors import BadInput
from blipkit.frames.frames import COLUMNS, LABELS, SYNTHETIC, Frame, load_frames
from blipkit.frames.questions import Question
from blipkit.machine import host
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint, digest, load_checkpoint
from blipkit.model.components import isolate
from blipkit.model.pipeline import Answer, Step
from blipkit.parity.engine import Engine
from blipkit.paths import is_folder
from blipkit.profiles.common import Common
from blipkit.profiles.profile import Profile
from blipkit.records.documents import SCHEMA, check_schema
from blipkit.records.gates import Gate
from blipkit.runners.arms import REFERENCE, check_answers, parse_arm
from blipkit.runners.artifacts import file_digest

SOFTWARE_GATE = "incumbent's software"
MANIFEST = "bundle.json"
TENSORS = "tensors.safetensors"
FRAMES = "frames"


@dataclass(frozen=True)
class Bundle:
    """about: the manifest; tensors: name -> what the arm, or the reference, made of a step."""

    folder: Path
    about: dict
    tensors: dict[str, torch.Tensor]

    @property
    def arm(self) -> str:
        return self.about["arm"]

    def __str__(self) -> str:
        return f"{self.arm}, recorded on {self.about['machine']}, {self.about['captured']}"

    def software(self) -> dict:
        """What this is, and which libraries differ from those here."""
        there = self.about["versions"]
        here = host.versions()
        differs = []
        for name in there | here:
            if there.get(name) != here.get(name):
                differs.append(f"{name} {there.get(name)} there, {here.get(name)} here")
        return {"incumbent": str(self), "differs": "; ".join(differs)}

    @property
    def digests(self) -> list[str]:
        return [frame["digest"] for frame in self.about["frames"]]

    @property
    def followed(self) -> list[int]:
        """Places of the frames that were followed through every component."""
        known = self.digests
        return [known.index(seen) for seen in known[: self.about["followed"]]]

    def places(self, frames: Sequence[Frame]) -> list[int]:
        """Where each of our frames, known by its pixels, stands in the bundle, or BadInput."""
        known = self.digests
        ours = [frame_digest(frame) for frame in frames]
        absent = []
        for frame, seen in zip(frames, ours, strict=True):
            if seen not in known:
                absent.append(f"{frame.name} there")
        followed = self.about["frames"][: self.about["followed"]]
        lacking = [f"{frame['name']} here" for frame in followed if frame["digest"] not in ours]
        if missing := absent or lacking:
            seen = f"{len(missing)} frames are not on both machines, first: no {missing[0]}"
            advice = "bring the same ones: common.frames_from and common.seed as there"
            advice += ", parity.frames not above it"
            raise BadInput(f"bundle {self.folder}: {seen}; {advice}")
        return [known.index(seen) for seen in ours]

    def answers(self, places: Sequence[int]) -> list[list[Answer]]:
        """[frame][question] -> what the arm answered."""
        return [[as_answer(one) for one in self.about["answers"][place]] for place in places]

    def check_inputs(self, steps: Sequence[Step]) -> None:
        """Refuse to compare outputs of what was not given the same as there."""
        advice = "compare the same frames and questions"
        advice += ", with the same image processor and tokenizer"
        calls_there = {"number of calls": len(self.about["steps"])}
        self.check_same(calls_there, {"number of calls": len(steps)}, advice)
        for theirs, ours in zip(self.about["steps"], map(describe_step, steps), strict=True):
            self.check_same(theirs, ours, advice, f"{theirs['component']}: ")

    def check_same(self, theirs: dict, ours: dict, advice: str, where: str = "") -> None:
        """Refuse the first thing that is not the same there and here, by its name."""
        for name in theirs | ours:
            there = theirs.get(name)
            here = ours.get(name)
            if there != here:
                seen = f"{where}{name} is {there} there and {here} here"
                raise BadInput(f"bundle {self.folder}: {seen}; {advice}")


def as_answer(written: dict) -> Answer:
    """An answer as JSON holds it, which knows no tuples."""
    return Answer(
        written["text"],
        written["probability"],
        written["margin"],
        tuple(written["scores"]),
        tuple(written["tokens"]),
        tuple(written["gaps"]),
    )


def output_name(number: int, arm: str) -> str:
    """Of the tensor that an arm made in a step, among a bundle's."""
    return f"{number:03}.{arm}"


def read_bundle(folder: Path) -> Bundle:
    """Read what `capture` wrote."""
    try:
        about = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        check_schema(about, folder / MANIFEST)
        tensors = load_file(folder / TENSORS)
        if file_digest(folder / TENSORS) != about["tensors_digest"]:
            raise ValueError(f"{TENSORS} is not the one of its manifest")
    except BadInput:
        raise
    except Exception as error:  # a file that is missing, cut off, or of somebody else
        said = f"{folder} is no whole bundle ({error})"
        raise BadInput(f"{said}; expected a folder that blipkit capture wrote") from None
    return Bundle(folder, about, tensors)


def find_bundle(incumbent: str) -> Bundle | None:
    """The bundle that a profile's incumbent names; None where it is an arm, or nothing."""
    if not is_folder(incumbent):
        return None
    return read_bundle(Path(incumbent))


def check_bundle(
    bundle: Bundle, checkpoint: Checkpoint, questions: Sequence[Question], buckets: Sequence[Bucket]
) -> None:
    """Refuse a bundle of other weights, questions, shapes or pixels, saying which."""
    advice = "compare the same checkpoint, questions and buckets, with the same image processor"
    said = f"it is of {bundle.about['checkpoint']!r}: {advice}"
    bundle.check_same(bundle.about["same"], _sameness(checkpoint, questions, buckets), said)


def _sameness(
    checkpoint: Checkpoint, questions: Sequence[Question], buckets: Sequence[Bucket]
) -> dict:
    """What two machines must share for their answers to be compared, as JSON holds it."""
    same = {f"weights of {component.name}": component.digest for component in isolate(checkpoint)}
    same["the fixed frame's pixel_values"] = checkpoint.pixel_digest
    asked = [[q.text, list(q.candidates) if q.candidates else "open"] for q in questions]
    same["questions"] = asked
    same["buckets"] = [str(bucket) for bucket in buckets]
    return same


def software_gate(row: dict) -> Gate:
    """WARN where the incumbent was recorded with other libraries. row: `Bundle.software`."""
    status = "PASS"
    advice = ""
    if row["differs"]:
        status = "WARN"
        advice = "install the same versions on both machines"
    said = f"{row['incumbent']}: {row['differs'] or 'the same libraries there and here'}"
    return Gate(SOFTWARE_GATE, "answer", status, None, None, "recorded", said, advice)


def frame_digest(frame: Frame) -> str:
    """Of a picture's pixels and size: the file's name and format do not matter."""
    image = frame.image.convert("RGB")
    return digest([f"{image.size}", image.tobytes()])


def describe_step(step: Step) -> dict:
    """What must be the same on both machines: digests of what came in, shapes of the rest."""
    about = {"component": step.component, "bucket": str(step.bucket)}
    for name, tensor in zip(step.names, step.inputs, strict=True):
        if name.endswith("_states"):
            about[name] = str(tuple(tensor.shape))
        else:
            about[name] = digest([tensor])
    about["output"] = str(tuple(step.output.shape))
    return about


def capture(
    profile: Profile, arm: str, folder: Path, artifacts: Path, with_frames: bool = False
) -> Bundle:
    """Ask one arm what 03_parity asks, and write it down. artifacts: where compiled ones are."""
    common = profile.common
    knobs = profile.section("parity")
    check_capture(common, arm, folder, with_frames)
    checkpoint = load_checkpoint(common.checkpoint)
    frames = load_frames(common.frames_from, knobs.frames, common.seed, common.skip_unreadable)
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
    about = {
        "schema": SCHEMA,
        "captured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": host.describe().name,
        "arm": arm,
        "checkpoint": checkpoint.source,
        "same": _sameness(checkpoint, engine.questions, engine.buckets),
        "versions": host.versions(),
        "frames": [{"name": frame.name, "digest": frame_digest(frame)} for frame in frames],
        "followed": min(knobs.compared_frames, len(frames)),
        "steps": [describe_step(step) for step in steps],
        "answers": [[asdict(answer) for answer in row] for row in answers],
    }
    return write_bundle(folder, about, tensors, pictures)


def outputs_of(engine: Engine, arm: str, steps: Sequence[Step]) -> dict[str, torch.Tensor]:
    """`output_name` -> what the reference, and the arm, made of each step."""
    tensors = {}
    for number, step in enumerate(steps):
        tensors[output_name(number, REFERENCE)] = step.output
        tensors[output_name(number, arm)] = engine.outputs(step)[arm].detach().cpu()
    return tensors


def size_in_words(tensors: dict[str, torch.Tensor], pictures: Sequence[Frame]) -> str:
    """How large a bundle of these will be."""
    size = sum(tensor.nbytes for tensor in tensors.values())
    size += sum(3 * frame.image.width * frame.image.height for frame in pictures)
    kept = "with" if pictures else "without"
    return f"about {size / 1e6:.1f} MB, {kept} frames"


def check_capture(common: Common, arm: str, folder: Path, with_frames: bool) -> None:
    """Refuse an arm that answers nowhere, a folder of something else, frames that must stay."""
    check_answers(parse_arm(arm))
    if folder.exists() and not (folder / MANIFEST).is_file():
        seen = f"{folder} is there and is no bundle"
        raise BadInput(f"{seen}; pass another folder with --to, so that nothing is lost")
    if with_frames and common.frames_from != SYNTHETIC and not common.share_frames:
        advice = "if they may go: --set common.share_frames=true"
        raise BadInput(f"--with-frames hands on frames of yours; {advice}")


def write_bundle(
    folder: Path, about: dict, tensors: dict[str, torch.Tensor], pictures: Sequence[Frame]
) -> Bundle:
    """Put a bundle in place when it is whole. about: its manifest; pictures: frames to hand on."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    whole = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    save_file(whole, part / TENSORS)
    about["tensors_digest"] = file_digest(part / TENSORS)
    (part / MANIFEST).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    if pictures:
        write_pictures(part / FRAMES, pictures)
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)
    return Bundle(folder, about, tensors)


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
