"""What both tiers have in common: every request has one outcome, which the ledger and the metrics
are told, and one reply.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.background import BackgroundTask
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from blipkit.errors import shown, system_problem
from blipkit.service.ledger import LedgerLine
from blipkit.service.metrics import Meter
from blipkit.service.openapi import document
from blipkit.service.wire import (
    ID_HEADER,
    LARGEST_BODY,
    LEDGER_LINES,
    MOST_FIELDS,
    PAIR_LINES,
    SHADOW_HEADER,
    Problem,
    encoded,
    failed,
    problem_json,
    rejected,
    request_id_of,
)

BODY_S = 30  # that a caller may take to send a request
PROBLEM_TYPE = "application/problem+json"
PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FORM = "multipart/form-data"
UNWRITTEN = "unwritten_lines"  # counts lines of ledger and metrics that no file took
PER_TARGET = "requests_per_target"
COUNTED = {"refused": "refusals", "rejected": "rejections", "failed": "errors"}  # metrics


@dataclass(frozen=True)
class Ended:
    """How a request ended at a tier.

    body: of the reply; answers: digest of the answers' texts, "" without; backend: which one
    answered; attempt: the one that ended so; afterwards: what is done once the caller has the
    reply.
    """

    outcome: str
    status: int
    body: bytes
    answers: str = ""
    backend: str = ""
    attempt: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    afterwards: BackgroundTask | None = None

    @property
    def media_type(self) -> str:
        return "application/json" if self.outcome == "answered" else PROBLEM_TYPE


def ended_by(problem: Problem, request_id: str, **where: Any) -> Ended:
    """The end of a request that gets no answers; where: backend and attempt."""
    headers = {}
    if problem.retry_after_s is not None:
        headers["Retry-After"] = str(problem.retry_after_s)
    body = encoded(problem_json(problem, request_id))
    return Ended(problem.outcome, problem.status, body, headers=headers, **where)


class Tier:
    """One tier in one process.

    name: "api" or "inference"; write: takes each line of the ledger; leaving: told to end, it is
    not ready any more and finishes what it has; given_up: requests that were cut off at the end.
    """

    def __init__(self, name: str, meter: Meter, write: Callable[[LedgerLine], None]):
        self.name = name
        self.meter = meter
        self.write = write
        self.in_flight = 0
        self.leaving = False
        self.given_up = 0
        self.problem: Exception | None = None  # that keeps it from ever being ready
        self.lines = {LEDGER_LINES: 0, PAIR_LINES: 0}  # that were there to be written
        self._complained: set[str] = set()
        for name in ("requests", *COUNTED.values(), UNWRITTEN):
            meter.add(name, 0)  # a line has it from the first period on
        meter.set(PER_TARGET, 0)

    def why_not_ready(self) -> str:
        """Why it may not be asked now, "" where it may."""
        raise NotImplementedError

    def levels(self) -> dict[str, float]:
        """What is so at this moment, by the name of its metric."""
        return {"in_flight": self.in_flight}

    def targets(self) -> int:
        """How many inference servers share its requests."""
        return 1

    async def answer(self, request: Request, request_id: str) -> Ended:
        """The end of a request; Problem where it gets no answers."""
        raise NotImplementedError

    async def post(self, request: Request) -> Response:
        """`POST /v1/answers`."""
        started = time.perf_counter()
        self.in_flight += 1
        request_id = ""
        try:
            request_id = request_id_of(request.headers)
            ended = await self.answer(request, request_id)
        except Problem as problem:
            ended = ended_by(problem, request_id)
        except asyncio.CancelledError:
            self.given_up += 1
            ended = ended_by(failed(503, "given up as the server ended"), request_id)
            self._note(request, ended, request_id, started)
            raise
        except Exception as error:  # a model can raise anything
            problem = failed(500, f"{type(error).__name__}: {error}")
            ended = ended_by(problem, request_id)
        finally:
            self.in_flight -= 1
        self._note(request, ended, request_id, started)
        headers = {ID_HEADER: request_id, **ended.headers}
        return Response(ended.body, ended.status, headers, ended.media_type, ended.afterwards)

    def _note(self, request: Request, ended: Ended, request_id: str, started: float) -> None:
        """Tell the metrics and the ledger.

        Not in the ledger: a request whose id is none, and a copy, whose request has its outcome.
        """
        latency_ms = 1000 * (time.perf_counter() - started)
        self.meter.add("requests")
        if ended.outcome in COUNTED:
            self.meter.add(COUNTED[ended.outcome])
        self.meter.observe("latency_ms", latency_ms)
        if not request_id or SHADOW_HEADER in request.headers:
            return
        self.keep(LEDGER_LINES, partial(self.write, self.line(ended, request_id, latency_ms)))

    def keep(self, what: str, write: Callable[[], None]) -> None:
        """Have a line written down, and count it, whether its file takes it or not."""
        self.lines[what] += 1
        try:
            write()
        except OSError as error:
            self.unwritten(what, error)

    def unwritten(self, what: str, error: OSError) -> None:
        """Count a line that no file took, as on a full disk, and say so the first time: whoever
        asks has the answers all the same.
        """
        self.meter.add(UNWRITTEN)
        if what in self._complained:
            return
        self._complained.add(what)
        goes_on = f"it goes on without; {UNWRITTEN} counts what is missing"
        problem = f"a line of the {what} could not be written: {system_problem(error)}"
        print(f"blipkit: {problem}; {goes_on}", file=sys.stderr, flush=True)

    def line(self, ended: Ended, request_id: str, latency_ms: float) -> LedgerLine:
        """The ledger's line of a request."""
        return LedgerLine(
            request_id=request_id,
            tier=self.name,
            outcome=ended.outcome,
            status=ended.status,
            backend=ended.backend,
            attempt=ended.attempt,
            at_s=time.time(),
            latency_ms=round(latency_ms, 3),
            answers=ended.answers,
        )

    def routes(self) -> list[Route]:
        """What every tier answers to beside requests."""
        return [
            Route("/livez", self._livez),
            Route("/readyz", self._readyz),
            Route("/metrics", self._metrics),
            Route("/openapi.json", self._openapi),
        ]

    async def _livez(self, request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def _readyz(self, request: Request) -> Response:
        reason = "leaving: it was told to end" if self.leaving else self.why_not_ready()
        return JSONResponse({"ready": not reason, "reason": reason}, 503 if reason else 200)

    async def _metrics(self, request: Request) -> Response:
        self.set_levels()
        return Response(self.meter.prometheus(), headers={"Content-Type": PROMETHEUS_TYPE})

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(document(self.name))

    def end_period(self, now_ms: int) -> list[str]:
        """The metrics of the period that ends now, as lines; now_ms: Unix time."""
        self.set_levels()
        requests = self.meter.counts["requests"].period
        self.meter.set(PER_TARGET, requests / max(1, self.targets()))
        return self.meter.lines(now_ms)

    def write_metrics(self, emit: Callable[[str], None]) -> None:
        """Hand out the lines of the period that ends now. emit: takes each, or raises OSError."""
        for line in self.end_period(round(1000 * time.time())):
            try:
                emit(line)
            except OSError as error:
                self.unwritten("metrics", error)

    def set_levels(self) -> None:
        """Tell the metrics what is so at this moment."""
        for name, value in self.levels().items():
            self.meter.set(name, value)


async def not_found(request: Request, error: HTTPException) -> Response:
    """The reply where nothing is at a path, or not with that method."""
    text = f"{request.method} {request.url.path}: {error.detail}; /openapi.json says what there is"
    body = encoded(problem_json(rejected(error.status_code, text), ""))
    return Response(body, error.status_code, error.headers, PROBLEM_TYPE)


async def read_body(request: Request) -> bytes:
    """A request's body; Problem where it is larger than one may be, or does not come."""
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > LARGEST_BODY:
        raise too_large()
    parts = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > LARGEST_BODY:
                    raise too_large()
                parts.append(part)
    except TimeoutError:
        raise rejected(408, f"the request was not whole after {BODY_S} s; send it again") from None
    except ClientDisconnect:
        raise rejected(400, f"the caller left after {size} bytes of the request") from None
    return b"".join(parts)


def too_large() -> Problem:
    """A body with more bytes than a request may have."""
    most = f"{LARGEST_BODY // 2**20} MiB"
    return rejected(413, f"more than {most} in a request; send a smaller image")


def form_type(headers: Headers) -> str:
    """The content type of a form, as it came; Problem where the body is of another."""
    kind = headers.get("content-type", "")
    if kind.partition(";")[0].strip().lower() != FORM:
        advice = "with curl: -F image=@dog.jpg -F question='...'"
        raise rejected(415, f"content type {shown(kind)}; expected {FORM}, {advice}")
    return kind


async def fields_of(headers: Headers, body: bytes) -> list[tuple[str, str | bytes]]:
    """The fields of a form, in their order; a file's value is its bytes. Problem where the body is
    no form.
    """
    form_type(headers)
    parser = MultiPartParser(headers, once(body), max_files=MOST_FIELDS, max_fields=MOST_FIELDS)
    parser.spool_max_size = LARGEST_BODY  # stays in memory
    try:
        form = await parser.parse()
    except Exception as error:  # what its text can make the parser raise has no end
        reason = getattr(error, "message", "") or shown(str(error))
        raise rejected(400, f"the form is ill-formed: {reason}") from None
    fields = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            value = await value.read()
        fields.append((name, value))
    await form.close()
    return fields


async def once(body: bytes) -> AsyncIterator[bytes]:
    """A body that is here already, as a stream."""
    yield body
