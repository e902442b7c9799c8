"""One schedule drawn by hand, and the same requests from a client who waits: why that flatters.

One server takes 20 ms a request, and once 100 ms. No clock, no model: what is drawn is arithmetic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.arrivals.figures import draw_by_hand
from blipkit.arrivals.queueing import served

ARRIVALS_MS = (0, 25, 50, 75, 100, 125, 150, 175, 200, 225)
SERVICE_MS = 20.0
STALL_MS = 100.0
STALLED = 2  # the request that takes longer


@dataclass(frozen=True)
class HandDrawn:
    """A request of the example. how: open or closed loop; due_ms: when it is meant to be sent;
    started_ms, answered_ms: when it is served; latency_ms: from due to answered.
    """

    how: str
    request: int
    due_ms: float
    started_ms: float
    answered_ms: float

    @property
    def latency_ms(self) -> float:
        return self.answered_ms - self.due_ms


def services_ms() -> list[float]:
    """How long each request is served."""
    times = [SERVICE_MS] * len(ARRIVALS_MS)
    times[STALLED] = STALL_MS
    return times


def open_loop() -> list[HandDrawn]:
    """The requests come when they come."""
    services = services_ms()
    answered = served(ARRIVALS_MS, services, servers=1)
    return drawn("open loop", ARRIVALS_MS, services, answered)


def closed_loop() -> list[HandDrawn]:
    """Each is sent at its time too, but not before the one before it is answered: nobody waits."""
    due = []
    answered = []
    free_ms = 0.0  # since when the client has its last answer
    for arrival, service in zip(ARRIVALS_MS, services_ms(), strict=True):
        due.append(max(arrival, free_ms))
        free_ms = due[-1] + service
        answered.append(free_ms)
    return drawn("closed loop", due, services_ms(), answered)


def drawn(
    how: str, due: Sequence[float], services: Sequence[float], answered: Sequence[float]
) -> list[HandDrawn]:
    """The rows of one of the two."""
    rows = []
    for request, times in enumerate(zip(due, services, answered, strict=True)):
        due_ms, service_ms, answered_ms = times
        rows.append(HandDrawn(how, request, due_ms, answered_ms - service_ms, answered_ms))
    return rows


def late(rows: Sequence[HandDrawn], limit_ms: float) -> int:
    """How many took longer than the limit."""
    return sum(row.latency_ms > limit_ms for row in rows)


def draw_why_closed_loops_flatter(limit_ms: float = 3 * SERVICE_MS) -> None:
    """Both, one under the other; limit_ms: beyond which a request is late."""
    opened = open_loop()
    closed = closed_loop()
    words = f"{late(opened, limit_ms)} of {len(opened)} requests"
    caption = (
        f"Later than {limit_ms:g} ms: {words} that come by a schedule, and"
        f" {late(closed, limit_ms)} of the same {len(closed)} from a client who waits"
    )
    draw_by_hand([*opened, *closed], caption)
