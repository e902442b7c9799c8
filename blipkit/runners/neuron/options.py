"""What neuronx-cc takes: casts, options, and how its versions read them. No torch here."""

from pathlib import Path

import yaml

from blipkit.errors import BadInput, nearest
from blipkit.runners.spec import Precision


def _precision(cast: str) -> Precision:
    """`matmult` is torch.autocast's way: products alone; `all` is the whole model's. Weights stay
    in float32.
    """
    mode, _, kind = cast.partition(" ")
    rounds_like = {"": "float32", "bf16": "bfloat16", "fp16": "float16", "tf32": "float16"}[kind]
    if kind not in ("bf16", "fp16"):
        return Precision(rounds_like, 4)
    if mode == "matmult":
        return Precision(rounds_like, 4, f"eager autocast {rounds_like}")
    return Precision(rounds_like, 4, f"eager {rounds_like}")


# neuronx-cc: --auto-cast and --auto-cast-type
CASTS = (
    "none",
    *(f"{mode} {cast}" for mode in ("matmult", "all") for cast in ("bf16", "fp16", "tf32")),
)
CAST_FORMATS = {
    cast: _precision(cast) for cast in CASTS
}  # what torch itself has in the place of each
# The vendor's advice from accurate and slow to fast and coarse, and what its compiler does by
# default: docs/neuron.md
VENDOR_ORDER = (
    "none",
    "matmult tf32",
    "all tf32",
    "matmult fp16",
    "all fp16",
    "matmult bf16",
    "all bf16",
)
CASTS_BY_DEFAULT_BEFORE = (2, 22)  # neuronx-cc of SDK 2.27
# options and operations that the compiler takes, and who passes which option already
NEURONX_CC = yaml.safe_load(Path(__file__).with_name("neuronx_cc.yaml").read_text(encoding="utf-8"))
WHEELS = "https://pip.repos.neuron.amazonaws.com"
IMAGE = "public.ecr.aws/neuron/pytorch-inference-neuronx:2.9.0-neuronx-py312-sdk2.31.0-ubuntu24.04"


def check_flags(flags: list[str]) -> None:
    """Refuse options that neuronx-cc does not have, that contradict each other, or that are passed
    already.
    """
    known = NEURONX_CC["options"]
    passed = NEURONX_CC["passed_already"]
    given = {}  # option -> the flag that set it
    for flag in flags:
        option, _, value = flag.partition("=")
        if option in passed:
            raise BadInput(f"compiler_flags: {flag!r} is not a profile's to say: {passed[option]}")
        if option not in known:
            raise BadInput(
                f"compiler_flags: {flag!r}; {nearest(option, known)}, written --option=value"
            )
        if value not in (known[option] or [""]):
            raise BadInput(
                f"compiler_flags: {flag!r}; expected {', '.join(known[option]) or 'no value'}"
            )
        setting = option.replace("--disable-", "--enable-")
        if setting in given:
            raise BadInput(
                f"compiler_flags: {flag!r} contradicts or repeats {given[setting]!r}; keep one"
            )
        given[setting] = flag


def casts_as_read(auto_cast: str | None = None, cast_type: str = "bf16", *, neuronx_cc: str) -> str:
    """How a compiler of this version reads --auto-cast and --auto-cast-type: "none", or a mode and
    a type.

    Where --auto-cast is left out, its default decides, which moved from matmult to none.
    """
    mode = auto_cast or _default_auto_cast(neuronx_cc)
    if mode == "none":
        return mode
    return f"{mode} {cast_type}"


def _default_auto_cast(neuronx_cc: str) -> str:
    """What a compiler of this version takes --auto-cast to be where it is left out."""
    release = tuple(map(int, neuronx_cc.split(".")[:2]))
    if release < CASTS_BY_DEFAULT_BEFORE:
        return "matmult"
    return "none"
