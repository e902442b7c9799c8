"""Did it run on the device? What neuron-monitor, the driver's counters and neuron-ls say of what
was sent, and the gate.

The tools are described in aws-neuron-sdk, tools/neuron-sys-tools/ (docs/neuron.md has the facts).
What they say is read, never written: the counters are cleared by writing, the devices reset.
"""

import contextlib
import json
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from blipkit.machine import host
from blipkit.records.gates import WORST_FIRST, Gate

CONFIG = Path(__file__).with_name("neuron_monitor.json")  # a report a second
LINGER_S = 2.5  # the monitor tells of a process while it lives, once a period
OUTCOMES = "report.execution_stats.execution_summary"
LATENCY = "report.execution_stats.latency_stats"
FIGURES = {  # a process's figure -> where its report has it
    "pid": "pid",
    "completed": f"{OUTCOMES}.completed",
    "numerical": f"{OUTCOMES}.completed_with_num_err",
    "device_s": f"{LATENCY}.device_latency.p50",
    "total_s": f"{LATENCY}.total_latency.p50",
    "device_bytes": "report.memory_used.neuron_runtime_used_bytes.neuron_device",
}
FAILURES = ("completed_with_err", "timed_out", "incorrect_input", "failed_to_queue")
WITNESSES = {"neuron-monitor": "monitor_completed", "the driver's counters": "counter_rise"}
TOLERANCE = 0.01  # of what was sent: a report may be cut off by the end of a process


def tool(name: str) -> str | None:
    """Path of one of the Neuron tools."""
    return shutil.which(name) or shutil.which(name, path="/opt/aws/neuron/bin")


def parse_monitor(line: str) -> list[dict]:
    """A row for each process in one report of neuron-monitor; none where the line is no report.

    completed, numerical: executions in the period; failed: those that the report counts as
    FAILURES; utilisation: percent of each core; device_s and total_s: median latency on the device
    and with the host's part, seconds; device_bytes; tag, that the process was given. None where the
    report does not say.
    """
    rows = []
    for process in _at(_json(line), "neuron_runtime_data", list) or []:
        row = {name: _at(process, path, int | float) for name, path in FIGURES.items()}
        failures = [_at(process, f"{OUTCOMES}.{kind}", int | float) for kind in FAILURES]
        row["failed"] = sum(filter(None, failures))
        cores = _at(process, "report.neuroncore_counters.neuroncores_in_use", dict) or {}
        row["utilisation"] = [
            _at(core, "neuroncore_utilization", int | float) for core in cores.values()
        ]
        row["tag"] = _at(process, "neuron_runtime_tag", str)
        rows.append(row)
    return rows


def parse_ls(text: str) -> list[dict]:
    """What `neuron-ls -j` prints: a row for each device, with the processes on it."""
    rows = []
    for device in _at(_json(text), "", list) or []:
        pids = [_at(process, "pid", int) for process in _at(device, "neuron_processes", list) or []]
        rows.append({"pids": [pid for pid in pids if pid is not None]})
    return rows


def parse_power(text: str) -> float | None:
    """Mean power of the last minute in percent of the maximum, from the driver's line; None where
    it has none.
    """
    found = re.match(r"POWER_STATUS_VALID(?:,[^,]*){3},(\d+\.?\d*)\s*(?:,|$)", text.strip())
    if not found:
        return None
    percent = float(found[1])
    if percent > 100:
        return None
    return percent


