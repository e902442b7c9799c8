"""C closed-loop clients in a process of their own: each thinks, asks, and waits for its answer.

Each has a connection, one thread drives them all, and every request goes into a file as it is
answered. No library beside numpy is imported, but for what makes JPEGs where those travel: this
process starts fast.
"""

import contextlib
import heapq
import math
import random
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from blipkit.frames.source import FrameSource
from blipkit.load.requests import FORMATS, RECORD
from blipkit.load.stability import uneven
from blipkit.serving.protocol import (
    ANSWERED,
    LOST,
    NOT_SERVED,
    REFUSED,
    REPLY,
    STATUSES,
    WRONG,
    Asked,
    Served,
)
from blipkit.serving.waiting import wait_exactly

WARMUP_ROUNDS = 5  # at most, until the thirds of one agree
RETRY_S = 0.05  # a client that does not think waits so long, once refused, before it asks again


def frames_in_turn(count: int, repeat_share: float, seed: int) -> Iterator[int]:
    """Indices of frames without end: each once per pass, each pass in an order of its own.

    repeat_share: of requests that ask about the frame before again.
    """
    rng = random.Random(seed)
    while True:
        for index in rng.sample(range(count), count):
            yield index
            while rng.random() < repeat_share:
                yield index


def pause_before_next(rng: random.Random, think_s: float, refused: bool) -> float:
    """How many seconds a client lets pass before it asks again.

    Who was refused thinks as long as who was answered: in a shorter time they would hammer, in a
    longer one lose the next free place to those who were just answered.
    """
    if think_s:
        return rng.expovariate(1 / think_s)
    if refused:
        return RETRY_S
    return 0.0


@dataclass(frozen=True)
class Asking:
    """How clients ask; plain values, as a child gets JSON.

    clients: how many; seconds: the measured time; warmup_s: of a round of warm-up; timeout_s: how
    long to wait at the end for what is in flight; think_s: mean time, exponential, that a client
    lets pass after each reply; repeat_share: of requests about the frame before; seed: of the
    frames' order and of the times; from_jpeg: a FrameSource, whose frames travel as JPEGs;
    None where indices do.
    """

    clients: int
    seconds: float
    warmup_s: float
    timeout_s: float
    think_s: float = 0.0
    repeat_share: float = 0.0
    seed: int = 0
    from_jpeg: dict[str, Any] | None = None


@dataclass(frozen=True)
class ClientCounts:
    """What the clients of one run counted.

    answered, refused, failed, wrong (answered, but otherwise than without load), lost (no reply
    came): requests, together those sent; twice: replies that belong to no request in flight;
    warmup_rounds: rounds of warm-up that it took; clients_cpu_s: CPU time of asking in the measured
    time; frame_kb: mean size of a frame as it travelled, 1,000 bytes, 0 where its index did.
    """

    answered: int = 0
    refused: int = 0
    failed: int = 0
    wrong: int = 0
    lost: int = 0
    sent: int = 0
    twice: int = 0
    warmup_rounds: int = 0
    clients_cpu_s: float = 0.0
    frame_kb: float = 0.0


@dataclass(frozen=True)
class ClientReport:
    """What came of asking. start: when measuring began, by the monotonic clock, s."""

    counts: ClientCounts
    start: float


class InFlight(NamedTuple):
    """A request that its client waits for. scheduled, sent: when it was due, and sent, s."""

    number: int
    frame: int
    scheduled: float
    sent: float


