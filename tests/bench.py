"""What the kit itself costs on this machine: `make bench`. Writes records to results/bench/."""

import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench_real_clock import batch_wait, closed_system

from blipkit import Bucket, isolate, load_checkpoint, trace
from blipkit.frames.source import FrameSource
from blipkit.load.measure import Measured, measure_setting
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.machine import child, fork_server, host
from blipkit.paths import ROOT
from blipkit.records.documents import write_machine
from blipkit.records.results import Results
from blipkit.records.run_record import this_minute
from blipkit.records.typed import write_typed
from blipkit.runners.artifacts import Artifacts
from blipkit.runners.assemble import load_artifact
from blipkit.serving.answering import NOTHING
from blipkit.statistics import Interval, mean_interval


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


@dataclass(frozen=True)
class NullLoad:
    """The harness alone under load: latency in us; cpu_us: CPU of servers and clients a request."""

    servers: int
    clients: int
    placement: str
    requests_per_s: float
    p50_us: float
    p99_us: float
    cpu_us: float


def null_load(
    servers: int, clients: int, placement: str = "threads", seconds: float = 3.0
) -> NullLoad:
    """The harness alone under load."""
    measured = measure_null(servers, clients, seconds, placement)
    requests, counts = measured.requests[measured.requests.scheduled >= 0], measured.counts
    latency = 1e6 * (requests.received - requests.scheduled)
    cpu_us = 1e4 * counts.machine.host_percent * counts.cores * seconds / len(requests)
    figures = (len(requests) / seconds, latency.quantile(0.5), latency.quantile(0.99), cpu_us)
    return NullLoad(servers, clients, placement, *(round(float(one), 1) for one in figures))


ECHO = """
import socket, sys
connection = socket.socket(fileno=int(sys.argv[1]))
while message := connection.recv(64):
    connection.send(message)
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


@dataclass(frozen=True)
class MemoryGrowth:
    """Resident memory of all processes, MiB, after a tenth of so many requests and at the end."""

    requests: int
    mib_after_a_tenth: int
    mib_at_the_end: int


def memory_growth(requests: int = 1_000_000) -> MemoryGrowth:
    """Of a million null requests."""
    seconds = requests / null_load(1, 8).requests_per_s
    measured = measure_null(1, 8, seconds)
    samples = measured.samples[measured.samples["at"].between(0, seconds)]
    memory = 1024 * samples.memory_gib.to_numpy()
    tenth = len(memory) // 10
    return MemoryGrowth(len(measured.requests), round(memory[tenth]), round(memory[-1]))


@dataclass(frozen=True)
class Children:
    """What was measured with children of one kind, forked or fresh.

    start_s: until a child has torch; compile_s: of tiny-pets' three components, the child's start
    left out; service_ms: mean of a request; overhead_us: mean latency of a request without a model.
    """

    kind: str
    start_s: Interval
    compile_s: Interval
    service_ms: Interval
    overhead_us: Interval


def children(pairs: int = 7) -> list[Children]:
    """Fresh children and forked ones in turn, A B A B: do the times that the kit reports agree?

    Each time is the mean over the turns, with its 95 % interval.
    """
    places = {"fresh": fork_server.OFF, "forked": fork_server.start()}
    times = {"fresh": [], "forked": []}
    for turn, kind in itertools.product(range(-1, pairs), places):
        os.environ[fork_server.VARIABLE] = places[kind]
        figures = times_of_children()
        if turn >= 0:  # the first one warms up: files are read, the server imports
            times[kind].append(figures)
    rows = []
    for kind, turns in times.items():
        rows.append(Children(kind, *map(mean_interval, zip(*turns, strict=True))))
    return rows


def times_of_children() -> tuple[float, float, float, float]:
    """One turn's figures, in the order of `Children`."""
    components, bucket = isolate(load_checkpoint("builtin:tiny-pets")), Bucket()
    begun = time.perf_counter()
    child.call("torch:get_num_threads", timeout_s=60, threads=1, forked=True)
    start_s = time.perf_counter() - begun
    questions, frames = ["is the dog barking?"], FrameSource("synthetic", 16, 3)
    work = Workload("builtin:tiny-pets", questions, frames, 1.0, warmup_s=0.3)
    setting = Setting("torchscript float32", "pipeline", "threads", 1, 1)
    with tempfile.TemporaryDirectory() as folder:
        artifacts = trace(components, folder, "torchscript", shapes=bucket)
        compile_s = sum(artifact.manifest.seconds for artifact in artifacts)
        with_model = measure_setting(artifacts, setting, work, ServerOptions())
    without = measure_null(1, 1, 1.0)
    return start_s, compile_s, 1e3 * service_s(with_model), 1e6 * latency_s(without)


def service_s(measured: Measured) -> float:
    """Mean time that a server took for a request, s."""
    requests = measured.requests[measured.requests.scheduled >= 0]
    return float((requests.finished - requests.started).mean())


def latency_s(measured: Measured) -> float:
    """Mean time from when a client meant to send to its answer, s."""
    requests = measured.requests[measured.requests.scheduled >= 0]
    return float((requests.received - requests.scheduled).mean())


@dataclass(frozen=True)
class Cost:
    """help_seconds: of `blipkit --help`; null_call_us: of a call around a component that does nothing."""

    help_seconds: float
    null_call_us: float


@dataclass(frozen=True)
class Echo:
    """echo_us: of a bare echo between two processes."""

    echo_us: float


if __name__ == "__main__":
    folder = ROOT / "results" / "bench"
    cost = Cost(round(help_seconds(), 3), round(null_call_us(), 2))
    settings = ((1, 1), (1, 8), (2, 8))
    load = [null_load(*setting) for setting in settings] + [null_load(2, 8, "processes")]
    results = Results(folder, profile="bench", recorded=this_minute())
    for kind, rows in (
        ("bench", [cost]),
        ("echo", [Echo(round(echo_us(), 1))]),
        ("load", load),
        ("memory", [memory_growth()]),
        ("theory", [closed_system()]),
        ("batch_wait", [batch_wait()]),
        ("children", children()),
    ):
        write_typed(results, kind, rows)
        print(kind, *rows, sep="\n  ")
    write_machine(Path(folder), host.describe())
