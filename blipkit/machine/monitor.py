"""CPU, memory and GPU of this machine, sampled beside a measurement.

A sample is timestamped with time.perf_counter, as latencies are.

What a Neuron device does is neuron-monitor's to say (blipkit/runners/neuron/proof.py).
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from blipkit.machine import fork_server

if TYPE_CHECKING:
    import psutil

EVERY_S = 0.25
# A measurement was disturbed where the hypervisor, or other processes, took a larger percentage of
# all cores' time, or where the slowest clock is a smaller fraction of the fastest.
MAX_STEAL_PERCENT = 2.0
MAX_NEIGHBOURS_PERCENT = 5.0
MIN_CLOCK_FRACTION = 0.9
# fields of psutil.cpu_times; guests' seconds are in user and nice, too
NOT_BUSY = ("idle", "iowait", "steal", "guest", "guest_nice")
# NVML's ClocksThrottleReasons: hardware slowdown, heat (by software, by hardware), power brake
SLOWING = 0x8 | 0x20 | 0x40 | 0x80


@dataclass(frozen=True)
class GpuState:
    """The first GPU, as NVML has it.

    busy_percent: of the last moments, as long as NVML averages; slowed: by heat or power.
    """

    busy_percent: int
    slowed: bool


@dataclass(frozen=True)
class Sample:
    """This machine at one moment.

    busy_s, steal_s: CPU seconds, summed over all cores, that the machine was busy since it started,
    and that the hypervisor took from it. ours_s: CPU seconds that this process and its descendants
    have used; memory_gib: their resident memory. at_s: time.perf_counter. mhz: the CPU's clock.
    gpu: None where none can be read.
    """

    busy_s: float
    steal_s: float
    ours_s: float
    at_s: float
    memory_gib: float
    mhz: float | None
    gpu: GpuState | None = None

    def columns(self) -> dict[str, float | bool | None]:
        """Column -> value, as parquet keeps a sample; no columns of a GPU where none was read."""
        columns = {
            "busy": self.busy_s,
            "steal": self.steal_s,
            "ours": self.ours_s,
            "at": self.at_s,
            "memory_gib": self.memory_gib,
            "mhz": self.mhz,
        }
        if self.gpu:
            columns["gpu_percent"] = self.gpu.busy_percent
            columns["gpu_slowed"] = self.gpu.slowed
        return columns


@dataclass(frozen=True)
class Usage:
    """Who used the machine while it was sampled; None for what is not known.

    host_percent, neighbours_percent, steal_percent: of all cores' time, what our processes, other
    processes and the hypervisor took. gpu_percent: of the time that the GPU was busy, on average.
    memory_gib: the most that our processes had resident. disturbed: what besides the measured thing
    changed its times, in words, "" where nothing did.
    """

    host_percent: float | None = None
    neighbours_percent: float | None = None
    steal_percent: float | None = None
    gpu_percent: float | None = None
    memory_gib: float | None = None
    disturbed: str = ""

    @property
    def taken_percent(self) -> float:
        """Of all cores' time, what others took, the hypervisor among them; 0 where not known."""
        return (self.neighbours_percent or 0.0) + (self.steal_percent or 0.0)


class Monitor:
    """Samples the machine, and this process with all its descendants, while a context lasts.

    samples: one every `every_s` seconds, the first as the context begins. None is taken as it
    ends: the last `every_s` seconds may be missing.
    """

    def __init__(self, every_s: float = EVERY_S):
        self.every_s = every_s
        self.samples: list[Sample] = []
        self._cpu_s_by_pid: dict[int, float] = {}
        self._read_gpu: Callable[[], GpuState | None] = _no_gpu
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Monitor":
        self._read_gpu = gpu_reader()
        self._take_sample()
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self.every_s):
            self._take_sample()

    def _take_sample(self) -> None:
        import psutil

        times = psutil.cpu_times()._asdict()
        memory_bytes = self._read_processes()
        clock = psutil.cpu_freq()
        sample = Sample(
            busy_s=sum(seconds for name, seconds in times.items() if name not in NOT_BUSY),
            steal_s=times.get("steal", 0.0),
            ours_s=sum(self._cpu_s_by_pid.values()),
            at_s=time.perf_counter(),
            memory_gib=memory_bytes / 2**30,
            mhz=clock.current if clock else None,
            gpu=self._read_gpu(),
        )
        self.samples.append(sample)

    def _read_processes(self) -> int:
        """Resident memory of our processes, in bytes; notes the CPU seconds of each.

        The seconds of a process that has ended stay in the sum.
        """
        import psutil

        resident_bytes = 0
        for process in own_processes():
            with contextlib.suppress(psutil.Error):  # it has just ended
                resident_bytes += process.memory_info().rss
                times = process.cpu_times()
                self._cpu_s_by_pid[process.pid] = times.user + times.system
        return resident_bytes

    @property
    def peak_gib(self) -> float:
        """The most memory that was resident, in GiB."""
        return max(sample.memory_gib for sample in self.samples)


