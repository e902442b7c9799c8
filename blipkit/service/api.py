"""The API tier: an ASGI app that hands each request to one of several backends, by weights that
are changed while it runs.

Backends are URLs. One that is not ready gets nothing; the tier is ready while any that has a weight
is. A request whose backend dies with it is sent to another one, once.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blipkit.service.asking import Died, Said, ask, content_of, trusted
from blipkit.service.backends import Backend
from blipkit.service.ledger import LedgerLine, answers_digest
from blipkit.service.metrics import Meter, backend_metric
from blipkit.service.mirror import Mirror, Original
from blipkit.service.route import check_caller, route_json, weights_in
from blipkit.service.routing import Router
from blipkit.service.tiers import (
    PROBLEM_TYPE,
    Ended,
    Tier,
    ended_by,
    form_type,
    not_found,
    read_body,
)
from blipkit.service.wire import (
    ATTEMPT_HEADER,
    ID_HEADER,
    PATH,
    ROUTE_PATH,
    Problem,
    backend_in,
    encoded,
    failed,
    problem_json,
    refused,
    rejected,
)

ATTEMPTS = 2  # at most: the second at another backend than the first
KEEP_S = 30  # that a connection to a backend is kept, less than servers keep theirs
CONNECT_S = 2.0  # that a connection may take; then the backend is not there


@dataclass(frozen=True)
class Limits:
    """in_flight: requests at most; timeout_s: for a backend's whole reply; health_every_s: between
    two questions whether a backend is ready.
    """

    in_flight: int = 256
    timeout_s: float = 10.0
    health_every_s: float = 0.5


class Api(Tier):
    """The API tier in one process. mirror: what sends copies to a candidate, if anything does."""

    def __init__(
        self,
        backends: Sequence[Backend],
        router: Router,
        limits: Limits,
        meter: Meter,
        write: Callable[[LedgerLine], None],
        mirror: Mirror | None = None,
    ):
        super().__init__("api", meter, write)
        self.backends = {backend.name: backend for backend in backends}
        self.router = router
        self.limits = limits
        self.mirror = mirror
        self.client: httpx.AsyncClient | None = None
        self.closed = ""  # why nobody may set weights over HTTP
        for name in self.backends:
            for what in ("requests", "errors"):
                meter.add(backend_metric(what, name), 0)

    @property
    def ready(self) -> set[str]:
        """The backends that are ready."""
        return {name for name, backend in self.backends.items() if backend.ready}

    def why_not_ready(self) -> str:
        if any(self.router.weights[name] > 0 for name in self.ready):
            return ""
        states = [
            f"{name} ({self.router.weights[name]:g} %): {backend.reason or 'ready'}"
            for name, backend in self.backends.items()
        ]
        return f"no backend with a weight is ready: {'; '.join(states)}"

    def levels(self) -> dict[str, float]:
        levels = {"in_flight": float(self.in_flight), "ready": float(not self.why_not_ready())}
        for name, backend in self.backends.items():
            levels[backend_metric("ready", name)] = float(backend.ready)
            levels[backend_metric("weight", name)] = self.router.weights[name]
            levels[backend_metric("in_flight", name)] = backend.in_flight
        if self.mirror:
            for name, count in vars(self.mirror.copies).items():
                levels[f"shadow_{name}"] = count
        return levels

    def targets(self) -> int:
        return sum(self.router.weights[name] > 0 for name in self.ready)

    @property
    def _watched(self) -> list[Backend]:
        """Every backend, and the one that gets copies."""
        backends = list(self.backends.values())
        if self.mirror and self.mirror.backend not in backends:
            backends.append(self.mirror.backend)
        return backends

    async def watch(self) -> None:
        """Ask the backends whether they are ready, again and again, none waiting for another."""
        async with asyncio.TaskGroup() as group:
            for backend in self._watched:
                group.create_task(self._watch(backend))

    async def _watch(self, backend: Backend) -> None:
        while True:
            await backend.look(self.client)
            await asyncio.sleep(self.limits.health_every_s)

    async def look(self) -> None:
        """Ask every backend once whether it is ready."""
        await asyncio.gather(*(backend.look(self.client) for backend in self._watched))

    async def answer(self, request: Request, request_id: str) -> Ended:
        started = time.perf_counter()
        if self.in_flight > self.limits.in_flight:
            raise refused(f"{self.in_flight - 1} requests are in flight; ask again")
        body = await read_body(request)
        kind = form_type(request.headers)
        tried: list[str] = []
        died = ""
        for attempt in range(1, ATTEMPTS + 1):
            name = self.router.choose(self.ready.difference(tried))
            if name is None:
                break
            backend = self.backends[name]
            headers = {ID_HEADER: request_id, ATTEMPT_HEADER: str(attempt)}
            headers["Content-Type"] = kind.encode("latin-1")  # as it came
            where = {"backend": name, "attempt": attempt}
            try:
                said = await self._ask(backend, headers, body)
                ended = self._answered(said, request_id, started, where)
            except Died as error:
                died = f"{name}: {error}"
                tried.append(name)
                continue
            except Problem as problem:
                if problem.outcome == "failed":
                    self.meter.add(backend_metric("errors", name))
                return ended_by(problem, request_id, **where)
            original = Original(request_id, kind, body, ended.body)
            return self._mirrored(ended, original, said)
        if died:
            problem = failed(502, f"the backend ended without a reply, and none else did: {died}")
            return ended_by(problem, request_id, backend=tried[-1], attempt=len(tried))
        raise refused(self.why_not_ready())

    async def _ask(self, backend: Backend, headers: dict[str, str | bytes], body: bytes) -> Said:
        """A backend's reply; Died where it is gone, Problem where it takes too long."""
        self.meter.add(backend_metric("requests", backend.name))
        backend.in_flight += 1
        try:
            return await ask(self.client, backend.url, headers, body, self.limits.timeout_s)
        except TimeoutError:
            problem = f"{backend.name} gave no reply in {self.limits.timeout_s:g} s"
            raise failed(504, problem) from None
        except Died as error:
            self.meter.add(backend_metric("errors", backend.name))
            backend.reason = str(error)  # until it is asked again whether it is ready
            raise
        finally:
            backend.in_flight -= 1

    def _answered(
        self, said: Said, request_id: str, started: float, where: dict[str, Any]
    ) -> Ended:
        """A backend's answers as the caller gets them; Problem where it gave none.

        where: which backend, and at which attempt.
        """
        content, texts = content_of(said, request_id)
        content["backend"] = where["backend"]
        content["timings_ms"]["api"] = hop_ms(said, started)
        try:
            body = encoded(content)
        except ValueError:
            raise failed(502, "the backend's reply has NaN, or what else JSON has not") from None
        return Ended("answered", 200, body, answers_digest(texts), **where)

    def _mirrored(self, ended: Ended, original: Original, said: Said) -> Ended:
        """The same end, after which a copy goes to the candidate where it is sampled, unless it
        answered itself: by its reply, too, as behind a backend's URL there may be several.
        """
        if self.mirror is None or ended.outcome != "answered":
            return ended
        if self.mirror.backend.name in (ended.backend, backend_in(said.content)):
            return ended
        if not self.mirror.wants(original.request_id):
            return ended
        afterwards = BackgroundTask(self.mirror.offer, original)
        return replace(ended, afterwards=afterwards)

    async def get_route(self, request: Request) -> Response:
        """`GET /v1/route`."""
        shadow = self.mirror.backend if self.mirror else None
        return JSONResponse(route_json(self.router.weights, self.backends, shadow, self.lines))

    async def put_route(self, request: Request) -> Response:
        """`PUT /v1/route`: other weights, from the next request on."""
        try:
            if self.closed:
                raise rejected(403, self.closed)
            check_caller(request.client.host if request.client else "nowhere")
            body = await read_body(request)
            await self.look()  # as they are now, not as they were
            self.router.set(weights_in(body, self.backends))
        except Problem as problem:
            body = encoded(problem_json(problem, ""))
            return Response(body, problem.status, media_type=PROBLEM_TYPE)
        return await self.get_route(request)


