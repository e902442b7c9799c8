"""The device's witnesses: what neuron-monitor, neuron-ls and the driver's files say, read without
trust.

The tools are described in aws-neuron-sdk, tools/neuron-sys-tools/ (docs/neuron.md has the facts).
Nothing is written: writing would clear the counters, and resetting would stop whoever uses the
device.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from blipkit.errors import shortened
from blipkit.machine import host

OUTCOMES = "report.execution_stats.execution_summary"
LATENCY = "report.execution_stats.latency_stats"
CORES = "report.neuroncore_counters.neuroncores_in_use"
# a figure of `ProcessReport` -> where neuron-monitor's report has it
FIGURES = {
    "pid": "pid",
    "completed": f"{OUTCOMES}.completed",
    "numerical": f"{OUTCOMES}.completed_with_num_err",
    "device_s": f"{LATENCY}.device_latency.p50",
    "total_s": f"{LATENCY}.total_latency.p50",
    "device_bytes": "report.memory_used.neuron_runtime_used_bytes.neuron_device",
}
COMMAND = 100  # characters of a command that a message shows
FAILURES = ("completed_with_err", "timed_out", "incorrect_input", "failed_to_queue")


@dataclass(frozen=True)
class Holder:
    """A process on a Neuron device. command: how it was started, "" where nobody says."""

    pid: int
    command: str

    def __str__(self) -> str:
        if not self.command:
            return f"pid {self.pid}"
        return f"pid {self.pid} ({shortened(self.command, COMMAND)})"


@dataclass(frozen=True)
class ProcessReport:
    """What one report of neuron-monitor says of one process; None where it does not say.

    tag: the name that the process was given; completed, numerical: executions of the period that
    ended well, or with a NaN; failed: those that ended in one of FAILURES; utilisation: core ->
    percent, 0 for the cores of others; device_s, total_s: median latency on the device, and with
    the host's part, seconds; device_bytes: memory held on the device.
    """

    tag: str | None
    failed: float
    utilisation: dict[str, float | None]
    pid: float | None
    completed: float | None
    numerical: float | None
    device_s: float | None
    total_s: float | None
    device_bytes: float | None

    @property
    def has_work(self) -> bool:
        """Whether the process executed anything in the period: the first report has only zeros."""
        return bool(self.completed or self.numerical or self.failed)


def tool(name: str) -> str | None:
    """Path of one of the Neuron tools."""
    return shutil.which(name) or shutil.which(name, path="/opt/aws/neuron/bin")


def parse_monitor(line: str) -> list[ProcessReport]:
    """What a line of neuron-monitor says of each process; nothing where it is no report."""
    processes = _value_at(_json(line), "neuron_runtime_data", list) or []
    return [_process_report(process) for process in processes]


def _process_report(process) -> ProcessReport:
    figures = {name: _number_at(process, path) for name, path in FIGURES.items()}
    failures = [_number_at(process, f"{OUTCOMES}.{kind}") for kind in FAILURES]
    cores = _value_at(process, CORES, dict) or {}
    return ProcessReport(
        tag=_value_at(process, "neuron_runtime_tag", str),
        failed=sum(filter(None, failures)),
        utilisation={
            name: _number_at(core, "neuroncore_utilization") for name, core in cores.items()
        },
        **figures,
    )


def parse_ls(text: str) -> list[Holder]:
    """The processes on any device, from what `neuron-ls -j` prints."""
    found = []
    for device in _value_at(_json(text), "", list) or []:
        for process in _value_at(device, "neuron_processes", list) or []:
            pid = _value_at(process, "pid", int)
            if pid is not None:
                found.append(Holder(pid, _value_at(process, "command", str) or ""))
    return found


def parse_power(text: str) -> float | None:
    """Mean power of the last minute in percent of the maximum, from the driver's line; None where
    it has none.
    """
    match = re.match(r"POWER_STATUS_VALID(?:,[^,]*){3},(\d+\.?\d*)\s*(?:,|$)", text.strip())
    if not match:
        return None
    percent = float(match[1])
    if percent > 100:
        return None
    return percent


def _json(text: str):
    """What a text holds as JSON; None where it holds none."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)


def _value_at(tree, path: str, kind: type):
    """What stands at a dotted path in a tree of dicts, at its root where the path is empty; None
    where it is of another kind.
    """
    for name in filter(None, path.split(".")):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    if isinstance(tree, bool) or not isinstance(tree, kind):
        return None
    return tree


def _number_at(tree, path: str) -> float | None:
    return _value_at(tree, path, int | float)


def pids_on_devices() -> list[int]:
    """Who is on a Neuron device of this machine, by `neuron-ls -j`, in order; nobody where it
    cannot be asked.
    """
    return sorted({holder.pid for holder in _shown_by_ls()})


def _shown_by_ls() -> list[Holder]:
    return parse_ls(host.output_of(tool("neuron-ls") or "neuron-ls", "-j"))


def holders() -> list[Holder]:
    """Who is on a Neuron device of this machine, a row for each process: by neuron-ls, or else by
    the files that processes of this user, for root of all, have open.
    """
    shown = {holder.pid: holder for holder in _shown_by_ls()}
    if not shown:
        shown = {pid: Holder(pid, _command(pid)) for pid in _pids_with_device_open()}
    return [shown[pid] for pid in sorted(shown)]


def _pids_with_device_open() -> set[int]:
    devices = str(host.SYSTEM / "dev/neuron")
    pids = set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if os.readlink(link).startswith(devices):
                pids.add(int(link.parts[2]))
    return pids


def _command(pid: int) -> str:
    """How a process was started; "" where it has ended."""
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        return words.replace("\0", " ").strip()
    return ""


def counters() -> dict[str, int] | None:
    """Core -> inferences since the driver was loaded; None where the driver does not say."""
    counts = {}
    for core in sorted(_driver_files("neuron*/neuron_core*")):
        count = core / "stats/other_info/inference_count"
        with contextlib.suppress(OSError, ValueError):
            if count.is_dir():
                count = count / "total"
            counts[f"{core.parent.name}/{core.name}"] = int(count.read_text())
    return counts or None


def _driver_files(pattern: str) -> Iterable[Path]:
    """What the driver says of its devices, a file or folder each."""
    return (host.SYSTEM / "sys/devices/virtual/neuron_device").glob(pattern)


def power_percent() -> float | None:
    """Mean power of the last minute over the devices, percent of the maximum."""
    paths = _driver_files("neuron*/stats/power/utilization")
    return mean_known(parse_power(path.read_text()) for path in paths)


def mean_known(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return sum(known) / len(known)
