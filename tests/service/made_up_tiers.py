"""Both tiers around made-up models, and what asks them in this process, without sockets."""

import asyncio
import contextlib
import io
import threading

import httpx
from PIL import Image

from blipkit.frames.questions import Question
from blipkit.service.api import Api, Limits, api_app
from blipkit.service.backends import Backend
from blipkit.service.inference import Inference, Model, Probe, Room, inference_app
from blipkit.service.metrics import Meter
from blipkit.service.mirror import Mirror
from blipkit.service.routing import Router
from blipkit.service.wire import PATH, About, Answered

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


class Wire(httpx.AsyncBaseTransport):
    """What lies between the tiers: it can be cut, before a request arrives or with it, or say something else."""

    def __init__(self, app):
        self.inner = httpx.ASGITransport(app)
        self.dies: Exception | None = None
        self.says: httpx.Response | None = None
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request):
        if self.dies:
            raise self.dies
        if request.url.path == PATH:
            self.seen.append(request)
            if self.says:
                return httpx.Response(
                    self.says.status_code, headers=self.says.headers, content=self.says.content
                )
        return await self.inner.handle_async_request(request)


class Tiers:
    """Two inference tiers behind an API tier; what happens to them is a test's to say."""

    def __init__(
        self, models: dict[str, MadeUp], weights: dict[str, float], shadow: float = 0, **limits
    ):
        self.models = models
        self.inference = {name: tier_of(model) for name, model in models.items()}
        self.wires = {name: Wire(inference_app(tier)) for name, tier in self.inference.items()}
        backends = [Backend(name, f"http://{name}") for name in models]
        self.compared = []
        mirror = Mirror(backends[-1], shadow, 2, self.compared.append) if shadow else None
        self.ledger = Kept()
        self.api = Api(
            backends, Router(weights), Limits(**limits), Meter("api", {}), self.ledger, mirror
        )

    def between(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            mounts={f"http://{name}": wire for name, wire in self.wires.items()}
        )

    @contextlib.asynccontextmanager
    async def open(self, warm=True, host="127.0.0.1"):
        """What asks the API tier, whose backends have been asked whether they are ready."""
        if warm:
            for tier in self.inference.values():
                await tier.warm()
        app = api_app(self.api, self.between)
        async with app.router.lifespan_context(app), client_of(app, host) as client:
            await self.api.look()
            yield client

    async def ask(self, client, count: int) -> list[httpx.Response]:
        return [
            await client.post(PATH, **form(), headers={"X-Request-Id": f"r{n}"})
            for n in range(count)
        ]
