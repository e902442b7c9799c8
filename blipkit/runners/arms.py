"""Arms: a runner with its number format, and where it runs. What each takes, its runner's file
says. No torch here.
"""

from types import ModuleType
from typing import NamedTuple

from blipkit.errors import BadInput, nearest
from blipkit.machine import host
from blipkit.runners.spec import ANY, Format, RunnerSpec, runner_module, runner_names, spec_of

REFERENCE = "eager float32"  # what every other arm is compared with
# the name in records of an arm that answers today, and was recorded on another machine
INCUMBENT = "incumbent"
ROUNDOFF = {
    "float32": 2.0**-24,
    "bfloat16": 2.0**-8,
    "float16": 2.0**-11,
}  # of a value, at most: half of its last bit


class Arm(NamedTuple):
    """A runner with its number format, and where it runs: `eager float16 cuda`, `neuron_emulated
    matmult bf16`.
    """

    runner: str
    dtype: str
    device: str = "cpu"

    def __str__(self) -> str:
        words = [self.runner, self.dtype]
        if self.device != "cpu":
            words.append(self.device)
        return " ".join(words)

    @property
    def spec(self) -> RunnerSpec:
        return spec_of(self.runner)

    @property
    def format(self) -> Format:
        return self.spec.formats[self.dtype]

    @property
    def precision(self) -> str:
        """Which of torch's formats rounds as coarsely, so that its limits apply: bfloat16 for
        `matmult bf16`.
        """
        return self.format.rounds_like


def same_precision_baseline(arm: str) -> str | None:
    """The arm in which torch itself, uncompiled on a CPU, computes in the same number format; None
    where it cannot.

    It cannot in float32, which is the reference already, and in tf32.
    """
    return parse_arm(arm).format.baseline


def parse_arm(text: str) -> Arm:
    """`torchscript float16 cuda` -> an arm that exists; whether this machine can run it is
    `check_machine`'s to say.
    """
    runner, *words = text.split() or [""]
    if not words:
        examples = "'torchscript float32', 'eager float16 cuda' or 'neuron_emulated matmult bf16'"
        raise BadInput(f"arm {text!r}: expected a runner and a dtype, such as {examples}")
    if runner not in runner_names():
        raise BadInput(f"arm {text!r}: runner {runner!r}; {nearest(runner, runner_names())}")
    device = "cpu"
    if words[-1] in ANY:
        device = words.pop()
    arm = Arm(runner, " ".join(words), device)
    if arm.dtype not in arm.spec.formats or device not in arm.spec.devices:
        takes = (
            f"{runner} takes dtype {', '.join(arm.spec.formats)} on device "
            f"{', '.join(arm.spec.devices)}"
        )
        raise BadInput(f"arm {text!r}: {takes}; saw {arm.dtype!r} on {device!r}")
    if str(arm) != text:
        raise BadInput(f"arm {text!r}: write it as '{arm}', as every record will name it")
    if _is_too_slow(arm):
        raise BadInput(
            f"arm {text!r}: float16 runs on an NVIDIA GPU: '{text} cuda'; on a CPU take "
            "float32 or bfloat16"
        )
    return arm


def all_arms() -> list[Arm]:
    """Every arm that a profile may name: each runner in its formats, on the devices that take
    them.
    """
    arms = []
    for runner in runner_names():
        for device in spec_of(runner).devices:
            arms += [Arm(runner, dtype, device) for dtype in spec_of(runner).formats]
    return [arm for arm in arms if not _is_too_slow(arm)]


def _is_too_slow(arm: Arm) -> bool:
    """A CPU has no arithmetic for float16: only a runner that shows what the format does takes it
    there.
    """
    return (arm.dtype, arm.device) == ("float16", "cpu") and not arm.spec.half_on_cpu


def check_machine(arm: Arm) -> None:
    """Refuse an arm whose device this machine does not have."""
    if arm.device == "cuda" and not host.describe().gpus:
        seen = "this machine shows none"
        raise BadInput(
            f"arm '{arm}' needs an NVIDIA GPU; {seen}. Run it there, or --replay its results"
        )
    arm.spec.needs(str(arm))


def get_runner(arm: Arm) -> ModuleType:
    """The module that implements an arm's runner, after checking that there is such an arm and this
    machine can run it.
    """
    check_machine(parse_arm(str(arm)))
    if arm.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise BadInput(
                f"arm '{arm}' needs torch built with CUDA; this is torch {torch.__version__}"
            )
    return runner_module(arm.runner)


def check_timed(arm: Arm) -> None:
    """Refuse to time an arm that imitates a device."""
    if arm.spec.emulated:
        said = (
            f"arm '{arm}' imitates a device's numbers, not its speed, so it is not put under load"
        )
        raise BadInput(
            f"{said}; name it after the arms that concurrency.arms_under_load counts, or lower that"
        )


def check_answers(arm: Arm) -> None:
    """Refuse an incumbent that imitates a device."""
    if arm.spec.emulated:
        raise BadInput(
            f"arm '{arm}' imitates a device, and answers nowhere today; name the one that does"
        )


def evidence_of(arm: str) -> str:
    """Where the figures of an arm, or of none, come from: measured, emulated, or recorded on
    another machine.
    """
    if arm == INCUMBENT:
        return "recorded"
    if not arm:
        return "measured"
    runner, _, _ = arm.partition(" ")
    return spec_of(runner).evidence
