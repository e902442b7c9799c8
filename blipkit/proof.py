"""Did it run on the device? What neuron-monitor, the driver's counters and neuron-ls say of what was sent, and the gate.

The tools are described in aws-neuron-sdk, tools/neuron-sys-tools/ (docs/neuron.md has the facts). What they say is read,
never written: the counters are cleared by writing, the devices reset.
"""

import contextlib
import json
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from blipkit import machine
from blipkit.records import WORST_FIRST, Gate

PERIOD_S = 1
LINGER_S = 2.5 * PERIOD_S  # the monitor tells of a process while it lives, once a period
METRICS = ("neuroncore_counters", "memory_used", "execution_stats")
CONFIG = {
    "period": f"{PERIOD_S}s",
    "neuron_runtimes": [{"tag_filter": ".*", "metrics": [{"type": metric} for metric in METRICS]}],
    "system_metrics": [],
}
FAILURES = ("completed_with_err", "timed_out", "incorrect_input", "failed_to_queue")
WITNESSES = {"neuron-monitor": "monitor_completed", "the driver's counters": "counter_rise"}
TOLERANCE = 0.01  # of what was sent: a report may be cut off by the end of a process


def tool(name: str) -> str | None:
    """Path of one of the Neuron tools."""
    return shutil.which(name) or shutil.which(name, path="/opt/aws/neuron/bin")


def parse_monitor(line: str) -> list[dict]:
    """A row for each process in one report of neuron-monitor; none where the line is no report.

    completed, failed, numerical: executions in the period, None where the report does not say; utilisation: core ->
    percent; device_s and total_s: median latency on the device and with the host's part, seconds; host_bytes,
    device_bytes; tag, that the process was given.
    """
    rows = []
    for process in _list(_at(_json(line), "neuron_runtime_data")):
        report = _at(process, "report")
        stats, outcomes = _at(report, "execution_stats"), _at(report, "execution_stats", "execution_summary")
        cores = _at(report, "neuroncore_counters", "neuroncores_in_use")
        failed = [_number(_at(outcomes, kind)) for kind in FAILURES]
        paths = {
            "pid": (process, "pid"),
            "completed": (outcomes, "completed"),
            "numerical": (outcomes, "completed_with_num_err"),
            "device_s": (stats, "latency_stats", "device_latency", "p50"),
            "total_s": (stats, "latency_stats", "total_latency", "p50"),
            "host_bytes": (report, "memory_used", "neuron_runtime_used_bytes", "host"),
            "device_bytes": (report, "memory_used", "neuron_runtime_used_bytes", "neuron_device"),
        }
        row = {name: _number(_at(*path)) for name, path in paths.items()}
        row["failed"] = None if None in failed else sum(failed)
        used = cores.items() if isinstance(cores, dict) else ()
        row["utilisation"] = {core: _number(_at(about, "neuroncore_utilization")) for core, about in used}
        rows.append({**row, "tag": _at(process, "neuron_runtime_tag")})
    return rows


def parse_ls(text: str) -> list[dict]:
    """What `neuron-ls -j` prints: a row for each device, with its cores' numbers and the processes on it."""
    rows = []
    for device in _list(_json(text)):
        cores = [core for core in _list(_at(device, "neuroncore_ids")) if isinstance(core, int)]
        pids = [_number(_at(process, "pid")) for process in _list(_at(device, "neuron_processes"))]
        about = {"device": _number(_at(device, "neuron_device")), "cores": cores}
        rows.append({**about, "pids": [pid for pid in pids if pid is not None]})
    return rows


def parse_power(text: str) -> float | None:
    """Mean power of the last minute in percent of the maximum, from the driver's line; None where it has none."""
    status, *fields = text.strip().split(",")
    with contextlib.suppress(ValueError, IndexError):
        return float(fields[3]) if status == "POWER_STATUS_VALID" and 0 <= float(fields[3]) <= 100 else None
    return None


def _json(text: str):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _at(tree, *path):
    for name in path:
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _list(found) -> list:
    return found if isinstance(found, list) else []


def _number(found):
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None


def devices() -> list[dict]:
    """`neuron-ls -j` on this machine; empty where it cannot be asked."""
    return parse_ls(machine.output_of(tool("neuron-ls") or "neuron-ls", "-j"))


def counters() -> dict[str, int] | None:
    """Core -> inferences since the driver was loaded; None where the driver does not say."""
    found = {}
    for core in sorted((machine.SYSTEM / "sys/devices/virtual/neuron_device").glob("neuron*/neuron_core*")):
        count = core / "stats/other_info/inference_count"
        with contextlib.suppress(OSError, ValueError):
            found[f"{core.parent.name}/{core.name}"] = int((count / "total" if count.is_dir() else count).read_text())
    return found or None


