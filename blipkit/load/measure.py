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
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas

from blipkit.errors import BlipkitError
from blipkit.load.clients import TRIES, WARMUP_ROUNDS, Asking
from blipkit.load.requests import read_requests
from blipkit.load.setting import ServerOptions, Setting, Workload, check_setting
from blipkit.machine import child
from blipkit.machine.monitor import EVERY_S, Monitor, Sample, usage_of
from blipkit.records.typed import record_of, row_of
from blipkit.runners.arms import check_timed
from blipkit.runners.artifacts import Artifacts
from blipkit.runners.neuron.messages import explained
from blipkit.runners.neuron.proof import LINGER_S, Settled, Watch
from blipkit.runners.workers import check_host_memory
from blipkit.serving.answering import Answering, place_of
from blipkit.serving.placement import START_S, copies_of, neuron_cores, predicted_gib
from blipkit.serving.process import READY, SOCKET, Service
from blipkit.serving.protocol import STATUSES
from blipkit.serving.server import COUNTED

PATIENCE_S = 120  # that a request may take, after which its worker is given up
STOP_S = 60  # allowance for a child to finish what it has begun
REQUESTS = "requests"  # the clients' file, in the folder that they share with the servers
# what `Clients.run` counts; all 0 where the clients died
TOLD = (*STATUSES, "sent", "twice", "warmup_rounds", "tries", "clients_cpu_s")


@dataclass(frozen=True)
class Measured:
    """One run of a setting.

    requests: a pandas frame, `load.requests.FIELDS` of each, times in s from the start of
    measuring, status in words; counts: what clients and servers counted, shares of the CPU, and
    `problem`: what went wrong, in words; samples: the machine's, `at` on the requests' clock;
    executions: what proves that a Neuron device executed it; none elsewhere.
    """

    requests: pandas.DataFrame
    counts: dict
    samples: list[Sample]
    executions: list[dict]


@dataclass
class Ended:
    """What the two children returned; empty where one died, which `problems` tells in words."""

    by_clients: dict = field(default_factory=dict)
    by_servers: dict = field(default_factory=dict)
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
    executions = []
    with explained(), contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="blipkit-"))
        if cores:
            watch = stack.enter_context(Watch())
            environment = watch.environment
        monitor = stack.enter_context(Monitor())
        ended = run_both(Path(folder), service, work, START_S * copies, environment)
        requests, start = read_requests(Path(folder, REQUESTS), ended.by_clients.get("start"))
        if watch and ended.by_servers:
            settled = row_of(Settled, ended.by_servers["settled"])
            execution = record_of(watch.execution(settled))
            executions = [dict(execution, predicted_host_gib=need_gib)]
    samples = [replace(sample, at=sample.at - start) for sample in monitor.samples]
    return Measured(requests, counts_of(ended, work.seconds, samples), samples, executions)


def service_of(
    artifacts: Artifacts,
    setting: Setting,
    work: Workload,
    options: ServerOptions,
    cores: list[int],
) -> Service:
    """What the serving child is told."""
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
        overdue_s=PATIENCE_S,
    )


def run_both(
    folder: Path, service: Service, work: Workload, start_s: float, environment: dict[str, str]
) -> Ended:
    """The servers in one child, and when they are ready, the clients in another.

    folder: which they share; start_s: what loading may take; environment: more of the servers'.
    """
    most_s = WARMUP_ROUNDS * work.warmup_s + TRIES * work.seconds + PATIENCE_S + STOP_S
    ended = Ended()
    with ThreadPoolExecutor(1) as pool:
        serving = pool.submit(
            child.call,
            "blipkit.serving.process:serve",
            timeout_s=start_s + LINGER_S + most_s,
            threads=service.answering.threads,
            environment=environment,
            folder=str(folder),
            told=asdict(service),
        )
        expected = wait_until_ready(folder / READY, serving)
        try:
            ended.by_clients = child.call(
                "blipkit.load.clients:ask",
                timeout_s=most_s,
                record=str(folder / REQUESTS),
                address=str(folder / SOCKET),
                expected=expected,
                asking=asdict(asking_of(work, service.clients)),
            )
        except BlipkitError as error:
            ended.problems.append(f"the clients: {error}")
        try:
            ended.by_servers = serving.result()
        except BlipkitError as error:
            ended.problems.append(f"the servers: {error}")
    return ended


def asking_of(work: Workload, clients: int) -> Asking:
    """What the child with the clients is told."""
    return Asking(
        clients=clients,
        seconds=work.seconds,
        warmup_s=work.warmup_s,
        patience_s=PATIENCE_S + 1,
        think_s=work.think_s,
        repeat_share=work.repeat_share,
        seed=work.seed,
    )


def wait_until_ready(ready: Path, serving: Future) -> list[int]:
    """The digest of the right answers about each frame; raises what kept it from starting."""
    while not ready.exists():
        with contextlib.suppress(TimeoutError):
            serving.result(timeout=0.01)
    return json.loads(ready.read_text())


def counts_of(ended: Ended, seconds: float, samples: list[Sample]) -> dict:
    """What clients and servers counted, and shares of this machine's CPU meanwhile, in percent."""
    cores = os.cpu_count()
    problems = ended.problems + ended.by_servers.get("problems", [])
    counts = {name: ended.by_clients.get(name, 0) for name in TOLD}
    for name in COUNTED:
        counts[f"server_{name}"] = ended.by_servers.get(name, 0)
    counts.update(seconds=seconds, cores=cores, problem="; ".join(problems))
    within = [sample for sample in samples if -EVERY_S <= sample.at <= seconds + EVERY_S]
    counts.update(asdict(usage_of(within, cores)))
    return counts
