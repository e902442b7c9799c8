"""What machine is this: processor, memory, accelerators, library versions. Read once, put into
every record.
"""

import contextlib
import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

# where dev and sys are looked for; a rehearsal brings its own
SYSTEM = Path(os.environ.get("BLIPKIT_SYSTEM", "/"))
REHEARSAL = "rehearsal of "  # begins the name of a machine whose torch-neuronx is one of paper
NEURON_SDK = ("torch-neuronx", "torch-xla", "neuronx-cc", "libneuronxla")
LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "pillow",
    "torchvision",
    *NEURON_SDK,
    "blipkit",
)


def version(package: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def versions() -> dict[str, str]:
    """Versions of the libraries that can change an answer or a time; those absent are left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        if seen := version(name):
            found[name] = seen
    return found


def output_of(*command: str | Path) -> str:
    """What a program prints; nothing where it is absent, fails, or takes longer than 20 s."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=True
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores this process may run on, which in a container can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


@cache
def describe() -> dict:
    """The machine as one flat dict of plain values; memory in GiB."""
    import psutil

    gpus = output_of(
        "nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"
    ).splitlines()
    neuron = sorted(p.name for p in (SYSTEM / "dev").glob("neuron[0-9]*"))
    cpu = _processor()
    # of the kit's checkout, with -dirty where files differ from it; nothing outside a checkout
    commit = output_of(
        "git", "-C", Path(__file__).parent, "describe", "--always", "--dirty", "--abbrev=12"
    )
    return {
        "name": _name(gpus, neuron, cpu),
        "processor": cpu,
        "cores": usable_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "gpus": gpus,
        "neuron_devices": neuron,
        "git_commit": commit or None,
        "executable": Path(sys.executable).name,
        "versions": versions(),
    }


def _name(gpus: list[str], neuron: list[str], cpu: str) -> str:
    """What the machine is called: by its GPUs, its Neuron devices, or its processor."""
    name = f"{cpu}, {usable_cores()} cores"
    if neuron:
        name = f"Neuron x{len(neuron)}"
    if gpus:
        name = "; ".join(gpus)
    if is_rehearsal():
        name = f"{REHEARSAL}{name}"
    return name


def neuron_family() -> str | None:
    """`inf2` or `trn1`, as the driver names the devices here; None where it does not say."""
    found = sorted(
        (SYSTEM / "sys/devices/virtual/neuron_device").glob(
            "neuron*/info/architecture/instance_type"
        )
    )
    if not found:
        return None
    return found[0].read_text().strip().lower().partition(".")[0]


def is_rehearsal() -> bool:
    """Whether torch-neuronx here is one of paper, which its version says: whatever it gives was not
    measured.
    """
    return (version("torch-neuronx") or "").endswith("+rehearsal")


def machine_kind(environment: dict) -> str:
    """`neuron`, `cuda` or `cpu`: what a record of kind `environment` was measured on; a `rehearsal`
    is neither.
    """
    if environment.get("evidence") == "rehearsal":
        return "rehearsal"
    if environment["neuron_devices"]:
        return "neuron"
    if environment["gpus"]:
        return "cuda"
    return "cpu"
