"""Did it run on the device? What was sent to it, what its witnesses counted, and the gate."""

import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from blipkit.machine.surroundings import surroundings
from blipkit.records.gates import WORST_FIRST, Gate, decide, invalid
from blipkit.runners.neuron.witnesses import (
    ProcessReport,
    counters,
    mean_known,
    parse_monitor,
    pids_on_devices,
    power_percent,
    tool,
)

CONFIG = Path(__file__).with_name("neuron_monitor.json")  # a report a second
LINGER_S = 2.5  # the monitor tells of a process while it lives, once a period
WITNESSES = (MONITOR, DRIVER) = ("neuron-monitor", "the driver's counters")
# as a share of what was sent: a report may be cut off by the end of a process
COUNT_TOLERANCE = 0.01
MEND_EXECUTIONS = "compile with --enable-saturate-infinity, or look at the none arm"
TOOLS_ADVICE = "blipkit doctor checks the tools"
FREE_DEVICE = f"end what else uses the device, see neuron-ls, and run again; {TOOLS_ADVICE}"


@dataclass(frozen=True)
class Sent:
    """What one process sent to the device.

    executions: how many; only_on_device: whether no operation of its graphs was left to the host.
    """

    pid: int
    executions: int
    only_on_device: bool


@dataclass(frozen=True)
class Settled:
    """What each process sent, once the monitor has had the time to tell of all of it.

    seen_by_neuron_ls: whether neuron-ls showed all of them on a device, None where it showed
    nobody.
    """

    processes: list[Sent]
    seen_by_neuron_ls: bool | None


@dataclass(frozen=True)
class Execution:
    """What was sent to the device in one measurement, and what each witness saw of it; None where a
    witness does not say.

    sent: executions, by so many processes; monitor_completed: those that neuron-monitor counted;
    failed, numerical_errors: those that failed on the device, or met a NaN there; counter_rise:
    inferences that the driver counted meanwhile, on all cores; only_on_device: whether no operation
    was left to the host; utilisation_percent: how busy the cores that worked were at most, mean of
    them; device_ms, total_ms: median latency on the device, and with the host's part, ms;
    device_mb: most memory held there by a process, MB; power_percent: of the device's maximum.
    """

    sent: int
    processes: int
    monitor_completed: float | None
    failed: float
    numerical_errors: float
    counter_rise: int | None
    only_on_device: bool
    seen_by_neuron_ls: bool | None
    utilisation_percent: float | None = None
    device_ms: float | None = None
    total_ms: float | None = None
    device_mb: float = 0.0
    power_percent: float | None = None

    @property
    def counts(self) -> dict[str, float]:
        """Witness -> executions that it counted; without those that do not say."""
        counts = {MONITOR: self.monitor_completed, DRIVER: self.counter_rise}
        return {witness: count for witness, count in counts.items() if count is not None}


def settle(processes: Sequence[Sent]) -> Settled:
    """Wait, while the processes live, until the monitor has told of all that they sent; then ask
    neuron-ls for them.
    """
    time.sleep(LINGER_S)
    pids = pids_on_devices()
    all_seen = None
    if pids:
        all_seen = all(process.pid in pids for process in processes)
    return Settled(list(processes), all_seen)


class Watch:
    """Watches the devices while a context lasts: the monitor's stream, and the driver's counters
    before and after.

    Processes that run in `environment` are known by their tag, whatever a container makes of their
    pid.
    """

    def __init__(self):
        self.reports: list[ProcessReport] = []
        self.tag = f"blipkit-{uuid.uuid4()}"
        self._monitor: Popen | None = None
        self._reader: threading.Thread | None = None
        self._counters_before: dict[str, int] | None = None

    def __enter__(self) -> "Watch":
        self._counters_before = counters()
        if program := tool("neuron-monitor"):
            self._monitor = Popen(
                [program, "-c", CONFIG],
                stdout=PIPE,
                stderr=DEVNULL,
                text=True,
                env=surroundings(),
            )
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
        return self

    @property
    def environment(self) -> dict[str, str]:
        """Variables for the processes to watch: their tag, and that a NaN on the device is
        reported, which is off by default.
        """
        return {"NEURON_PROCESS_TAG": self.tag, "NEURON_RT_NUMERICAL_ERRORS_VERBOSITY": "critical"}

    def _read(self) -> None:
        for line in self._monitor.stdout:
            self.reports += parse_monitor(line)

    def __exit__(self, *_) -> None:
        if self._monitor:
            self._monitor.terminate()
            self._reader.join(timeout=10)
            self._monitor.kill()  # where it has not ended yet
            self._monitor.wait()

    def execution(self, settled: Settled) -> Execution:
        """What was sent and what each witness saw of it, once the processes have ended."""
        pids = {process.pid for process in settled.processes}
        reports = [r for r in self.reports if r.pid in pids or r.tag == self.tag]
        completed = [report.completed for report in reports if report.completed is not None]
        monitor_completed = None
        if completed:
            monitor_completed = sum(completed)
        most_bytes = max((report.device_bytes or 0 for report in reports), default=0)
        return Execution(
            sent=sum(process.executions for process in settled.processes),
            processes=len(pids),
            monitor_completed=monitor_completed,
            failed=sum(report.failed for report in reports),
            numerical_errors=sum(report.numerical or 0 for report in reports),
            counter_rise=_rise(self._counters_before, counters()),
            only_on_device=all(process.only_on_device for process in settled.processes),
            seen_by_neuron_ls=settled.seen_by_neuron_ls,
            utilisation_percent=utilisation_percent(reports),
            device_ms=_milliseconds(mean_known(report.device_s for report in reports)),
            total_ms=_milliseconds(mean_known(report.total_s for report in reports)),
            device_mb=most_bytes / 1e6,
            power_percent=power_percent(),
        )


