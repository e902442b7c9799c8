"""Who serves which request, and when: a bounded queue before S workers, and batches that wait a limited time for company.

A Dispatcher has no thread, socket or clock. Whoever drives it says what time it is: `blipkit.server` the real one, the
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
        self.inside = 0

    def offer(self, request: Request, now: float) -> bool:
        """Admit a request; False where it is refused: the limit is reached, or no worker is left."""
        if self.inside >= self.limit or not (self.idle or self.serving):
            return False
        self.inside += 1
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
        if worker not in self.serving:
            return False
        self.inside -= len(self.serving.pop(worker)[1])
        self.idle.append(worker)
        return True

    def lose(self, worker: int) -> list[Request]:
        """A worker is gone: what it was serving, and all that wait if it was the last one, which nobody will serve."""
        lost = self.serving.pop(worker, (0.0, []))[1]
        if not (self.idle or self.serving):
            lost = lost + [request for _, request in self.waiting]
            self.waiting.clear()
        self.inside -= len(lost)
        return lost

    def leave(self, client: int) -> int:
        """A client is gone: how many requests of it waited and will not be served."""
        kept = deque(one for one in self.waiting if one[1].client != client)
        dropped = len(self.waiting) - len(kept)
        self.waiting, self.inside = kept, self.inside - dropped
        return dropped

    def overdue(self, now: float) -> list[int]:
        """Workers that take too long."""
        return [worker for worker, (since, _) in self.serving.items() if now >= since + self.overdue_s]

    def due(self, now: float) -> float:
        """When to ask `assign` and `overdue` again if nothing happens before; inf where nothing can become due."""
        times = [since + self.overdue_s for since, _ in self.serving.values()]
        if self.waiting and self.waiting[0][0] + self.wait_s > now:
            times.append(self.waiting[0][0] + self.wait_s)
        return min(times, default=math.inf)
