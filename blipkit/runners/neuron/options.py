"""What neuronx-cc takes: casts, options, and how its versions read them. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

from blipkit.errors import BadInput, nearest, shown
from blipkit.runners.neuron.findings import Severity
from blipkit.runners.spec import TORCH_PRECISIONS, Precision


def _precision(cast: str) -> Precision:
    """What a cast such as `matmult bf16` is to torch. `matmult` is what torch.autocast does,
    products alone; `all` is the whole model in the format. Weights stay in float32. For tf32, which
    torch has on no CPU, float16 stands: it keeps as many bits.
    """
    mode, _, kind = cast.partition(" ")
    rounds_like = {"": "float32", "bf16": "bfloat16", "fp16": "float16", "tf32": "float16"}[kind]
    if not kind:
        return Precision(rounds_like, 4)
    if mode == "matmult":
        return Precision(rounds_like, 4, f"eager autocast {rounds_like}")
    return Precision(rounds_like, 4, f"eager {rounds_like}")


# neuronx-cc: --auto-cast and --auto-cast-type
CASTS = (
    "none",
    *(f"{mode} {cast}" for mode in ("matmult", "all") for cast in ("bf16", "fp16", "tf32")),
)
# what torch itself has in the place of each
CAST_FORMATS = {cast: _precision(cast) for cast in CASTS}
# the whole model in the format before it is compiled, and no cast by the compiler
WHOLE_MODEL = ("bfloat16",)
PRECISIONS = {**CAST_FORMATS, **{name: TORCH_PRECISIONS[name] for name in WHOLE_MODEL}}
# what the published recipe passes, --auto-cast-type alone: where it casts, the compiler's default
# says. On the SDK that the kit is pinned to that is nowhere, so its numbers are judged as float32's
BY_DEFAULT = {"default fp16": Precision("float32", 4)}


def auto_cast(precision: str) -> tuple[str, str]:
    """--auto-cast and --auto-cast-type of an arm's precision, each "" where it is not passed."""
    if precision in WHOLE_MODEL:
        return "none", ""
    mode, _, cast = precision.partition(" ")
    if precision in BY_DEFAULT:
        mode = ""
    return mode, cast


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
WHEELS = "https://pip.repos.neuron.amazonaws.com"
IMAGE = "public.ecr.aws/neuron/pytorch-inference-neuronx:2.9.0-neuronx-py312-sdk2.31.1-ubuntu24.04"


@dataclass(frozen=True)
class RefusedOperation:
    """What neuronx-cc does not take in a recorded program (FAIL), or computes coarsely (WARN).

    pattern: a regular expression of the HLO instruction; what: what it is; next: what to do.
    """

    pattern: str
    status: Severity
    what: str
    next: str


_DOCUMENT = yaml.safe_load(Path(__file__).with_name("neuronx_cc.yaml").read_text(encoding="utf-8"))
# option that a profile may set -> its values, none for a switch
OPTIONS: dict[str, list[str]] = _DOCUMENT["options"]
# option that no profile sets -> who passes it
PASSED_ALREADY: dict[str, str] = _DOCUMENT["passed_already"]
REFUSED_OPERATIONS = [RefusedOperation(*entry) for entry in _DOCUMENT["operations"]]


def check_flags(flags: Sequence[str]) -> None:
    """Refuse options that neuronx-cc does not have, that contradict each other, or that are passed
    already.
    """
    set_by: dict[str, str] = {}  # what an option is about -> the flag that sets it
    for flag in flags:
        option, _, value = flag.partition("=")
        _check_option(flag, option, value)
        subject = option.replace("--disable-", "--enable-")
        if subject in set_by:
            problem = f"{shown(flag)} contradicts or repeats {shown(set_by[subject])}"
            raise BadInput(f"compiler_flags: {problem}; keep one")
        set_by[subject] = flag


def _check_option(flag: str, option: str, value: str) -> None:
    """Refuse one option, or its value."""
    if option in PASSED_ALREADY:
        reason = PASSED_ALREADY[option]
        raise BadInput(f"compiler_flags: {shown(flag)} is not a profile's to say: {reason}")
    if option not in OPTIONS:
        advice = f"{nearest(option, OPTIONS)}, written --option=value"
        raise BadInput(f"compiler_flags: {shown(flag)}; {advice}")
    if value not in (OPTIONS[option] or [""]):
        expected = ", ".join(OPTIONS[option]) or "no value"
        raise BadInput(f"compiler_flags: {shown(flag)}; expected {expected}")


def casts_as_read(
    auto_cast: str | None = None, cast_type: str = "bf16", *, neuronx_cc: str = ""
) -> str:
    """How a compiler of this version reads --auto-cast and --auto-cast-type: "none", or a mode and
    a type; both readings in words where they differ, and the version is not known.

    auto_cast: None or "" where it is left out: its default decides, which moved from matmult to
    none.
    """
    readings = possible_casts(auto_cast, cast_type, neuronx_cc)
    if len(readings) == 1:
        return readings[0]
    now, before = readings
    release = ".".join(map(str, CASTS_BY_DEFAULT_BEFORE))
    return f"{now} from neuronx-cc {release} on, {before} before"


def possible_casts(auto_cast: str | None, cast_type: str, neuronx_cc: str) -> tuple[str, ...]:
    """What the two options may mean, the latest reading first; arguments as of `casts_as_read`."""
    modes = (auto_cast,)
    if not auto_cast:
        modes = _default_auto_cast(neuronx_cc)
    return tuple("none" if mode == "none" else f"{mode} {cast_type}" for mode in modes)


def _default_auto_cast(neuronx_cc: str) -> tuple[str, ...]:
    """What a compiler takes --auto-cast to be where it is left out; both where neuronx_cc is ""."""
    if not neuronx_cc:
        return "none", "matmult"
    release = tuple(map(int, neuronx_cc.split(".")[:2]))
    if release < CASTS_BY_DEFAULT_BEFORE:
        return ("matmult",)
    return ("none",)


def auto_cast_in(flags: Sequence[str]) -> tuple[str, str]:
    """--auto-cast and --auto-cast-type in flags for neuronx-cc, the last of each; "" and bf16 where
    they are left out. A value stands behind = or is the next word.
    """
    found = {"--auto-cast": "", "--auto-cast-type": "bf16"}
    for flag, following in pairwise([*flags, ""]):
        option, equals, value = flag.partition("=")
        if option in found:
            found[option] = value if equals else following
    return found["--auto-cast"], found["--auto-cast-type"]
