"""Who serves which request, and when: a bounded queue before S workers.

Batches wait a limited time for company. A Dispatcher has no thread, socket or clock. Whoever drives
it says what time it is: `blipkit.serving.server` the real one, the tests a virtual one, on which it
is held against queueing theory.
"""

import math
from collections import deque
from typing import NamedTuple


class Request(NamedTuple):
    """What a client asks: its own number, the request's, and the index of a frame."""

    client: int
    number: int
    frame: int


class Dispatcher:
    """A bounded queue, the idle workers, and what the others serve. Times in seconds, of any clock.

    limit: requests inside, waiting or being served; batch: requests that a worker takes at once,
    waiting at most `wait_s` for them; overdue_s: what a batch may take until its worker is lost.
    """

    def __init__(
        self,
        workers: int,
        limit: int,
        batch: int = 1,
        wait_s: float = 0.0,
        overdue_s: float = math.inf,
    ):
        self.limit = limit
        self.batch = batch
        self.wait_s = wait_s
        self.overdue_s = overdue_s
        self.idle: deque[int] = deque(range(workers))
        self.waiting: deque[tuple[float, Request]] = deque()  # with the time since when
        self.serving: dict[int, tuple[float, list[Request]]] = {}  # worker -> since when, and what

    @property
    def inside(self) -> int:
        """Requests that wait or are being served."""
        return len(self.waiting) + sum(len(batch) for _, batch in self.serving.values())

    @property
    def has_workers(self) -> bool:
        """Whether anybody is left to serve."""
        return bool(self.idle or self.serving)

    def offer(self, request: Request, now: float) -> bool:
        """Admit a request; False where the limit is reached, or no worker is left."""
        if self.inside >= self.limit or not self.has_workers:
            return False
        self.waiting.append((now, request))
        return True

    def assign(self, now: float) -> list[tuple[int, float, list[Request]]]:
        """(worker, now, batch) of what is to be served: full ones, and those that have waited."""
        given = []
        while self.idle and self.waiting:
            if len(self.waiting) < self.batch and now < self.waiting[0][0] + self.wait_s:
                break
            worker = self.idle.popleft()
            size = min(self.batch, len(self.waiting))
            batch = [self.waiting.popleft()[1] for _ in range(size)]
            self.serving[worker] = (now, batch)
            given.append((worker, now, batch))
        return given

    def finish(self, worker: int) -> bool:
        """A worker has served its batch and is idle; False where it was given up before."""
        if self.serving.pop(worker, None) is None:
            return False
        self.idle.append(worker)
        return True

    def lose(self, worker: int) -> list[Request]:
        """A worker is gone: what nobody will serve.

        That is what it was serving, and where it was the last one, all that wait.
        """
        _, lost = self.serving.pop(worker, (0.0, []))
        if not self.has_workers:
            lost = lost + [request for _, request in self.waiting]
            self.waiting.clear()
        return lost

    def leave(self, client: int) -> int:
        """A client is gone: how many requests of it waited and will not be served."""
        before = len(self.waiting)
        self.waiting = deque(one for one in self.waiting if one[1].client != client)
        return before - len(self.waiting)

    def overdue(self, now: float) -> list[int]:
        """Workers that take too long."""
        since_when = [(worker, since) for worker, (since, _) in self.serving.items()]
        return [worker for worker, since in since_when if now >= since + self.overdue_s]

    def due(self, now: float) -> float:
        """When to ask `assign` again if nothing happens before; inf where no batch is waiting."""
        if not self.waiting:
            return math.inf
        since, _ = self.waiting[0]
        waited = since + self.wait_s
        return waited if waited > now else math.inf
