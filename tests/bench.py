"""What the kit itself costs on this machine: `make bench`. Writes records to results/bench/."""

import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
from virtual import closed

from blipkit import Bucket, isolate, load_checkpoint, trace
from blipkit.load.clients import Asking
from blipkit.load.measure import Measured, measure_setting
from blipkit.load.requests import read_requests
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.machine import child, host
from blipkit.paths import ROOT
from blipkit.records.documents import write_machine
from blipkit.records.results import Results
from blipkit.runners.artifacts import Artifacts
from blipkit.runners.assemble import load_artifact
from blipkit.serving.answering import NOTHING, FrameSource
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import Server
from blipkit.statistics import mean_interval, rate


def help_seconds(times: int = 7) -> float:
    """Median wall time of `blipkit --help`, a fresh process each."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "blipkit", "--help"], capture_output=True, check=True)
        taken.append(time.perf_counter() - start)
    return median(taken)


def null_call_us(calls: int = 20_000) -> float:
    """Median time of one call through the harness around a component that does nothing."""
    components, bucket = isolate(load_checkpoint("builtin:tiny-pets")), Bucket()
    with tempfile.TemporaryDirectory() as folder:
        artifact = next(
            a
            for a in trace(components, folder, "null", shapes=bucket)
            if a.component == "text_encoder"
        )
        loaded = load_artifact(artifact, components["text_encoder"])
    inputs, taken = loaded.component.example_inputs(bucket), []
    for _ in range(calls):
        start = time.perf_counter()
        loaded(*inputs)
        taken.append(time.perf_counter() - start)
    return median(taken) * 1e6


def measure_null(
    servers: int, clients: int, seconds: float, placement: str = "threads"
) -> Measured:
    """The harness alone: everything but a model."""
    setting = Setting("null float32", NOTHING, placement, servers, clients)
    work = Workload("none", [], FrameSource("synthetic", 16, 3), seconds, warmup_s=0.2)
    return measure_setting(Artifacts([]), setting, work, ServerOptions())


def null_load(servers: int, clients: int, placement: str = "threads", seconds: float = 3.0) -> dict:
    """The harness alone under load: requests per second, latency in us, CPU of servers and clients a request in us."""
    found = measure_null(servers, clients, seconds, placement)
    requests, cores = found.requests[found.requests.scheduled >= 0], found.counts["cores"]
    latency = 1e6 * (requests.received - requests.scheduled)
    cpu_us = 1e4 * found.counts["host_percent"] * cores * seconds / len(requests)
    row = {
        "servers": servers,
        "clients": clients,
        "placement": placement,
        "requests_per_s": len(requests) / seconds,
    }
    row |= {"p50_us": latency.quantile(0.5), "p99_us": latency.quantile(0.99), "cpu_us": cpu_us}
    return {
        name: round(float(value), 1) if isinstance(value, float) else value
        for name, value in row.items()
    }


ECHO = """
import socket, sys
line = socket.socket(fileno=int(sys.argv[1]))
while told := line.recv(64):
    line.send(told)
"""


def echo_us(times: int = 20_000) -> float:
    """Median time of a bare echo between two processes over such a socket: the least that a request can take."""
    here, there = socket.socketpair()
    process = subprocess.Popen(
        [sys.executable, "-c", ECHO, str(there.fileno())], pass_fds=[there.fileno()]
    )
    there.close()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        here.send(b"a request")
        here.recv(64)
        taken.append(time.perf_counter() - start)
    here.close()
    process.wait()
    return median(taken) * 1e6


def memory_growth_mib(requests: int = 1_000_000) -> dict:
    """A million null requests: resident memory of all processes after a tenth of them, and at the end."""
    seconds = requests / null_load(1, 8)["requests_per_s"]
    kept = measure_null(1, 8, seconds)
    memory = [1024 * row["memory_gib"] for row in kept.samples if 0 <= row["at"] <= seconds]
    tenth = len(memory) // 10
    row = {
        "requests": len(kept.requests),
        "mib_after_a_tenth": memory[tenth],
        "mib_at_the_end": memory[-1],
    }
    return {name: round(value) for name, value in row.items()}


def closed_system(
    clients: int = 6, workers: int = 2, think_s: float = 0.02, service_s: float = 0.01
) -> dict:
    """Servers that sleep exponential times on the real clock, against the closed interactive system's formula.

    Theory is fed the service time that was measured. Intervals by batch means; Law, section 9.5.3.
    """
    chance = random.Random(3)

    def ask(frames):
        time.sleep(chance.expovariate(1 / service_s))
        return [[]] * len(frames)

    with tempfile.TemporaryDirectory() as folder:
        server = Server(
            [ask] * workers, Dispatcher(workers, clients, overdue_s=60), f"{folder}/socket", clients
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        asking = Asking(clients, seconds=30.0, warmup_s=0.0, patience_s=5.0, think_s=think_s)
        told = child.call(
            "blipkit.load.clients:ask",
            timeout_s=120,
            record=f"{folder}/requests",
            address=f"{folder}/socket",
            expected=[0] * 16,
            asking=asdict(asking),
        )
        thread.join()
        requests, _ = read_requests(Path(folder, "requests"), told["start"])
    # the first second: warm-up
    done = requests[(requests.received >= 1) & (requests.received < 30)].sort_values("received")
    measured_s = float(
        (done.finished - done.started).mean() + (done.started - done.dequeued).mean()
    )
    throughput, latency = closed(workers, clients, think_s, measured_s)
    seen, low, high = rate(done.received - 1, 29)
    means = [
        part.mean() for part in np.array_split((done.received - done.scheduled).to_numpy(), 10)
    ]
    mean, mean_low, mean_high = mean_interval(means)
    row = {
        "service_ms": 1e3 * measured_s,
        "requests_per_s": seen,
        "theory_requests_per_s": throughput,
    }
    row |= {"latency_ms": 1e3 * mean, "theory_latency_ms": 1e3 * latency}
    agrees = {
        "throughput_agrees": low <= throughput <= high,
        "latency_agrees": mean_low <= latency <= mean_high,
    }
    return {name: round(value, 3) for name, value in row.items()} | agrees


if __name__ == "__main__":
    folder = ROOT / "results" / "bench"
    row = {"help_seconds": round(help_seconds(), 3), "null_call_us": round(null_call_us(), 2)}
    settings = ((1, 1), (1, 8), (2, 8))
    load = [null_load(*one) for one in settings] + [null_load(2, 8, "processes")]
    results = Results(folder, profile="bench")
    for kind, rows in (
        ("bench", [row]),
        ("echo", [{"echo_us": round(echo_us(), 1)}]),
        ("load", load),
        ("memory", [memory_growth_mib()]),
        ("theory", [closed_system()]),
    ):
        results.write(kind, rows)
        print(kind, *rows, sep="\n  ")
    write_machine(Path(folder), host.describe())
