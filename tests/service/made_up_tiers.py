"""Inference tiers around a made-up model, and what asks them in this process, without sockets."""

import asyncio
import io
import threading

import httpx
from PIL import Image

from blipkit.frames.questions import Question
from blipkit.service.inference import Inference, Model, Probe, Room, inference_app
from blipkit.service.metrics import Meter
from blipkit.service.wire import About, Answered

QUESTION = "is the dog barking?"


def picture(colour: str = "red", size: tuple[int, int] = (8, 8)) -> bytes:
    """A PNG of one colour."""
    Image.new("RGB", size, colour).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


def form(image: bytes | None = None, questions=(QUESTION,), **fields) -> dict:
    """A request as httpx sends it."""
    files = [("image", ("frame.png", image or picture(), "image/png"))]
    files += [("question", (None, text)) for text in questions]
    for name, value in fields.items():
        files += [(name, (None, one)) for one in ([value] if isinstance(value, str) else value)]
    return {"files": files}


class MadeUp:
    """A model that answers yes about red pictures; it can be held, and can raise."""

    def __init__(self, name: str = "gpu", flips=lambda count: False, probe: str = "yes"):
        self.name = name
        self.flips = flips
        self.probe = probe
        self.raises: Exception | None = None
        self.free = threading.Event()
        self.free.set()
        self.asked: list[Question] = []
        self.lock = threading.Lock()

    def __call__(self) -> Model:
        red = Image.new("RGB", (8, 8), "red")
        probes = [Probe(red, Question(QUESTION), self.probe)]
        return Model(About("made-up", "made_up float32", self.name), self.answer, probes)

    def answer(self, image, questions) -> list[Answered]:
        assert self.free.wait(20)
        with self.lock:
            if self.raises:
                raise self.raises
            self.asked += questions
            count = len(self.asked)
        is_yes = (image.getpixel((0, 0))[0] > 128) != self.flips(count)
        texts = [(one.candidates or ("so",))[0 if is_yes else -1] for one in questions]
        return [Answered(q.text, t, 0.9, 2.5) for q, t in zip(questions, texts, strict=True)]


class Kept(list):
    """A ledger in memory."""

    def __call__(self, line) -> None:
        self.append(line)

    @property
    def outcomes(self) -> list[tuple[str, int]]:
        return [(line.outcome, line.status) for line in self]


def tier_of(model: MadeUp, servers: int = 1, in_flight: int = 4) -> Inference:
    """An inference tier that keeps its ledger in `ledger`; not loaded yet."""
    ledger = Kept()
    tier = Inference(model, Room(servers, in_flight), Meter("inference", {}), ledger)
    tier.ledger = ledger
    return tier


def client_of(app, host: str = "127.0.0.1") -> httpx.AsyncClient:
    """What asks an app without a socket; host: from where the app sees it ask."""
    transport = httpx.ASGITransport(app, client=(host, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://tier")


def asking(
    model: MadeUp | None = None, requests=(), **room
) -> tuple[list[httpx.Response], Inference]:
    """The replies of a warm tier to requests, one after another: each (method, path, options)."""
    tier = tier_of(model or MadeUp(), **room)

    async def ask() -> list[httpx.Response]:
        await tier.warm()
        async with client_of(inference_app(tier)) as client:
            return [await client.request(method, path, **how) for method, path, how in requests]

    return asyncio.run(ask()), tier
