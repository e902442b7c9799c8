"""Where what answers is placed: what the servers share.

A server is a thread. `threads`: all share one pipeline. `processes`: a process with a pipeline for
each, on Neuron for each core. `contexts`: one process with a pipeline on each NeuronCore.
"""

import contextlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial

from blipkit.errors import BadInput
from blipkit.machine import child
from blipkit.runners.artifacts import Artifacts
from blipkit.runners.kinds import neuron
from blipkit.runners.neuron.messages import explained
from blipkit.runners.neuron.proof import Sent
from blipkit.runners.workers import Worker
from blipkit.serving.answering import Answering, Handler, make_handler

START_S = 120  # allowance for a process to load a pipeline
LIBRARIES_GIB = 1.0  # torch, transformers and torch_neuronx in memory: an estimate


@dataclass(frozen=True)
class Servers:
    """handlers: what answers for each server; executed: asks each process, when all is done, what
    it sent to a NeuronCore.
    """

    handlers: list[Handler]
    executed: Callable[[], list[Sent]]


def neuron_cores(artifacts: Artifacts) -> list[int]:
    """Numbers of the NeuronCores that these artifacts may run on; none for other arms.

    The runtime is asked in a child, because the process that asks it keeps the cores.
    """
    on_device = [artifact for artifact in artifacts if artifact.arm.spec.holds_core]
    for artifact in on_device:
        neuron.check_loadable(artifact.build)
    if not on_device:
        return []
    with explained():
        return neuron.visible_cores(_count_cores())


@cache
def _count_cores() -> int:
    return child.call("blipkit.runners.kinds.neuron:count_cores", timeout_s=START_S)


def copies_of(placement: str, servers: int, cores: list[int]) -> int:
    """How many pipelines a placement holds."""
    if placement == "contexts" and not cores:
        problem = "placement 'contexts' puts a pipeline on each NeuronCore"
        raise BadInput(f"{problem}; for other arms take threads or processes")
    if placement == "threads":
        return 1
    return min(servers, len(cores) or servers)


def predicted_gib(artifacts: Artifacts, copies: int) -> float:
    """GiB of host memory that `copies` pipelines take, each in a process of its own.

    Libraries, the checkpoint, and the compiled files, which are about as large as its weights.
    """
    files = sum(path.stat().st_size for path in {artifact.path for artifact in artifacts})
    return copies * (LIBRARIES_GIB + 2 * files / 2**30)


def in_threads(
    stack: contextlib.ExitStack, servers: int, cores: list[int], answering: Answering
) -> Servers:
    """All servers share one pipeline; on Neuron its components lie on whichever core is taken."""
    handler = make_handler(asdict(answering))
    return Servers([handler] * servers, executed_here)


def in_contexts(
    stack: contextlib.ExitStack, servers: int, cores: list[int], answering: Answering
) -> Servers:
    """One process with a pipeline on each core; server i has that of core i."""
    handlers = []
    for core in range(min(servers, len(cores))):  # counted among those that the process sees
        with neuron.on_core(core):
            handlers.append(make_handler(asdict(answering)))
    return Servers([handlers[i % len(handlers)] for i in range(servers)], executed_here)


def in_processes(
    stack: contextlib.ExitStack, servers: int, cores: list[int], answering: Answering
) -> Servers:
    """A process with a whole pipeline for each NeuronCore, or else for each server.

    Where there are no NeuronCores, each process keeps to CPU cores of its own, of which one is left
    to the clients where there are enough. They load side by side, each begun `start_gap_s` after
    the one before it.
    """
    count = copies_of("processes", servers, cores)

    def start(number: int) -> Worker:
        time.sleep(number * answering.start_gap_s)
        environment = {}
        cpus = []
        if cores:
            environment["NEURON_RT_VISIBLE_CORES"] = str(cores[number])
        else:
            cpus = cpus_of(number, answering.threads, count)
        return Worker(
            "blipkit.serving.answering:make_handler",
            len(range(number, servers, count)),  # connections: one for each server
            threads=answering.threads,
            forked=answering.forked,
            environment=environment,
            answering=asdict(answering),
            cpus=cpus,
        )

    with ThreadPoolExecutor(count) as pool:
        workers = list(pool.map(start, range(count)))
    for worker in workers:
        stack.callback(worker.close)

    handlers = [partial(workers[i % count].ask, connection=i // count) for i in range(servers)]
    return Servers(handlers, lambda: [worker.executed() for worker in workers])


def executed_here() -> list[Sent]:
    """What this process sent to a NeuronCore."""
    return [neuron.executed()]


def cpus_of(number: int, threads: int, count: int) -> list[int]:
    """CPU cores of the process `number` of `count`, one a thread; none where the system cannot pin
    it.

    The first core is left to the clients, and to what hands their requests on, where there are
    enough.
    """
    if not hasattr(os, "sched_getaffinity"):
        return []
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) > count * threads:
        usable = usable[1:]
    return [usable[(number * threads + i) % len(usable)] for i in range(threads)]


PLACEMENTS = {"threads": in_threads, "processes": in_processes, "contexts": in_contexts}
