"""CPU, memory and GPU of this machine, sampled beside a measurement, on the clock of its times.

What a Neuron device does is neuron-monitor's to say (blipkit/runners/neuron/proof.py).
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from blipkit.machine import fork_server

EVERY_S = 0.25
# percent of all cores' time: more disturbs a measurement
STEAL = 2.0
NEIGHBOURS = 5.0
# of psutil.cpu_times; guests' are in user and nice, too
NOT_BUSY = ("idle", "iowait", "steal", "guest", "guest_nice")
CLOCK = 0.9  # of the highest clock that was seen: less disturbs
# NVML's ClocksThrottleReasons: hardware slowdown, heat (by software, by hardware), power brake
SLOWING = 0x8 | 0x20 | 0x40 | 0x80


@dataclass(frozen=True)
class GpuState:
    """What NVML says of the first GPU: utilisation in percent; whether heat or power slows it."""

    percent: int
    slowed: bool


@dataclass(frozen=True)
class Sample:
    """This machine at one moment.

    busy, steal: the machine's CPU seconds since it started, of all cores; ours: those of this
    process and its descendants; at: s, time.perf_counter; memory_gib: GiB resident of ours; mhz:
    the CPU's clock; gpu: None where none can be read.
    """

    busy: float
    steal: float
    ours: float
    at: float
    memory_gib: float
    mhz: float | None
    gpu: GpuState | None = None

    def columns(self) -> dict[str, float | None]:
        """Column -> value, as samples are kept; without columns for a GPU that is not read."""
        columns = asdict(self)
        del columns["gpu"]
        if self.gpu:
            columns["gpu_percent"] = self.gpu.percent
            columns["gpu_slowed"] = self.gpu.slowed
        return columns


@dataclass(frozen=True)
class Usage:
    """Who used the machine while it was sampled; None for what is not known.

    host_percent, neighbours_percent, steal_percent: of all cores' time: ours, other processes', the
    hypervisor's; gpu_percent: its mean utilisation; memory_gib: most GiB resident of ours;
    disturbed: what besides the measured thing changed its times, in words, "" where nothing did.
    """

    host_percent: float | None = None
    neighbours_percent: float | None = None
    steal_percent: float | None = None
    gpu_percent: float | None = None
    memory_gib: float | None = None
    disturbed: str = ""


class Monitor:
    """Samples the machine, and this process with all its descendants, while a context lasts.

    samples: one every `every_s` seconds, the first as the context begins.
    """

    def __init__(self, every_s: float = EVERY_S):
        self.every_s = every_s
        self.samples: list[Sample] = []
        self._cpu_s: dict[int, float] = {}  # process id -> CPU seconds
        self._done = threading.Event()

    def __enter__(self) -> "Monitor":
        self._read_gpu = gpu_reader()
        self._take_sample()
        self._thread = threading.Thread(target=self._run, daemon=True)
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
            busy=sum(seconds for name, seconds in times.items() if name not in NOT_BUSY),
            steal=times.get("steal", 0.0),
            ours=sum(self._cpu_s.values()),
            at=time.perf_counter(),
            memory_gib=memory_bytes / 2**30,
            mhz=clock.current if clock else None,
            gpu=self._read_gpu(),
        )
        self.samples.append(sample)

    def _read_processes(self) -> int:
        """Bytes that are resident of our processes; notes the CPU seconds of each.

        A process that ends keeps the seconds that it had used.
        """
        import psutil

        resident = 0
        for process in family():
            with contextlib.suppress(psutil.Error):  # it has just ended
                resident += process.memory_info().rss
                self._cpu_s[process.pid] = sum(process.cpu_times()[:2])
        return resident

    @property
    def peak_gib(self) -> float:
        """The most memory that was resident, in GiB."""
        return max(sample.memory_gib for sample in self.samples)


def family() -> list:
    """This process, its descendants, and what their fork server made for them; psutil's.

    The server itself computes nothing, and its memory is its children's: it is left out.
    """
    server = fork_server.pid()
    processes = {process.pid: process for process in _with_descendants(os.getpid())}
    if server is not None:
        processes.update((process.pid, process) for process in _with_descendants(server))
        processes.pop(server, None)
    return list(processes.values())


def _with_descendants(pid: int) -> list:
    import psutil

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def gpu_reader() -> Callable[[], GpuState | None]:
    """Reads the first GPU by NVML; a reader that finds none where NVML is not there."""
    try:
        import pynvml

        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception:  # no such package (pip install 'blipkit[gpu]'), no driver, no GPU
        return lambda: None

    def read() -> GpuState | None:
        try:
            reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(device)
            percent = pynvml.nvmlDeviceGetUtilizationRates(device).gpu
        except pynvml.NVMLError:  # a part of a GPU (MIG) does not say
            return None
        return GpuState(percent, bool(reasons & SLOWING))

    return read


def usage_of(samples: Sequence[Sample], cores: int) -> Usage:
    """Who used the machine from the first to the last sample; one sample alone says nothing."""
    if len(samples) < 2:
        return Usage()
    first = samples[0]
    last = samples[-1]
    percent = 100 / (cores * (last.at - first.at))
    ours = percent * (last.ours - first.ours)
    steal = percent * (last.steal - first.steal)
    busy = percent * (last.busy - first.busy)
    neighbours = max(busy - ours, 0.0)
    gpu = [sample.gpu.percent for sample in samples if sample.gpu]
    return Usage(
        host_percent=ours,
        neighbours_percent=neighbours,
        steal_percent=steal,
        gpu_percent=sum(gpu) / len(gpu) if gpu else None,
        memory_gib=max(sample.memory_gib for sample in samples),
        disturbed="; ".join(_disturbances(samples, steal, neighbours)),
    )


def _disturbances(samples: Sequence[Sample], steal: float, neighbours: float) -> list[str]:
    """What besides the measured thing changed its times; steal, neighbours: percent of the CPU."""
    disturbances = []
    if steal > STEAL:
        disturbances.append(f"the hypervisor took {steal:.0f} % of the CPU")
    if neighbours > NEIGHBOURS:
        disturbances.append(f"other processes took {neighbours:.0f} % of the CPU")
    clocks = [sample.mhz for sample in samples if sample.mhz is not None]
    if min(clocks, default=0) < CLOCK * max(clocks, default=0):
        disturbances.append("the CPU's clock fell")
    if any(sample.gpu.slowed for sample in samples if sample.gpu):
        disturbances.append("heat or power slowed the GPU")
    return disturbances