def power_percent() -> float | None:
    """Mean power of the last minute over the devices, percent of the maximum."""
    paths = (machine.SYSTEM / "sys/devices/virtual/neuron_device").glob("neuron*/stats/power/utilization")
    return _mean(parse_power(path.read_text()) for path in paths)


def _mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def settle(executed: Sequence[dict]) -> dict:
    """Wait, while the processes live, until the monitor has told of all that they sent; what they and neuron-ls say.

    executed: a row for each process: pid, sent, only_on_device (no operation was left to the host).
    """
    time.sleep(LINGER_S)
    pids = {pid for device in devices() for pid in device["pids"]}
    return {"executed": list(executed), "on_device": {one["pid"] for one in executed} <= pids if pids else None}


class Watch:
    """Watches the devices while a context lasts: the monitor's stream, and the driver's counters before and after.

    Processes that run in `environment` are known by their tag, whatever a container makes of their pid.
    """

    def __enter__(self) -> "Watch":
        self.before, self.rows, self._monitor, self.tag = counters(), [], None, f"blipkit-{uuid.uuid4()}"
        if program := tool("neuron-monitor"):
            self._folder = tempfile.TemporaryDirectory(prefix="blipkit-")
            config = Path(self._folder.name, "monitor.json")
            config.write_text(json.dumps(CONFIG))
            self._monitor = subprocess.Popen(
                [program, "-c", config], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
        return self

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the processes to watch: their tag, and that a NaN on the device is reported, which is off else."""
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
            self._folder.cleanup()

    def row(self, settled: dict) -> dict:
        """The record of what was sent and what each witness saw, once the processes have ended."""
        pids = {one["pid"] for one in settled["executed"]}
        own, after = [row for row in self.rows if row["pid"] in pids or row["tag"] == self.tag], counters()
        told = [row["completed"] for row in own if row["completed"] is not None]
        latency = {name: _mean(row[f"{name}_s"] for row in own) for name in ("device", "total")}
        return {
            "sent": sum(one["sent"] for one in settled["executed"]),
            "processes": len(pids),
            "monitor_completed": sum(told) if told else None,
            "failed": sum(row["failed"] or 0 for row in own),
            "numerical_errors": sum(row["numerical"] or 0 for row in own),
            "counter_rise": sum(after.values()) - sum(self.before.values()) if after and self.before else None,
            "only_on_device": all(one["only_on_device"] for one in settled["executed"]),
            "seen_by_neuron_ls": settled["on_device"],
            "utilisation_percent": _mean(percent for row in own for percent in row["utilisation"].values()),
            **{f"{name}_ms": seconds and 1e3 * seconds for name, seconds in latency.items()},
            "device_mb": max((row["device_bytes"] or 0 for row in own), default=0) / 1e6,
            "power_percent": power_percent(),
        }


def execution_gate(name: str, rows: Sequence[dict]) -> Gate:
    """PASS where the device's own witnesses counted what was sent; INVALID where they contradict it, or there is none.

    FAIL where executions failed on the device. rows: those of `Watch.row`.
    """
    sent, judged = sum(row["sent"] for row in rows), [_judge(row) for row in rows] or [("INVALID", "nothing was sent")]
    status, reason = min(judged, key=lambda one: (WORST_FIRST.index(one[0]), not one[1]))  # weaker proof before proof
    totals = {who: sum(row[key] or 0 for row in rows) for who, key in WITNESSES.items()}
    if not reason:
        told = ", ".join(f"{who} counted {count}" for who, count in totals.items() if count)
        reason = f"of {sent} executions sent, {told}"
    advice = {
        "FAIL": "compile with --enable-saturate-infinity, or look at the none arm",
        "INVALID": "end what else uses the device, see neuron-ls, and run again; blipkit doctor checks the tools",
    }
    return Gate(name, "answer", status, max(totals.values()), sent, reason=reason, next=advice.get(status, ""))


def _judge(row: dict) -> tuple[str, str]:
    """Status of one measurement, and the reason where it does not rest on counts that agree."""
    bad = row["numerical_errors"] + row["failed"]
    if bad:
        return "FAIL", f"{bad} of {row['sent']} executions failed on the device, {row['numerical_errors']} with NaN"
    if not row["sent"]:
        return "INVALID", "nothing was sent to the device"
    said = {who: row[key] for who, key in WITNESSES.items() if row[key] is not None}
    if any(abs(count - row["sent"]) > max(TOLERANCE * row["sent"], 1) for count in said.values()):
        told = ", ".join(f"{who} counted {count}" for who, count in said.items())
        return "INVALID", f"{row['sent']} executions were sent, {told}"
    if said:
        return "PASS", ""
    if row["only_on_device"] and row["seen_by_neuron_ls"]:
        return "PASS", "weaker proof: the graphs hold only Neuron's operations, and neuron-ls shows our processes"
    return "INVALID", "nothing shows that it ran on the device: no monitor, no counters, no process in neuron-ls"
