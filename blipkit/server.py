"""A Dispatcher on the real clock: threads that serve, and while they have nothing to serve, listen to the clients.

A request is served by the thread that heard it: to hand it to another one takes as long as all the rest of the harness.
"""

import selectors
import socket
import threading
import time
import zlib
from collections.abc import Callable, Sequence

from blipkit.clients import ANSWERED, FAILED, NOT_SERVED, REFUSED, REPLY, REQUEST
from blipkit.dispatch import Dispatcher, Request
from blipkit.errors import WorkerGone

COUNTED = ("received", "answered", "failed", "refused", "dropped", "late", "undelivered")
JOIN_S = 30  # a client that has not come by then will not
LOOK_S = 0.1  # a thread that waits looks so often what the others have begun, and whether it is overdue
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
        self.lock = threading.Lock()  # of the dispatcher, and of what is counted
        self.counts, self.joined, self.batches = dict.fromkeys(COUNTED, 0), 0, 0
        self.problems: dict[int, str] = {}  # worker -> why it was given up
        self.selector, self.listener = selectors.DefaultSelector(), socket.socket(socket.AF_UNIX)
        self.ended, (self.bell, bell) = threading.Event(), socket.socketpair()  # the bell wakes all that listen
        self.listener.bind(address)
        self.listener.listen(clients)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, -1)
        self.selector.register(bell, selectors.EVENT_READ, -2)

    def run(self) -> dict:
        """What became of all requests received: answered, failed, refused, or dropped, as their client had left meanwhile.

        Besides, late: requests that a worker answered after it was given up; undelivered: replies to clients that had left.
        """
        self.latest = time.perf_counter() + JOIN_S
        threads = [threading.Thread(target=self._serve, daemon=True) for _ in (*self.asks, "one that always listens")]
        for thread in threads:
            thread.start()
        self.ended.wait()
        for thread in threads:  # one inside torch while the interpreter ends would abort the process
            thread.join(END_S if self.problems else None)
        if missing := self.clients - self.joined:
            self.problems[-1] = f"{missing} of {self.clients} clients never came"
        return {"problems": list(self.problems.values()), **self.counts}

    def _serve(self) -> None:
        pause = 0.0
        while not self.ended.is_set():
            batches, pause = self._turn(self._hear(pause))
            while batches:
                batches += self._answer(*batches.pop(0))

    def _hear(self, pause: float) -> Request | None:
        """Wait for one thing that happens; a request, if it is one. What else is there, the next one to wait will hear."""
        for key, _ in self.selector.select(min(max(pause, 0), LOOK_S))[:1]:
            try:
                if key.data == -1:
                    with self.lock:
                        line = self.lines[self.joined] = self.listener.accept()[0]
                        self.selector.register(line, selectors.EVENT_READ, self.joined)
                        self.joined += 1
                elif key.data >= 0 and (told := key.fileobj.recv(REQUEST.size, socket.MSG_DONTWAIT)):
                    return Request(key.data, *REQUEST.unpack(told))
                elif key.data >= 0:
                    self._leave(key.data)
            except BlockingIOError:  # another thread was faster
                continue
            except OSError:
                self._leave(key.data)
        return None

    def _turn(self, request: Request | None) -> tuple[list, float]:
        """Offer what came, assign what is to be served, give up who is overdue; what to serve, and when to look again."""
        ended = []  # (request, status)
        with self.lock:
            now = time.perf_counter()
            if request:
                self.counts["received"] += 1
                if not self.dispatcher.offer(request, now):
                    self.counts["refused"] += 1
                    ended.append((request, REFUSED))
            batches = self.dispatcher.assign(now)
            for worker in self.dispatcher.overdue(now):
                why = f"no answer in {self.dispatcher.overdue_s:g} s"
                ended += [(lost, FAILED) for lost in self._lose(worker, why)]
            pause = self.dispatcher.due(now) - now
            if not self.lines and (self.joined == self.clients or now > self.latest):
                self.ended.set()
                self.bell.send(b"!")
        for one, status in ended:
            self._reply(one, status)
        return batches, pause

    def _answer(self, worker: int, dequeued: float, batch: list[Request]) -> list[tuple]:
        """Serve a batch; what is to be served next."""
        started = time.perf_counter()
        try:
            digests = answers(self.asks[worker], batch)
        except WorkerGone as error:
            with self.lock:
                lost = self._lose(worker, str(error))
            for request in lost:
                self._reply(request, FAILED)
            return []
        finished = time.perf_counter()
        with self.lock:
            if not self.dispatcher.finish(worker):  # its requests were answered as failed
                self.counts["late"] += len(batch)
                return []
            self.batches = number = self.batches + 1
            failed = digests.count(None)
            self.counts["failed"] += failed
            self.counts["answered"] += len(batch) - failed
            batches = self.dispatcher.assign(finished)
        served = worker, number, len(batch), dequeued, started, finished
        for request, found in zip(batch, digests, strict=True):
            self._reply(request, FAILED if found is None else ANSWERED, found or 0, served)
        return batches

    def _reply(self, request: Request, status: int, found: int = 0, served=NOT_SERVED) -> None:
        try:
            self.lines[request.client].send(REPLY.pack(request.number, status, found, *served))
        except (KeyError, OSError):  # the client is gone
            with self.lock:
                self.counts["undelivered"] += 1

    def _lose(self, worker: int, why: str) -> list[Request]:
        """Give up a worker, with the lock held; the requests that are to be answered as failed."""
        lost = self.dispatcher.lose(worker)
        self.problems[worker] = f"worker {worker} was given up: {why}"
        self.counts["failed"] += len(lost)
        return lost

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
