"""Arms: which runner takes which number format on which device, and what it needs of the machine. No torch here."""

from pathlib import Path
from typing import NamedTuple

import yaml

from blipkit import machine
from blipkit.errors import BadInput, nearest

DTYPES = ("float32", "bfloat16", "float16")
# neuronx-cc: --auto-cast and --auto-cast-type
CASTS = ("none", *(f"{mode} {cast}" for mode in ("matmult", "all") for cast in ("bf16", "fp16", "tf32")))
# The vendor's advice from accurate and slow to fast and coarse, and what its compiler does by default: docs/neuron.md
VENDOR_ORDER = ("none", "matmult tf32", "all tf32", "matmult fp16", "all fp16", "matmult bf16", "all bf16")
CASTS_BY_DEFAULT_BEFORE = (2, 22)  # neuronx-cc of SDK 2.27
# options and operations that the compiler takes, and who passes which option already
NEURONX_CC = yaml.safe_load(Path(__file__).with_name("neuronx_cc.yaml").read_text(encoding="utf-8"))
AUTOCAST = ("autocast bfloat16", "autocast float16")  # torch.autocast: products in the format, the rest in float32
CPU, ANY = ("cpu",), ("cpu", "cuda")  # torch's devices, where tensors are handed over
RUNNERS = {
    "eager": (*DTYPES, *AUTOCAST),
    "neuron": CASTS,
    "neuron_emulated": CASTS,
    "null": ("float32",),
    "torchscript": DTYPES,
}
DEVICES = {"eager": ANY, "neuron": CPU, "neuron_emulated": CPU, "null": CPU, "torchscript": ANY}  # runners/NAME.py
ON_NEURON = ("neuron",)  # these hold a NeuronCore, so that they are loaded in a child
WHEELS = "https://pip.repos.neuron.amazonaws.com"
IMAGE = "public.ecr.aws/neuron/pytorch-inference-neuronx:2.9.0-neuronx-py312-sdk2.31.0-ubuntu24.04"
EMULATED = ("neuron_emulated",)  # these imitate a device's numbers, and nothing of its times
REFERENCE = "eager float32"  # what every other arm is compared with
INCUMBENT = "incumbent"  # the name in records of an arm that answers today, and was recorded on another machine
ROUNDOFF = {"float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}  # of a value, at most: half of its last bit
ROUNDS_LIKE = {"none": "float32", "bf16": "bfloat16", "fp16": "float16", "tf32": "float16"}  # as many significant bits
# of a weight, as an artifact keeps it
BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, **dict.fromkeys((*CASTS, *AUTOCAST), 4)}


class Arm(NamedTuple):
    """A runner with its number format, and where it runs: `eager float16 cuda`, `neuron_emulated matmult bf16`."""

    runner: str
    dtype: str
    device: str = "cpu"

    def __str__(self) -> str:
        return f"{self.runner} {self.dtype}" + (f" {self.device}" if self.device != "cpu" else "")

    @property
    def precision(self) -> str:
        """Which of torch's formats rounds as coarsely, so that its limits apply: bfloat16 for `matmult bf16`."""
        last = self.dtype.split()[-1]
        return ROUNDS_LIKE.get(last, last)


def format_reference(arm: str) -> str | None:
    """The arm in which torch itself, uncompiled on a CPU, computes in the same number format; None where it cannot.

    It cannot in float32, which is the reference already, and in tf32.
    """
    parsed = parse_arm(arm)
    if parsed.precision == "float32" or parsed.dtype.endswith("tf32"):
        return None
    products = parsed.dtype.startswith(("matmult", "autocast"))
    return f"eager autocast {parsed.precision}" if products else f"eager {parsed.precision}"


