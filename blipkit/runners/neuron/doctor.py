"""Is this machine right for Neuron? Each part against its SDK release, with the next step."""

import platform
import re
import shutil
from dataclasses import asdict, dataclass

from blipkit.display.tables import show_table
from blipkit.machine import host
from blipkit.paths import ROOT
from blipkit.records.gates import Status, decide
from blipkit.records.typed import measure_typed
from blipkit.runners.neuron.options import IMAGE
from blipkit.runners.neuron.proof import devices, tool
from blipkit.runners.neuron.support import release_of
from blipkit.study import Study

MEMORY_GIB = 15  # inf2.xlarge has 16
DISK_GB = 20  # artifacts, compiler files and a checkpoint
UBUNTU = "Ubuntu 24.04"
GLIBC = "2.35"
RENT = "rent an inf2.xlarge"
TOOLS = ("neuron-monitor", "neuron-ls")
IN_IMAGE = f"use the image {IMAGE}"
PACKAGES = "aws-neuronx-dkms, on the host, and aws-neuronx-runtime-lib"
PAIR = f"install or upgrade {PACKAGES}, both of one SDK release"


@dataclass(frozen=True)
class Part:
    """One part: what is there, what the SDK release wants, PASS, WARN or FAIL, what mends it."""

    part: str
    seen: str
    expected: str
    status: Status
    next: str


@dataclass(frozen=True)
class Parts:
    """What was found; None where the profile expects no Neuron device, and nothing was asked.

    expect: the machine that the profile is meant for.
    """

    rows: list[Part] | None
    expect: str

    def table(self) -> None:
        """Show a row for each part, or say why there is none."""
        if self.rows is None:
            print(f"Parts of a Neuron machine: not asked, this profile expects {self.expect}")
            return
        if not self.rows:
            print("Parts of this machine: not recorded")
            return
        show_table([asdict(row) for row in self.rows], "Parts of this machine")


def examine_parts(study: Study) -> Parts:
    """Check every part where the profile expects a Neuron device, and keep what was seen."""
    expect = study.knobs.expect
    if expect != "neuron":
        return Parts(None, expect)

    return Parts(measure_typed(study.results, "parts", Part, check_parts), expect)


def check_parts() -> list[Part]:
    """Every part of this machine that Neuron needs, in the order in which it is mended."""
    machine = host.describe()
    libraries = host.versions()
    release = release_of(libraries.get("torch-neuronx"))
    return [
        _system_part(),
        _glibc_part(),
        _python_part(libraries["python"], release["python"]),
        *(
            _library_part(name, libraries, release[name])
            for name in ("torch-neuronx", "neuronx-cc")
        ),
        _torch_part(libraries.get("torch")),
        _devices_part(machine.neuron_devices),
        *_driver_parts(release["driver"], release["runtime"]),
        _cores_part(machine.neuron_devices),
        _tools_part(),
        _memory_part(machine.memory_gib),
        _disk_part(),
    ]


def _system_part() -> Part:
    system = operating_system()
    holds = UBUNTU in system
    return _part("operating system", system, UBUNTU, holds, f"take {UBUNTU}", tolerable=True)


def _glibc_part() -> Part:
    _, glibc = platform.libc_ver()
    advice = f"take {UBUNTU}; Amazon Linux 2023 has 2.34"
    return _part("glibc", glibc, f"{GLIBC} or later", at_least(glibc, GLIBC), advice)


def _python_part(python: str, known: list[str]) -> Part:
    """known: the minor versions that the SDK release has wheels for."""
    minor = python.rpartition(".")[0]
    return _part("Python", minor, " or ".join(known), minor in known, IN_IMAGE)


def _library_part(name: str, libraries: dict[str, str], expected: str) -> Part:
    """A library that the SDK release pins; what stands after a + in its version does not count."""
    plain = libraries.get(name, "").partition("+")[0]
    return _part(name, libraries.get(name), expected, plain == expected, IN_IMAGE)


