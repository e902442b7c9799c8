"""Is this machine right for Neuron? Each part against the release that its torch-neuronx belongs to, with the next step."""

import platform
import re
import shutil

from blipkit.machine import host
from blipkit.paths import ROOT
from blipkit.runners.neuron.options import IMAGE
from blipkit.runners.neuron.proof import devices, tool
from blipkit.runners.neuron.support import release_of

MEMORY_GIB, DISK_GB = 15, 20  # inf2.xlarge has 16 GiB; artifacts, compiler files and a checkpoint
IN_IMAGE = f"use the image {IMAGE}"
PAIR = "install or upgrade aws-neuronx-dkms, on the host, and aws-neuronx-runtime-lib, both of one SDK release"


def check_parts() -> list[dict]:
    """A row for each part: part, seen, expected, status (PASS, WARN or FAIL), next: the step that mends it."""
    about, of = host.describe(), host.versions()
    release = release_of(of.get("torch-neuronx"))
    driver, runtime, glibc = driver_version(), package_version("aws-neuronx-runtime-lib"), platform.libc_ver()[1]
    system, python, free_gb = operating_system(), of["python"].rpartition(".")[0], shutil.disk_usage(ROOT).free / 1e9
    tools = [name for name in ("neuron-monitor", "neuron-ls") if tool(name)]
    held = ", ".join(sorted({str(pid) for device in devices() for pid in device["pids"]}))
    cores = f"held by pid {held}" if held else "free" if about["neuron_devices"] else ""
    return [
        _part("operating system", system, "Ubuntu 24.04", "Ubuntu 24.04" in system, "take Ubuntu 24.04", "WARN"),
        _part("glibc", glibc, "2.35 or later", at_least(glibc, "2.35"), "take Ubuntu 24.04; Amazon Linux 2023 has 2.34"),
        _part("Python", python, " or ".join(release["python"]), python in release["python"], IN_IMAGE),
        *(_part(name, of.get(name), release[name], of.get(name, "").partition("+")[0] == release[name], IN_IMAGE) for name in ("torch-neuronx", "neuronx-cc")),
        _part("torch", of.get("torch"), "2.9", numbers(of.get("torch"))[:2] == (2, 9), IN_IMAGE),
        _part("Neuron devices", ", ".join(about["neuron_devices"]), "neuron0", about["neuron_devices"], "rent an inf2.xlarge; in a container, pass --device=/dev/neuron0"),
        _part("driver", driver, release["driver"], at_least(driver, release["driver"]), PAIR),
        _part("runtime", runtime, release["runtime"], at_least(runtime, release["runtime"]), PAIR),
        *([_part("driver and runtime", f"{driver}, {runtime}", "a pair", are_a_pair(driver, runtime), PAIR)] if driver and runtime else []),
        _part("cores", cores, "free", cores == "free", "end those processes, such as other notebooks' kernels" if held else "rent an inf2.xlarge"),
        _part("tools", ", ".join(tools), "neuron-monitor, neuron-ls", len(tools) == 2, "install aws-neuronx-tools, else the proof of execution is weaker", "WARN"),
        _part("host memory", f"{about['memory_gib']} GiB", f"{MEMORY_GIB} GiB", about["memory_gib"] >= MEMORY_GIB, "take a larger instance"),
        _part("disk", f"{free_gb:.0f} GB free", f"{DISK_GB} GB", free_gb >= DISK_GB, "free some, or take a larger volume"),
    ]  # fmt: skip


def _part(part: str, seen: str | None, expected: str, holds, advice: str, otherwise: str = "FAIL") -> dict:
    row = {"part": part, "seen": seen or "none", "expected": expected}
    return {**row, "status": "PASS" if holds else otherwise, "next": "" if holds else advice}


def operating_system() -> str:
    """Name and release of the system, such as Ubuntu 24.04.3 LTS."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def driver_version() -> str | None:
    """Version of the Neuron driver that is loaded."""
    loaded = host.SYSTEM / "sys/module/neuron/version"
    return loaded.read_text().strip() if loaded.is_file() else None


def package_version(name: str) -> str | None:
    """Version of a system package, by dpkg."""
    return host.output_of("dpkg-query", "-W", "-f", "${Version}", name) or None


def are_a_pair(driver: str, runtime: str) -> bool:
    """Driver 2.29 needs runtime 2.33; runtime 2.32 does not work with drivers up to 2.26 (runtime release notes)."""
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
