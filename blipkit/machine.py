"""What machine is this: processor, memory, accelerators, library versions. Read once, put into every record."""

import contextlib
import os
import platform
import subprocess
import sys
import threading
from functools import cache
from importlib import metadata
from pathlib import Path

SYSTEM = Path(os.environ.get("BLIPKIT_SYSTEM", "/"))  # where dev and sys are looked for; a rehearsal brings its own
REHEARSAL = "rehearsal of "  # begins the name of a machine whose torch-neuronx is one of paper
LIBRARIES = (
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "pillow",
    "torchvision",
    "torch-neuronx",
    "torch-xla",
    "neuronx-cc",
    "libneuronxla",
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
    neuron = sorted(p.name for p in (SYSTEM / "dev").glob("neuron[0-9]*"))
    cpu = _processor()
    name = "; ".join(gpus) or (f"Neuron x{len(neuron)}" if neuron else f"{cpu}, {usable_cores()} cores")
    return {
        "name": f"{REHEARSAL}{name}" if is_rehearsal() else name,
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


def neuron_family() -> str | None:
    """`inf2` or `trn1`, as the driver names the devices here; None where it does not say."""
    found = sorted((SYSTEM / "sys/devices/virtual/neuron_device").glob("neuron*/info/architecture/instance_type"))
    return found[0].read_text().strip().lower().partition(".")[0] if found else None


def is_rehearsal() -> bool:
    """Whether torch-neuronx here is one of paper, which its version says: whatever it gives was not measured."""
    return (version("torch-neuronx") or "").endswith("+rehearsal")


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


@contextlib.contextmanager
def watch_memory(every_s: float = 0.25):
    """Yield a dict whose `peak_gib` becomes the largest resident memory of this process and all its descendants."""
    import psutil

    peak, done = {"peak_gib": 0.0}, threading.Event()

    def resident(process) -> int:
        try:
            return process.memory_info().rss
        except psutil.Error:  # it has just ended
            return 0

    def watch() -> None:
        own = psutil.Process()
        while not done.wait(every_s):
            total = sum(resident(process) for process in [own, *own.children(recursive=True)])
            peak["peak_gib"] = max(peak["peak_gib"], total / 2**30)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
