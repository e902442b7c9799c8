"""A backend that trickles, never stops, lies, or is somebody else's: the caller gets a reply all the same, and it is the backend's fault."""

import asyncio
import contextlib
import gzip
import json
import re
import time

import httpx
import pytest
from made_up_tiers import form, picture

from blipkit.errors import BadInput
from blipkit.service import asking, backends
from blipkit.service.api import Api, Limits, api_app, make_client
from blipkit.service.asking import Said, content_of, trusted
from blipkit.service.backends import Backend
from blipkit.service.metrics import Meter
from blipkit.service.routing import Router
from blipkit.service.wire import PATH, Problem

ANSWERS = [{"question": "is it?", "text": "yes", "probability": 0.9, "margin": 2.0}]
READY = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def said(status: int = 200, after: str = "", **content) -> Said:
    return Said(status, json.dumps(content).encode(), after, 0.01)


def test_answers_about_another_request_are_not_handed_on():
    """A backend that mixes up its replies has failed; one that says no id is believed."""
    content, texts = content_of(said(answers=ANSWERS, request_id="r1"), "r1")
    assert texts == ["yes"] and content["timings_ms"] == {}
    assert content_of(said(answers=ANSWERS), "r1")[0]["request_id"] == "r1"
    with pytest.raises(Problem, match="reply is about request 'r2', not this one") as caught:
        content_of(said(answers=ANSWERS, request_id="r2"), "r1")
    assert (caught.value.status, caught.value.outcome) == (502, "failed")


@pytest.mark.parametrize("kind", ["captions", None, 1, ["answers"]])
def test_a_reply_of_another_kind_is_not_handed_on(kind):
    """Captions are no answers, whatever the body is called; one that says no kind is believed."""
    assert content_of(said(answers=ANSWERS), "r1")[0]["kind"] == "answers"
    with pytest.raises(
        Problem, match=f"reply is of kind {re.escape(repr(kind))}; expected answ"
    ) as caught:
        content_of(said(answers=ANSWERS, kind=kind), "r1")
    assert (caught.value.status, caught.value.outcome) == (502, "failed")


@pytest.mark.parametrize("answers", [[], {}, "", None, [1], [{"text": 1}], [[]]])
def test_a_200_without_answers_is_none(answers):
    """Whatever the backend calls it: nobody was answered."""
    with pytest.raises(Problem, match="replied with 200, and no answers") as caught:
        content_of(said(answers=answers), "r1")
    assert caught.value.outcome == "failed"


@pytest.mark.parametrize(
    ("status", "handed_on", "outcome"),
    [
        *((status, status, "rejected") for status in (400, 408, 413, 415, 422)),
        *((status, 502, "failed") for status in (204, 301, 401, 403, 404, 405, 409, 501, 599, 999)),
        *((status, status, "failed") for status in (500, 502, 504)),
        *((status, 503, "refused") for status in (429, 503)),
    ],
)
def test_only_a_callers_own_fault_is_handed_on_as_one(status, handed_on, outcome):
    """404 and 405 are of a URL that is no tier's: its owner has to hear of it, not the caller."""
    with pytest.raises(Problem) as caught:
        content_of(said(status, detail="why"), "r1")
    assert (caught.value.status, caught.value.outcome) == (handed_on, outcome)
    assert "why" in str(caught.value)


@pytest.mark.parametrize(
    ("after", "seconds"), [("7", 7), ("", 1), ("x", 1), ("9" * 5000, 1), ("9999", 3600), ("-1", 1)]
)
def test_when_to_ask_again_is_a_number_of_seconds(after, seconds):
    """What is none is a second."""
    with pytest.raises(Problem) as caught:
        content_of(said(503, after, detail="full"), "r1")
    assert caught.value.retry_after_s == seconds


