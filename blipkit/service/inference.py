"""The inference tier: an ASGI app around what answers, with a bounded number of requests in it.

It knows neither Ray nor torch: uvicorn runs it, or Ray Serve. Decoding and answering take threads,
so that the loop stays free to refuse, and to say whether it is ready.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from blipkit.errors import BadInput
from blipkit.frames.questions import Question
from blipkit.service.ledger import LedgerLine, answers_digest
from blipkit.service.metrics import Meter
from blipkit.service.tiers import Ended, Tier, fields_of, not_found, read_body
from blipkit.service.wire import (
    PATH,
    About,
    Answered,
    Asked,
    Reply,
    asked_of,
    attempt_of,
    encoded,
    picture_of,
    refused,
    rejected,
)

LOOK_S = 0.02  # between two looks whether it is loaded
READING = 64  # requests that may be read beside those in flight: each takes up to 8 MiB
Answer = Callable[[Image.Image, Sequence[Question]], list[Answered]]


@dataclass(frozen=True)
class Probe:
    """A picture that is asked about before anybody else's, and what the reference answers."""

    picture: Image.Image
    question: Question
    expected: str


@dataclass(frozen=True)
class Model:
    """What answers, who it is, and how it is told from one that answers wrongly."""

    about: About
    answer: Answer
    probes: Sequence[Probe]


@dataclass(frozen=True)
class Room:
    """servers: requests that are served at once; in_flight: those, and the ones that wait."""

    servers: int = 1
    in_flight: int = 4


class Inference(Tier):
    """The inference tier in one process. load: makes the model; called once, in a thread."""

    def __init__(
        self,
        load: Callable[[], Model],
        room: Room,
        meter: Meter,
        write: Callable[[LedgerLine], None],
    ):
        super().__init__("inference", meter, write)
        self.load = load
        self.room = room
        self.taken = 0  # requests that are served or wait
        self.model: Model | None = None
        self.wrong = ""  # a probe's wrong answer
        self._threads = ThreadPoolExecutor(room.servers, thread_name_prefix="answering")
        self._at_work: set[Future] = set()

    def why_not_ready(self) -> str:
        if self.problem:
            return f"it could not be loaded: {self.problem}"
        if self.model is None:
            return "loading"
        return self.wrong

    def levels(self) -> dict[str, float]:
        return {
            "in_flight": self.taken,
            "queue_depth": max(0, self.taken - self.room.servers),
            "ready": float(not self.why_not_ready()),
        }

    async def warm(self) -> None:
        """`load_now` in a thread that nobody waits for at the end, unless it is loaded."""
        if self.model is not None:
            return
        loading = threading.Thread(target=self.load_now, daemon=True)
        loading.start()
        while loading.is_alive():
            await asyncio.sleep(LOOK_S)

    @property
    def is_loading(self) -> bool:
        """Whether it has neither a model yet, nor a reason why not."""
        return self.model is None and self.problem is None

    @property
    def is_answering(self) -> bool:
        """Whether a thread is at work, which nothing can end."""
        return any(not one.done() for one in list(self._at_work))

    def leave(self) -> None:
        """Have no thread begin what it has not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def load_now(self) -> None:
        """Load the model and ask it the probes; what fails is kept as `problem`."""
        try:
            model = self.load()
            self.wrong = first_wrong(model)
            self.model = model
        except Exception as error:  # whatever a checkpoint or a compiler's file does
            self.problem = error

    async def answer(self, request: Request, request_id: str) -> Ended:
        if self.in_flight > self.room.in_flight + READING:
            raise refused(f"{self.in_flight - 1} requests are being read; ask again")
        body = await read_body(request)
        if reason := self.why_not_ready():
            raise refused(f"not ready: {reason}")
        if self.taken >= self.room.in_flight:
            served = f"{self.room.servers} served at once"
            raise refused(f"{self.taken} requests are in flight, {served}; ask again")
        self.taken += 1
        try:
            asked = asked_of(await fields_of(request.headers, body))
            submitted = time.perf_counter()
            work = self._threads.submit(self._serve, asked, request_id, submitted)
            self._at_work.add(work)
            work.add_done_callback(self._at_work.discard)
            reply = await asyncio.wrap_future(work)
        finally:
            self.taken -= 1
        return Ended(
            "answered",
            200,
            encoded(reply.as_json()),
            answers_digest(reply.texts),
            reply.about.backend,
            attempt_of(request.headers),
        )

    def _serve(self, asked: Asked, request_id: str, submitted: float) -> Reply:
        """In a thread: decode, answer, and say how long each took."""
        started = time.perf_counter()
        picture = picture_of(asked.image)
        decoded = time.perf_counter()
        try:
            answers = self.model.answer(picture, asked.questions)
        except BadInput as error:
            raise rejected(422, str(error)) from None
        finished = time.perf_counter()
        taken = {
            "queue": started - submitted,
            "decode": decoded - started,
            "answer": finished - decoded,
            "total": finished - submitted,
        }
        timings_ms = {hop: round(1000 * seconds, 3) for hop, seconds in taken.items()}
        return Reply(request_id, answers, self.model.about, {"inference": timings_ms})


def first_wrong(model: Model) -> str:
    """The first probe that is answered otherwise than the reference does, in words; "" for none.

    With no probe nothing is known of a model, and it may not be asked.
    """
    if not model.probes:
        return "it has no probes to answer, so nothing says that it answers rightly"
    for probe in model.probes:
        (answered,) = model.answer(probe.picture, [probe.question])
        if answered.text != probe.expected:
            question = probe.question.text
            seen = f"{question!r} about a probe is answered {answered.text!r}"
            return f"{seen}; the reference answers {probe.expected!r}"
    return ""


def inference_app(tier: Inference) -> Starlette:
    """The ASGI app; it begins to load with its lifespan, and answers /livez meanwhile."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        warming = asyncio.create_task(tier.warm())
        yield
        warming.cancel()
        tier.leave()

    routes = [Route(PATH, tier.post, methods=["POST"]), *tier.routes()]
    return Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={HTTPException: not_found}
    )
