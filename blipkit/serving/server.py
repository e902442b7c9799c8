"""A Dispatcher on the real clock: threads that serve, and while they have nothing to serve, listen.

A request is served by the thread that heard it: to hand it to another one takes as long as all the
rest of the harness.
"""

import contextlib
import itertools
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blipkit.errors import BlipkitError, WorkerGone
from blipkit.serving.connection import Connection
from blipkit.serving.protocol import (
    ANSWERED,
    FAILED,
    NOT_SERVED,
    REFUSED,
    REPLY,
    STATUSES,
    Served,
    digest,
)
from blipkit.serving.scheduler import Assigned, Dispatcher, Request
from blipkit.serving.waiting import wait_exactly

JOIN_S = 30  # a client that does not connect so long after the one before it never will
LOOK_S = 0.1  # between two looks for workers that are overdue, and for clients that are left
END_S = 1  # for threads to end; one that hangs in a worker is left


@dataclass(frozen=True)
class ServerCounts:
    """What became of the requests that a server received.

    answered, failed, refused, or dropped, as their client had left meanwhile: together those
    received. late: that a worker answered after it was given up; undelivered: replies to clients
    that had left.
    """

    received: int = 0
    answered: int = 0
    failed: int = 0
    refused: int = 0
    dropped: int = 0
    late: int = 0
    undelivered: int = 0


@dataclass(frozen=True)
class ServerReport:
    """What a server counted, and its problems in words."""

    counts: ServerCounts
    problems: list[str]