class Stranger:
    """A backend that says it is ready, and to a request whatever a test wants: bytes, and then what a coroutine does."""

    def __init__(self, head: bytes, goes_on=None, ready: bytes = READY):
        self.head = head
        self.goes_on = goes_on
        self.ready = ready

    async def talk(self, reader, writer) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            if not asked.startswith(b"POST"):
                writer.write(self.ready)
            else:
                writer.write(self.head)
                if self.goes_on:
                    await self.goes_on(writer)
            await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def open(self):
        """Its URL."""
        async with await asyncio.start_server(self.talk, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def trickle(writer) -> None:
    """A byte now and then, for ever."""
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def pour(writer) -> None:
    """As much as is taken."""
    while True:
        writer.write(bytes(2**16))
        await writer.drain()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def whole(content: bytes, more: bytes = b"") -> bytes:
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % len(content) + content


def nan() -> bytes:
    return json.dumps({"answers": [ANSWERS[0] | {"margin": float("nan")}]}).encode()


STRANGERS = [
    (Stranger(HEAD + b"\r\n", trickle), 504, "gave no reply in 0.3 s"),
    (Stranger(b"", trickle), 502, "ended without a reply"),
    (Stranger(HEAD + b"\r\n", pour), 502, "has more than 1 MiB"),
    (
        Stranger(whole(gzip.compress(bytes(2**21)), b"Content-Encoding: gzip\r\n")),
        502,
        "has more than 1 MiB",
    ),
    (Stranger(whole(b"x" * 40, b"Content-Encoding: gzip\r\n")), 502, "cannot be decoded"),
    (Stranger(b"220 mail.example.com ESMTP\r\n"), 502, "ended without a reply"),
    (Stranger(whole(nan())), 502, "has NaN, or what else JSON has not"),
    (
        Stranger(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        ),
        502,
        "replied with 302",
    ),
]


def api_before(url: str) -> Api:
    backend = Backend("gpu", url)
    limits = Limits(timeout_s=0.3, health_every_s=0.05)
    return Api([backend], Router({"gpu": 100.0}), limits, Meter("api", {}), lambda line: None)


@contextlib.asynccontextmanager
async def opened(tier: Api):
    """What asks an API tier that asks over the network."""
    app = api_app(tier, make_client)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        await tier.look()
        yield client


@pytest.mark.parametrize(("stranger", "status", "detail"), STRANGERS)
def test_whatever_a_backend_does_the_caller_has_a_reply_in_time(
    stranger, status, detail, monkeypatch
):
    """Of the backend's fault, which its metric counts; nothing is waited for, or kept, without end."""
    monkeypatch.setattr(asking, "LARGEST_REPLY", 2**20)

    async def run():
        async with stranger.open() as url:
            tier = api_before(url)
            async with opened(tier) as client:
                reply = await asyncio.wait_for(client.post(PATH, **form()), 5)
                return reply, tier.meter.counts["errors_gpu"].total

    reply, errors = asyncio.run(run())
    assert reply.status_code == status and detail in reply.json()["detail"]
    assert reply.json()["title"] == "failed" and errors == 1


def test_a_tier_that_ends_looks_no_more_before_it_closes_its_connections():
    """A look that came too late would find every backend away."""
    was_closed = []

    async def run():
        gpu = [Backend("gpu", "http://127.0.0.1:1")]
        tier = Api(gpu, Router({"gpu": 100.0}), Limits(), Meter("api", {}), lambda line: None)

        async def watch():
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.01)
                was_closed.append(tier.client.is_closed)

        tier.watch = watch
        async with opened(tier):
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(run(), 10))
    assert was_closed == [False]


def test_one_backend_that_never_says_how_it_is_keeps_no_other_waiting(monkeypatch):
    """Its state is not known, in time; the other one's is, again and again."""
    monkeypatch.setattr(backends, "ASK_S", 0.3)
    looks = []

    async def count(reader, writer) -> None:
        looks.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(READY)
        await writer.drain()
        writer.close()

    async def silent(reader, writer) -> None:
        with contextlib.suppress(ConnectionError):
            writer.write(HEAD + b"\r\n")
            await trickle(writer)

    async def run():
        servers = [await asyncio.start_server(one, "127.0.0.1", 0) for one in (count, silent)]
        urls = [f"http://127.0.0.1:{one.sockets[0].getsockname()[1]}" for one in servers]
        both = [Backend(name, url) for name, url in zip(("gpu", "inf2"), urls, strict=True)]
        weights = Router({"gpu": 50.0, "inf2": 50.0})
        limits = Limits(health_every_s=0.01)
        tier = Api(both, weights, limits, Meter("api", {}), lambda line: None)
        async with opened(tier):  # looks once at both, and goes on
            seen = len(looks)
            while len(looks) < seen + 5:
                await asyncio.sleep(0.01)
        for server in servers:
            server.close()
        return both

    begun = time.perf_counter()
    gpu, inf2 = asyncio.run(asyncio.wait_for(run(), 10))
    assert gpu.ready and inf2.reason == "/readyz gave no whole reply in 0.3 s"
    assert time.perf_counter() - begun < 10


def test_a_content_type_that_is_no_text_is_the_callers():
    """It is handed on as it came; another one than a form's is rejected before a backend is asked."""
    seen = []

    async def keep(writer) -> None:
        seen.append(writer)

    async def run():
        stranger = Stranger(whole(json.dumps({"answers": ANSWERS}).encode()), keep)
        async with stranger.open() as url, opened(api_before(url)) as client:
            odd = {"Content-Type": b"multipart/form-data; boundary=\xe9"}
            return [
                await client.post(PATH, content=b"x", headers=odd),
                await client.post(PATH, content=picture()),
            ]

    handed_on, rejected = asyncio.run(run())
    assert handed_on.status_code == 200 and len(seen) == 1
    assert rejected.status_code == 415 and "expected multipart/form-data" in rejected.text


def test_no_caller_gets_anothers_cookie():
    """What a backend sets, as a balancer does, is not sent with the next request."""
    asked = []

    async def keep(reader, writer) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(READY.replace(b"Connection", b"Set-Cookie: who=me\r\nConnection"))
        await writer.drain()
        writer.close()

    async def run():
        async with await asyncio.start_server(keep, "127.0.0.1", 0) as server, make_client() as one:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for _ in range(2):
                await one.get(url)

    asyncio.run(run())
    assert len(asked) == 2 and b"cookie" not in asked[1].lower()


def test_certificates_that_cannot_be_read_are_said(monkeypatch, tmp_path):
    """By the variable that names them."""
    (tmp_path / "none.pem").write_text("hello")
    for name, reason in (("gone.pem", "No such file"), ("none.pem", "")):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        with pytest.raises(BadInput, match=f"SSL_CERT_FILE is '.*{name}': {reason}.*expected a fi"):
            trusted()
