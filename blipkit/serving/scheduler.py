"""Who serves which request, and when: a bounded queue before S workers, and batches that wait a limited time for company.

A Dispatcher has no thread, socket or clock. Whoever drives it says what time it is: `blipkit.serving.server` the real one, the
tests a virtual one, on which it is held against queueing theory.
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
    """limit: requests inside, waiting or being served; batch: requests that a worker takes at once, waiting at most
    `wait_s` for them; overdue_s: what a batch may take until its worker is given up. Times in seconds, of any clock.
    """

    def __init__(self, workers: int, limit: int, batch: int = 1, wait_s: float = 0.0, overdue_s: float = math.inf):
        self.limit, self.batch, self.wait_s, self.overdue_s = limit, batch, wait_s, overdue_s
        self.idle: deque[int] = deque(range(workers))
        self.waiting: deque[tuple[float, Request]] = deque()  # with the time since when
        self.serving: dict[int, tuple[float, list[Request]]] = {}  # worker -> since when, and what

    @property
    def inside(self) -> int:
        """Requests that wait or are being served."""
        return len(self.waiting) + sum(len(batch) for _, batch in self.serving.values())

    def offer(self, request: Request, now: float) -> bool:
        """Admit a request; False where it is refused: the limit is reached, or no worker is left."""
        if self.inside >= self.limit or not (self.idle or self.serving):
            return False
        self.waiting.append((now, request))
        return True

    def assign(self, now: float) -> list[tuple[int, float, list[Request]]]:
        """(worker, now, batch) of what is to be served: full batches, and those whose first request waited."""
        given = []
        while self.idle and self.waiting:
            if len(self.waiting) < self.batch and now < self.waiting[0][0] + self.wait_s:
                break
            worker, size = self.idle.popleft(), min(self.batch, len(self.waiting))
            batch = [self.waiting.popleft()[1] for _ in range(size)]
            self.serving[worker] = now, batch
            given.append((worker, now, batch))
        return given

    def finish(self, worker: int) -> bool:
        """A worker has served its batch and is idle; False where it was given up before."""
        if self.serving.pop(worker, None) is None:
            return False
        self.idle.append(worker)
        return True

    def lose(self, worker: int) -> list[Request]:
        """A worker is gone: what it was serving, and all that wait if it was the last one, which nobody will serve."""
        _, lost = self.serving.pop(worker, (0.0, []))
        if not (self.idle or self.serving):
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
        return [worker for worker, (since, _) in self.serving.items() if now >= since + self.overdue_s]

    def due(self, now: float) -> float:
        """When to ask `assign` again if nothing happens before; inf where no batch will have waited long enough."""
        waited = self.waiting[0][0] + self.wait_s if self.waiting else math.inf
        return waited if waited > now else math.inf
