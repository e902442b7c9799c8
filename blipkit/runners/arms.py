"""Arms: a runner with its precision, and where it runs (MLPerf: the system under test). What each
may be, its runner's file says. No torch here.
"""

from types import ModuleType
from typing import NamedTuple

from blipkit.errors import BadInput, nearest, shown
from blipkit.machine import host
from blipkit.runners.spec import (
    ANY,
    Precision,
    RunnerSpec,
    runner_module,
    runner_names,
    spec_of,
)

REFERENCE = "eager float32"  # what every other arm is compared with
NULL = "null float32"  # its runner does nothing: what 04 measures with it is the kit's own overhead
# the name in records of the arm that answers today, and was recorded on another machine
INCUMBENT = "incumbent"
# largest relative error of one rounding: half of the last bit kept
ROUNDOFF = {
    "float32": 2.0**-24,
    "bfloat16": 2.0**-8,
    "float16": 2.0**-11,
}


class Arm(NamedTuple):
    """A runner with its precision, and where it runs.

    As text: `eager float16 cuda`, `neuron_emulated matmult bf16`. precision: the number format that
    it computes in, as its runner names it.
    """

    runner: str
    precision: str
    device: str = "cpu"

    def __str__(self) -> str:
        words = [self.runner, self.precision]
        if self.device != "cpu":
            words.append(self.device)
        return " ".join(words)

    @property
    def spec(self) -> RunnerSpec:
        """What its runner says about itself."""
        return spec_of(self.runner)

    @property
    def rounds_like(self) -> str:
        """Which of torch's formats rounds as coarsely, so that its limits apply: bfloat16 for
        `matmult bf16`.
        """
        return self._precision.rounds_like

    @property
    def weight_bytes(self) -> int:
        """Bytes of a weight in an artifact."""
        return self._precision.weight_bytes

    @property
    def baseline(self) -> str | None:
        """The arm in which torch itself, uncompiled on a CPU, computes in the same precision.

        In float16 for tf32, which keeps as many bits. None for float32: that is the reference.
        """
        return self._precision.baseline

    @property
    def control(self) -> "Arm | None":
        """The arm of the same runner and device that computes in float32, so that no rounding of
        this one hides a fault of the way that both were compiled.

        None for float32 itself, where the runner has none, and where that is the reference.
        """
        if self.rounds_like == "float32":
            return None
        for name, precision in self.spec.precisions.items():
            control = Arm(self.runner, name, self.device)
            if precision.rounds_like == "float32" and str(control) != REFERENCE:
                return control
        return None

    @property
    def _precision(self) -> Precision:
        return self.spec.precisions[self.precision]


def same_precision_baseline(arm: str) -> str | None:
    """The same-precision baseline of an arm, both as texts; None where there is none."""
    return parse_arm(arm).baseline


def control_of(arm: str) -> str | None:
    """The float32 control of an arm, both as texts; None where there is none, or none is needed."""
    control = parse_arm(arm).control
    if control is None:
        return None
    return str(control)


def parse_arm(text: str) -> Arm:
    """The arm that a text such as `torchscript float16 cuda` names; BadInput where there is none.

    Whether this machine can run it, `check_machine` says.
    """
    runner, *words = text.split() or [""]
    if not words:
        examples = "'torchscript float32', 'eager float16 cuda' or 'neuron_emulated matmult bf16'"
        raise BadInput(f"arm {shown(text)}: expected a runner and a precision, such as {examples}")
    if runner not in runner_names():
        raise BadInput(
            f"arm {shown(text)}: runner {shown(runner)}; {nearest(runner, runner_names())}"
        )
    device = "cpu"
    if words[-1] in ANY:
        device = words.pop()
    arm = Arm(runner, " ".join(words), device)
    if arm.precision not in arm.spec.precisions or device not in arm.spec.devices:
        precisions = ", ".join(arm.spec.precisions)
        expected = f"{runner} takes precision {precisions} on device {', '.join(arm.spec.devices)}"
        raise BadInput(
            f"arm {shown(text)}: {expected}; saw {shown(arm.precision)} on {shown(device)}"
        )
    if str(arm) != text:
        raise BadInput(f"arm {shown(text)}: write it as '{arm}', as every record will name it")
    if _is_too_slow(arm):
        raise BadInput(
            f"arm {shown(text)}: float16 runs on an NVIDIA GPU: '{text} cuda'; on a CPU take "
            "float32 or bfloat16"
        )
    return arm


def all_arms() -> list[Arm]:
    """Every arm that a profile may name: each runner in its precisions, on its devices."""
    arms = []
    for runner in runner_names():
        spec = spec_of(runner)
        for device in spec.devices:
            arms += [Arm(runner, precision, device) for precision in spec.precisions]
    return [arm for arm in arms if not _is_too_slow(arm)]


def _is_too_slow(arm: Arm) -> bool:
    """Whether it would compute in float16 on a CPU, which has no arithmetic for it.

    A runner that shows what the precision does takes it there all the same.
    """
    return (arm.precision, arm.device) == ("float16", "cpu") and not arm.spec.half_on_cpu


def check_machine(arm: Arm) -> None:
    """Refuse an arm whose device this machine does not have."""
    if arm.device == "cuda" and not host.describe().gpus:
        problem = f"arm '{arm}' needs an NVIDIA GPU; this machine shows none"
        raise BadInput(f"{problem}. Run it where there is one, or --replay its results")
    arm.spec.needs(str(arm))


def get_runner(arm: Arm) -> ModuleType:
    """The module that implements an arm's runner; BadInput where there is no such arm, or this
    machine cannot run it.
    """
    check_machine(parse_arm(str(arm)))
    if arm.device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise BadInput(
                f"arm '{arm}' needs torch built with CUDA; this is torch {torch.__version__}"
            )
    return runner_module(arm.runner)


def is_forkable(arm: Arm) -> bool:
    """Whether a forked process may compile or run an arm: it touches neither Neuron nor CUDA."""
    return arm.device == "cpu" and not arm.spec.holds_core


def has_model(arm: str) -> bool:
    """Whether an arm, by its text, computes anything."""
    return arm.split()[0] != NULL.split()[0]


def check_timed(arm: Arm) -> None:
    """Refuse to time an arm that imitates a device."""
    if arm.spec.emulated:
        problem = f"arm '{arm}' imitates a device's numbers, not its speed"
        advice = "name it after the arms that concurrency.arms_under_load counts, or lower that"
        raise BadInput(f"{problem}, so it is not put under load; {advice}")


def check_answers(arm: Arm) -> None:
    """Refuse an incumbent that imitates a device."""
    if arm.spec.emulated:
        raise BadInput(
            f"arm '{arm}' imitates a device, and answers nowhere today; name the one that does"
        )


def evidence_of(arm: str) -> str:
    """Where the figures of an arm come from: measured, emulated, or recorded on another machine.

    "" stands for figures that are of no arm.
    """
    if arm == INCUMBENT:
        return "recorded"
    if not arm:
        return "measured"
    runner, _, _ = arm.partition(" ")
    return spec_of(runner).evidence
