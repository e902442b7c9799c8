"""Compiled components in a process of their own. A NeuronCore stays with the process that loaded a
model until it ends, so neither a notebook's kernel nor two pipelines share one: they ask a worker,
over a socket, and end it.
"""

import contextlib
import importlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path

import torch

from blipkit.errors import BlipkitError, WorkerGone
from blipkit.machine import child
from blipkit.model.buckets import Bucket
from blipkit.model.components import Component
from blipkit.runners.arms import get_runner
from blipkit.runners.artifacts import Artifact, read_artifact
from blipkit.runners.assemble import Loaded, check_weights, load_artifact
from blipkit.runners.kinds import neuron
from blipkit.runners.neuron.messages import explain
from blipkit.runners.neuron.proof import Execution, Watch, settle
from blipkit.runners.neuron.witnesses import pids_on_devices

LIMIT_S = 24 * 3600


class Worker:
    """A child that answers what it is asked on `lines` connections, one for each thread that asks.

    target: `module:function`; called with the arguments in the child, it returns what answers a
    request. about: these arguments, and of `child.call` environment and threads. WorkerGone says
    why it did not start.
    """

    def __init__(self, target: str, lines: int = 1, **about):
        self._problem = ""
        with Listener() as listener:
            arguments = dict(about, address=listener.address, lines=lines, answers=target)
            self._thread = threading.Thread(target=self._run, kwargs=arguments, daemon=True)
            self._thread.start()
            self._lines: list[Connection] = [listener.accept() for _ in range(lines)]
        if self._problem:
            raise WorkerGone(_explained(self._problem))

    def _run(self, address: str, lines: int, **about) -> None:
        try:
            child.call(
                "blipkit.runners.workers:work",
                timeout_s=LIMIT_S,
                address=address,
                lines=lines,
                **about,
            )
            self._problem = "it ended"
        except Exception as error:
            self._problem = str(error)
        for _ in range(lines):  # whoever still waits for it finds a connection that is closed
            with contextlib.suppress(OSError):
                Client(address).close()

    def ask(self, *request, line: int = 0):
        """The child's answer; BlipkitError says why there is none, WorkerGone that there will be
        none any more.
        """
        try:
            self._lines[line].send(request)
            answered, reply = self._lines[line].recv()
        except (EOFError, OSError):
            self._thread.join(timeout=10)
            raise WorkerGone(_explained(self._problem)) from None
        if not answered:
            raise BlipkitError(_explained(reply))
        return reply

    def close(self) -> None:
        """End the child; its core is free then."""
        for line in self._lines:
            line.close()
        self._thread.join(timeout=60)


def check_host_memory(what: str, need_gib: float) -> None:
    """Refuse to load more than the host has memory for, before the kernel kills somebody."""
    import psutil

    free = psutil.virtual_memory().available / 2**30
    if need_gib > free:
        raise BlipkitError(
            f"{what}: about {need_gib:.1f} GiB of host memory needed, {free:.1f} GiB free; "
            "take fewer servers, arms or "
            f"buckets, placement 'threads', or a larger instance such as inf2.8xlarge"
        )


def _explained(problem: str) -> str:
    """With the processes that hold cores, where that is the trouble."""
    told = explain(problem)
    if "not available" not in problem:
        return told
    pids = pids_on_devices()
    if not pids:
        return told
    return f"{told}\nneuron-ls shows on the device: pid {', '.join(map(str, pids))}"


def work(address: str, lines: int, answers: str, **arguments) -> None:
    """In the child: answer on every connection until it is closed. That it connects says that it is
    ready.
    """
    module, function = answers.split(":")
    answer = getattr(importlib.import_module(module), function)(**arguments)

    def reply_to(request: tuple):
        if request == ("executed",):
            return neuron.executed()
        return answer(*request)

    def serve(line: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while request := line.recv():
                try:
                    line.send((True, reply_to(request)))
                except Exception as error:  # the asker's to handle; the worker lives on
                    line.send((False, f"{type(error).__name__}: {error}"))

    with ThreadPoolExecutor(lines) as pool:
        list(pool.map(serve, [Client(address) for _ in range(lines)]))


class Apart:
    """Loads components where they may be: those that hold a NeuronCore in a child, all of them on
    one core; others here.

    `close` ends the child and returns the rows that prove what it executed, none where nothing held
    a core.
    """

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._worker = None

    def load(self, artifact: Artifact, component: Component) -> Loaded:
        """As `load_artifact`."""
        if not artifact.arm.spec.holds_core:
            return load_artifact(artifact, component)
        check_weights(artifact, component)
        get_runner(artifact.arm).check_loadable(artifact.manifest)
        # as file, as model
        check_host_memory(f"loading {artifact.component}", 2 * artifact.manifest["bytes"] / 2**30)
        if self._worker is None:
            self._watch = self._stack.enter_context(Watch())
            core = neuron.visible_cores(1)[0]
            self._worker = Worker(
                "blipkit.runners.workers:components",
                environment=dict(self._watch.environment, NEURON_RT_VISIBLE_CORES=str(core)),
            )
            self._stack.callback(self._worker.close)
        place = str(artifact.folder)
        self._ask("load", place)
        return Loaded(artifact, component, lambda *inputs: self._run(place, inputs))

    def _ask(self, *request):
        if self._worker is None:
            raise BlipkitError(
                "the child with the NeuronCore was ended; load the components again, with a "
                "new Apart()"
            )
        return self._worker.ask(*request)

    def _run(self, place: str, inputs: tuple) -> torch.Tensor:
        return torch.from_numpy(self._ask("run", place, [tensor.numpy() for tensor in inputs]))

    def close(self) -> list[Execution]:
        """End the child, if there is one; a row of what was sent to the device and what its
        witnesses saw.
        """
        with self._stack:
            if self._worker is None:
                return []
            settled = settle([self._ask("executed")])
            self._worker = None
        return [self._watch.execution(settled)]


def components() -> Callable:
    """In the child: load components, and run them on arrays."""
    loaded: dict[str, Callable] = {}

    def answer(kind: str, place: str, arrays=()):
        if kind == "run":
            return loaded[place](*map(torch.from_numpy, arrays)).numpy()
        artifact = read_artifact(Path(place), Bucket())
        loaded[place] = get_runner(artifact.arm).load(artifact.path, artifact.manifest, None)
        return None

    return answer