def _torch_part(torch: str | None) -> Part:
    return _part("torch", torch, "2.9", numbers(torch)[:2] == (2, 9), IN_IMAGE)


def _devices_part(devices: list[str]) -> Part:
    advice = f"{RENT}; in a container, pass --device=/dev/neuron0"
    return _part("Neuron devices", ", ".join(devices), "neuron0", bool(devices), advice)


def _driver_parts(release_driver: str, release_runtime: str) -> list[Part]:
    """Driver and runtime, and where both are there, whether they are a pair."""
    driver = driver_version()
    runtime = package_version("aws-neuronx-runtime-lib")
    driver_holds = at_least(driver, release_driver)
    runtime_holds = at_least(runtime, release_runtime)
    parts = [
        _part("driver", driver, release_driver, driver_holds, PAIR),
        _part("runtime", runtime, release_runtime, runtime_holds, PAIR),
    ]
    if driver and runtime:
        both = f"{driver}, {runtime}"
        pair_holds = are_a_pair(driver, runtime)
        parts.append(_part("driver and runtime", both, "a pair", pair_holds, PAIR))
    return parts


def _cores_part(neuron_devices: list[str]) -> Part:
    """Whether the cores are free: no process holds one."""
    holders = sorted({str(pid) for device in devices() for pid in device["pids"]})
    if holders:
        advice = "end those processes, such as other notebooks' kernels"
        return _part("cores", f"held by pid {', '.join(holders)}", "free", False, advice)
    seen = "free" if neuron_devices else None
    return _part("cores", seen, "free", bool(neuron_devices), RENT)


def _tools_part() -> Part:
    tools = [name for name in TOOLS if tool(name)]
    holds = len(tools) == len(TOOLS)
    advice = "install aws-neuronx-tools, else the proof of execution is weaker"
    return _part("tools", ", ".join(tools), ", ".join(TOOLS), holds, advice, tolerable=True)


def _memory_part(memory_gib: float) -> Part:
    seen = f"{memory_gib} GiB"
    holds = memory_gib >= MEMORY_GIB
    return _part("host memory", seen, f"{MEMORY_GIB} GiB", holds, "take a larger instance")


def _disk_part() -> Part:
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    advice = "free some, or take a larger volume"
    return _part("disk", f"{free_gb:.0f} GB free", f"{DISK_GB} GB", free_gb >= DISK_GB, advice)


def _part(
    name: str, seen: str | None, expected: str, holds: bool, advice: str, tolerable: bool = False
) -> Part:
    """One part; tolerable: it only warns where it does not hold."""
    gate = decide(name, "answer", holds, tolerable=tolerable, next=advice)
    return Part(name, seen or "none", expected, gate.status, gate.next)


def operating_system() -> str:
    """Name and release of the system, such as Ubuntu 24.04.3 LTS."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def driver_version() -> str | None:
    """Version of the Neuron driver that is loaded."""
    loaded = host.SYSTEM / "sys/module/neuron/version"
    if not loaded.is_file():
        return None
    return loaded.read_text().strip()


def package_version(name: str) -> str | None:
    """Version of a system package, by dpkg."""
    return host.output_of("dpkg-query", "-W", "-f", "${Version}", name) or None


def are_a_pair(driver: str, runtime: str) -> bool:
    """Driver 2.29 needs runtime 2.33; runtime 2.32 needs a driver after 2.26 (release notes)."""
    too_new = at_least(driver, "2.29") and not at_least(runtime, "2.33")
    too_old = at_least(runtime, "2.32") and not at_least(driver, "2.27")
    return not too_new and not too_old


def at_least(seen: str | None, expected: str) -> bool:
    """Whether a version is there and not older."""
    return numbers(seen) >= numbers(expected)


def numbers(version: str | None) -> tuple[int, ...]:
    """The leading numbers of a version: (2, 9, 1) of 2.9.1+cpu, none where there is no version."""
    leading = re.match(r"[\d.]*", version or "")[0]
    return tuple(map(int, re.findall(r"\d+", leading)))
