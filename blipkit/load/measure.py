"""Load: S servers answer what C closed-loop clients ask, in fresh child processes each time.

A request is a frame's index; serving it is everything from the decoded frame to the answers of all
questions. Latency is from when a client meant to send to when it has its answer, so that whoever
delays a request is charged for it. Left out: loading, decoding image files, and the warm-up, which
is recorded with times below zero.
"""

import contextlib
import json
import os
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas

from blipkit.errors import BlipkitError
from blipkit.load.clients import TRIES, WARMUP_ROUNDS, Asking, ClientCounts, ClientReport
from blipkit.load.counts import RunCounts
from blipkit.load.requests import read_requests
from blipkit.load.setting import ServerOptions, Setting, Workload, check_setting
from blipkit.machine import child
from blipkit.machine.monitor import EVERY_S, Monitor, Usage, usage_of
from blipkit.records.typed import row_of
from blipkit.runners.arms import check_timed
from blipkit.runners.artifacts import Artifacts
from blipkit.runners.neuron.messages import explained
from blipkit.runners.neuron.proof import LINGER_S, Execution, Watch
from blipkit.runners.workers import check_host_memory
from blipkit.serving.answering import Answering, place_of
from blipkit.serving.placement import START_S, copies_of, neuron_cores, predicted_gib
from blipkit.serving.process import READY, SOCKET, Service, ServiceReport
from blipkit.serving.server import ServerCounts

TIMEOUT_S = 120  # that a request may take, after which its worker is given up
STOP_S = 60  # allowance for a child to finish what it has begun
REQUESTS = "requests"  # the clients' file, in the folder that they share with the servers


@dataclass(frozen=True)
class Measured:
    """One run of a setting.

    requests: a pandas frame, `load.requests.FIELDS` of each, times in s from the start of
    measuring, status in words; counts: what clients and servers counted, and the machine's share;
    samples: a pandas frame of the machine's, `at` on the requests' clock; execution: what proves
    that a Neuron device executed it, None elsewhere; predicted_host_gib: host memory that its
    pipelines were expected to take.
    """

    requests: pandas.DataFrame
    counts: RunCounts
    samples: pandas.DataFrame
    execution: Execution | None
    predicted_host_gib: float


@dataclass
class Reports:
    """What the two children returned; None where one died, which `problems` says in words."""

    clients: ClientReport | None = None
    service: ServiceReport | None = None
    problems: list[str] = field(default_factory=list)


def measure_setting(
    artifacts: Artifacts,
    setting: Setting,
    work: Workload,
    options: ServerOptions,
) -> Measured:
    """Start the servers in one child and the clients in another, and let these ask for a while.

    A server or client that dies is a `problem` of the run; what cannot even start raises.
    """
    check_setting(setting, work, options)
    for artifact in artifacts:
        check_timed(artifact.arm)
    cores = neuron_cores(artifacts)
    copies = copies_of(setting.placement, setting.servers, cores)
    need_gib = predicted_gib(artifacts, copies)
    if copies > 1:
        check_host_memory(f"{copies} pipelines", need_gib)
    service = service_of(artifacts, setting, work, options, cores)
    watch = None
    environment = {}
    execution = None
    with explained(), contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="blipkit-"))
        if cores:
            watch = stack.enter_context(Watch())
            environment = watch.environment
        monitor = stack.enter_context(Monitor())
        reports = run_both(Path(folder), service, work, START_S * copies, environment)
        start = None
        if reports.clients:
            start = reports.clients.start
        requests, start = read_requests(Path(folder, REQUESTS), start)
        if watch and reports.service:
            execution = watch.execution(reports.service.settled)
    counts = counts_of(reports, work.seconds, usage_in(monitor, start, work.seconds))
    samples = pandas.DataFrame([sample.columns() for sample in monitor.samples])
    samples["at"] -= start
    return Measured(requests, counts, samples, execution, need_gib)


def service_of(
    artifacts: Artifacts,
    setting: Setting,
    work: Workload,
    options: ServerOptions,
    cores: list[int],
) -> Service:
    """What the child with the servers is to do."""
    answering = Answering(
        checkpoint=work.checkpoint,
        components=[place_of(artifact) for artifact in artifacts],
        questions=list(work.questions),
        frames=work.frames,
        call=setting.call,
        threads=options.threads,
    )
    return Service(
        answering=answering,
        placement=setting.placement,
        cores=cores,
        servers=setting.servers,
        clients=setting.clients,
        limit=options.limit or setting.clients,
        batch=options.batch,
        batch_wait_s=options.batch_wait_s,
        overdue_s=TIMEOUT_S,
    )


def run_both(
    folder: Path, service: Service, work: Workload, start_s: float, environment: dict[str, str]
) -> Reports:
    """Run the servers in one child, and when they are ready, the clients in another.

    folder: which they share; start_s: what loading may take; environment: further variables of the
    servers' process.
    """
    most_s = WARMUP_ROUNDS * work.warmup_s + TRIES * work.seconds + TIMEOUT_S + STOP_S
    reports = Reports()
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(
            child.call,
            "blipkit.serving.process:serve",
            timeout_s=start_s + LINGER_S + most_s,
            threads=service.answering.threads,
            environment=environment,
            folder=str(folder),
            service=asdict(service),
        )
        expected = wait_until_ready(folder / READY, serving)
        try:
            asked = child.call(
                "blipkit.load.clients:ask",
                timeout_s=most_s,
                record=str(folder / REQUESTS),
                address=str(folder / SOCKET),
                expected=expected,
                asking=asdict(asking_of(work, service.clients)),
            )
            reports.clients = row_of(ClientReport, asked)
        except BlipkitError as error:
            reports.problems.append(f"the clients: {error}")
        try:
            reports.service = row_of(ServiceReport, serving.result())
        except BlipkitError as error:
            reports.problems.append(f"the servers: {error}")
    return reports


def asking_of(work: Workload, clients: int) -> Asking:
    """What the child with the clients is to do."""
    return Asking(
        clients=clients,
        seconds=work.seconds,
        warmup_s=work.warmup_s,
        timeout_s=TIMEOUT_S + 1,
        think_s=work.think_s,
        repeat_share=work.repeat_share,
        seed=work.seed,
    )


def wait_until_ready(ready: Path, serving: Future) -> list[int]:
    """The digests of the right answers about each frame; raises why the servers did not start."""
    while not ready.exists():
        with contextlib.suppress(TimeoutError):
            serving.result(timeout=0.01)
    return json.loads(ready.read_text())


def usage_in(monitor: Monitor, start: float, seconds: float) -> Usage:
    """What used the machine in the measured time; start: of it, by the monotonic clock, s."""
    first = start - EVERY_S
    last = start + seconds + EVERY_S
    within = [sample for sample in monitor.samples if first <= sample.at_s <= last]
    return usage_of(within, os.cpu_count())


def counts_of(reports: Reports, seconds: float, machine: Usage) -> RunCounts:
    """What clients and servers counted; nothing where they died."""
    clients = ClientCounts()
    servers = ServerCounts()
    problems = list(reports.problems)
    if reports.clients:
        clients = reports.clients.counts
    if reports.service:
        servers = reports.service.server.counts
        problems += reports.service.server.problems
    return RunCounts(clients, servers, seconds, os.cpu_count(), "; ".join(problems), machine)