class Server:
    """Serves `clients` clients, who connect to a socket at `address`, until the last has left.

    handlers: for each worker, frames' indices or pictures -> the answers about each. Where a batch
    raises, its requests are tried one by one and those that raise again fail; a worker that raises
    WorkerGone, or is overdue, gets no more requests.
    """

    def __init__(
        self, handlers: Sequence[Callable], dispatcher: Dispatcher, address: str, clients: int
    ):
        self.handlers = handlers
        self.dispatcher = dispatcher
        self.clients = clients
        self.connections: dict[int, Connection] = {}
        self.lock = threading.RLock()  # of the dispatcher, and of what is counted
        self.counts: Counter[str] = Counter()
        self.numbers = itertools.count(1)  # of batches
        self.problems: dict[int, str] = {}  # worker -> why it was given up
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(clients)

    def run(self) -> ServerReport:
        """Serve until the last client has left; what was counted."""
        self._accept()
        missing = self.clients - len(self.connections)
        threads = self._start_threads()
        while self.connections:
            time.sleep(LOOK_S)
            self._give_up_overdue()
        for thread in threads:
            thread.join(self._end_timeout_s())
        problems = list(self.problems.values())
        if missing:
            problems.append(f"{missing} of {self.clients} clients never came")
        return ServerReport(ServerCounts(**self.counts), problems)

    def _accept(self) -> None:
        """Wait for the clients, but no longer than JOIN_S for each."""
        self.listener.settimeout(JOIN_S)
        with self.listener, contextlib.suppress(TimeoutError):
            for client in range(self.clients):
                stream, _ = self.listener.accept()
                self.connections[client] = Connection(stream)
                self.selector.register(stream, selectors.EVENT_READ, client)

    def _start_threads(self) -> list[threading.Thread]:
        """One for each worker, and one more, so that one of them always listens."""
        threads = []
        for _ in range(len(self.handlers) + 1):
            thread = threading.Thread(target=self._serve, daemon=True)
            thread.start()
            threads.append(thread)
        return threads

    def _end_timeout_s(self) -> float:
        """How long to wait for a thread to end.

        One in torch's code while the interpreter ends would abort the process.
        """
        if self.problems:
            return END_S
        return min(self.dispatcher.overdue_s, threading.TIMEOUT_MAX)

    def _give_up_overdue(self) -> None:
        reason = f"no answer in {self.dispatcher.overdue_s:g} s"
        lost = []
        with self.lock:
            for worker in self.dispatcher.overdue(time.perf_counter()):
                lost += self._lose(worker, reason)
        self._fail(lost)

    def _serve(self) -> None:
        pause_s = 0.0
        while self.connections:
            batches, pause_s = self._turn(self._hear(pause_s))
            while batches:
                # what was to be waited for before this batch was served may be so no longer
                others, pause_s = self._answer(batches.pop(0))
                batches += others

    def _hear(self, pause_s: float) -> Request | None:
        """Wait for one event of a connection; a request, if one has come whole with it.

        What else is there is left to the next thread that waits.
        """
        if pause_s < LOOK_S:
            events = wait_exactly(self.selector, pause_s)
        else:
            events = self.selector.select(LOOK_S)
        if not events:
            return None
        client = events[0][0].data
        try:
            asked = self.connections[client].hear()
        except (KeyError, OSError):  # another thread saw it leave, or this one does
            self._leave(client)
            return None
        if asked is None:
            return None
        return Request(client, *asked)

    def _turn(self, request: Request | None) -> tuple[list[Assigned], float]:
        """Offer what came; the batches to serve, and in how many s to look again."""
        with self.lock:
            now = time.perf_counter()
            self.counts["received"] += request is not None
            refused = request is not None and not self.dispatcher.offer(request, now)
            batches = self.dispatcher.assign(now)
            pause_s = self.dispatcher.due(now) - now
        if refused:
            self._reply(request, REFUSED)
        return batches, pause_s

    def _answer(self, assigned: Assigned) -> tuple[list[Assigned], float]:
        """Serve a batch; the batches to serve next, and in how many s to look again."""
        worker, dequeued, batch = assigned
        started = time.perf_counter()
        try:
            digests = digests_of(self.handlers[worker], batch)
        except WorkerGone as error:
            self._fail(self._lose(worker, str(error)))
            return [], LOOK_S
        finished = time.perf_counter()
        with self.lock:
            if not self.dispatcher.finish(worker):  # its requests were answered as failed
                self.counts["late"] += len(batch)
                return [], LOOK_S
            batches = self.dispatcher.assign(finished)
            pause_s = self.dispatcher.due(finished) - finished
        served = Served(worker, next(self.numbers), len(batch), dequeued, started, finished)
        for request, answers in zip(batch, digests, strict=True):
            if answers is None:
                self._reply(request, FAILED, served=served)
            else:
                self._reply(request, ANSWERED, answers, served)
        return batches, pause_s

    def _reply(
        self, request: Request, status: int, answers: int = 0, served: Served = NOT_SERVED
    ) -> None:
        """Send how a request ended, and count it; answers: their digest."""
        with self.lock:
            self.counts[STATUSES[status]] += 1
        reply = REPLY.pack(request.number, status, answers, *served)
        try:
            self.connections[request.client].tell(reply)
        except (KeyError, OSError):  # the client is gone
            with self.lock:
                self.counts["undelivered"] += 1

    def _lose(self, worker: int, reason: str) -> list[Request]:
        """Give up a worker; the requests that fail by it, which are still to be told so.

        They are what it was serving, and where it was the last, all that waits.
        """
        with self.lock:
            self.problems[worker] = f"worker {worker} was given up: {reason}"
            return self.dispatcher.lose(worker)

    def _fail(self, requests: Sequence[Request]) -> None:
        """Reply that requests failed; outside the lock, as a client may take its time to read."""
        for request in requests:
            self._reply(request, FAILED)

    def _leave(self, client: int) -> None:
        with self.lock:
            if client in self.connections:  # else another thread saw it, too
                connection = self.connections.pop(client)
                self.selector.unregister(connection.stream)
                connection.close()
                self.counts["dropped"] += self.dispatcher.leave(client)


def digests_by(handler: Callable, frames: list[int | bytes]) -> list[int]:
    """The digest of the answers about each frame; BlipkitError where that is not one for each."""
    digests = [digest(texts) for texts in handler(frames)]
    if len(digests) != len(frames):
        asked = f"what answers was asked about {len(frames)} frames"
        raise BlipkitError(f"{asked} and answered about {len(digests)}; expected as many")
    return digests


def digests_of(handler: Callable, batch: Sequence[Request]) -> list[int | None]:
    """The digest of each request's answers; None where the handler raises, or answers about more
    or fewer frames than it was asked.

    One request must not spoil its whole batch: where that fails, they are tried one by one.
    """
    try:
        return digests_by(handler, [request.asked for request in batch])
    except WorkerGone:
        raise
    except (Exception, SystemExit):  # a model can raise anything; the worker lives on
        if len(batch) == 1:
            return [None]
        return [digests_of(handler, [request])[0] for request in batch]
