"""Our open loop beside MLPerf's LoadGen, A B A B: `make bench-judge`. Writes records to results/bench-judge/.

The same servers are asked at the same rate, alternately by us and by LoadGen, each by Poisson schedules of its own. Three
kinds of servers: that do nothing (the harness alone), that sleep (a queue, and no CPU), and that answer with tiny-pets.
"""

import itertools
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from scipy import stats

from blipkit import Bucket, isolate, load_checkpoint, trace
from blipkit.arrivals.judge_run import in_flight_at_most, run_judge
from blipkit.arrivals.judge_settings import Judging
from blipkit.arrivals.outcome import latencies_ms
from blipkit.arrivals.schedule import Offer
from blipkit.arrivals.session import asker_of
from blipkit.frames.source import FrameSource
from blipkit.load.clients import ClientReport
from blipkit.load.host import SOCKET, Asker, Reports
from blipkit.load.measure import measure_asked, measure_on, open_host
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.machine import child, host
from blipkit.machine.scratch import socket_folder
from blipkit.paths import ROOT
from blipkit.records.documents import write_machine
from blipkit.records.results import Results
from blipkit.records.run_record import this_minute
from blipkit.records.typed import part, row_of, write_typed
from blipkit.runners.artifacts import Artifacts
from blipkit.serving.answering import NOTHING
from blipkit.serving.protocol import digest
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import Server
from blipkit.statistics import Interval, mean_interval

WINDOWS, SECONDS = 7, 10.0  # of each tool on each kind of servers; of a window
CONNECTIONS, SERVERS, FRAMES = 4, 2, 16
SLEEP_S, SHARE = (
    0.01,
    0.5,
)  # of a sleeping server; of what the servers can do, the rate that is asked
NULL_PER_S = 500.0
PATIENCE_S, WARMUP_S, LIMIT_MS = 30.0, 0.5, 250.0
OURS, LOADGEN = "open loop", "LoadGen"


@dataclass(frozen=True)
class Figures:
    """Of a window: percentiles of latency from the schedule, ms; achieved: answers per s over queries per s."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    achieved: float


@dataclass(frozen=True)
class Window:
    """A record of `judge_windows`: what one tool saw in one window; disturbed: who else used the machine."""

    servers: str
    tool: str
    window: int
    rate_per_s: float
    requests: int
    figures: Figures = part()
    disturbed: str


@dataclass(frozen=True)
class Compared:
    """A record of `judge_comparison`: a figure by both tools, means over windows, and LoadGen's over ours.

    agrees: whether the ratio's 95 % interval holds 1; disturbed: windows in which others used the machine.
    """

    servers: str
    rate_per_s: float
    windows: int
    seconds: float
    figure: str
    ours: Interval
    loadgen: Interval
    ratio: Interval
    agrees: bool
    disturbed: int


class Sleeping:
    """Servers that sleep, in this process, as much like a `load.host.Host` as asking needs."""

    predicted_gib = 0.0

    def execution(self) -> None:
        """No device."""

    def serve(
        self, folder: Path, setting: Setting, options: ServerOptions, asker: Asker
    ) -> Reports:
        """Serve while it is asked."""

        def answer(frames):
            time.sleep(SLEEP_S * len(frames))
            return [[]] * len(frames)

        with socket_folder() as place:
            address = str(Path(place, SOCKET))
            dispatcher = Dispatcher(setting.servers, options.limit, overdue_s=60)
            server = Server([answer] * setting.servers, dispatcher, address, asker.connections)
            served = []
            thread = threading.Thread(target=lambda: served.append(server.run()))
            thread.start()
            reply = child.call(
                asker.function,
                timeout_s=asker.most_s,
                record=str(folder / "requests"),
                address=address,
                expected=[digest([])] * FRAMES,
                asking=asker.asking,
            )
            thread.join()
        return Reports(clients=row_of(ClientReport, reply), server=served[0])

    def close(self) -> None:
        """Nothing is loaded."""


def by_ours(servers, setting: Setting, rate_per_s: float, seconds: float, window: int):
    """(figures, requests, disturbed) of a window of our open loop."""
    offer = Offer("poisson", rate_per_s, seconds, WARMUP_S, schedule_seed=window)
    limit = ServerOptions(limit=max(len(offer.times()), 1))
    asker = asker_of(offer, setting.clients, PATIENCE_S, window)
    measured = measure_asked(servers, setting, limit, asker, seconds)
    requests = measured.requests
    requests = requests[(requests.scheduled >= 0) & (requests.scheduled < seconds)]
    due_s = float(requests.scheduled.max())
    p50, p90, p99 = percentiles(latencies_ms(requests))
    achieved = due_s / float(requests.received.max())
    return Figures(p50, p90, p99, achieved), len(requests), measured.counts.machine.disturbed


def by_loadgen(servers, setting: Setting, rate_per_s: float, seconds: float, window: int):
    """(figures, requests, disturbed) of a window of LoadGen's."""
    queries = round(rate_per_s * seconds)
    judging = Judging(rate_per_s, LIMIT_MS, 99.0, queries, seconds, window)
    limit = ServerOptions(limit=in_flight_at_most(judging))
    run = run_judge(servers, setting, limit, judging)
    said = run.verdict
    p50, p90, p99 = (ns / 1e6 for ns in (said.p50_ns, said.p90_ns, said.p99_ns))
    achieved = said.completed_per_s / said.scheduled_per_s
    return Figures(p50, p90, p99, achieved), said.queries, run.counts.machine.disturbed


