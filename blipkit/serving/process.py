"""The process that serves: it loads its pipelines once, and serves one setting after another.

Each setting gets a dispatcher, a socket and clients of its own; what stays is what takes seconds.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blipkit.records.typed import row_of
from blipkit.runners.neuron.proof import Settled, settle
from blipkit.serving.answering import Answering, Handler
from blipkit.serving.placement import PLACEMENTS
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import Server, ServerReport, digests_by


@dataclass(frozen=True)
class Plan:
    """What a process loads; plain values, as a child gets JSON.

    answering: what answers; placement: one of PLACEMENTS; cores: numbers of the NeuronCores, none
    elsewhere; servers: at most, of the settings to come.
    """

    answering: Answering
    placement: str
    cores: list[int]
    servers: int


@dataclass(frozen=True)
class Service:
    """What a process is asked to serve.

    servers, clients: how many; limit: requests in flight at most; batch: requests that a server
    takes at once; batch_wait_s: how long the first of them waits for the others; overdue_s: what a
    batch may take until its server is given up; address: of the socket to be made.
    """

    servers: int
    clients: int
    limit: int
    batch: int
    batch_wait_s: float
    overdue_s: float
    address: str

    def dispatcher(self) -> Dispatcher:
        """What decides which server gets which request; a fresh one."""
        return Dispatcher(
            workers=self.servers,
            limit=self.limit,
            batch=self.batch,
            wait_s=self.batch_wait_s,
            overdue_s=self.overdue_s,
        )


@dataclass(frozen=True)
class RightAnswers:
    """Asks for the digest of the answers about each frame, without load."""


@dataclass(frozen=True)
class Serve:
    """Asks to serve on the socket that `Service` has opened, until the last client has left."""


@dataclass(frozen=True)
class Settle:
    """Asks for what the processes sent to NeuronCores, once the tools have seen it."""


def load(plan: dict[str, Any]) -> Callable:
    """In the child: place the pipelines; returns what answers the messages above.

    plan: a `Plan`, as JSON has it.
    """
    return Host(row_of(Plan, plan)).answer


class Host:
    """Pipelines in their place, and the server of the setting that is being measured."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self._stack = contextlib.ExitStack()
        place = PLACEMENTS[plan.placement]
        self._servers = place(self._stack, plan.servers, plan.cores, plan.answering)
        self._server: Server | None = None

    def answer(self, message: RightAnswers | Service | Serve | Settle):
        """The answer to a message: digests, nothing, a ServerReport, a Settled."""
        if isinstance(message, RightAnswers):
            return self.right_answers()
        if isinstance(message, Service):
            return self.open(message)
        if isinstance(message, Settle):
            return self.settle()
        return self.serve()

    def right_answers(self) -> list[int]:
        """Digests of the answers about each frame, one frame at a time."""
        return digests_without_load(self._servers.handlers[0], self.plan.answering.asked())

    def open(self, service: Service) -> None:
        """Listen: who connects from now on is served by `serve`."""
        handlers = self._servers.handlers[: service.servers]
        self._server = Server(handlers, service.dispatcher(), service.address, service.clients)

    def serve(self) -> ServerReport:
        """Serve until the last client has left."""
        return self._server.run()

    def settle(self) -> Settled:
        """What was sent to NeuronCores, the last that is asked for: processes of the servers' own
        have ended then, by themselves, as the driver counts at their end.
        """
        settled = settle(self._servers.executed())
        self._stack.close()
        return settled


def digests_without_load(handler: Handler, asked: list[int | bytes]) -> list[int]:
    """Digests of the answers about each frame that is asked about, one at a time."""
    digests = []
    for frame in asked:
        digests += digests_by(handler, [frame])
    return digests
