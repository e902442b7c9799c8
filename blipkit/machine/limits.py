"""What a container may use of its machine: the quotas of Linux control groups, of both versions.

A process sees all of a machine's cores and memory, also where its group may use half a core.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

GROUPS = "sys/fs/cgroup"
MEMBERSHIPS = "proc/self/cgroup"
UNLIMITED_BYTES = 2**60  # version 1 writes a number about as large for no limit


@dataclass(frozen=True)
class Limits:
    """cores: processor time a second, in cores; memory_gib: GiB; None where nothing limits it."""

    cores: float | None = None
    memory_gib: float | None = None


def read_limits(root: Path) -> Limits:
    """The tightest limits of the groups that this process is in, and of those around them.

    root: where /proc and /sys are. Files are as the kernel's cgroup-v1 and cgroup-v2 documents say.
    """
    cores = [
        *_values(root, "", _cores_of_version_2),
        *_values(root, "cpu", _cores_of_version_1),
    ]
    memory = [
        *_values(root, "", lambda group: _bytes_in(group / "memory.max")),
        *_values(root, "memory", lambda group: _bytes_in(group / "memory.limit_in_bytes")),
    ]
    least_bytes = min(memory, default=UNLIMITED_BYTES)
    memory_gib = least_bytes / 2**30 if least_bytes < UNLIMITED_BYTES else None
    return Limits(min(cores, default=None), memory_gib)


def _values(root: Path, controller: str, value_of: Callable[[Path], float]) -> Iterator[float]:
    """What the groups of a controller, "" for version 2, have; those that do not say are passed
    over.
    """
    for group in _groups(root, controller):
        with contextlib.suppress(OSError, ValueError, ArithmeticError):
            yield value_of(group)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of this process' group and of those around it.

    In a container the names may be the host's, of which only the outermost is here.
    """
    try:
        lines = (root / MEMBERSHIPS).read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controller not in controllers.split(","):
            continue
        mount = root / GROUPS / controller
        inner = mount / name.lstrip("/")
        yield inner
        yield from (group for group in inner.parents if group.is_relative_to(mount))


def _cores_of_version_2(group: Path) -> float:
    quota, period = (group / "cpu.max").read_text().split()
    return int(quota) / int(period)  # "max" is no number: no limit


def _cores_of_version_1(group: Path) -> float:
    quota = int((group / "cpu.cfs_quota_us").read_text())
    if quota <= 0:
        raise ValueError("no limit")
    return quota / int((group / "cpu.cfs_period_us").read_text())


def _bytes_in(file: Path) -> int:
    return int(file.read_text())