def parse_arm(text: str) -> Arm:
    """`torchscript float16 cuda` -> an arm that exists; whether this machine can run it is `check_machine`'s to say."""
    runner, *words = text.split() or [""]
    if not words:
        examples = "'torchscript float32', 'eager float16 cuda' or 'neuron_emulated matmult bf16'"
        raise BadInput(f"arm {text!r}: expected a runner and a dtype, such as {examples}")
    if runner not in RUNNERS:
        raise BadInput(f"arm {text!r}: runner {runner!r}; {nearest(runner, RUNNERS)}")
    device = words.pop() if words[-1] in ANY else "cpu"
    arm = Arm(runner, " ".join(words), device)
    if arm.dtype not in RUNNERS[runner] or device not in DEVICES[runner]:
        takes = f"{runner} takes dtype {', '.join(RUNNERS[runner])} on device {', '.join(DEVICES[runner])}"
        raise BadInput(f"arm {text!r}: {takes}; saw {arm.dtype!r} on {device!r}")
    if str(arm) != text:
        raise BadInput(f"arm {text!r}: write it as '{arm}', as every record will name it")
    # eager alone is let through: slow there, but it shows what the format does
    if (arm.dtype, arm.device) == ("float16", "cpu") and runner != "eager":
        raise BadInput(f"arm {text!r}: float16 runs on an NVIDIA GPU: '{text} cuda'; on a CPU take float32 or bfloat16")
    return arm


def check_machine(arm: Arm) -> None:
    """Refuse an arm whose device this machine does not have."""
    if arm.device == "cuda" and not machine.describe()["gpus"]:
        seen = "this machine shows none"
        raise BadInput(f"arm '{arm}' needs an NVIDIA GPU; {seen}. Run it there, or --replay its results")
    if arm.runner in ON_NEURON and not machine.version("torch-neuronx"):
        seen = "a device, but no torch-neuronx" if machine.describe()["neuron_devices"] else "neither"
        needs = "needs a Neuron device and torch-neuronx, which alone can compile for one"
        advice = f"Use the image {IMAGE}, or pip install -e '.[neuron]' --extra-index-url {WHEELS}"
        without = "what can be known without: make run PROFILE=inf2-dry"
        raise BadInput(f"arm '{arm}' {needs}; this machine has {seen}. {advice}; {without}")


def check_flags(flags: list[str]) -> None:
    """Refuse options that neuronx-cc does not have, that contradict each other, or that are passed already."""
    known, passed, given = NEURONX_CC["options"], NEURONX_CC["passed_already"], {}
    for flag in flags:
        option, _, value = flag.partition("=")
        if option in passed:
            raise BadInput(f"compiler_flags: {flag!r} is not a profile's to say: {passed[option]}")
        if option not in known:
            raise BadInput(f"compiler_flags: {flag!r}; {nearest(option, known)}, written --option=value")
        if value not in (known[option] or [""]):
            raise BadInput(f"compiler_flags: {flag!r}; expected {', '.join(known[option]) or 'no value'}")
        setting = option.replace("--disable-", "--enable-")
        if setting in given:
            raise BadInput(f"compiler_flags: {flag!r} contradicts or repeats {given[setting]!r}; keep one")
        given[setting] = flag


def check_timed(arm: Arm) -> None:
    """Refuse to time an arm that imitates a device."""
    if arm.runner in EMULATED:
        said = f"arm '{arm}' imitates a device's numbers, not its speed, so it is not put under load"
        raise BadInput(f"{said}; name it after the arms that concurrency.arms_under_load counts, or lower that")


def check_answers(arm: Arm) -> None:
    """Refuse an incumbent that imitates a device."""
    if arm.runner in EMULATED:
        raise BadInput(f"arm '{arm}' imitates a device, and answers nowhere today; name the one that does")


def casts_as_read(auto_cast: str | None = None, cast_type: str = "bf16", *, neuronx_cc: str) -> str:
    """How a compiler of this version reads --auto-cast and --auto-cast-type: "none", or a mode and a type.

    Where --auto-cast is left out, its default decides, which moved from matmult to none.
    """
    old = tuple(map(int, neuronx_cc.split(".")[:2])) < CASTS_BY_DEFAULT_BEFORE
    mode = auto_cast or ("matmult" if old else "none")
    return mode if mode == "none" else f"{mode} {cast_type}"


def evidence_of(arm: str) -> str:
    """Where the figures of an arm come from: measured, emulated, or recorded on another machine."""
    return "emulated" if arm.partition(" ")[0] in EMULATED else "recorded" if arm == INCUMBENT else "measured"
