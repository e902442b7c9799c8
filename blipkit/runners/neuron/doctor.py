"""Is this machine right for Neuron? Each part against its SDK release, with the next step."""

import platform
import shutil
from dataclasses import dataclass

from blipkit.display.tables import show_table
from blipkit.machine import host
from blipkit.paths import ROOT
from blipkit.records.gates import Status, decide
from blipkit.records.typed import measure_typed, records_of
from blipkit.runners.neuron.installed import compiler_problem, import_problem
from blipkit.runners.neuron.options import IMAGE
from blipkit.runners.neuron.support import (
    Release,
    is_at_least,
    numbers,
    other_product,
    release_of,
)
from blipkit.runners.neuron.witnesses import holders, tool
from blipkit.study import Study

MEMORY_GIB = 15  # inf2.xlarge has 16
COMPILE_GIB = 14.75  # resident, the most that a compile was seen to take
BESIDE_GIB = 4  # the system, and what else of this kit runs meanwhile
MAKE_SWAP = (
    f"a compile of {COMPILE_GIB} GiB was killed on a host of 16 GB without swap; on the host, "
    "sudo fallocate -l 16G /swapfile && sudo chmod 600 /swapfile && sudo mkswap /swapfile "
    "&& sudo swapon /swapfile"
)
DISK_GB = 20  # artifacts, compiler files and a checkpoint
TOOLS = ("neuron-monitor", "neuron-ls")
IN_IMAGE = f"use the image {IMAGE}"
PACKAGES = "aws-neuronx-dkms, on the host, and aws-neuronx-runtime-lib"
PAIR = f"install or upgrade {PACKAGES}, both of one SDK release"
RENT = "rent an inf2.xlarge"


@dataclass(frozen=True)
class Part:
    """One part of a Neuron machine.

    seen: what is there, "none" for nothing; expected: what the SDK release wants; next: what mends
    it, "" where it holds.
    """

    part: str
    seen: str
    expected: str
    status: Status
    next: str


