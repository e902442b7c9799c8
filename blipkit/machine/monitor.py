"""This machine in the picture: CPU, memory and GPU, sampled outside of what is measured, on the
clock of its latencies.

What a Neuron device did is neuron-monitor's to say (blipkit/runners/neuron/proof.py).
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable

from blipkit.machine import fork_server

EVERY_S = 0.25
# percent of all cores' time: more disturbs a measurement
STEAL = 2.0
NEIGHBOURS = 5.0
# of psutil.cpu_times; guests' are in user and nice, too
NOT_BUSY = (
    "idle",
    "iowait",
    "steal",
    "guest",
    "guest_nice",
)
CLOCK = 0.9  # of the highest clock that was seen
# NVML's ClocksThrottleReasons: slowdown by hardware, heat (seen by software, by hardware), power
# brake
SLOWING = 0x8 | 0x20 | 0x40 | 0x80


class Monitor:
    """Samples the machine, and this process with all its descendants, while a context lasts.

    rows, one every `every_s`: at (s, time.perf_counter); since some start, in CPU seconds: busy and
    steal of the machine, ours; memory_gib resident of ours; mhz; and where there is an NVIDIA GPU,
    gpu_percent and gpu_slowed.
    """

    def __init__(self, every_s: float = EVERY_S):
        self.every_s = every_s
        self.rows: list[dict] = []
        self._cpu: dict[int, float] = {}  # process id -> CPU seconds
        self._done = threading.Event()

    def __enter__(self) -> "Monitor":
        self._gpu = gpu_reader()
        self._sample()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(self.every_s):
            self._sample()

    def _sample(self) -> None:
        import psutil

        memory = 0
        whole = psutil.cpu_times()._asdict()
        for process in family():
            with contextlib.suppress(psutil.Error):  # it has just ended
                memory += process.memory_info().rss
                # one that ends keeps what it had used
                self._cpu[process.pid] = sum(process.cpu_times()[:2])
        clock = psutil.cpu_freq()
        row = {
            "busy": sum(seconds for name, seconds in whole.items() if name not in NOT_BUSY),
            "steal": whole.get("steal", 0.0),
            "ours": sum(self._cpu.values()),
            "at": time.perf_counter(),
            "memory_gib": memory / 2**30,
            "mhz": clock.current if clock else None,
        }
        row.update(self._gpu())
        self.rows.append(row)

    @property
    def peak_gib(self) -> float:
        return max(row["memory_gib"] for row in self.rows)


def family() -> list:
    """This process, its descendants, and what their fork server made for them; psutil's.

    The server itself computes nothing, and its memory is its children's: it is left out.
    """
    server = fork_server.pid()
    found = {process.pid: process for process in _with_descendants(os.getpid())}
    if server is not None:
        found.update((process.pid, process) for process in _with_descendants(server))
        found.pop(server, None)
    return list(found.values())


def _with_descendants(pid: int) -> list:
    import psutil

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def gpu_reader() -> Callable[[], dict]:
    """Reads the first GPU's utilisation, and whether heat or power slows it, by NVML; nothing where
    that is not there.
    """
    try:
        import pynvml

        pynvml.nvmlInit()
        device = pynvml.nvmlDeviceGetHandleByIndex(0)
    except Exception:  # no such package (pip install 'blipkit[gpu]'), no driver, no GPU
        return dict

    def read() -> dict:
        try:
            slowed = bool(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(device) & SLOWING)
            return {
                "gpu_percent": pynvml.nvmlDeviceGetUtilizationRates(device).gpu,
                "gpu_slowed": slowed,
            }
        except pynvml.NVMLError:  # a part of a GPU (MIG) does not say
            return {}

    return read


def share(rows: list[dict], cores: int) -> dict:
    """From the first to the last of `rows`, in percent of all cores' time: ours, neighbours, steal;
    means, and `disturbed`.

    disturbed: what besides the measured thing changed its times, in words; "" where nothing was
    seen.
    """
    if len(rows) < 2:
        return {"disturbed": ""}
    first = rows[0]
    last = rows[-1]
    percent = 100 / (cores * (last["at"] - first["at"]))
    busy, ours, steal = (percent * (last[name] - first[name]) for name in ("busy", "ours", "steal"))
    neighbours = max(busy - ours, 0.0)
    clocks = _known(rows, "mhz")
    gpu = _known(rows, "gpu_percent")
    seen = {
        f"the hypervisor took {steal:.0f} % of the CPU": steal > STEAL,
        f"other processes took {neighbours:.0f} % of the CPU": neighbours > NEIGHBOURS,
        "the CPU's clock fell": min(clocks, default=0) < CLOCK * max(clocks, default=0),
        "heat or power slowed the GPU": any(row.get("gpu_slowed") for row in rows),
    }
    return {
        "host_percent": ours,
        "neighbours_percent": neighbours,
        "steal_percent": steal,
        "gpu_percent": sum(gpu) / len(gpu) if gpu else None,
        "memory_gib": max(row["memory_gib"] for row in rows),
        "disturbed": "; ".join(words for words, holds in seen.items() if holds),
    }


def _known(rows: list[dict], name: str) -> list[float]:
    """A column's values, without those that the machine did not tell."""
    return [row[name] for row in rows if row.get(name) is not None]
