"""Requests that are sent by a schedule, whatever comes back, from a process of its own.

A few connections carry them all, with many in flight on each. Latency counts from the schedule:
where sending is late itself, that is charged to the request and seen as lag. No library beside
numpy is imported: this process starts fast.
"""

import contextlib
import math
import selectors
import socket
import time
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO, NamedTuple

from blipkit.arrivals.schedule import Offer
from blipkit.load.clients import ClientCounts, ClientReport, frames_in_turn
from blipkit.load.requests import RECORD
from blipkit.serving.protocol import (
    ANSWERED,
    LOST,
    NOT_SERVED,
    REPLY,
    STATUSES,
    WRONG,
    Asked,
    Served,
)
from blipkit.serving.waiting import wait_exactly

LEAD_S = 0.02  # between connecting and the first request
SEND_S = 1.0  # that sending may block, where the servers read nothing, until it is given up
AT_ONCE = 1 << 16  # bytes of replies read at once


@dataclass(frozen=True)
class Sending:
    """What is sent; plain values, as a child gets JSON.

    offer: an `Offer`; connections: by which it is sent; patience_s: how long to wait, after the
    last request, for what is in flight; frames_seed: of the order of the frames.
    """

    offer: dict[str, Any]
    connections: int
    patience_s: float
    frames_seed: int = 0


class InFlight(NamedTuple):
    """A request without an answer yet. scheduled, sent: s; connection: that it went by."""

    frame: int
    scheduled: float
    sent: float
    connection: int


class Sender:
    """Sends to a socket at `address` by a schedule, and hears what comes back.

    expected: the digest of the right answers about each frame; record: a file to write requests to.
    """

    def __init__(self, address: str, sending: Sending, expected: list[int], record: BinaryIO):
        self.sending = sending
        self.offer = Offer(**sending.offer)
        self.expected = expected
        self.record = record
        self.frames = frames_in_turn(len(expected), 0.0, sending.frames_seed)
        self.selector = selectors.DefaultSelector()
        self.connections: dict[int, socket.socket] = {}
        for number in range(sending.connections):
            connection = self.connections[number] = socket.socket(socket.AF_UNIX)
            connection.connect(address)
            connection.settimeout(SEND_S)
            self.selector.register(connection, selectors.EVENT_READ, number)
        self.unread = dict.fromkeys(self.connections, b"")  # the beginning of a reply
        self.in_flight: dict[int, InFlight] = {}  # number of the request -> what it waits for
        self.counts = dict.fromkeys((*STATUSES, "sent", "twice"), 0)

    def run(self) -> ClientReport:
        """Send everything, wait for what is in flight, and hang up."""
        times = self.offer.times()
        start = time.perf_counter() + LEAD_S + self.offer.warmup_s
        cpu_before = time.process_time()
        for number, after in enumerate(times):
            due = start + float(after)
            self._hear_until(due)
            self._send(number, due)
        self._hear_until(start + self.offer.seconds)
        cpu_s = time.process_time() - cpu_before
        self._hear_rest(self.sending.patience_s)
        for number in list(self.connections):
            self._leave(number)
        span_s = self.offer.warmup_s + self.offer.seconds
        measured_cpu_s = cpu_s * self.offer.seconds / span_s
        counts = ClientCounts(warmup_rounds=1, clients_cpu_s=measured_cpu_s, **self.counts)
        return ClientReport(counts, start)

    def _hear_until(self, due: float) -> None:
        """Hear what comes until a time, and once where that is past."""
        while self.connections:
            left = due - time.perf_counter()
            self._hear(max(left, 0.0))
            if left <= 0:
                return

    def _hear_rest(self, patience_s: float) -> None:
        end = time.perf_counter() + patience_s
        while self.in_flight and (left := end - time.perf_counter()) > 0:
            self._hear(left)

    def _hear(self, pause_s: float) -> None:
        for key, _ in wait_exactly(self.selector, pause_s):
            self._receive(key.data, key.fileobj)

    def _send(self, number: int, due: float) -> None:
        """Send a request on the next connection; where none takes it, it is left unsent."""
        if not self.connections:
            return
        numbers = list(self.connections)
        connection = numbers[number % len(numbers)]
        frame = next(self.frames)
        sent = time.perf_counter()
        with contextlib.suppress(OSError):
            self.connections[connection].sendall(Asked(number, frame).packed())
            self.in_flight[number] = InFlight(frame, due, sent, connection)
            self.counts["sent"] += 1

    def _receive(self, connection: int, stream: socket.socket) -> None:
        """Read the replies that are there; the last may have come in part."""
        read = b""
        with contextlib.suppress(OSError):
            read = stream.recv(AT_ONCE)
        received = time.perf_counter()
        if not read:
            self._leave(connection)
            return
        replies = self.unread[connection] + read
        whole = len(replies) - len(replies) % REPLY.size
        self.unread[connection] = replies[whole:]
        for number, status, digest, *served in REPLY.iter_unpack(replies[:whole]):
            self._answer(number, status, digest, Served(*served), received)

    def _answer(
        self, number: int, status: int, digest: int, served: Served, received: float
    ) -> None:
        request = self.in_flight.get(number)
        if request is None:
            self.counts["twice"] += 1
            return
        if status == ANSWERED and digest != self.expected[request.frame]:
            status = WRONG
        self._end(number, status, served, received)

    def _end(
        self, number: int, status: int, served: Served = NOT_SERVED, received: float = math.nan
    ) -> None:
        """Count a request that was sent, and write it down."""
        frame, scheduled, sent, connection = self.in_flight.pop(number)
        self.counts[STATUSES[status]] += 1
        record = RECORD.pack(connection, number, frame, status, scheduled, sent, *served, received)
        self.record.write(record)

    def _leave(self, connection: int) -> None:
        """Hang up; what is still in flight there is never answered."""
        self.selector.unregister(self.connections[connection])
        self.connections.pop(connection).close()
        waiting = [n for n, one in self.in_flight.items() if one.connection == connection]
        for number in waiting:
            self._end(number, LOST)


def send(record: str, address: str, expected: list[int], asking: dict[str, Any]) -> dict[str, Any]:
    """In the child: `Sender.run`, with the requests in the file `record`; a `ClientReport`.

    asking: a `Sending`; both as JSON has them.
    """
    with open(record, "wb") as file:
        return asdict(Sender(address, Sending(**asking), expected, file).run())
