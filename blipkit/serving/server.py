"""A Dispatcher on the real clock: threads that serve, and while they have nothing to serve, listen to the clients.

A request is served by the thread that heard it: to hand it to another one takes as long as all the rest of the harness.
"""

import contextlib
import itertools
import selectors
import socket
import threading
import time
import zlib
from collections.abc import Callable, Sequence

from blipkit.errors import WorkerGone
from blipkit.serving.protocol import ANSWERED, FAILED, NOT_SERVED, REFUSED, REPLY, REQUEST, STATUSES
from blipkit.serving.scheduler import Dispatcher, Request

COUNTED = ("received", "answered", "failed", "refused", "dropped", "late", "undelivered")
JOIN_S = 30  # a client that has not come so long after the one before it will not
LOOK_S = 0.1  # so often is looked whether a worker is overdue, and whether anybody is left to serve
END_S = 1  # for threads to end; one that hangs in a worker is left


def digest(texts: Sequence[str]) -> int:
    """Of the answers about one frame: what a client compares with the digest of those given without load."""
    return zlib.crc32("\n".join(texts).encode())


class Server:
    """Serves `clients` clients, who connect to a socket at `address`, until the last has left.

    asks: for each worker, indices of frames -> the answers about each. Where a batch raises, its requests are tried one by
    one and those that raise again fail; a worker that raises WorkerGone, or is overdue, gets no more requests.
    """

    def __init__(self, asks: Sequence[Callable], dispatcher: Dispatcher, address: str, clients: int):
        self.asks, self.dispatcher, self.clients = asks, dispatcher, clients
        self.lines: dict[int, socket.socket] = {}
        self.lock = threading.RLock()  # of the dispatcher, and of what is counted
        self.counts, self.numbers = dict.fromkeys(COUNTED, 0), itertools.count(1)  # numbers: of batches
        self.problems: dict[int, str] = {}  # worker -> why it was given up
        self.selector, self.listener = selectors.DefaultSelector(), socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(clients)

    def run(self) -> dict:
        """What became of all requests received: answered, failed, refused, or dropped, as their client had left meanwhile.

        Besides, late: requests that a worker answered after it was given up; undelivered: replies to clients that had left.
        """
        self.listener.settimeout(JOIN_S)
        with self.listener, contextlib.suppress(TimeoutError):
            for client in range(self.clients):
                line = self.lines[client] = self.listener.accept()[0]
                self.selector.register(line, selectors.EVENT_READ, client)
        missing = self.clients - len(self.lines)
        threads = [threading.Thread(target=self._serve, daemon=True) for _ in (*self.asks, "one that always listens")]
        for thread in threads:
            thread.start()
        while self.lines:
            time.sleep(LOOK_S)
            with self.lock:
                for worker in self.dispatcher.overdue(time.perf_counter()):
                    self._lose(worker, f"no answer in {self.dispatcher.overdue_s:g} s")
        for thread in threads:  # one inside torch while the interpreter ends would abort the process
            thread.join(END_S if self.problems else min(self.dispatcher.overdue_s, threading.TIMEOUT_MAX))
        absent = [f"{missing} of {self.clients} clients never came"] if missing else []
        return {"problems": [*self.problems.values(), *absent], **self.counts}

    def _serve(self) -> None:
        pause = 0.0
        while self.lines:
            batches, pause = self._turn(self._hear(pause))
            while batches:
                batches += self._answer(*batches.pop(0))

    def _hear(self, pause: float) -> Request | None:
        """Wait for one thing that happens; a request, if it is one. What else is there, the next one to wait will hear."""
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
        """Offer what came and assign what is to be served: that, and in how many seconds to look again."""
        with self.lock:
            now = time.perf_counter()
            self.counts["received"] += request is not None
            refused = request is not None and not self.dispatcher.offer(request, now)
            batches, pause = self.dispatcher.assign(now), self.dispatcher.due(now) - now
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
        served = worker, next(self.numbers), len(batch), dequeued, started, finished
        for request, found in zip(batch, digests, strict=True):
            self._reply(request, FAILED if found is None else ANSWERED, found or 0, served)
        return batches

    def _reply(self, request: Request, status: int, found: int = 0, served=NOT_SERVED) -> None:
        with self.lock:
            self.counts[STATUSES[status]] += 1
        try:
            self.lines[request.client].send(REPLY.pack(request.number, status, found, *served))
        except (KeyError, OSError):  # the client is gone
            with self.lock:
                self.counts["undelivered"] += 1

    def _lose(self, worker: int, why: str) -> None:
        """Give up a worker: what it was serving fails, and where it was the last one, what waits, too."""
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
    """The digest of each request's answers, None where asking raises: one request must not spoil its whole batch."""
    try:
        return [digest(texts) for texts in ask([request.frame for request in batch])]
    except WorkerGone:
        raise
    except Exception:  # a model can raise anything; the worker lives on
        return [None] if len(batch) == 1 else [answers(ask, [request])[0] for request in batch]
