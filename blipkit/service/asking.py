"""One backend asked once: its whole reply, within a time and a size, and what it is for the caller.

A backend may be anybody's: it may trickle, never stop, or say what is no reply of this form.
"""

import asyncio
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from blipkit.errors import BadInput, shown
from blipkit.reading.json_text import parse_object
from blipkit.service.wire import (
    ANSWERS,
    KINDS,
    PATH,
    Problem,
    detail_in,
    failed,
    refused,
    rejected,
    texts_of,
)

LARGEST_REPLY = 8 * 2**20  # bytes, decoded: a reply has some hundred a question
REJECTIONS = (400, 408, 413, 415, 422)  # by which a tier says that a request is ill-formed
NO_ROOM = (429, 503)
FAILURES = (500, 502, 504)
LONGEST_WAIT_S = 3600  # of Retry-After; what is longer is none


class Died(Exception):
    """A backend that ended with the request, or was not there."""


class TooLarge(Exception):
    """A reply that has more bytes than one may have."""


@dataclass(frozen=True)
class Said:
    """A backend's whole reply. retry_after: the header's text, "" without; took_s: until its last
    byte was here.
    """

    status: int
    content: bytes
    retry_after: str
    took_s: float


def trusted() -> ssl.SSLContext:
    """What the certificates of others are held against: those of the file that SSL_CERT_FILE names,
    or of the folder SSL_CERT_DIR, else certifi's. BadInput where there are none.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        named = shown(os.environ.get("SSL_CERT_FILE"))
        reason = error.strerror or str(error)
        raise BadInput(
            f"SSL_CERT_FILE is {named}: {reason}; expected a file of certificates, or none"
        ) from None


async def ask(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, Any], body: bytes, timeout_s: float
) -> Said:
    """What a backend replies to a request. TimeoutError where that is not here, whole, in time;
    Died where the backend is gone; Problem where the reply is too large, or cannot be decoded.
    """
    try:
        return await whole_reply(
            client, "POST", url + PATH, timeout_s, content=body, headers=headers
        )
    except (httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout):
        raise TimeoutError from None
    except TooLarge:
        most = f"{LARGEST_REPLY // 2**20} MiB"
        raise failed(502, f"the backend's reply has more than {most}") from None
    except httpx.DecodingError as error:
        raise failed(502, f"the backend's reply cannot be decoded: {error}") from None
    except httpx.HTTPError as error:
        raise Died(in_words(error)) from None


async def whole_reply(
    client: httpx.AsyncClient, method: str, url: str, timeout_s: float, **sent: Any
) -> Said:
    """What is replied to a request; sent: as httpx takes it. TimeoutError where that is not here,
    whole, in time; TooLarge where it has no end; else httpx's own errors.
    """
    started = time.perf_counter()
    async with asyncio.timeout(timeout_s), client.stream(method, url, **sent) as reply:
        content = await read_whole(reply, LARGEST_REPLY)
    took_s = time.perf_counter() - started
    return Said(reply.status_code, content, reply.headers.get("Retry-After", ""), took_s)


async def read_whole(reply: httpx.Response, most: int) -> bytes:
    """A reply's body, decoded; TooLarge where it has more bytes than `most`."""
    parts = []
    size = 0
    async for part in reply.aiter_bytes():
        size += len(part)
        if size > most:
            raise TooLarge
        parts.append(part)
    return b"".join(parts)


def in_words(error: Exception) -> str:
    """What a request met that got no reply."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def content_of(said: Said, request_id: str) -> tuple[dict[str, Any], list[str]]:
    """A reply's content, and its answers' texts; Problem is what the caller is told where it has
    none, is about another request, or of another kind.
    """
    if said.status != 200:
        raise problem_of(said)
    try:
        content = parse_object(said.content)
    except ValueError:
        content = {}
    texts = texts_of(content)
    if texts is None:
        raise _no_answers(said)
    whose = content.setdefault("request_id", request_id)
    if whose != request_id:
        raise failed(502, f"the backend's reply is about request {shown(whose)}, not this one")
    kind = content.setdefault("kind", ANSWERS)
    if kind not in KINDS:
        raise failed(502, f"the backend's reply is of kind {shown(kind)}; expected {ANSWERS}")
    if not isinstance(content.get("timings_ms"), dict):
        content["timings_ms"] = {}
    return content, texts


def problem_of(said: Said) -> Problem:
    """What a backend's reply without answers means for the caller.

    Whoever is refused or rejected may mend that; what only the backend's owner can mend, as a wrong
    URL, has failed.
    """
    detail = detail_in(said.content)
    if said.status in NO_ROOM:
        return refused(detail, _seconds(said.retry_after))
    if said.status in REJECTIONS:
        return rejected(said.status, detail)
    if said.status in FAILURES:
        return failed(said.status, detail)
    return _no_answers(said)


def _no_answers(said: Said) -> Problem:
    detail = detail_in(said.content)
    return failed(502, f"the backend replied with {said.status}, and no answers: {detail}")


def _seconds(after: str) -> int:
    """What Retry-After says in seconds; 1 where it says nothing that can be."""
    if not after.isdecimal() or len(after) > len(str(LONGEST_WAIT_S)):
        return 1
    return min(int(after), LONGEST_WAIT_S)
