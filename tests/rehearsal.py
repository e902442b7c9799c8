"""A Neuron device of paper: files where the driver would have them, and the tools and the torch_neuronx of tests/paper.

What runs on it says so in its version, so that every record of it carries the evidence `rehearsal`.
"""

import importlib
import os
import sys
from pathlib import Path

from blipkit.machine import host

PAPER = Path(__file__).parent / "paper"


def make_system(folder: Path, devices: int = 1, cores: int = 2) -> Path:
    """A folder that stands for / on a machine with Neuron devices, or with none."""
    (folder / "processes").mkdir(parents=True)
    for number in range(devices):
        device = folder / f"sys/devices/virtual/neuron_device/neuron{number}"
        for core in range(cores):
            count = device / f"neuron_core{core}/stats/other_info/inference_count/total"
            count.parent.mkdir(parents=True)
            count.write_text("0\n")
        (device / "core_count").write_text(f"{cores}\n")
        kind = device / "info/architecture/instance_type"
        kind.parent.mkdir(parents=True)
        kind.write_text("Inf2\n")
        (folder / "dev").mkdir(exist_ok=True)
        (folder / f"dev/neuron{number}").touch()
    driver = folder / "sys/module/neuron/version"
    driver.parent.mkdir(parents=True)
    driver.write_text("2.29.0.0\n")
    return folder


def environment(system: Path) -> dict[str, str]:
    """Variables under which a process sees that machine, and the packages and tools of paper."""
    paths = [str(PAPER), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "BLIPKIT_SYSTEM": str(system),
        "PYTHONPATH": os.pathsep.join(paths),
        "PATH": f"{PAPER / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


def enter(monkeypatch, system: Path) -> None:
    """Let this process see it, until the test ends."""
    for name, value in environment(system).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(PAPER))
    monkeypatch.setattr(host, "SYSTEM", system)
    forget()
    import_again()


def import_again() -> None:
    """What torch_neuronx reads when it is imported, it reads again; its operation stays registered."""
    if "torch_neuronx" in sys.modules:
        importlib.reload(sys.modules["torch_neuronx"])


def forget() -> None:
    """What was read once of the machine is read again."""
    host.describe.cache_clear()
    host.versions.cache_clear()
