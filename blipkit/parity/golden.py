"""Golden outputs: what one arm answered on another machine, to compare with here.

The incumbent runs on a GPU and the candidate on Inf2, and no machine has both. Golden outputs are a
folder with a manifest and safetensors: digests of everything that went in, what came out of each
component and at the end, and no picture unless it was asked for. This machine brings its own
frames; what is not the same here and there is refused by name. `golden_capture` writes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from blipkit.errors import BadInput, shortened
from blipkit.frames.frames import Frame
from blipkit.frames.questions import Question
from blipkit.machine import host
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint, digest
from blipkit.model.components import isolate
from blipkit.model.pipeline import Answer, Step
from blipkit.parity.golden_checks import check_digest, check_manifest, check_tensors
from blipkit.paths import is_folder
from blipkit.reading.files import MB, file_digest, read_bytes
from blipkit.reading.json_text import parse_object
from blipkit.records.documents import check_schema
from blipkit.records.gates import Gate, decide
from blipkit.records.typed import Record, row_of

SOFTWARE_GATE = "incumbent's software"
MANIFEST = "bundle.json"
TENSORS = "tensors.safetensors"
FRAMES = "frames"
LIMIT = 256 * MB  # of a manifest, which holds the answers


@dataclass(frozen=True)
class FrameDigest:
    """A frame as its machine called it, and `frame_digest` of its pixels."""

    name: str
    digest: str


@dataclass(frozen=True)
class Manifest:
    """What golden outputs say of themselves.

    captured: when, ISO 8601; machine, arm, checkpoint: whose answers; same: name -> what another
    machine must share; versions: library -> its version; frames: in the order that they were asked
    about; followed: how many of them, the first, went through every component; steps: of each call
    of a component, `describe_step`; answers: [frame][question]; tensors_digest: of the file beside;
    digest: of all else here, "" where an older kit kept none.
    """

    captured: str
    machine: str
    arm: str
    checkpoint: str
    same: Mapping[str, Any]
    versions: Mapping[str, str]
    frames: list[FrameDigest]
    followed: int
    steps: list[Mapping[str, str]]
    answers: list[list[Answer]]
    tensors_digest: str = ""
    digest: str = ""


@dataclass(frozen=True)
class SoftwareDifference:
    """Which libraries differ where the incumbent was recorded, as `incumbent` has it.

    incumbent: golden outputs in words; differs: the libraries with both versions, "" where none do.
    """

    incumbent: str
    differs: str


@dataclass(frozen=True)
class GoldenOutputs:
    """tensors: `output_name` -> what the arm, or the reference there, made of a step."""

    folder: Path
    manifest: Manifest
    tensors: Mapping[str, torch.Tensor]

    @property
    def arm(self) -> str:
        return self.manifest.arm

    def __str__(self) -> str:
        said = f"{self.arm}, recorded on {self.manifest.machine}, {self.manifest.captured}"
        if self.manifest.digest:
            return said
        return f"{said}, not verified (an older kit kept no digest of the answers)"

    def software_difference(self) -> SoftwareDifference:
        """What these are, and which libraries differ from those here."""
        there = self.manifest.versions
        here = host.versions()
        differs = []
        for name in dict.fromkeys([*there, *here]):
            if there.get(name) != here.get(name):
                differs.append(f"{name} {there.get(name)} there, {here.get(name)} here")
        return SoftwareDifference(str(self), "; ".join(differs))

    @property
    def digests(self) -> list[str]:
        """Of each frame that was asked about there."""
        return [frame.digest for frame in self.manifest.frames]

    @property
    def followed(self) -> list[int]:
        """Places of the frames that were followed through every component."""
        digests = self.digests
        return [digests.index(known) for known in digests[: self.manifest.followed]]

    def places(self, frames: Sequence[Frame]) -> list[int]:
        """Where each of our frames, known by its pixels, stands among those there, or BadInput."""
        there = self.digests
        here = [frame_digest(frame) for frame in frames]
        absent = []
        for frame, known in zip(frames, here, strict=True):
            if known not in there:
                absent.append(f"{frame.name} there")
        followed = self.manifest.frames[: self.manifest.followed]
        lacking = [f"{frame.name} here" for frame in followed if frame.digest not in here]
        if missing := absent or lacking:
            problem = f"{len(missing)} frames are not on both machines, first: no {missing[0]}"
            advice = "bring the same ones: common.frames_from and common.seed as there"
            advice += ", parity.frames not above it"
            raise BadInput(f"golden outputs {self.folder}: {problem}; {advice}")
        return [there.index(known) for known in here]

    def answers(self, places: Sequence[int]) -> list[list[Answer]]:
        """[frame][question] -> what the arm answered about the frames at these places."""
        return [self.manifest.answers[place] for place in places]

    def check_inputs(self, steps: Sequence[Step]) -> None:
        """Refuse to compare outputs of what was not given the same as there."""
        advice = "compare the same frames and questions"
        advice += ", with the same image processor and tokenizer"
        there = self.manifest.steps
        calls_there = {"number of calls": len(there)}
        self.check_same(calls_there, {"number of calls": len(steps)}, advice)
        for recorded, step in zip(there, steps, strict=True):
            component = recorded["component"]
            self.check_same(recorded, describe_step(step), advice, f"{component}: ")

    def check_same(
        self, there: Mapping[str, Any], here: Mapping[str, Any], advice: str, where: str = ""
    ) -> None:
        """Refuse the first thing that is not the same there and here, by its name."""
        for name in dict.fromkeys([*there, *here]):
            if there.get(name) != here.get(name):
                seen = [shortened(str(side.get(name)), 200) for side in (there, here)]
                problem = f"{where}{name} is {seen[0]} there and {seen[1]} here"
                raise BadInput(f"golden outputs {self.folder}: {problem}; {advice}")


def read_golden_outputs(folder: Path) -> GoldenOutputs:
    """What `capture` wrote."""
    manifest = _read_manifest(folder / MANIFEST)
    try:
        check_manifest(manifest)
        if file_digest(folder / TENSORS) != manifest.tensors_digest:
            raise ValueError(f"{TENSORS} is not the one of its manifest")
        tensors = load_file(folder / TENSORS)
        check_tensors(tensors, manifest)
    except (OSError, ValueError, SafetensorError) as error:  # missing, cut off, or of another
        raise _not_whole(folder, error) from None
    return GoldenOutputs(folder, manifest, tensors)


def _read_manifest(path: Path) -> Manifest:
    """The manifest in a file; BadInput where it is damaged, or a newer kit's."""
    try:
        written = parse_object(read_bytes(path, LIMIT, f"expected the {MANIFEST} of a capture"))
    except (BadInput, ValueError) as error:
        raise _not_whole(path.parent, error) from None
    check_schema(written, path)
    try:
        check_digest(written)
        return row_of(Manifest, Record(written, MANIFEST, lambda: "capture them again"))
    except (BadInput, ValueError) as error:
        raise _not_whole(path.parent, error) from None


