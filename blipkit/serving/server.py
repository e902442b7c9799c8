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
from collections.abc import Callable, Sequence

from blipkit.errors import WorkerGone
from blipkit.serving.protocol import (
    ANSWERED,
    FAILED,
    NOT_SERVED,
    REFUSED,
    REPLY,
    REQUEST,
    STATUSES,
    Served,
    digest,
)
from blipkit.serving.scheduler import Dispatcher, Request

COUNTED = ("received", "answered", "failed", "refused", "dropped", "late", "undelivered")
JOIN_S = 30  # a client that has not come so long after the one before it will not
LOOK_S = 0.1  # so often is looked whether a worker is overdue, and whether anybody is left to serve
END_S = 1  # for threads to end; one that hangs in a worker is left


class Server:
    """Serves `clients` clients, who connect to a socket at `address`, until the last has left.

    asks: for each worker, indices of frames -> the answers about each. Where a batch raises, its
    requests are tried one by one and those that raise again fail; a worker that raises WorkerGone,
    or is overdue, gets no more requests.
    """

    def __init__(
        self, asks: Sequence[Callable], dispatcher: Dispatcher, address: str, clients: int
    ):
        self.asks = asks
        self.dispatcher = dispatcher
        self.clients = clients
        self.lines: dict[int, socket.socket] = {}
        self.lock = threading.RLock()  # of the dispatcher, and of what is counted
        self.counts = dict.fromkeys(COUNTED, 0)
        self.numbers = itertools.count(1)  # of batches
        self.problems: dict[int, str] = {}  # worker -> why it was given up
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(clients)

    def run(self) -> dict[str, int | list[str]]:
        """What became of all requests received, and `problems`, in words.

        answered, failed, refused, or dropped, as their client had left meanwhile. Besides, late:
        requests that a worker answered after it was given up; undelivered: replies to clients that
        had left.
        """
        self._accept()
        missing = self.clients - len(self.lines)
        threads = self._start_threads()
        while self.lines:
            time.sleep(LOOK_S)
            self._give_up_overdue()
        # one inside torch while the interpreter ends would abort the process
        patience_s = min(self.dispatcher.overdue_s, threading.TIMEOUT_MAX)
        for thread in threads:
            thread.join(END_S if self.problems else patience_s)
        problems = list(self.problems.values())
        if missing:
            problems.append(f"{missing} of {self.clients} clients never came")
        counted = dict(self.counts)
        counted["problems"] = problems
        return counted

    def _accept(self) -> None:
        """Wait for the clients; those that have not come in time are not waited for."""
        self.listener.settimeout(JOIN_S)
        with self.listener, contextlib.suppress(TimeoutError):
            for client in range(self.clients):
                line = self.lines[client] = self.listener.accept()[0]
                self.selector.register(line, selectors.EVENT_READ, client)

    def _start_threads(self) -> list[threading.Thread]:
        """One for each worker, and one more, so that somebody always listens."""
        threads = []
        for _ in range(len(self.asks) + 1):
            thread = threading.Thread(target=self._serve, daemon=True)
            thread.start()
            threads.append(thread)
        return threads

    def _give_up_overdue(self) -> None:
        with self.lock:
            for worker in self.dispatcher.overdue(time.perf_counter()):
                self._lose(worker, f"no answer in {self.dispatcher.overdue_s:g} s")

    def _serve(self) -> None:
        pause = 0.0
        while self.lines:
            batches, pause = self._turn(self._hear(pause))
            while batches:
                batches += self._answer(*batches.pop(0))

    def _hear(self, pause: float) -> Request | None:
        """Wait for one thing that happens; a request, if it is one.

        What else is there, the next one to wait will hear.
        """
        for key, _ in self.selector.select(min(pause, LOOK_S))[:1]:
            try:
                if told := key.fileobj.recv(REQUEST.size, socket.MSG_DONTWAIT):
                    return Request(key.data, *REQUEST.unpack(told))
                self._leave(key.data)
            except BlockingIOError:  # another thread was faster
                continue
            except OSError:
                self._leave(key.data)
        return None

    def _turn(self, request: Request | None) -> tuple[list, float]:
        """Offer what came and assign what is to be served; in how many s to look again."""
        with self.lock:
            now = time.perf_counter()
            self.counts["received"] += request is not None
            refused = request is not None and not self.dispatcher.offer(request, now)
            batches = self.dispatcher.assign(now)
            pause = self.dispatcher.due(now) - now
        if refused:
            self._reply(request, REFUSED)
        return batches, pause

    def _answer(self, worker: int, dequeued: float, batch: list[Request]) -> list[tuple]:
        """Serve a batch; what is to be served next."""
        started = time.perf_counter()
        try:
            digests = answers(self.asks[worker], batch)
        except WorkerGone as error:
            self._lose(worker, str(error))
            return []
        finished = time.perf_counter()
        with self.lock:
            if not self.dispatcher.finish(worker):  # its requests were answered as failed
                self.counts["late"] += len(batch)
                return []
            batches = self.dispatcher.assign(finished)
        served = Served(worker, next(self.numbers), len(batch), dequeued, started, finished)
        for request, found in zip(batch, digests, strict=True):
            if found is None:
                self._reply(request, FAILED, served=served)
            else:
                self._reply(request, ANSWERED, found, served)
        return batches

    def _reply(
        self, request: Request, status: int, found: int = 0, served: Served = NOT_SERVED
    ) -> None:
        with self.lock:
            self.counts[STATUSES[status]] += 1
        reply = REPLY.pack(request.number, status, found, *served)
        try:
            self.lines[request.client].send(reply)
        except (KeyError, OSError):  # the client is gone
            with self.lock:
                self.counts["undelivered"] += 1

    def _lose(self, worker: int, why: str) -> None:
        """Give up a worker: what it was serving fails; where it was the last, all that waits."""
        with self.lock:
            self.problems[worker] = f"worker {worker} was given up: {why}"
            for request in self.dispatcher.lose(worker):
                self._reply(request, FAILED)

    def _leave(self, client: int) -> None:
        with self.lock:
            if client in self.lines:  # else another thread saw it, too
                self.selector.unregister(self.lines[client])
                self.lines.pop(client).close()
                self.counts["dropped"] += self.dispatcher.leave(client)


def answers(ask: Callable, batch: Sequence[Request]) -> list[int | None]:
    """The digest of each request's answers, None where asking raises.

    One request must not spoil its whole batch: where that raises, they are asked one by one.
    """
    try:
        return [digest(texts) for texts in ask([request.frame for request in batch])]
    except WorkerGone:
        raise
    except Exception:  # a model can raise anything; the worker lives on
        if len(batch) == 1:
            return [None]
        return [answers(ask, [request])[0] for request in batch]
