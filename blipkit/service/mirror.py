"""Copies of requests for a candidate, which no caller waits for.

A share of requests, chosen by their ids, is sent to the candidate once the caller has its answers.
Copies wait in a bounded queue; where it is full, the copy is dropped and counted, and nothing else.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from blipkit.service.asking import ask, content_of
from blipkit.service.backends import Backend
from blipkit.service.routing import is_sampled
from blipkit.service.wire import ID_HEADER, SHADOW_HEADER, Problem

WORKERS = 2  # copies that the candidate has at once


@dataclass(frozen=True)
class Original:
    """A request that was answered. body: as it came; reply: as the caller got it."""

    request_id: str
    content_type: str
    body: bytes
    reply: bytes


@dataclass(frozen=True)
class Compared:
    """The same request answered twice, the bodies of both replies; candidate: b"" where it failed
    or rejected what the primary answered.
    """

    request_id: str
    primary: bytes
    candidate: bytes


@dataclass
class Copies:
    """What became of the copies: those not answered, or whose reply never came, are `failed`."""

    offered: int = 0
    dropped: int = 0
    compared: int = 0
    failed: int = 0


class Mirror:
    """Sends copies to one backend. compare: told of each that was answered, failed or rejected, not
    of those that were refused, or met nobody; share: of requests; room: copies that wait at most.
    """

    def __init__(
        self, backend: Backend, share: float, room: int, compare: Callable[[Compared], None]
    ):
        self.backend = backend
        self.share = share
        self.compare = compare
        self.copies = Copies()
        self._waiting: asyncio.Queue[Original] = asyncio.Queue(room)

    def wants(self, request_id: str) -> bool:
        """Whether a request is among the sample: the same one each time it is asked."""
        return is_sampled(request_id, self.share)

    async def offer(self, original: Original) -> None:
        """Queue a copy; where there is no room, or nobody to ask, drop it."""
        self.copies.offered += 1
        if not self.backend.ready:
            self.copies.dropped += 1
            return
        try:
            self._waiting.put_nowait(original)
        except asyncio.QueueFull:
            self.copies.dropped += 1

    async def run(self, client: httpx.AsyncClient, timeout_s: float) -> None:
        """Send copies until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work(client, timeout_s))

    async def _work(self, client: httpx.AsyncClient, timeout_s: float) -> None:
        while True:
            original = await self._waiting.get()
            with contextlib.suppress(Exception):  # one copy must not end all others
                await self._send(client, original, timeout_s)
                continue
            self.copies.failed += 1

    async def _send(self, client: httpx.AsyncClient, original: Original, timeout_s: float) -> None:
        """Ask the candidate, and hand both replies on."""
        headers = {
            "Content-Type": original.content_type.encode("latin-1"),
            ID_HEADER: original.request_id,
            SHADOW_HEADER: "1",
        }
        said = await ask(client, self.backend.url, headers, original.body, timeout_s)
        try:
            content_of(said, original.request_id)  # refuses what is no answer to this request
        except Problem as problem:
            if problem.outcome != "refused":
                self.compare(Compared(original.request_id, original.reply, b""))
            raise
        self.compare(Compared(original.request_id, original.reply, said.content))
        self.copies.compared += 1