def _json(text: str):
    """What a text holds as JSON; None where it holds none."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)


def _at(tree, path: str, kind: type):
    """What stands at a dotted path in a tree of dicts, at its root where the path is empty; None if
    of another kind.
    """
    for name in filter(None, path.split(".")):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    if isinstance(tree, bool) or not isinstance(tree, kind):
        return None
    return tree


def devices() -> list[dict]:
    """`neuron-ls -j` on this machine; empty where it cannot be asked."""
    return parse_ls(host.output_of(tool("neuron-ls") or "neuron-ls", "-j"))


def counters() -> dict[str, int] | None:
    """Core -> inferences since the driver was loaded; None where the driver does not say."""
    found = {}
    for core in sorted(_driver_files("neuron*/neuron_core*")):
        count = core / "stats/other_info/inference_count"
        with contextlib.suppress(OSError, ValueError):
            if count.is_dir():
                count = count / "total"
            found[f"{core.parent.name}/{core.name}"] = int(count.read_text())
    return found or None


def _driver_files(pattern: str) -> Iterable[Path]:
    """What the driver says of its devices, a file or folder each."""
    return (host.SYSTEM / "sys/devices/virtual/neuron_device").glob(pattern)


def power_percent() -> float | None:
    """Mean power of the last minute over the devices, percent of the maximum."""
    paths = _driver_files("neuron*/stats/power/utilization")
    return _mean(parse_power(path.read_text()) for path in paths)


def _mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return sum(known) / len(known)


def _milliseconds(seconds: float | None) -> float | None:
    """Of what is known; None where it is not."""
    if seconds is None:
        return None
    return 1e3 * seconds


def _rise(before: dict[str, int] | None, after: dict[str, int] | None) -> int | None:
    """Inferences that the driver counted meanwhile, of all cores; None where it does not say."""
    if not before or not after:
        return None
    return sum(after.values()) - sum(before.values())


def settle(executed: Sequence[dict]) -> dict:
    """Wait, while the processes live, until the monitor has told of all that they sent; what they
    and neuron-ls say.

    executed: a row for each process: pid, sent, only_on_device (no operation was left to the host).
    """
    time.sleep(LINGER_S)
    seen = {pid for device in devices() for pid in device["pids"]}
    on_device = None
    if seen:
        on_device = all(one["pid"] in seen for one in executed)
    return {"executed": list(executed), "on_device": on_device}


class Watch:
    """Watches the devices while a context lasts: the monitor's stream, and the driver's counters
    before and after.

    Processes that run in `environment` are known by their tag, whatever a container makes of their
    pid.
    """

    def __enter__(self) -> "Watch":
        self.before = counters()
        self.rows = []
        self.tag = f"blipkit-{uuid.uuid4()}"
        self._monitor = None
        if program := tool("neuron-monitor"):
            self._monitor = Popen([program, "-c", CONFIG], stdout=PIPE, stderr=DEVNULL, text=True)
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
        return self

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the processes to watch: their tag, and that a NaN on the device is reported,
        which is off else.
        """
        return {"NEURON_PROCESS_TAG": self.tag, "NEURON_RT_NUMERICAL_ERRORS_VERBOSITY": "critical"}

    def _read(self) -> None:
        for line in self._monitor.stdout:
            self.rows += parse_monitor(line)

    def __exit__(self, *_) -> None:
        if self._monitor:
            self._monitor.terminate()
            self._reader.join(timeout=10)
            self._monitor.kill()  # where it has not ended yet
            self._monitor.wait()

    def row(self, settled: dict) -> dict:
        """The record of what was sent and what each witness saw, once the processes have ended."""
        pids = {one["pid"] for one in settled["executed"]}
        own = [row for row in self.rows if row["pid"] in pids or row["tag"] == self.tag]
        told = [row["completed"] for row in own if row["completed"] is not None]
        completed = None
        if told:
            completed = sum(told)
        return {
            "sent": sum(one["sent"] for one in settled["executed"]),
            "processes": len(pids),
            "monitor_completed": completed,
            "failed": sum(row["failed"] for row in own),
            "numerical_errors": sum(row["numerical"] or 0 for row in own),
            "counter_rise": _rise(self.before, counters()),
            "only_on_device": all(one["only_on_device"] for one in settled["executed"]),
            "seen_by_neuron_ls": settled["on_device"],
            "utilisation_percent": _mean(percent for row in own for percent in row["utilisation"]),
            "device_ms": _milliseconds(_mean(row["device_s"] for row in own)),
            "total_ms": _milliseconds(_mean(row["total_s"] for row in own)),
            "device_mb": max((row["device_bytes"] or 0 for row in own), default=0) / 1e6,
            "power_percent": power_percent(),
        }


@dataclass(frozen=True)
class Judged:
    """Status of one measurement, and the reason where it does not rest on counts that agree."""

    status: str
    reason: str = ""


def execution_gate(name: str, rows: Sequence[dict]) -> Gate:
    """PASS where the device's own witnesses counted what was sent; INVALID where they contradict
    it, or there is none.

    FAIL where executions failed on the device. rows: those of `Watch.row`.
    """
    sent = sum(row["sent"] for row in rows)
    totals = {who: sum(row[key] or 0 for row in rows) for who, key in WITNESSES.items()}
    judged = [_judge(row) for row in rows] or [Judged("INVALID", "nothing was sent")]
    decides = min(judged, key=_weight)
    reason = decides.reason
    if not reason:
        told = ", ".join(f"{who} counted {count}" for who, count in totals.items() if count)
        reason = f"of {sent} executions sent, {told}"
    tools = "blipkit doctor checks the tools"
    advice = {
        "FAIL": "compile with --enable-saturate-infinity, or look at the none arm",
        "INVALID": f"end what else uses the device, see neuron-ls, and run again; {tools}",
    }
    return Gate(
        name,
        "answer",
        decides.status,
        max(totals.values()),
        sent,
        reason=reason,
        next=advice.get(decides.status, ""),
    )


def _weight(judged: Judged) -> tuple[int, bool]:
    """Of several the least decides: the worst status; of two alike, the proof that is weaker."""
    by_counts = not judged.reason
    return WORST_FIRST.index(judged.status), by_counts


def _judge(row: dict) -> Judged:
    """One measurement: whether its executions succeeded, and who counted them."""
    sent = row["sent"]
    bad = row["numerical_errors"] + row["failed"]
    if bad:
        said = f"{bad} of {sent} executions failed on the device"
        return Judged("FAIL", f"{said}, {row['numerical_errors']} with NaN")
    if not sent:
        return Judged("INVALID", "nothing was sent to the device")
    counts = {who: row[key] for who, key in WITNESSES.items() if row[key] is not None}
    allowed = max(TOLERANCE * sent, 1)
    if any(abs(count - sent) > allowed for count in counts.values()):
        told = ", ".join(f"{who} counted {count}" for who, count in counts.items())
        return Judged("INVALID", f"{sent} executions were sent, {told}")
    if counts:
        return Judged("PASS")
    if row["only_on_device"] and row["seen_by_neuron_ls"]:
        seen = "the graphs hold only Neuron's operations, and neuron-ls shows our processes"
        return Judged("PASS", f"weaker proof: {seen}")
    lacking = "no monitor, no counters, no process in neuron-ls"
    return Judged("INVALID", f"nothing shows that it ran on the device: {lacking}")
