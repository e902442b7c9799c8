"""A serving process with its pipelines loaded, and settings measured on it, one after another.

Loading takes seconds, a setting a few: what belongs to a setting alone (dispatcher, socket,
clients, monitor) is made anew for each, the pipelines are not. A process that holds NeuronCores, or
CUDA, is fresh, and serves one setting: what its device executed is counted by process.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from blipkit.errors import BlipkitError
from blipkit.load.clients import WARMUP_ROUNDS, Asking, ClientReport
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.machine import child
from blipkit.machine.scratch import socket_folder
from blipkit.records.typed import row_of
from blipkit.runners.arms import is_forkable
from blipkit.runners.artifacts import Artifacts
from blipkit.runners.core_memory import check_core_memory
from blipkit.runners.neuron.proof import LINGER_S, Execution, Watch
from blipkit.runners.second_call import check_second_calls
from blipkit.runners.workers import Worker, check_host_memory
from blipkit.serving.answering import Answering, is_from_jpeg, place_of
from blipkit.serving.placement import START_S, copies_of, neuron_cores, predicted_gib
from blipkit.serving.process import Plan, RightAnswers, Serve, Service, Settle
from blipkit.serving.server import ServerReport

TIMEOUT_S = 120  # that a request may take, after which its worker is given up
STOP_S = 60  # allowance for a child to finish what it has begun
REQUESTS = "requests"  # the clients' file
SOCKET = "socket"


@dataclass(frozen=True)
class Asker:
    """What asks the servers of a setting, in a process of its own.

    function: "module:name", called there with `record` (a path for the requests), `address` (of the
    servers' socket), `expected` (the digest of the right answers about each frame) and `asking`;
    what it returns is a `ClientReport`, as JSON has it. asking: plain values; connections: how many
    it opens; most_s: what it may take in all.
    """

    function: str
    asking: dict[str, Any]
    connections: int
    most_s: float


@dataclass
class Reports:
    """What the two sides of a setting returned; None where one died, which `problems` says."""

    clients: ClientReport | None = None
    server: ServerReport | None = None
    problems: list[str] = field(default_factory=list)


class Host:
    """The pipelines of an arm in their placement, for settings of at most `servers` servers.

    expected: the digest of the right answers about each frame; predicted_gib: host memory that the
    pipelines were expected to take; is_fit: whether it may serve another setting.
    """

    def __init__(
        self,
        artifacts: Artifacts,
        setting: Setting,
        work: Workload,
        options: ServerOptions,
        servers: int,
    ):
        """setting: the first of those to come, which share its call and its placement; work: their
        checkpoint, questions and frames.
        """
        cores = neuron_cores(artifacts)
        copies = copies_of(setting.placement, servers, cores)
        self.predicted_gib = predicted_gib(artifacts, copies)
        if copies > 1:
            check_host_memory(f"{copies} pipelines", self.predicted_gib)
        check_cores(artifacts, setting.placement, cores)
        answering = answering_of(artifacts, setting, work, options)
        plan = Plan(answering, setting.placement, cores, servers)
        self.forked = answering.forked
        self.is_fit = True
        self._cores = cores
        self._stack = contextlib.ExitStack()
        environment = {}
        if cores:
            self._watch = self._stack.enter_context(Watch())
            environment = self._watch.environment
        try:
            self._worker = Worker(
                "blipkit.serving.process:load",
                threads=options.threads,
                forked=self.forked,
                environment=environment,
                plan=asdict(plan),
            )
            self._stack.callback(self._worker.close)
            self.expected = self._worker.ask(RightAnswers(), timeout_s=START_S * copies)
        except BaseException:
            self._stack.close()
            raise

    def close(self) -> None:
        """End the process; its cores are free then."""
        self.is_fit = False
        self._stack.close()

    def serve(
        self, folder: Path, setting: Setting, options: ServerOptions, asker: Asker
    ) -> Reports:
        """Serve a setting while it is asked. folder: where the requests go."""
        reports = Reports()
        with socket_folder() as place, ThreadPoolExecutor(1) as pool:
            address = str(Path(place, SOCKET))
            service = service_of(address, setting, options, asker.connections)
            self._worker.ask(service, timeout_s=STOP_S)
            serving = pool.submit(self._worker.ask, Serve(), timeout_s=asker.most_s + STOP_S)
            try:
                reports.clients = self._ask(folder / REQUESTS, address, asker)
            except BlipkitError as error:
                reports.problems.append(f"the clients: {error}")
            try:
                reports.server = serving.result()
            except BlipkitError as error:
                reports.problems.append(f"the servers: {error}")
        self.is_fit = not self._cores and not problems_of(reports)
        return reports

    def _ask(self, record: Path, address: str, asker: Asker) -> ClientReport:
        """What the process that asks returned."""
        reply = child.call(
            asker.function,
            timeout_s=asker.most_s,
            forked=self.forked,
            record=str(record),
            address=address,
            expected=self.expected,
            asking=asker.asking,
        )
        return row_of(ClientReport, reply)

    def execution(self) -> Execution | None:
        """What proves that a Neuron device executed what was served; None elsewhere."""
        if not self._cores:
            return None
        settled = self._worker.ask(Settle(), timeout_s=LINGER_S + STOP_S)
        self._worker.close()
        return self._watch.execution(settled)


def check_cores(artifacts: Artifacts, placement: str, cores: list[int]) -> None:
    """Refuse what a NeuronCore cannot hold, or does not run twice, before it is loaded.

    Threads share a pipeline whose graphs lie on all cores; otherwise each core holds a whole one.
    """
    if not cores:
        return
    spread = 1
    if placement == "threads":
        spread = len(cores)
    check_core_memory(artifacts, spread)
    check_second_calls(artifacts)


def may_fork(artifacts: Artifacts) -> bool:
    """Whether these may be served by a forked process."""
    return all(is_forkable(artifact.arm) for artifact in artifacts)


def answering_of(
    artifacts: Artifacts, setting: Setting, work: Workload, options: ServerOptions
) -> Answering:
    """What the serving process loads."""
    return Answering(
        checkpoint=work.checkpoint,
        components=[place_of(artifact) for artifact in artifacts],
        questions=list(work.questions),
        frames=work.frames,
        call=setting.call,
        threads=options.threads,
        forked=may_fork(artifacts),
        start_gap_s=options.start_gap_s,
    )


def service_of(address: str, setting: Setting, options: ServerOptions, connections: int) -> Service:
    """What the serving process is asked for; address: of the socket that it is to make."""
    return Service(
        servers=setting.servers,
        clients=connections,
        limit=options.limit or setting.clients,
        batch=setting.batch_size,
        batch_wait_s=options.batch_wait_s,
        overdue_s=TIMEOUT_S,
        address=address,
    )


def closed_loop(work: Workload, setting: Setting) -> Asker:
    """Clients who each wait for their answer before they ask again."""
    from_jpeg = None
    if is_from_jpeg(setting.call):
        from_jpeg = asdict(work.frames)
    asking = Asking(
        clients=setting.clients,
        seconds=work.seconds,
        warmup_s=work.warmup_s,
        timeout_s=TIMEOUT_S + 1,
        think_s=work.think_s,
        repeat_share=work.repeat_share,
        seed=work.seed,
        from_jpeg=from_jpeg,
    )
    most_s = WARMUP_ROUNDS * work.warmup_s + work.seconds + TIMEOUT_S + STOP_S
    return Asker("blipkit.load.clients:ask", asdict(asking), setting.clients, most_s)


def problems_of(reports: Reports) -> list[str]:
    """What went wrong on either side, in words."""
    problems = list(reports.problems)
    if reports.server:
        problems += reports.server.problems
    return problems
