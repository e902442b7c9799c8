"""What machine is this: processor, memory, accelerators, library versions. Read once, put into every record."""

import os
import platform
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "pillow",
    "torchvision",
    "torch-neuronx",
    "neuronx-cc",
    "blipkit",
)


def version(package: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str]:
    """Versions of the libraries that can change an answer or a time; those absent are left out."""
    found = {name: version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **{n: v for n, v in found.items() if v}}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _gpus() -> list[str]:
    command = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in listed.splitlines() if line.strip()]


def usable_cores() -> int:
    """Cores this process may run on, which in a container can be fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@cache
def describe() -> dict:
    """The machine as one flat dict of plain values; memory in GiB."""
    import psutil

    gpus = _gpus()
    neuron = sorted(p.name for p in Path("/dev").glob("neuron[0-9]*"))
    cpu = _processor()
    return {
        "name": "; ".join(gpus) or (f"Neuron x{len(neuron)}" if neuron else f"{cpu}, {usable_cores()} cores"),
        "processor": cpu,
        "cores": usable_cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "gpus": gpus,
        "neuron_devices": neuron,
        "git_commit": _git_commit(),
        "executable": Path(sys.executable).name,
        "versions": versions(),
    }


def _git_commit() -> str | None:
    """Commit of the kit's checkout, with -dirty where files differ from it; None outside a checkout."""
    here = Path(__file__).resolve().parent
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip()


def peak_memory_gib() -> float:
    """Largest resident memory of this process so far, GiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)
