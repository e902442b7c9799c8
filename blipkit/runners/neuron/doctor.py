"""Is this machine right for Neuron? Each part against its SDK release, with the next step."""

import platform
import re
import shutil
from dataclasses import asdict, dataclass

from blipkit.display.tables import show_table
from blipkit.machine import host
from blipkit.paths import ROOT
from blipkit.records.typed import measure_typed
from blipkit.runners.neuron.options import IMAGE
from blipkit.runners.neuron.proof import devices, tool
from blipkit.runners.neuron.support import release_of
from blipkit.study import Study

MEMORY_GIB = 15  # inf2.xlarge has 16
DISK_GB = 20  # artifacts, compiler files and a checkpoint
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
    status: str
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

    def measured() -> list[Part]:
        return [Part(**row) for row in check_parts()]

    return Parts(measure_typed(study.results, "parts", Part, measured), expect)


def check_parts() -> list[dict]:
    """A row for each part: part, seen, expected, status (PASS, WARN or FAIL), next: what to do."""
    machine = host.describe()
    release = release_of(host.versions().get("torch-neuronx"))
    rows = [*_system_parts(), *_library_parts(release), *_driver_parts(release)]
    return [*rows, *_room_parts(machine.memory_gib)]


def _system_parts() -> list[dict]:
    system = operating_system()
    _, glibc = platform.libc_ver()
    ubuntu = "Ubuntu 24.04"
    return [
        _part("operating system", system, ubuntu, ubuntu in system, f"take {ubuntu}", "WARN"),
        _part(
            "glibc",
            glibc,
            "2.35 or later",
            at_least(glibc, "2.35"),
            f"take {ubuntu}; Amazon Linux 2023 has 2.34",
        ),
    ]


def _library_parts(release: dict) -> list[dict]:
    """Python, and the libraries that an SDK release pins."""
    of = host.versions()
    python = of["python"].rpartition(".")[0]
    known = release["python"]
    rows = [_part("Python", python, " or ".join(known), python in known, IN_IMAGE)]
    for name in ("torch-neuronx", "neuronx-cc"):
        plain = of.get(name, "").partition("+")[0]
        rows.append(_part(name, of.get(name), release[name], plain == release[name], IN_IMAGE))
    torch_holds = numbers(of.get("torch"))[:2] == (2, 9)
    return [*rows, _part("torch", of.get("torch"), "2.9", torch_holds, IN_IMAGE)]


def _driver_parts(release: dict) -> list[dict]:
    """Devices, driver and runtime, and who holds the cores."""
    found = host.describe().neuron_devices
    driver = driver_version()
    runtime = package_version("aws-neuronx-runtime-lib")
    rent = "rent an inf2.xlarge"
    attach = f"{rent}; in a container, pass --device=/dev/neuron0"
    rows = [
        _part("Neuron devices", ", ".join(found), "neuron0", found, attach),
        _part("driver", driver, release["driver"], at_least(driver, release["driver"]), PAIR),
        _part("runtime", runtime, release["runtime"], at_least(runtime, release["runtime"]), PAIR),
    ]
    if driver and runtime:
        both = f"{driver}, {runtime}"
        rows.append(_part("driver and runtime", both, "a pair", are_a_pair(driver, runtime), PAIR))
    return [*rows, _cores_part(bool(found), rent)]


def _cores_part(has_devices: bool, rent: str) -> dict:
    """Whether the cores are free; rent: what to do where there are none."""
    held = sorted({str(pid) for device in devices() for pid in device["pids"]})
    if held:
        advice = "end those processes, such as other notebooks' kernels"
        return _part("cores", f"held by pid {', '.join(held)}", "free", False, advice)
    if has_devices:
        return _part("cores", "free", "free", True, rent)
    return _part("cores", "", "free", False, rent)


def _room_parts(memory_gib: float) -> list[dict]:
    """The Neuron tools, memory and disk."""
    tools = [name for name in TOOLS if tool(name)]
    complete = len(tools) == len(TOOLS)
    install = "install aws-neuronx-tools, else the proof of execution is weaker"
    larger = "take a larger instance"
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    more = "free some, or take a larger volume"
    return [
        _part("tools", ", ".join(tools), ", ".join(TOOLS), complete, install, "WARN"),
        _part(
            "host memory",
            f"{memory_gib} GiB",
            f"{MEMORY_GIB} GiB",
            memory_gib >= MEMORY_GIB,
            larger,
        ),
        _part("disk", f"{free_gb:.0f} GB free", f"{DISK_GB} GB", free_gb >= DISK_GB, more),
    ]


def _part(
    part: str,
    seen: str | None,
    expected: str,
    holds,
    advice: str,
    otherwise: str = "FAIL",
) -> dict:
    """One row; otherwise: its status where it does not hold."""
    status = "PASS"
    step = ""
    if not holds:
        status = otherwise
        step = advice
    return {
        "part": part,
        "seen": seen or "none",
        "expected": expected,
        "status": status,
        "next": step,
    }


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
