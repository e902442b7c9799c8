"""Which worker serves which request, and when: a bounded queue before S workers.

Batches wait a limited time for company. A Dispatcher has no thread, socket or clock; its caller
says what time it is: `blipkit.serving.server` by the real clock, the tests by a virtual one, on
which it is held against queueing theory.
"""

import math
from collections import deque
from typing import NamedTuple


class Request(NamedTuple):
    """What a client asks: its own number, the request's, the index of a frame, and the frame's
    picture, b"" where only the index came.
    """

    client: int
    number: int
    frame: int
    picture: bytes = b""

    @property
    def asked(self) -> int | bytes:
        """What is asked about: the picture, or the index where only that came."""
        return self.picture or self.frame


class Assigned(NamedTuple):
    """A batch that a worker is to serve, or serves. since: when it was taken from the queue, s."""

    worker: int
    since: float
    batch: list[Request]


class Waiting(NamedTuple):
    """A request in the queue. since: when it came, s."""

    since: float
    request: Request


class Dispatcher:
    """A bounded queue, the idle workers, and what the others serve. Times in seconds, of any clock.

    limit: requests in flight at most, waiting or being served; batch: requests that a worker takes
    at once, waiting at most `wait_s` for them; overdue_s: what a batch may take until its worker
    is given up.
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
        self.waiting: deque[Waiting] = deque()
        self.serving: dict[int, Assigned] = {}  # worker -> its batch

    @property
    def in_flight(self) -> int:
        """How many requests wait or are being served."""
        return len(self.waiting) + sum(len(one.batch) for one in self.serving.values())

    @property
    def has_workers(self) -> bool:
        """Whether any worker is left to serve."""
        return bool(self.idle or self.serving)

    def offer(self, request: Request, now: float) -> bool:
        """Admit a request; False where the limit is reached, or no worker is left."""
        if self.in_flight >= self.limit or not self.has_workers:
            return False
        self.waiting.append(Waiting(now, request))
        return True

    def assign(self, now: float) -> list[Assigned]:
        """Give idle workers the batches that are full or have waited long enough; those batches."""
        assigned = []
        while self.idle and self.waiting:
            if len(self.waiting) < self.batch and now < self.waiting[0].since + self.wait_s:
                break
            worker = self.idle.popleft()
            size = min(self.batch, len(self.waiting))
            batch = [self.waiting.popleft().request for _ in range(size)]
            self.serving[worker] = Assigned(worker, now, batch)
            assigned.append(self.serving[worker])
        return assigned

    def finish(self, worker: int) -> bool:
        """A worker has served its batch and is idle; False where it was given up before."""
        if self.serving.pop(worker, None) is None:
            return False
        self.idle.append(worker)
        return True

    def lose(self, worker: int) -> list[Request]:
        """Give up a worker; the requests that will not be served.

        Those are what it was serving, and where it was the last worker, all that wait.
        """
        lost = []
        if worker in self.serving:
            lost += self.serving.pop(worker).batch
        if not self.has_workers:
            lost += [one.request for one in self.waiting]
            self.waiting.clear()
        return lost

    def leave(self, client: int) -> int:
        """Forget the waiting requests of a client that is gone; how many they were."""
        before = len(self.waiting)
        self.waiting = deque(one for one in self.waiting if one.request.client != client)
        return before - len(self.waiting)

    def overdue(self, now: float) -> list[int]:
        """Workers that take too long."""
        batches = self.serving.values()
        return [one.worker for one in batches if now >= one.since + self.overdue_s]

    def due(self, now: float) -> float:
        """When to ask `assign` again if nothing happens before; inf where no batch is waiting."""
        if not self.waiting:
            return math.inf
        waited = self.waiting[0].since + self.wait_s
        return waited if waited > now else math.inf
