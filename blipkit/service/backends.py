"""Backends of the API tier: URLs that answer `POST /v1/answers`, and whether each is ready."""

import asyncio
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from blipkit.errors import BadInput, shown
from blipkit.reading.json_text import parse_object
from blipkit.service.asking import in_words, read_whole
from blipkit.service.metrics import FINE, TIMED, backend_metric

NAME = re.compile(r"(?=.{1,32}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
ASK_S = 2.0  # that a backend may take to say whether it is ready, all of it
LARGEST_STATE = 64 * 2**10  # bytes that it may say so in
UNKNOWN = "not asked yet"


@dataclass
class Backend:
    """One backend. reason: why it is not ready, "" where it is; was_ready: whether it ever was;
    in_flight: requests that wait for its reply.
    """

    name: str
    url: str
    reason: str = field(default=UNKNOWN)
    was_ready: bool = False
    in_flight: int = 0

    @property
    def ready(self) -> bool:
        return not self.reason

    async def look(self, client: httpx.AsyncClient) -> None:
        """Ask whether it is ready."""
        try:
            async with asyncio.timeout(ASK_S):
                self.reason = await _why_not_ready(client, f"{self.url}/readyz")
        except TimeoutError:
            self.reason = f"/readyz gave no whole reply in {ASK_S:g} s"
        except Exception as error:  # what a URL, or a stranger behind it, can do has no end
            self.reason = in_words(error)
        self.was_ready = self.was_ready or self.ready


async def _why_not_ready(client: httpx.AsyncClient, url: str) -> str:
    """Why a backend says that it is not ready, "" where it says that it is."""
    async with client.stream("GET", url, timeout=ASK_S) as reply:
        content = await read_whole(reply, LARGEST_STATE)
    if reply.status_code == 200:
        return ""
    try:
        reason = str(parse_object(content)["reason"])
    except (ValueError, KeyError):
        reason = ""
    return reason or f"/readyz is {reply.status_code}"


def parse_backend(text: str) -> Backend:
    """The backend that `name=url` names; BadInput where it is none."""
    name, equals, url = text.partition("=")
    expected = "expected name=url, such as gpu=http://127.0.0.1:8001"
    if not equals or not NAME.fullmatch(name):
        raise BadInput(f"--backend {shown(text)}; {expected}, the name of small letters")
    metric = backend_metric("requests", name)
    if metric in FINE or metric.endswith(TIMED):
        raise BadInput(f"--backend {shown(text)}: {metric} is a metric of another kind; rename it")
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1)
    except ValueError:
        is_url = False
    if not is_url or parts.query or parts.fragment or parts.username:
        raise BadInput(f"--backend {shown(text)}: {shown(url)} is no URL of a tier; {expected}")
    return Backend(name, url.rstrip("/"))


def parse_backends(texts: list[str]) -> list[Backend]:
    """The backends of the command line; BadInput for none, and for a name or a URL that stands
    twice: a second attempt at the same place would be no other one.
    """
    backends = [parse_backend(text) for text in texts]
    names = [backend.name for backend in backends]
    if not names:
        raise BadInput("no --backend; expected at least one, such as gpu=http://127.0.0.1:8001")
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"--backend {name} stands twice; give each a name of its own")
    by_url: dict[str, str] = {}
    for one in backends:
        other = by_url.setdefault(one.url, one.name)
        if other != one.name:
            problem = f"{one.name} and {other} are both {one.url}"
            raise BadInput(f"--backend: {problem}; expected each to have a URL of its own")
    return backends
