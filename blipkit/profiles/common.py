"""Knobs that more than one chapter reads, and those that only a run or a report reads."""

from dataclasses import dataclass

from blipkit.profiles.knobs import FEW, ZERO_OR_MORE, Section, knob

QUESTIONS = [
    "is the dog barking?",
    "is the dog playing?",
    "is the dog chewing furniture?",
    "is the dog sleeping?",
    {"text": "what is the dog doing?", "candidates": "open"},
]
ARMS = [
    "torchscript float32",
    "torchscript bfloat16",
    "neuron_emulated none",
    "neuron_emulated matmult bf16",
    "neuron_emulated matmult fp16",
    "neuron_emulated all bf16",
]
BUCKETS = [
    {"frames": 1, "questions": 5, "tokens": 8, "candidates": 2, "answer_tokens": 4},
    {"frames": 8, "questions": 5, "tokens": 8, "candidates": 2, "answer_tokens": 4},
]
FLAGS = ["--model-type=transformer", "--optlevel=2", "--enable-saturate-infinity"]


@dataclass(frozen=True, kw_only=True)
class Common(Section):
    """What every chapter of a run shares."""

    name = "common"

    checkpoint: str = knob("builtin:tiny-pets", "built-in name, folder, or hub id with @revision")
    questions: list = knob(
        QUESTIONS, "what is asked about each frame; a text is answered yes or no"
    )
    frames_from: str = knob(
        "synthetic",
        "synthetic scenes, or a folder of images (labels.csv in it: file, question, answer)",
    )
    skip_unreadable: bool = knob(False, "go on without images that cannot be read")
    seed: int = knob(
        3,
        "series of synthetic scenes (1 and 2 trained and judged tiny-pets), or which images of a "
        "folder",
        within=ZERO_OR_MORE,
    )
    arms: list[str] = knob(ARMS, "runner and precision of each candidate")
    buckets: list[dict] = knob(BUCKETS, "static shapes to compile for")
    threads: int = knob(
        1,
        "torch's own, while measuring; under load, those of each server",
        "threads",
        within=FEW,
    )
    shared: bool = knob(True, "the machine is not ours alone, so that timing gates only warn")
    compiler_flags: list[str] = knob(
        FLAGS, "neuronx-cc's, for neuron arms; casts are the arm's to say", may_be_empty=True
    )
    # read by a run and its report alone
    required: list[str] = knob([], "gates that must have been measured", may_be_empty=True)
    only: list[str] = knob(
        [], "the chapters of this profile; 00 to 05 where it is empty", may_be_empty=True
    )
    cell_limit_s: int = knob(3600, "what one cell may take", "s")
    share_frames: bool = knob(False, "the frames of a folder may be handed on")