@dataclass(frozen=True)
class Parts:
    """The parts of this machine; rows: None where the profile expects no Neuron device, so that
    nothing was looked at.

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
        show_table(records_of(self.rows), "Parts of this machine")


def examine_parts(study: Study) -> Parts:
    """Check every part where the profile expects a Neuron device, and keep the rows."""
    expect = study.knobs.expect
    if expect != "neuron":
        return Parts(None, expect)
    return Parts(measure_typed(study.results, "parts", Part, check_parts), expect)


def check_parts() -> list[Part]:
    """Each part of this machine against the SDK release of its torch-neuronx."""
    machine = host.describe()
    release = release_of(host.versions().get("torch-neuronx"))
    return [
        *_system_parts(),
        *_library_parts(release),
        *_driver_parts(release, machine.neuron_devices),
        *_room_parts(machine.memory_gib),
    ]


def _system_parts() -> list[Part]:
    system = operating_system()
    _, glibc = platform.libc_ver()
    ubuntu = "Ubuntu 24.04"
    take = f"take {ubuntu}"
    older = f"{take}; Amazon Linux 2023 has 2.34"
    return [
        _part("operating system", system, ubuntu, ubuntu in system, take, tolerable=True),
        _part("glibc", glibc, "2.35 or later", is_at_least(glibc, "2.35"), older),
    ]


def _library_parts(release: Release) -> list[Part]:
    """Python, and the libraries that an SDK release pins."""
    versions = host.versions()
    python = versions["python"].rpartition(".")[0]
    holds = python in release.python
    parts = [_part("Python", python, " or ".join(release.python), holds, IN_IMAGE)]
    parts += [_package_part(name, expected) for name, expected in release.packages.items()]
    torch_holds = numbers(versions.get("torch"))[:2] == (2, 9)
    return [*parts, _part("torch", versions.get("torch"), "2.9", torch_holds, IN_IMAGE)]


def _package_part(name: str, expected: str) -> Part:
    """torch-neuronx or neuronx-cc: of the release, and tried where it is."""
    installed = host.versions().get(name, "")
    if name == "torch-neuronx" and (other := other_product(installed)):
        return _part(name, f"{installed}: another product", expected, False, other)
    if installed.partition("+")[0] != expected:
        return _part(name, installed, expected, False, IN_IMAGE)
    problem = _problem_of(name, installed)
    if problem:
        return _part(name, f"{installed}: does not work", expected, False, problem)
    return _part(name, installed, expected, True, IN_IMAGE)


def _problem_of(name: str, installed: str) -> str:
    """Why an installed package does not work; "" where it does."""
    if name == "torch-neuronx":
        return import_problem(installed)
    return compiler_problem(installed)


def _driver_parts(release: Release, devices: list[str]) -> list[Part]:
    """Devices, driver and runtime, and who holds the cores."""
    driver = driver_version()
    runtime = package_version("aws-neuronx-runtime-lib")
    attach = f"{RENT}; in a container, pass --device=/dev/neuron0"
    driver_holds = is_at_least(driver, release.driver)
    runtime_holds = is_at_least(runtime, release.runtime)
    parts = [
        _part("Neuron devices", ", ".join(devices), "neuron0", bool(devices), attach),
        _part("driver", driver, release.driver, driver_holds, PAIR),
        _part("runtime", runtime, release.runtime, runtime_holds, PAIR),
    ]
    if driver and runtime:
        both = f"{driver}, {runtime}"
        parts.append(_part("driver and runtime", both, "a pair", are_a_pair(driver, runtime), PAIR))
    return [*parts, _cores_part(bool(devices))]


def _cores_part(has_devices: bool) -> Part:
    """Whether there are cores, and nobody holds them."""
    held = ", ".join(map(str, holders()))
    if held:
        advice = "end those processes (kill and the pid), such as other notebooks' kernels"
        return _part("cores", f"held by {held}", "free", False, advice)
    if has_devices:
        return _part("cores", "free", "free", True, RENT)
    return _part("cores", "", "free", False, RENT)


def _room_parts(memory_gib: float) -> list[Part]:
    """The Neuron tools, memory and disk."""
    tools = [name for name in TOOLS if tool(name)]
    complete = len(tools) == len(TOOLS)
    install = "install aws-neuronx-tools, else the proof of execution is weaker"
    memory = f"{memory_gib} GiB"
    enough = memory_gib >= MEMORY_GIB
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    free = f"{free_gb:.0f} GB free"
    more = "free some, or take a larger volume"
    return [
        _part("tools", ", ".join(tools), ", ".join(TOOLS), complete, install, tolerable=True),
        _part("host memory", memory, f"{MEMORY_GIB} GiB", enough, "take a larger instance"),
        _swap_part(memory_gib),
        _part("disk", free, f"{DISK_GB} GB", free_gb >= DISK_GB, more),
    ]


def _swap_part(memory_gib: float) -> Part:
    """Whether memory and swap together hold a large compile, and what runs beside it."""
    both = memory_gib + swap_gib()
    seen = f"{swap_gib():.0f} GiB, {both:.1f} GiB with the memory"
    needed = COMPILE_GIB + BESIDE_GIB
    expected = f"{needed:g} GiB with the memory"
    return _part("swap", seen, expected, both >= needed, MAKE_SWAP, tolerable=True)


def _part(
    name: str, seen: str | None, expected: str, holds: bool, advice: str, *, tolerable: bool = False
) -> Part:
    """One row; tolerable: a WARN where it does not hold."""
    gate = decide(name, kind="answer", holds=holds, tolerable=tolerable, next=advice)
    return Part(name, seen or "none", expected, gate.status, gate.next)


def swap_gib() -> float:
    """GiB of swap that this machine has."""
    import psutil

    return psutil.swap_memory().total / 2**30


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
    too_new = is_at_least(driver, "2.29") and not is_at_least(runtime, "2.33")
    too_old = is_at_least(runtime, "2.32") and not is_at_least(driver, "2.27")
    return not too_new and not too_old
