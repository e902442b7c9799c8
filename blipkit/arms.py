"""Arms: which runner takes which number format, and what it needs of the machine. No torch here."""

from blipkit import machine
from blipkit.errors import BadInput, nearest

DTYPES = ("float32", "bfloat16", "float16")
RUNNERS = {"eager": DTYPES, "null": DTYPES, "torchscript": DTYPES}  # each is blipkit/runners/NAME.py
GPU_ARMS = {("eager", "float16"), ("torchscript", "float16")}  # the rest runs where the reference does, on the CPU


def check_arm(runner: str, dtype: str) -> None:
    """Refuse a runner or number format that does not exist, or that this machine cannot run."""
    if runner not in RUNNERS:
        raise BadInput(f"runner {runner!r}: {nearest(runner, RUNNERS)}")
    if dtype not in RUNNERS[runner]:
        raise BadInput(f"runner {runner} takes {', '.join(RUNNERS[runner])}; saw {dtype!r}")
    if (runner, dtype) in GPU_ARMS and not machine.describe()["gpus"]:
        raise BadInput(
            f"{runner} {dtype} needs an NVIDIA GPU; this machine shows none. On a CPU use float32 or bfloat16"
        )


def parse_arm(arm: str) -> tuple[str, str]:
    """`torchscript bfloat16` -> runner and dtype, both checked."""
    words = arm.split()
    if len(words) != 2:
        raise BadInput(f"arm {arm!r}: expected a runner and a dtype, such as 'torchscript float32'")
    check_arm(*words)
    return words[0], words[1]
