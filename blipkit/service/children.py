"""Tiers and cameras in processes of their own, for a rehearsal on one machine, over loopback.

Each function here runs in a child: what it needs are plain values. A tier prints where it is asked;
it ends when it is told to, or when its parent does.
"""

import asyncio
import contextlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from blipkit.errors import BlipkitError
from blipkit.frames.jpeg import to_jpeg
from blipkit.frames.questions import Question
from blipkit.frames.source import FrameSource
from blipkit.records.typed import row_of
from blipkit.service.api import Api, Limits, api_app
from blipkit.service.backends import Backend
from blipkit.service.camera_clients import Cameras, form_of
from blipkit.service.inference import Inference, Model, Room, inference_app
from blipkit.service.json_lines import LineFile
from blipkit.service.ledger import LedgerFile
from blipkit.service.loading import Plan, load
from blipkit.service.metrics import Meter
from blipkit.service.mirror import Mirror
from blipkit.service.pairs import keep_pair
from blipkit.service.routing import Router
from blipkit.service.running import Times, listen, run_tier, url_of
from blipkit.service.tiers import Tier
from blipkit.service.wire import PATH, Answered

AT = "asked at "  # begins the line by which a tier says where
PLANTED = "planted"
LEDGER, METRICS, PAIRS = "ledger.jsonl", "metrics.jsonl", "pairs.jsonl"
PLANTED_MARGIN = 5.0  # nats: no rounding excuses such a flip
QUALITY = 90  # of the JPEGs that cameras send
QUICK = Times(leave_s=0.3, drain_s=10.0, metrics_every_s=1.0)


@dataclass(frozen=True)
class Backends:
    """What an API tier is made of. urls, weights: by name; shadow: who gets copies, "" for nobody;
    share: of requests that are copied.
    """

    urls: dict[str, str]
    weights: dict[str, float]
    limits: Limits
    shadow: str = ""
    share: float = 0.05
    shadow_queue: int = 64


@dataclass(frozen=True)
class Sending:
    """What cameras send. times: s from the beginning; name: how the requests' ids begin."""

    url: str
    times: list[float]
    frames: FrameSource
    questions: list[str]
    name: str
    timeout_s: float


@dataclass(frozen=True)
class Serving:
    """What an inference tier is made of.

    folder: for its ledger and metrics; port: 0 for any; planted: share of frames whose answers are
    made wrong, to be found, from when a file PLANTED is in the folder; crashes: it ends while it
    loads.
    """

    plan: Plan
    room: Room
    folder: str
    port: int = 0
    planted: float = 0.0
    crashes: bool = False


def serve_inference(serving: dict[str, Any]) -> int:
    """An inference tier until told to end; how many requests it gave up. serving: a `Serving`."""
    chosen = row_of(Serving, serving)
    with written(Path(chosen.folder)) as (write, emit):
        meter = Meter("inference", {"Backend": chosen.plan.backend})
        tier = Inference(partial(load_planted, chosen), chosen.room, meter, write)
        _run(tier, inference_app(tier), emit, chosen.port)
    return tier.given_up


def serve_api(backends: dict[str, Any], folder: str) -> int:
    """An API tier until told to end. backends: a `Backends`; folder: for its ledger, its metrics,
    and what its shadow answered.
    """
    chosen = row_of(Backends, backends)
    known = [Backend(name, url) for name, url in chosen.urls.items()]
    with written(Path(folder)) as (write, emit), LineFile(Path(folder, PAIRS)) as pairs:
        mirror = None
        if chosen.shadow:
            candidate = next(one for one in known if one.name == chosen.shadow)
            compare = partial(keep_pair, pairs)
            mirror = Mirror(candidate, chosen.share, chosen.shadow_queue, compare)
        router = Router(chosen.weights)
        tier = Api(known, router, chosen.limits, Meter("api", {}), write, mirror)
        _run(tier, api_app(tier), emit)
    return tier.given_up


def serve_bare() -> None:
    """An app that reads a request and says nothing of it, until it is killed: what HTTP costs."""

    async def reply(request: Request) -> JSONResponse:
        return JSONResponse({"bytes": len(await request.body())})

    with listen(0) as listening:
        print(AT + url_of(listening), flush=True)
        app = Starlette(routes=[Route(PATH, reply, methods=["POST"])])
        config = uvicorn.Config(app, access_log=False, log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])


def _run(tier: Tier, app: Starlette, emit: Callable[[str], None], port: int = 0) -> None:
    """Listen, say where, and serve."""
    with listen(port) as listening:
        print(AT + url_of(listening), flush=True)
        run_tier(tier, app, listening, QUICK, lambda state: None, emit)


@contextlib.contextmanager
def written(folder: Path) -> Iterator[tuple]:
    """What takes the lines of a ledger, and those of metrics, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with LedgerFile(folder / LEDGER) as ledger, LineFile(folder / METRICS) as metrics:
        yield ledger.add, lambda line: metrics.add_text(f"{line}\n")


def load_planted(serving: Serving) -> Model:
    """The model, which answers wrongly about a share of the frames once it is told to."""
    if serving.crashes:
        raise BlipkitError("planted: it crashes while it loads")
    model = load(serving.plan)
    share = serving.planted
    if not share:
        return model
    begun = Path(serving.folder, PLANTED)

    def answer(picture: Image.Image, questions: Sequence[Question]) -> list[Answered]:
        answered = model.answer(picture, questions)
        if not begun.exists() or zlib.crc32(picture.tobytes()) >= share * 2**32:
            return answered
        return [wrong(one, question) for one, question in zip(answered, questions, strict=True)]

    return replace(model, answer=answer)


def wrong(answered: Answered, question: Question) -> Answered:
    """Another of the candidates, and sure of it."""
    others = [text for text in question.candidates or () if text != answered.text]
    if not others:
        return answered
    return replace(answered, text=others[0], margin=PLANTED_MARGIN)


def send(sending: dict[str, Any], ledger: str) -> dict[str, Any]:
    """Cameras that send by a schedule. sending: a `Sending`; ledger: the file of their lines.

    Returns when the schedule began, Unix time, and how late the cameras were, p99 in ms.
    """
    chosen = row_of(Sending, sending)
    forms = [form_of(jpeg(frame.image), chosen.questions) for frame in chosen.frames.load()]

    async def follow():
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        timeout = httpx.Timeout(chosen.timeout_s)
        with LedgerFile(Path(ledger)) as file:
            async with httpx.AsyncClient(
                base_url=chosen.url, limits=limits, timeout=timeout, trust_env=False
            ) as client:
                return await Cameras(client, forms, chosen.name, file.add).follow(chosen.times)

    asked = asyncio.run(follow())
    return {"began_s": asked.began_s, "lag_p99_ms": asked.lag_p99_ms}


def jpeg(picture: Image.Image) -> bytes:
    """A picture as a camera sends it."""
    return to_jpeg(picture, QUALITY)