def percentiles(latencies: np.ndarray) -> list[float]:
    """p50, p90 and p99 as LoadGen takes them: the sample at n times q."""
    ordered = np.sort(latencies)
    return [float(ordered[int(len(ordered) * q)]) for q in (0.5, 0.9, 0.99)]


def ratio_of(ours, loadgen) -> Interval:
    """LoadGen's over ours: geometric mean over pairs of windows, with its 95 % t-interval."""
    logs = np.log(np.asarray(loadgen) / np.asarray(ours))
    half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
    low, middle, high = np.exp([logs.mean() - half, logs.mean(), logs.mean() + half])
    return Interval(float(middle), float(low), float(high))


def ask_in_turn(
    name: str, servers, setting: Setting, rate_per_s: float, windows: int, seconds: float
) -> list[Window]:
    """A window of ours, one of LoadGen's, and so on; the first pair warms up and is left out."""
    rows = []
    for window, (tool, ask) in itertools.product(
        range(-1, windows), ((OURS, by_ours), (LOADGEN, by_loadgen))
    ):
        figures, requests, disturbed = ask(servers, setting, rate_per_s, seconds, window + 1)
        if window >= 0:
            rows.append(Window(name, tool, window, rate_per_s, requests, figures, disturbed))
            print(f"  {name}, {tool}, window {window + 1} of {windows}: {figures}", flush=True)
    return rows


def compared(windows: list[Window], seconds: float) -> list[Compared]:
    """Each figure by both tools, for each kind of servers."""
    rows = []
    for name in dict.fromkeys(one.servers for one in windows):
        ours, theirs = (
            [one for one in windows if (one.servers, one.tool) == (name, tool)]
            for tool in (OURS, LOADGEN)
        )
        disturbed = sum(bool(one.disturbed) for one in (*ours, *theirs))
        for figure in (one.name for one in fields(Figures)):
            here, there = ([getattr(w.figures, figure) for w in side] for side in (ours, theirs))
            ratio = ratio_of(here, there)
            rows.append(
                Compared(
                    servers=name,
                    rate_per_s=ours[0].rate_per_s,
                    windows=len(ours),
                    seconds=seconds,
                    figure=figure,
                    ours=mean_interval(here),
                    loadgen=mean_interval(there),
                    ratio=ratio,
                    agrees=ratio.low <= 1 <= ratio.high,
                    disturbed=disturbed,
                )
            )
    return rows


def null_servers(windows: int = WINDOWS, seconds: float = SECONDS) -> list[Window]:
    """The harness alone: everything but a model."""
    setting = Setting("null float32", NOTHING, "threads", SERVERS, CONNECTIONS)
    work = Workload("none", [], FrameSource("synthetic", FRAMES, 3), seconds, 0.1)
    servers = open_host(Artifacts([]), setting, work, ServerOptions(), SERVERS)
    try:
        return ask_in_turn("do nothing", servers, setting, NULL_PER_S, windows, seconds)
    finally:
        servers.close()


def sleeping_servers(windows: int = WINDOWS, seconds: float = SECONDS) -> list[Window]:
    """A queue in front of two servers of a fixed time."""
    setting = Setting("null float32", NOTHING, "threads", SERVERS, CONNECTIONS)
    rate_per_s = SHARE * SERVERS / SLEEP_S
    return ask_in_turn(
        f"sleep {1e3 * SLEEP_S:g} ms", Sleeping(), setting, rate_per_s, windows, seconds
    )


def real_servers(windows: int = WINDOWS, seconds: float = SECONDS) -> list[Window]:
    """tiny-pets by torchscript, asked half of what a brief closed loop reaches."""
    setting = Setting("torchscript float32", "pipeline", "threads", SERVERS, CONNECTIONS)
    questions = ["is the dog barking?"]
    work = Workload(
        "builtin:tiny-pets", questions, FrameSource("synthetic", FRAMES, 3), 3.0, warmup_s=0.5
    )
    components, bucket = isolate(load_checkpoint("builtin:tiny-pets")), Bucket()
    with tempfile.TemporaryDirectory() as folder:
        artifacts = trace(components, folder, "torchscript", shapes=bucket)
        servers = open_host(artifacts, setting, work, ServerOptions(), SERVERS)
        try:
            answered = measure_on(servers, setting, work, ServerOptions()).requests
            per_s = len(answered[(answered.received > 0) & (answered.received < 3)]) / 3.0
            rate_per_s = round(SHARE * per_s, 1)
            return ask_in_turn("tiny-pets", servers, setting, rate_per_s, windows, seconds)
        finally:
            servers.close()


def keep(folder: Path, windows: list[Window], seconds: float) -> list[Compared]:
    """Write the windows, and what they say together, with the machine they are of."""
    results = Results(folder, profile="bench", recorded=this_minute())
    rows = compared(windows, seconds)
    write_typed(results, "judge_windows", windows)
    write_typed(results, "judge_comparison", rows)
    write_machine(folder, host.describe())
    return rows


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "results" / "bench-judge"
    seen = [*null_servers(), *sleeping_servers(), *real_servers()]
    for row in keep(target, seen, SECONDS):
        print(row)