class Clients:
    """Clients that are connected to a server's socket at `address`.

    expected: the digest of the right answers about each frame; record: a file to write requests to.
    """

    def __init__(self, address: str, asking: Asking, expected: list[int], record: BinaryIO):
        self.asking = asking
        self.expected = expected
        self.record = record
        self.pictures = [b""] * len(expected)  # of each frame, as it travels; none: its index does
        self.frames = frames_in_turn(len(expected), asking.repeat_share, asking.seed)
        self.rng = random.Random(asking.seed + 1)
        self.selector = selectors.DefaultSelector()
        self.connections: dict[int, socket.socket] = {}
        for client in range(asking.clients):
            connection = self.connections[client] = socket.socket(socket.AF_UNIX)
            connection.connect(address)
            self.selector.register(connection, selectors.EVENT_READ, client)
        self.in_flight: dict[int, InFlight] = {}  # client -> what it waits for
        self.due: list[tuple[float, int]] = []  # a heap: when each client that thinks sends
        self.counts = dict.fromkeys((*STATUSES, "sent", "twice"), 0)

    def run(self) -> ClientReport:
        """Warm up until it is steady, measure once, and wait for what is in flight.

        To measure again what did not hold still would hide that it did not.
        """
        asking = self.asking
        start = time.perf_counter()
        self.due = [(start, client) for client in self.connections]
        warmup_rounds = 0
        if asking.warmup_s:
            warmup_rounds = self._warm_up(asking.warmup_s)
            start = time.perf_counter()
        cpu_before = time.process_time()
        self._ask_until(start + asking.seconds)
        cpu_s = time.process_time() - cpu_before
        self._wait_for_replies(asking.timeout_s)
        for client in list(self.connections):
            self._leave(client)
        counts = ClientCounts(
            warmup_rounds=warmup_rounds,
            clients_cpu_s=cpu_s,
            frame_kb=sum(map(len, self.pictures)) / len(self.pictures) / 1e3,
            **self.counts,
        )
        return ClientReport(counts, start)

    def _wait_for_replies(self, timeout_s: float) -> None:
        end = time.perf_counter() + timeout_s
        while self.in_flight and (left := end - time.perf_counter()) > 0:
            self._hear(left)

    def _warm_up(self, round_s: float) -> int:
        """Ask in rounds of so many seconds until one was steady, or WARMUP_ROUNDS; how many."""
        for count in range(1, WARMUP_ROUNDS + 1):
            start = time.perf_counter()
            begun = self.record.tell()
            self._ask_until(start + round_s)
            if self._was_steady(start, begun):
                return count
        return WARMUP_ROUNDS

    def _was_steady(self, start: float, begun: int) -> bool:
        """Whether the thirds of a round agree. start: of the round, s; begun: where its requests
        begin in their file.
        """
        self.record.flush()
        requests = np.fromfile(self.record.name, FORMATS, offset=begun)
        requests = requests[requests["received"] >= start]
        return not uneven(requests["received"], requests["received"] - requests["scheduled"])

    def _ask_until(self, end: float) -> None:
        """Send what is due and hear what comes until a time, while any connection is left."""
        while self.connections and (now := time.perf_counter()) < end:
            if self.due and self.due[0][0] <= now:
                scheduled, client = heapq.heappop(self.due)
                if client in self.connections:  # else the server hung up while it thought
                    self._send(scheduled, client)
            else:
                until = end
                if self.due:
                    until = min(end, self.due[0][0])
                self._hear(until - now)

    def _hear(self, pause: float) -> None:
        events = wait_exactly(self.selector, pause) if self.due else self.selector.select(pause)
        for key, _ in events:
            self._receive(key.data, key.fileobj)

    def _send(self, scheduled: float, client: int) -> None:
        frame = next(self.frames)
        number = self.counts["sent"]
        self.counts["sent"] += 1
        asked = Asked(number, frame, self.pictures[frame]).packed()
        self.in_flight[client] = InFlight(number, frame, scheduled, time.perf_counter())
        with contextlib.suppress(OSError):  # where the server has hung up, receiving says so
            self.connections[client].sendall(asked)

    def _receive(self, client: int, connection: socket.socket) -> None:
        reply = b""
        with contextlib.suppress(OSError):
            reply = connection.recv(REPLY.size, socket.MSG_WAITALL)
        received = time.perf_counter()
        if len(reply) < REPLY.size:
            self._leave(client)
            return
        number, status, digest, *served = REPLY.unpack(reply)
        request = self.in_flight.get(client)
        if request is None or request.number != number:
            self.counts["twice"] += 1
            return
        if status == ANSWERED and digest != self.expected[request.frame]:
            status = WRONG
        self._end(client, status, Served(*served), received)
        pause_s = pause_before_next(self.rng, self.asking.think_s, status == REFUSED)
        heapq.heappush(self.due, (received + pause_s, client))

    def _end(
        self, client: int, status: int, served: Served = NOT_SERVED, received: float = math.nan
    ) -> None:
        """Count the request that a client waits for, and write it down."""
        number, frame, scheduled, sent = self.in_flight.pop(client)
        self.counts[STATUSES[status]] += 1
        record = RECORD.pack(client, number, frame, status, scheduled, sent, *served, received)
        self.record.write(record)

    def _leave(self, client: int) -> None:
        """Hang up; what this client still waits for is lost."""
        self.selector.unregister(self.connections[client])
        self.connections.pop(client).close()
        if client in self.in_flight:
            self._end(client, LOST)


def ask(record: str, address: str, expected: list[int], asking: dict[str, Any]) -> dict[str, Any]:
    """In the child: `Clients.run`, with the requests in the file `record`; a `ClientReport`.

    asking: an `Asking`; both as JSON has them. JPEGs are made before anything is asked.
    """
    plan = Asking(**asking)
    with open(record, "wb") as file:
        # connected first, as a server does not wait for long for who is still to come
        clients = Clients(address, plan, expected, file)
        if plan.from_jpeg:
            from blipkit.frames.jpeg import as_jpegs

            clients.pictures = as_jpegs(FrameSource(**plan.from_jpeg).load())
        return asdict(clients.run())
