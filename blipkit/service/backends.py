"""Backends of the API tier: URLs that answer `POST /v1/answers`, and whether each is ready."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from blipkit.errors import BadInput, shown
from blipkit.reading.json_text import parse_object

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
ASK_S = 2.0  # that a backend may take to say whether it is ready
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
            reply = await client.get(f"{self.url}/readyz", timeout=ASK_S)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self.reason = in_words(error)
            return
        self.reason = ""
        if reply.status_code != 200:
            self.reason = _reason_in(reply)
        self.was_ready = self.was_ready or self.ready


def in_words(error: Exception) -> str:
    """What a request met that got no reply."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _reason_in(reply: httpx.Response) -> str:
    """Why a backend says that it is not ready."""
    try:
        reason = str(parse_object(reply.content)["reason"])
    except (ValueError, KeyError):
        reason = ""
    return reason or f"/readyz is {reply.status_code}"


def parse_backend(text: str) -> Backend:
    """The backend that `name=url` names; BadInput where it is none."""
    name, equals, url = text.partition("=")
    expected = "expected name=url, such as gpu=http://127.0.0.1:8001"
    if not equals or not NAME.fullmatch(name):
        raise BadInput(f"--backend {shown(text)}; {expected}, the name of small letters")
    try:
        parts = urlsplit(url)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1)
    except ValueError:
        is_url = False
    if not is_url or parts.query or parts.fragment or parts.username:
        raise BadInput(f"--backend {shown(text)}: {shown(url)} is no URL of a tier; {expected}")
    return Backend(name, url.rstrip("/"))


def parse_backends(texts: list[str]) -> list[Backend]:
    """The backends of the command line; BadInput for none, and for a name that stands twice."""
    backends = [parse_backend(text) for text in texts]
    names = [backend.name for backend in backends]
    if not names:
        raise BadInput("no --backend; expected at least one, such as gpu=http://127.0.0.1:8001")
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"--backend {name} stands twice; give each a name of its own")
    return backends
