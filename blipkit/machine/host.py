"""What machine this is: processor, memory, accelerators, library versions; read once a process."""

import contextlib
import math
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from blipkit.machine.limits import read_limits
from blipkit.machine.surroundings import surroundings

# where dev and sys are looked for; a rehearsal brings its own
SYSTEM = Path(os.environ.get("BLIPKIT_SYSTEM", "/"))
REHEARSAL = "rehearsal of "  # begins the name of a machine whose torch-neuronx is a fake
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


@dataclass(frozen=True)
class Machine:
    """What environment.json says of a machine.

    name: by its accelerators, else its processor; cores, memory_gib: what this process may use;
    cpu_quota: a container's, in cores, None where there is none; gpus: name, memory and driver of
    each; neuron_devices: as in /dev; git_commit: of the kit's checkout; executable: Python's file
    name; versions: library -> version; replayed_on: in a replay, the machine that read the figures
    of this one.
    """

    name: str
    processor: str = ""
    cores: int = 0
    memory_gib: float = 0.0
    cpu_quota: float | None = None
    system: str = ""
    gpus: list[str] = field(default_factory=list)
    neuron_devices: list[str] = field(default_factory=list)
    git_commit: str | None = None
    executable: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    replayed_on: str = ""

    def facts(self) -> dict[str, Any]:
        """Name -> value, as environment.json has them; without replayed_on where it is not one."""
        facts = asdict(self)
        if not self.replayed_on:
            del facts["replayed_on"]
        return facts


class HasDevices(Protocol):
    """Whatever names the accelerators of a machine: a `Machine`, or a record that repeats them."""

    gpus: Sequence[str]
    neuron_devices: Sequence[str]


def version(package: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def versions() -> dict[str, str]:
    """Versions of the libraries that can change an answer or a time; those absent are left out."""
    installed = {"python": platform.python_version()}
    for name in LIBRARIES:
        if number := version(name):
            installed[name] = number
    return installed


def output_of(*command: str | Path, timeout_s: float = 20) -> str:
    """What a program prints; nothing where it is absent, fails, or takes too long."""
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=True,
            env=surroundings(),
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
    """Cores this process may use, which in a container can be fewer than the machine has."""
    allowed = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    return cores_within(read_limits(SYSTEM).cores, allowed)


def cores_within(quota: float | None, allowed: int) -> int:
    """The whole cores that a quota is worth, at least one and at most those allowed."""
    if quota is None:
        return allowed
    return max(1, min(allowed, math.ceil(quota)))


def usable_memory_gib() -> float:
    """GiB of memory this process may use, of a container's or the machine's."""
    import psutil

    total = psutil.virtual_memory().total / 2**30
    return min(total, read_limits(SYSTEM).memory_gib or total)


@cache
def describe() -> Machine:
    """This machine."""
    gpus = output_of(
        "nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"
    ).splitlines()
    neuron = sorted(p.name for p in (SYSTEM / "dev").glob("neuron[0-9]*"))
    cpu = _processor()
    # of the kit's checkout, with -dirty where files differ from it; nothing outside a checkout
    commit = output_of(
        "git", "-C", Path(__file__).parent, "describe", "--always", "--dirty", "--abbrev=12"
    )
    return Machine(
        name=_name(gpus, neuron, cpu),
        processor=cpu,
        cores=usable_cores(),
        memory_gib=round(usable_memory_gib(), 1),
        cpu_quota=read_limits(SYSTEM).cores,
        system=f"{platform.system()} {platform.release()}",
        gpus=gpus,
        neuron_devices=neuron,
        git_commit=commit or None,
        executable=Path(sys.executable).name,
        versions=versions(),
    )


def _name(gpus: list[str], neuron: list[str], cpu: str) -> str:
    """What the machine is called: by its GPUs, its Neuron devices, or its processor."""
    cores = usable_cores()
    name = f"{cpu}, {cores} {'core' if cores == 1 else 'cores'}"
    if neuron:
        name = f"Neuron x{len(neuron)}"
    if gpus:
        name = "; ".join(gpus)
    if is_rehearsal():
        name = f"{REHEARSAL}{name}"
    return name


def neuron_family() -> str | None:
    """`inf2` or `trn1`, as the driver names the devices here; None where it does not say."""
    devices = SYSTEM / "sys/devices/virtual/neuron_device"
    files = sorted(devices.glob("neuron*/info/architecture/instance_type"))
    if not files:
        return None
    return files[0].read_text().strip().lower().partition(".")[0]


def is_rehearsal() -> bool:
    """Whether torch-neuronx here is a fake, as its version says: what it gives was not measured."""
    return (version("torch-neuronx") or "").endswith("+rehearsal")


def machine_kind(machine: HasDevices, evidence: str = "measured") -> str:
    """`neuron`, `cuda` or `cpu`; `rehearsal` where that is the evidence of what it measured."""
    if evidence == "rehearsal":
        return "rehearsal"
    if machine.neuron_devices:
        return "neuron"
    if machine.gpus:
        return "cuda"
    return "cpu"