def _not_whole(folder: Path, error: Exception) -> BadInput:
    problem = f"{folder} holds no whole golden outputs ({error})"
    return BadInput(f"{problem}; expected a folder that blipkit capture wrote")


def find_golden_outputs(incumbent: str) -> GoldenOutputs | None:
    """Those that a profile's incumbent names; None where it is an arm, or nothing."""
    if not is_folder(incumbent):
        return None
    return read_golden_outputs(Path(incumbent))


def check_golden_outputs(
    golden: GoldenOutputs,
    checkpoint: Checkpoint,
    questions: Sequence[Question],
    buckets: Sequence[Bucket],
) -> None:
    """Refuse golden outputs of other weights, questions, shapes or pixels, saying which."""
    advice = "compare the same checkpoint, questions and buckets, with the same image processor"
    origin = f"they are of {golden.manifest.checkpoint!r}"
    here = to_be_shared(checkpoint, questions, buckets)
    golden.check_same(golden.manifest.same, here, f"{origin}: {advice}")


def to_be_shared(
    checkpoint: Checkpoint, questions: Sequence[Question], buckets: Sequence[Bucket]
) -> Mapping[str, Any]:
    """Name -> what two machines must share for their answers to be compared, as JSON holds it."""
    same = {f"weights of {component.name}": component.digest for component in isolate(checkpoint)}
    same["the fixed frame's pixel_values"] = checkpoint.pixel_digest
    asked = [[q.text, list(q.candidates) if q.candidates else "open"] for q in questions]
    same["questions"] = asked
    same["buckets"] = [str(bucket) for bucket in buckets]
    return same


def software_gate(software: SoftwareDifference) -> Gate:
    """WARN where the incumbent was recorded with other libraries."""
    differs = software.differs or "the same libraries there and here"
    return decide(
        SOFTWARE_GATE,
        "answer",
        holds=not software.differs,
        tolerable=True,
        evidence="recorded",
        reason=f"{software.incumbent}: {differs}",
        next="install the same versions on both machines",
    )


def frame_digest(frame: Frame) -> str:
    """Of a picture's pixels and size: the file's name and format do not matter."""
    image = frame.image.convert("RGB")
    return digest([f"{image.size}", image.tobytes()])


def describe_step(step: Step) -> Mapping[str, str]:
    """What must be the same on both machines: digests of the inputs, shapes of the rest."""
    described = {"component": step.component, "bucket": str(step.bucket)}
    for name, tensor in zip(step.names, step.inputs, strict=True):
        if name.endswith("_states"):
            described[name] = str(tuple(tensor.shape))
        else:
            described[name] = digest([tensor])
    described["output"] = str(tuple(step.output.shape))
    return described
