"""C closed-loop clients in a process of their own: each asks when it has its answer and thought.

They ask over a socket each, one thread serves them all, and every request goes into a file as it is
answered. No library beside numpy is imported: this process starts fast.
"""

import contextlib
import heapq
import itertools
import math
import random
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from blipkit.load.requests import FORMATS, RECORD
from blipkit.load.stability import uneven
from blipkit.serving.protocol import (
    ANSWERED,
    LOST,
    NOT_SERVED,
    REFUSED,
    REPLY,
    REQUEST,
    STATUSES,
    WRONG,
    Served,
)

WARMUP_ROUNDS = 5  # at most, until the thirds of one agree
TRIES = 3  # of measuring, at most, until its thirds agree; the last one counts
RETRY_S = 0.05  # a client that was refused waits so long before it asks again


def frames_in_turn(count: int, repeat_share: float, seed: int) -> Iterator[int]:
    """Indices of frames without end: each once per pass, in an order of its own for each pass.

    repeat_share: of requests that ask about the frame before again.
    """
    chance = random.Random(seed)
    while True:
        for index in chance.sample(range(count), count):
            yield index
            while chance.random() < repeat_share:
                yield index


@dataclass(frozen=True)
class Asking:
    """How clients ask.

    clients: how many; seconds: how long is measured; warmup_s: of a round of warm-up; patience_s:
    how long is waited for what is open at the end; think_s: mean time, exponential, that a client
    lets pass before it asks again; repeat_share: of requests about the frame before; seed: of the
    frames' order and of the times.
    """

    clients: int
    seconds: float
    warmup_s: float
    patience_s: float
    think_s: float = 0.0
    repeat_share: float = 0.0
    seed: int = 0


class Clients:
    """Clients that are connected to a server's socket at `address`.

    expected: the digest of the right answers about each frame; record: a file to write requests to.
    """

    def __init__(self, address: str, asking: Asking, expected: list[int], record: BinaryIO):
        self.asking = asking
        self.expected = expected
        self.record = record
        self.frames = frames_in_turn(len(expected), asking.repeat_share, asking.seed)
        self.chance = random.Random(asking.seed + 1)
        self.selector = selectors.DefaultSelector()
        self.lines: dict[int, socket.socket] = {}
        for client in range(asking.clients):
            line = self.lines[client] = socket.socket(socket.AF_UNIX)
            line.connect(address)
            self.selector.register(line, selectors.EVENT_READ, client)
        # client -> number, frame, scheduled and sent of what it waits for
        self.open: dict[int, tuple[int, int, float, float]] = {}
        self.due: list[tuple[float, int]] = []  # when each of those that think sends, a heap
        self.counts = dict.fromkeys((*STATUSES, "sent", "twice"), 0)

    def run(self) -> dict[str, int | float]:
        """Warm up until it is steady, measure, and wait for what is open.

        What became of the requests sent; besides, start: when measuring began, by the monotonic
        clock in s; warmup_rounds and tries that it took; clients_cpu_s: CPU time of asking.
        """
        asking = self.asking
        self.due = [(time.perf_counter(), client) for client in self.lines]
        rounds = 0
        if asking.warmup_s:
            rounds, _, _ = self._until_steady(asking.warmup_s, WARMUP_ROUNDS)
        tries, start, cpu_s = self._until_steady(asking.seconds, TRIES)
        self._wait_for_open(asking.patience_s)
        for client in list(self.lines):
            self._leave(client)
        told = dict(self.counts)
        told.update(start=start, warmup_rounds=rounds, tries=tries, clients_cpu_s=cpu_s)
        return told

    def _wait_for_open(self, patience_s: float) -> None:
        end = time.perf_counter() + patience_s
        while self.open and (left := end - time.perf_counter()) > 0:
            self._hear(left)

    def _until_steady(self, seconds: float, most: int) -> tuple[int, float, float]:
        """Ask in rounds of so long until the thirds of one agree, at most so many.

        How many it took, the last one's start, and the CPU time of asking in it, in s.
        """
        for count in itertools.count(1):
            start = time.perf_counter()
            cpu_before = time.process_time()
            begun = self.record.tell()
            self._ask_until(start + seconds)
            cpu_s = time.process_time() - cpu_before
            self.record.flush()
            kept = np.fromfile(self.record.name, FORMATS, offset=begun)
            kept = kept[kept["received"] >= start]
            if count == most or not uneven(kept["received"], kept["received"] - kept["scheduled"]):
                return count, start, cpu_s

    def _ask_until(self, end: float) -> None:
        """Send what is due and hear what comes until a time, while any line is there."""
        while self.lines and (now := time.perf_counter()) < end:
            if self.due and self.due[0][0] <= now:
                scheduled, client = heapq.heappop(self.due)
                if client in self.lines:  # else the server hung up on it while it thought
                    self._send(scheduled, client)
            else:
                until = end
                if self.due:
                    until = min(end, self.due[0][0])
                self._hear(until - now)

    def _hear(self, pause: float) -> None:
        for key, _ in self.selector.select(pause):
            self._receive(key.data, key.fileobj)

    def _send(self, scheduled: float, client: int) -> None:
        frame = next(self.frames)
        number = self.counts["sent"]
        self.counts["sent"] += 1
        self.open[client] = (number, frame, scheduled, time.perf_counter())
        with contextlib.suppress(OSError):  # where the server has hung up, receiving says so
            self.lines[client].send(REQUEST.pack(number, frame))

    def _receive(self, client: int, line: socket.socket) -> None:
        told = b""
        with contextlib.suppress(OSError):
            told = line.recv(REPLY.size)
        received = time.perf_counter()
        if not told:
            self._leave(client)
            return
        number, status, digest, *served = REPLY.unpack(told)
        if client not in self.open or self.open[client][0] != number:
            self.counts["twice"] += 1
            return
        if status == ANSWERED and digest != self.expected[self.open[client][1]]:
            status = WRONG
        self._keep(client, status, Served(*served), received)
        heapq.heappush(self.due, (received + self._pause_s(status), client))

    def _pause_s(self, status: int) -> float:
        """How long a client waits before it asks again."""
        pause_s = 0.0
        if self.asking.think_s:
            pause_s = self.chance.expovariate(1 / self.asking.think_s)
        if status == REFUSED:
            pause_s += RETRY_S
        return pause_s

    def _keep(
        self, client: int, status: int, served: Served = NOT_SERVED, received: float = math.nan
    ) -> None:
        number, frame, scheduled, sent = self.open.pop(client)
        self.counts[STATUSES[status]] += 1
        record = RECORD.pack(client, number, frame, status, scheduled, sent, *served, received)
        self.record.write(record)

    def _leave(self, client: int) -> None:
        """Hang up; what this client still waits for is lost."""
        self.selector.unregister(self.lines[client])
        self.lines.pop(client).close()
        if client in self.open:
            self._keep(client, LOST)


def ask(record: str, address: str, expected: list[int], asking: dict) -> dict[str, int | float]:
    """In the child: `Clients.run`, with the requests in the file `record`; asking: from JSON."""
    with open(record, "wb") as file:
        return Clients(address, Asking(**asking), expected, file).run()
