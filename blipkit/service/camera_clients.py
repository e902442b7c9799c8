"""Clients that ask over HTTP when a schedule says so, whatever comes back: cameras do not wait.

A request is charged from the moment when it was due. Each has an id of its own, and ends in exactly
one line of the clients' ledger.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
import numpy as np

from blipkit.service.ledger import LedgerLine, answers_digest
from blipkit.service.wire import ID_HEADER, PATH, backend_in, texts_in

BEGIN_S = 0.2  # between now and the first moment of a schedule


@dataclass(frozen=True)
class EncodedForm:
    """A request's form, encoded once for all requests that send it."""

    content: bytes
    content_type: str


def form_of(image: bytes, questions: Sequence[str]) -> EncodedForm:
    """The form that asks questions about an image, a JPEG or a PNG."""
    parts = [("image", ("frame", image, "application/octet-stream"))]
    parts += [("question", (None, text)) for text in questions]
    request = httpx.Request("POST", "http://tier", files=parts)
    return EncodedForm(request.read(), request.headers["Content-Type"])


@dataclass(frozen=True)
class Followed:
    """What clients did. lines: one a request, in the order of their ends; lag_ms: how late the
    clients themselves sent each; began_s: Unix time of the schedule's 0.
    """

    lines: list[LedgerLine]
    lag_ms: list[float]
    began_s: float

    @property
    def lag_p99_ms(self) -> float:
        """How late the clients were, but for one in a hundred."""
        if not self.lag_ms:
            return 0.0
        return float(np.quantile(self.lag_ms, 0.99, method="higher"))


class Cameras:
    """Clients of one tier. forms: what each asks, in turn; name: how ids begin; write: takes each
    line of the ledger as it comes.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        forms: Sequence[EncodedForm],
        name: str = "camera",
        write: Callable[[LedgerLine], None] = lambda line: None,
    ):
        self.client = client
        self.forms = forms
        self.name = name
        self.write = write
        self.lines: list[LedgerLine] = []
        self.lag_ms: list[float] = []

    async def follow(self, times: Sequence[float]) -> Followed:
        """Send a request at each time, s from the beginning, and wait for what becomes of all."""
        start = time.perf_counter() + BEGIN_S
        began_s = time.time() + BEGIN_S
        async with asyncio.TaskGroup() as group:
            for number, at_s in enumerate(times):
                due = start + at_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(self._ask(number, due))
        return Followed(self.lines, self.lag_ms, began_s)

    async def _ask(self, number: int, due: float) -> None:
        """One request, from when it was due to the line that says how it ended."""
        form = self.forms[number % len(self.forms)]
        request_id = f"{self.name}-{number}"
        headers = {"Content-Type": form.content_type, ID_HEADER: request_id}
        self.lag_ms.append(1000 * (time.perf_counter() - due))
        try:
            reply = await self.client.post(PATH, content=form.content, headers=headers)
        except httpx.HTTPError:
            reply = None
        line = line_of(request_id, reply, 1000 * (time.perf_counter() - due))
        self.lines.append(line)
        self.write(line)


def line_of(request_id: str, reply: httpx.Response | None, latency_ms: float) -> LedgerLine:
    """A client's line about a request; reply: None where none came."""
    status, backend, digest = 0, "", ""
    outcome = "lost"
    if reply is not None:
        status = reply.status_code
        outcome = outcome_of(status)
        texts = texts_in(reply.content)
        if outcome == "answered" and texts is None:
            outcome = "failed"  # whatever it was, it was no reply of the form
        elif outcome == "answered":
            digest = answers_digest(texts)
            backend = backend_in(reply.content)
    return LedgerLine(
        request_id=request_id,
        tier="client",
        outcome=outcome,
        status=status,
        backend=backend,
        attempt=1,
        at_s=time.time(),
        latency_ms=round(latency_ms, 3),
        answers=digest,
    )


def outcome_of(status: int) -> str:
    """How a request with a reply ended for who sent it; status: of HTTP."""
    if status == 200:
        return "answered"
    if status == 503:
        return "refused"
    if 400 <= status < 500:
        return "rejected"
    return "failed"
