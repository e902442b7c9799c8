"""A process that answers messages, such as what compiled components make of tensors. A NeuronCore
stays with the process that loaded a model until it ends, so neither a notebook's kernel nor two
pipelines share one: they ask a worker, over a socket, and end it.
"""

import contextlib
import importlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np
import torch

from blipkit.errors import BadInput, BlipkitError, WorkerGone
from blipkit.machine import child
from blipkit.machine.scratch import socket_folder
from blipkit.model.buckets import Bucket
from blipkit.runners.arms import get_runner
from blipkit.runners.artifacts import read_artifact
from blipkit.runners.kinds import neuron
from blipkit.runners.neuron.messages import explain, explain_error

TIMEOUT_S = 24 * 3600
END_S = 60  # for a child to end by itself
SOCKET = "socket"
HEARD_S = 0.1  # for what it printed before it replied to arrive


@dataclass(frozen=True)
class Executed:
    """Asks any worker what it sent to a NeuronCore."""


@dataclass(frozen=True)
class Load:
    """Asks for the artifact in a folder to be loaded."""

    folder: Path


@dataclass(frozen=True)
class Run:
    """Asks for what a loaded artifact makes of arrays; the reply is an array."""

    folder: Path
    arrays: list[np.ndarray]


@dataclass(frozen=True)
class Reply:
    """A worker's answer to one message; problem: why there is none, else ""."""

    answer: Any = None
    problem: str = ""


class Worker:
    """A child process that answers messages on one or more connections, one for each thread that
    asks.

    target: `module:function`; called with the arguments, plain values, in the child, it returns the
    function that answers a message. threads, forked and environment are `child.start`'s. WorkerGone
    or BadInput says why it did not start.
    """

    def __init__(
        self,
        target: str,
        connections: int = 1,
        threads: int = 0,
        forked: bool = False,
        environment: Mapping[str, str] = {},
        **arguments,
    ):
        self._problem: Exception = WorkerGone("it ended")
        self._ended = threading.Event()  # set before anybody finds a connection closed
        with socket_folder() as folder, Listener(str(Path(folder, SOCKET))) as listener:
            arguments.update(address=listener.address, connections=connections, answerer=target)
            self._child = child.start(
                "blipkit.runners.workers:work",
                arguments,
                threads,
                forked,
                environment=environment,
            )
            waiting = (listener.address, connections)
            self._thread = threading.Thread(target=self._wait, args=waiting, daemon=True)
            self._thread.start()
            self._connections: list[Connection] = [listener.accept() for _ in range(connections)]
        if self._ended.is_set():
            raise self._gone()

    def _wait(self, address: str, connections: int) -> None:
        """Wait until the child ends, and keep why it did."""
        try:
            self._child.result(TIMEOUT_S)
        except Exception as error:
            self._problem = error
        self._ended.set()
        for _ in range(connections):  # whoever still waits for it finds a connection that is closed
            with contextlib.suppress(OSError):
                Client(address).close()

    def _gone(self) -> Exception:
        """What to raise where the child has ended."""
        if isinstance(self._problem, BadInput):
            return self._problem
        return WorkerGone(explain_error(self._problem))

    def ask(self, message, connection: int = 0, timeout_s: float | None = None):
        """The child's answer; BlipkitError says why there is none, WorkerGone that there will be
        none any more.

        One that takes longer than `timeout_s` is its last: the child is killed.
        """
        try:
            self._connections[connection].send(message)
            if not self._connections[connection].poll(timeout_s):
                self._child.kill()
                raise WorkerGone(f"no answer in {timeout_s:.0f} s: it was stopped")
            reply = self._connections[connection].recv()
        except (EOFError, OSError):
            self._ended.wait(timeout=10)
            raise self._gone() from None
        if reply.problem:
            time.sleep(HEARD_S)
            raise BlipkitError(explain(reply.problem, self._child.printed))
        return reply.answer

    def executed(self):
        """What the child sent to a NeuronCore, as `neuron.executed` has it."""
        return self.ask(Executed())

    def close(self) -> None:
        """End the child; its core is free then. One that does not end by itself is killed."""
        for connection in self._connections:
            connection.close()
        self._thread.join(END_S)
        if self._thread.is_alive():  # it is stopped, or stuck: it cannot see that we are done
            self._child.kill()
            self._thread.join(END_S)


def check_host_memory(action: str, need_gib: float) -> None:
    """Refuse to load more than the host has memory for, before the kernel kills somebody.

    action: what needs it, in words.
    """
    import psutil

    free = psutil.virtual_memory().available / 2**30
    if need_gib > free:
        problem = f"about {need_gib:.1f} GiB of host memory needed, {free:.1f} GiB free"
        advice = "take fewer servers, arms or buckets, placement 'threads', or a larger instance"
        raise BlipkitError(f"{action}: {problem}; {advice} such as inf2.8xlarge")


def work(address: str, connections: int, answerer: str, **arguments) -> None:
    """In the child: answer on every connection until it is closed; answerer: a Worker's `target`.

    It connects when it is ready, which is how the parent knows.
    """
    child.name_process(answerer)
    module, function = answerer.split(":")
    answer = getattr(importlib.import_module(module), function)(**arguments)

    def answer_to(message):
        if isinstance(message, Executed):
            return neuron.executed()
        return answer(message)

    def handle(connection: Connection) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = connection.recv()
                try:
                    connection.send(Reply(answer_to(message)))
                # the asker's to handle, sys.exit too: the worker lives on
                except (Exception, SystemExit) as error:
                    connection.send(Reply(problem=f"{type(error).__name__}: {error}"))

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(handle, [Client(address) for _ in range(connections)]))


def array_of(tensor: torch.Tensor) -> np.ndarray:
    """A tensor as numpy has it: in float32 where it is in bfloat16, whose every number that
    holds.
    """
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.numpy()


def on_first_core() -> dict[str, str]:
    """Variables for a child that takes the first core, and leaves others alone."""
    return {"NEURON_RT_VISIBLE_CORES": str(neuron.visible_cores(1)[0])}


def run_components() -> Callable[[Load | Run], np.ndarray | None]:
    """In the child: what answers Load and Run messages."""
    loaded: dict[Path, Callable] = {}

    def answer(message: Load | Run) -> np.ndarray | None:
        if isinstance(message, Run):
            return array_of(loaded[message.folder](*map(torch.from_numpy, message.arrays)))
        artifact = read_artifact(message.folder, Bucket())
        run = get_runner(artifact.arm).load(artifact.path, artifact.build, None)
        loaded[message.folder] = run
        return None

    return answer