def utilisation_percent(reports: Iterable[ProcessReport]) -> float | None:
    """The most that each core was busy in a report with work, percent, mean over the cores that
    worked; None where none did.

    Reports from before and after the load have zeros, and so has each process for others' cores:
    neither may dilute it.
    """
    most: dict[str, float] = {}
    for report in reports:
        if not report.has_work:
            continue
        for core, percent in report.utilisation.items():
            if percent:
                most[core] = max(percent, most.get(core, 0.0))
    return mean_known(most.values())


def _rise(before: dict[str, int] | None, after: dict[str, int] | None) -> int | None:
    """Inferences that the driver counted meanwhile, on all cores; None where it does not say."""
    if not before or not after:
        return None
    return sum(after.values()) - sum(before.values())


def _milliseconds(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    return 1e3 * seconds


def execution_gate(name: str, rows: Sequence[Execution]) -> Gate:
    """PASS where the device's own witnesses counted what was sent; INVALID where they contradict
    it, or there is none.

    FAIL where executions failed on the device. The worst measurement decides. measured: executions
    that the witness with the most counted; limit: those that were sent.
    """
    gates = [_judge(name, row) for row in rows] or [_unproven(name, "nothing was sent")]
    decisive = min(gates, key=_weight)
    sent = sum(row.sent for row in rows)
    totals = {who: sum(row.counts.get(who, 0) for row in rows) for who in WITNESSES}
    reason = decisive.reason
    if not reason:
        counted = {who: count for who, count in totals.items() if count}
        reason = f"of {sent} executions sent, {_in_words(counted)}"
    return replace(decisive, measured=max(totals.values()), limit=sent, reason=reason)


def _judge(name: str, row: Execution) -> Gate:
    """The gate of one measurement: did its executions succeed, and who counted them? Its reason is
    empty where it rests on counts that agree.
    """
    bad = row.numerical_errors + row.failed
    if bad:
        failed = f"{bad} of {row.sent} executions failed on the device"
        reason = f"{failed}, {row.numerical_errors} with NaN"
        return decide(name, kind="answer", holds=False, reason=reason, next=MEND_EXECUTIONS)
    if not row.sent:
        return _unproven(name, "nothing was sent to the device")
    allowed = max(COUNT_TOLERANCE * row.sent, 1)
    if any(abs(count - row.sent) > allowed for count in row.counts.values()):
        return _unproven(name, f"{row.sent} executions were sent, {_in_words(row.counts)}")
    if row.counts:
        return decide(name, kind="answer", holds=True)
    if row.only_on_device and row.seen_by_neuron_ls:
        proof = "the graphs hold only Neuron's operations, and neuron-ls shows our processes"
        return decide(name, kind="answer", holds=True, reason=f"weaker proof: {proof}")
    lacking = "no monitor, no counters, no process in neuron-ls"
    return _unproven(name, f"nothing shows that it ran on the device: {lacking}")


def _unproven(name: str, reason: str) -> Gate:
    return invalid(name, kind="answer", reason=reason, next=FREE_DEVICE)


def _weight(gate: Gate) -> tuple[int, bool]:
    """Of several the least decides: the worst status; of two alike, the proof that is weaker."""
    rests_on_counts = not gate.reason
    return WORST_FIRST.index(gate.status), rests_on_counts


def _in_words(counts: dict[str, float]) -> str:
    return ", ".join(f"{witness} counted {count}" for witness, count in counts.items())
