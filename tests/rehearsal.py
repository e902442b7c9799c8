"""A fake Neuron device: files where the driver would have them, and the tools and the torch_neuronx of tests/fake.

What runs on it says so in its version, so that every record of it carries the evidence `rehearsal`.
"""

import importlib
import os
import sys
from pathlib import Path

from blipkit.machine import fork_server, host

FAKE = Path(__file__).parent / "fake"


def make_system(folder: Path, devices: int = 1, cores: int = 2, driver: str = "2.29.0.0") -> Path:
    """A folder that stands for / on a machine with Neuron devices, or with none.

    driver: its version, of SDK 2.31 unless said otherwise; its counters are live from 2.30 on.
    """
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
    version = folder / "sys/module/neuron/version"
    version.parent.mkdir(parents=True)
    version.write_text(f"{driver}\n")
    return folder


def environment(system: Path) -> dict[str, str]:
    """Variables under which a process sees that machine, and the fake packages and tools."""
    paths = [str(FAKE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "BLIPKIT_SYSTEM": str(system),
        "PYTHONPATH": os.pathsep.join(paths),
        "PATH": f"{FAKE / 'bin'}{os.pathsep}{os.environ['PATH']}",
        fork_server.VARIABLE: "",  # the one of the tests knows neither
    }


def enter(monkeypatch, system: Path) -> None:
    """Let this process see that machine, until the test ends."""
    for name, value in environment(system).items():
        if name != fork_server.VARIABLE:
            monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.setattr(host, "SYSTEM", system)
    forget()
    import_again()


def import_again() -> None:
    """Let torch_neuronx read again what it reads when it is imported; its operation stays registered."""
    if "torch_neuronx" in sys.modules:
        importlib.reload(sys.modules["torch_neuronx"])


def forget() -> None:
    """Let what was read once of the machine be read again."""
    host.describe.cache_clear()
    host.versions.cache_clear()