def own_processes() -> "list[psutil.Process]":
    """This process, its descendants, and what their fork server made for them.

    The server itself computes nothing, and its memory is its children's: it is left out.
    """
    server = fork_server.pid()
    processes = {process.pid: process for process in _with_descendants(os.getpid())}
    if server is not None:
        processes.update((process.pid, process) for process in _with_descendants(server))
        processes.pop(server, None)
    return list(processes.values())


def _with_descendants(pid: int) -> "list[psutil.Process]":
    """A process and all that descend from it; none where it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def gpu_reader() -> Callable[[], GpuState | None]:
    """A function that reads the first GPU through NVML, or returns None where there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception:  # no such package (pip install 'blipkit[gpu]'), no driver, no GPU
        return _no_gpu

    def read() -> GpuState | None:
        try:
            reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(device)
            busy_percent = pynvml.nvmlDeviceGetUtilizationRates(device).gpu
        except pynvml.NVMLError:  # a part of a GPU (MIG) does not say
            return None
        return GpuState(busy_percent, bool(reasons & SLOWING))

    return read


def _no_gpu() -> None:
    """What there is to read of a GPU where there is none."""


def usage_of(samples: Sequence[Sample], logical_cpus: int) -> Usage:
    """Who used the machine from the first to the last sample; one sample alone says nothing.

    logical_cpus: of the whole machine, as os.cpu_count has them, also those we may not run on.
    """
    if len(samples) < 2:
        return Usage()
    first = samples[0]
    last = samples[-1]
    percent_per_cpu_second = 100 / (logical_cpus * (last.at_s - first.at_s))
    ours_percent = percent_per_cpu_second * (last.ours_s - first.ours_s)
    steal_percent = percent_per_cpu_second * (last.steal_s - first.steal_s)
    busy_percent = percent_per_cpu_second * (last.busy_s - first.busy_s)
    neighbours_percent = max(busy_percent - ours_percent, 0.0)
    gpu_percents = [sample.gpu.busy_percent for sample in samples if sample.gpu]
    mean_gpu_percent = None
    if gpu_percents:
        mean_gpu_percent = sum(gpu_percents) / len(gpu_percents)
    usage = Usage(
        # a process's seconds are counted in ticks of 10 ms, which may add up to more than all
        host_percent=min(ours_percent, 100.0),
        neighbours_percent=neighbours_percent,
        steal_percent=steal_percent,
        gpu_percent=mean_gpu_percent,
        memory_gib=max(sample.memory_gib for sample in samples),
    )
    disturbed = taken_by_others(usage) + _slowdowns(samples)
    return replace(usage, disturbed="; ".join(disturbed))


def taken_by_others(usage: Usage) -> list[str]:
    """Who took more of the CPU than leaves a measurement's times alone, in words."""
    steal_percent = usage.steal_percent or 0.0
    neighbours_percent = usage.neighbours_percent or 0.0
    words = []
    if steal_percent > MAX_STEAL_PERCENT:
        words.append(f"the hypervisor took {steal_percent:.0f} % of the CPU")
    if neighbours_percent > MAX_NEIGHBOURS_PERCENT:
        words.append(f"other processes took {neighbours_percent:.0f} % of the CPU")
    return words


def _slowdowns(samples: Sequence[Sample]) -> list[str]:
    """What made the machine itself slower, in words."""
    slowdowns = []
    clocks = [sample.mhz for sample in samples if sample.mhz is not None]
    slowest = min(clocks, default=0)
    fastest = max(clocks, default=0)
    if slowest < MIN_CLOCK_FRACTION * fastest:
        slowdowns.append("the CPU's clock varied")
    if any(sample.gpu.slowed for sample in samples if sample.gpu):
        slowdowns.append("heat or power slowed the GPU")
    return slowdowns