def hop_ms(said: Said, started: float) -> dict[str, float]:
    """How long the backend took for its reply, and everything here until now."""
    total_s = time.perf_counter() - started
    taken = {"backend": said.took_s, "total": total_s}
    return {name: round(1000 * seconds, 3) for name, seconds in taken.items()}


def api_app(tier: Api, client: Callable[[], httpx.AsyncClient] | None = None) -> Starlette:
    """The ASGI app. client: makes what asks the backends; by itself, over the network."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (client or make_client)() as tier.client:
            tier.client.timeout = timeouts(tier.limits.timeout_s)
            tasks = [asyncio.create_task(tier.watch())]
            if tier.mirror:
                running = tier.mirror.run(tier.client, tier.limits.timeout_s)
                tasks.append(asyncio.create_task(running))
            yield
            for task in tasks:
                task.cancel()
            # before the client is closed: with one that is, each backend would seem to be away
            await asyncio.gather(*tasks, return_exceptions=True)

    routes = [
        Route(PATH, tier.post, methods=["POST"]),
        Route(ROUTE_PATH, tier.get_route, methods=["GET"]),
        Route(ROUTE_PATH, tier.put_route, methods=["PUT"]),
        *tier.routes(),
    ]
    return Starlette(
        routes=routes, lifespan=lifespan, exception_handlers={HTTPException: not_found}
    )


def timeouts(whole_s: float) -> httpx.Timeout:
    """Of a request to a backend: a connection takes at most half, so that another can be asked."""
    return httpx.Timeout(whole_s, connect=min(CONNECT_S, whole_s / 2))


def make_client() -> httpx.AsyncClient:
    """What asks backends, over connections that are kept. Cookies are not: callers would share
    them.

    A backend's certificate is held against those that SSL_CERT_FILE names, else against certifi's.
    """
    limits = httpx.Limits(
        max_connections=None, max_keepalive_connections=None, keepalive_expiry=KEEP_S
    )
    nobodys = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(limits=limits, trust_env=False, cookies=nobodys, verify=trusted())
