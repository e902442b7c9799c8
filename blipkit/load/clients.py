"""C closed-loop clients in a process of their own: each sends its next request when it has its answer, and has thought.

They ask over a socket each, one thread serves them all, and every request goes into a file of fixed-size records as it is
answered, so that a million of them take no memory. No library beside numpy is imported: this process starts fast.
"""

import contextlib
import heapq
import itertools
import math
import random
import selectors
import socket
import struct
import time
from collections.abc import Iterator

import numpy as np

from blipkit.load.stability import uneven
from blipkit.serving.protocol import ANSWERED, LOST, NOT_SERVED, REFUSED, REPLY, REQUEST, STATUSES, WRONG

# what is kept of a request, with its format in struct and in numpy; d: a time by this machine's monotonic clock, s
FIELDS = {"client": "H", "number": "Q", "frame": "I", "status": "B", "scheduled": "d", "sent": "d"}
FIELDS |= {"worker": "H", "batch": "I", "size": "H", "dequeued": "d", "started": "d", "finished": "d", "received": "d"}
RECORD = struct.Struct("<" + "".join(FIELDS.values()))
FORMATS = np.dtype([(name, f"<{code}") for name, code in FIELDS.items()])
WARMUP_ROUNDS = 5  # at most, until the thirds of one agree
TRIES = 3  # of measuring, at most, until its thirds agree; the last one counts
RETRY_S = 0.05  # a client that was refused waits so long before it asks again


def frames_in_turn(count: int, repeat_share: float, seed: int) -> Iterator[int]:
    """Indices of frames without end: each once per pass, in an order of its own; a share asks for the one before again."""
    chance = random.Random(seed)
    while True:
        for index in chance.sample(range(count), count):
            yield index
            while chance.random() < repeat_share:
                yield index


class Clients:
    """expected: the digest of the right answers, for each frame; record: a binary file that requests are written to."""

    def __init__(self, address: str, count: int, expected: list[int], record, think_s=0.0, repeat_share=0.0, seed=0):
        self.expected, self.record, self.think_s = expected, record, think_s
        self.frames, self.chance = frames_in_turn(len(expected), repeat_share, seed), random.Random(seed + 1)
        self.selector, self.lines = selectors.DefaultSelector(), {}
        for client in range(count):
            line = self.lines[client] = socket.socket(socket.AF_UNIX)
            line.connect(address)
            self.selector.register(line, selectors.EVENT_READ, client)
        self.open: dict[int, tuple] = {}  # client -> number, frame, scheduled and sent of what it waits for
        self.counts = dict.fromkeys((*STATUSES, "sent", "twice"), 0)

    def run(self, warmup_s: float, seconds: float, patience_s: float) -> dict:
        """Warm up until it is steady, measure for `seconds`, wait for what is open; counts, and when was measured."""
        # when each of those that think sends, a heap
        self.due = [(time.perf_counter(), client) for client in self.lines]
        rounds = self._until_steady(warmup_s, WARMUP_ROUNDS)[0] if warmup_s else 0
        tries, start, cpu = self._until_steady(seconds, TRIES)
        end = time.perf_counter() + patience_s
        while self.open and (left := end - time.perf_counter()) > 0:
            self._hear(left)
        for client in list(self.lines):
            self._leave(client)
        return {**self.counts, "start": start, "warmup_rounds": rounds, "tries": tries, "clients_cpu_s": cpu}

    def _until_steady(self, seconds: float, most: int) -> tuple[int, float, float]:
        """Ask in rounds of so long until the thirds of one agree, at most so many; how many it took, the last one's start
        and the CPU time of asking in it, s.
        """
        for count in itertools.count(1):
            start, cpu, begun = time.perf_counter(), time.process_time(), self.record.tell()
            self._ask_until(start + seconds)
            cpu = time.process_time() - cpu
            self.record.flush()
            kept = np.fromfile(self.record.name, FORMATS, offset=begun)
            kept = kept[kept["received"] >= start]
            if count == most or not uneven(kept["received"], kept["received"] - kept["scheduled"]):
                return count, start, cpu

    def _ask_until(self, end: float) -> None:
        """Send what is due and hear what comes until a time, while any line is there."""
        while self.lines and (now := time.perf_counter()) < end:
            if self.due and self.due[0][0] <= now:
                scheduled, client = heapq.heappop(self.due)
                if client in self.lines:  # else the server hung up on it while it thought
                    self._send(scheduled, client)
            else:
                self._hear(min(end, self.due[0][0] if self.due else end) - now)

    def _hear(self, pause: float) -> None:
        for key, _ in self.selector.select(pause):
            self._receive(key.data, key.fileobj)

    def _send(self, scheduled: float, client: int) -> None:
        frame, number = next(self.frames), self.counts["sent"]
        self.counts["sent"] += 1
        self.open[client] = number, frame, scheduled, time.perf_counter()
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
        self._keep(client, status, served, received)
        pause = self.chance.expovariate(1 / self.think_s) if self.think_s else 0.0
        heapq.heappush(self.due, (received + pause + (RETRY_S if status == REFUSED else 0.0), client))

    def _keep(self, client: int, status: int, served=NOT_SERVED, received: float = math.nan) -> None:
        number, frame, scheduled, sent = self.open.pop(client)
        self.counts[STATUSES[status]] += 1
        self.record.write(RECORD.pack(client, number, frame, status, scheduled, sent, *served, received))

    def _leave(self, client: int) -> None:
        """Hang up; what this client still waits for is lost."""
        self.selector.unregister(self.lines[client])
        self.lines.pop(client).close()
        if client in self.open:
            self._keep(client, LOST)


def ask(record: str, warmup_s: float, seconds: float, patience_s: float, **about) -> dict:
    """In the child: `Clients.run`, with the requests in the file `record`."""
    with open(record, "wb") as file:
        return Clients(record=file, **about).run(warmup_s, seconds, patience_s)
