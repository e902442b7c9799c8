"""A server on the real clock beside what it should do: `make bench` keeps both figures."""

import random
import socket
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from virtual import closed

from blipkit.load.clients import Asking, ClientReport
from blipkit.load.requests import read_requests
from blipkit.machine import child
from blipkit.records.typed import row_of
from blipkit.serving.protocol import REPLY, Asked
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import Server
from blipkit.statistics import mean_interval, rate


@dataclass(frozen=True)
class Theory:
    """A closed system on the real clock beside the formula: does each agree, within its interval?"""

    service_ms: float
    requests_per_s: float
    theory_requests_per_s: float
    latency_ms: float
    theory_latency_ms: float
    throughput_agrees: bool
    latency_agrees: bool


def closed_system(
    clients: int = 6, workers: int = 2, think_s: float = 0.02, service_s: float = 0.01
) -> Theory:
    """Servers that sleep exponential times on the real clock, against the closed interactive system's formula.

    Theory is fed the service time that was measured. Intervals by batch means; Law, section 9.5.3.
    """
    rng = random.Random(3)

    def ask(frames):
        time.sleep(rng.expovariate(1 / service_s))
        return [[]] * len(frames)

    with tempfile.TemporaryDirectory() as folder:
        server = Server(
            [ask] * workers, Dispatcher(workers, clients, overdue_s=60), f"{folder}/socket", clients
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        asking = Asking(clients, seconds=30.0, warmup_s=0.0, timeout_s=5.0, think_s=think_s)
        reply = child.call(
            "blipkit.load.clients:ask",
            timeout_s=120,
            record=f"{folder}/requests",
            address=f"{folder}/socket",
            expected=[0] * 16,
            asking=asdict(asking),
        )
        thread.join()
        requests, _ = read_requests(Path(folder, "requests"), row_of(ClientReport, reply).start)
    # the first second: warm-up
    done = requests[(requests.received >= 1) & (requests.received < 30)].sort_values("received")
    measured_s = float(
        (done.finished - done.started).mean() + (done.started - done.dequeued).mean()
    )
    throughput, latency = closed(workers, clients, think_s, measured_s)
    per_second = rate(done.received - 1, 29)
    parts = np.array_split((done.received - done.scheduled).to_numpy(), 10)
    mean_s = mean_interval([part.mean() for part in parts])
    return Theory(
        service_ms=round(1e3 * measured_s, 3),
        requests_per_s=round(per_second.value, 3),
        theory_requests_per_s=round(throughput, 3),
        latency_ms=round(1e3 * mean_s.value, 3),
        theory_latency_ms=round(1e3 * latency, 3),
        throughput_agrees=per_second.low <= throughput <= per_second.high,
        latency_agrees=mean_s.low <= latency <= mean_s.high,
    )


@dataclass(frozen=True)
class BatchWait:
    """How much longer than `wait_ms` the only request of a batch waits, with an idle worker; sockets included."""

    wait_ms: float
    over_p50_ms: float
    over_p99_ms: float


def batch_wait(wait_ms: float = 5.0, requests: int = 500) -> BatchWait:
    """One client asks for batches of four that nobody else fills."""
    with tempfile.TemporaryDirectory() as folder:
        dispatcher = Dispatcher(1, 4, batch=4, wait_s=wait_ms / 1e3, overdue_s=60)
        server = Server([lambda frames: [[]] * len(frames)], dispatcher, f"{folder}/socket", 1)
        thread = threading.Thread(target=server.run)
        thread.start()
        taken_ms = []
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{folder}/socket")
            for number in range(requests):
                start = time.perf_counter()
                client.send(Asked(number, 0).packed())
                client.recv(REPLY.size)
                taken_ms.append(1e3 * (time.perf_counter() - start))
        thread.join()
    over_ms = np.quantile(taken_ms, (0.5, 0.99)) - wait_ms
    return BatchWait(wait_ms, *(round(float(one), 3) for one in over_ms))
