"""Arms: which runner takes which number format on which device, and what it needs of the machine. No torch here."""

from typing import NamedTuple

from blipkit import machine
from blipkit.errors import BadInput, nearest

DTYPES = ("float32", "bfloat16", "float16")
RUNNERS = {"eager": DTYPES, "null": ("float32",), "torchscript": DTYPES}  # each is blipkit/runners/NAME.py
DEVICES = {"eager": ("cpu", "cuda"), "null": ("cpu",), "torchscript": ("cpu", "cuda")}
REFERENCE = "eager float32"  # what every other arm is compared with


class Arm(NamedTuple):
    """A runner with its number format, and where it runs; written `torchscript float32` or `eager float16 cuda`."""

    runner: str
    dtype: str
    device: str = "cpu"

    def __str__(self) -> str:
        return f"{self.runner} {self.dtype}" + (f" {self.device}" if self.device != "cpu" else "")


def parse_arm(text: str) -> Arm:
    """`torchscript float16 cuda` -> an arm that exists; whether this machine can run it is `check_machine`'s to say."""
    words = text.split()
    if len(words) not in (2, 3):
        raise BadInput(
            f"arm {text!r}: expected a runner and a dtype, such as 'torchscript float32' or 'eager float16 cuda'"
        )
    arm = Arm(*words)
    if str(arm) != text:
        raise BadInput(f"arm {text!r}: write it as '{arm}', as every record will name it")
    if arm.runner not in RUNNERS:
        raise BadInput(f"arm {text!r}: runner {arm.runner!r}; {nearest(arm.runner, RUNNERS)}")
    for what, seen, taken in (("dtype", arm.dtype, RUNNERS), ("device", arm.device, DEVICES)):
        if seen not in taken[arm.runner]:
            raise BadInput(f"arm {text!r}: {arm.runner} takes {what} {', '.join(taken[arm.runner])}; saw {seen!r}")
    if (arm.dtype, arm.device) == ("float16", "cpu"):
        raise BadInput(f"arm {text!r}: float16 runs on an NVIDIA GPU: '{text} cuda'; on a CPU take float32 or bfloat16")
    return arm


def check_machine(arm: Arm) -> None:
    """Refuse an arm whose device this machine does not have."""
    if arm.device == "cuda" and not machine.describe()["gpus"]:
        raise BadInput(
            f"arm '{arm}' needs an NVIDIA GPU; this machine shows none. Run it there, or --replay its results"
        )
