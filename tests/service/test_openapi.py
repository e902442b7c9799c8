"""The OpenAPI document says what the apps do."""

import asyncio

import httpx
import jsonschema
import pytest
from made_up_tiers import MadeUp, asking, client_of, form, picture, tier_of
from starlette.routing import Route

from blipkit.service import tiers
from blipkit.service.api import Api, Limits, api_app
from blipkit.service.asking import REJECTIONS
from blipkit.service.backends import Backend
from blipkit.service.inference import inference_app
from blipkit.service.metrics import Meter
from blipkit.service.openapi import document
from blipkit.service.routing import Router
from blipkit.service.wire import FIELDS, KINDS, PATH, ROUTE_PATH


def api_tier() -> Api:
    backend = Backend("gpu", "http://gpu")
    return Api([backend], Router({"gpu": 100.0}), Limits(), Meter("api", {}), print)


def apps() -> dict:
    return {"inference": inference_app(tier_of(MadeUp())), "api": api_app(api_tier())}


@pytest.mark.parametrize("tier", ["inference", "api"])
def test_every_path_and_method_is_in_the_document(tier):
    """Neither has one that the other lacks."""
    there = set()
    for route in apps()[tier].routes:
        assert isinstance(route, Route)
        there |= {(route.path, method.lower()) for method in route.methods - {"HEAD"}}
    paths = document(tier)["paths"]
    assert there == {(path, method) for path, methods in paths.items() for method in methods}


def resolved(tier: str, path: str, method: str, reply: httpx.Response) -> dict:
    """The schema of a reply, of its status and media type, with what it refers to."""
    whole = document(tier)
    said = whole["paths"][path][method]["responses"][str(reply.status_code)]
    kind = reply.headers["Content-Type"].partition(";")[0]
    return {**said["content"][kind]["schema"], "components": whole["components"]}


def check(tier: str, path: str, method: str, reply: httpx.Response) -> None:
    schema = resolved(tier, path, method, reply)
    jsonschema.Draft202012Validator.check_schema(schema)
    is_json = "json" in reply.headers["Content-Type"]
    jsonschema.validate(reply.json() if is_json else reply.text, schema)


ASKED = [
    form(),
    form(candidates="open"),
    form(kind="captions"),
    form(b"hello"),
    form(picture()) | {"headers": {"X-Request-Id": ""}},
    {"content": b"x" * (9 * 2**20)},
]


def test_what_the_inference_tier_replies_is_what_the_document_says():
    """Answers and each problem: status, media type and body."""
    requests = [("POST", PATH, how) for how in ASKED]
    requests += [("GET", path, {}) for path in ("/livez", "/readyz", "/metrics", "/openapi.json")]
    replies, _ = asking(requests=requests)
    assert [reply.status_code for reply in replies[: len(ASKED)]] == [200, 200, 422, 415, 400, 413]
    for (method, path, _), reply in zip(requests, replies, strict=True):
        check("inference", path, method.lower(), reply)


def test_what_the_api_tier_replies_is_what_the_document_says():
    """Weights, and that no backend is ready."""

    def loading(request):
        return httpx.Response(503, json={"ready": False, "reason": "loading"})

    async def ask():
        app = api_app(api_tier(), lambda: httpx.AsyncClient(transport=httpx.MockTransport(loading)))
        async with app.router.lifespan_context(app), client_of(app) as client:
            weights = {"weights": {"gpu": 100}}
            return [
                await client.get(ROUTE_PATH),
                await client.put(ROUTE_PATH, json=weights),
                await client.put(ROUTE_PATH, json={}),
                await client.post(PATH, **form()),
                await client.get("/readyz"),
            ]

    replies = asyncio.run(ask())
    places = [(ROUTE_PATH, "get"), (ROUTE_PATH, "put"), (ROUTE_PATH, "put"), (PATH, "post")]
    assert [reply.status_code for reply in replies] == [200, 409, 422, 503, 503]
    for place, reply in zip([*places, ("/readyz", "get")], replies, strict=True):
        check("api", *place, reply)


def test_every_status_of_a_callers_fault_is_in_the_document(monkeypatch):
    """That of a body which never ends, too; each reply has the headers that it says."""
    monkeypatch.setattr(tiers, "BODY_S", 0.05)

    async def trickling():
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    late = {"content": trickling(), "headers": {"X-Request-Id": "r1"}}
    (reply,), tier = asking(requests=[("POST", PATH, late)])
    assert reply.status_code == 408 and reply.headers["X-Request-Id"] == "r1"
    assert tier.ledger.outcomes == [("rejected", 408)]
    check("inference", PATH, "post", reply)
    for where in ("api", "inference"):
        said = document(where)["paths"][PATH]["post"]["responses"]
        assert {str(status) for status in REJECTIONS} <= set(said)
        assert all("X-Request-Id" in one["headers"] for one in said.values())
        assert [status for status, one in said.items() if "Retry-After" in one["headers"]] == [
            "503"
        ]


def test_the_document_has_the_fields_and_kinds_of_a_request():
    """What a form may hold is said once in the document, and once in the code."""
    schema = document("api")["components"]["schemas"]["Request"]
    assert set(schema["properties"]) == set(FIELDS)
    assert schema["properties"]["kind"]["enum"] == list(KINDS)


def test_a_reply_that_is_not_as_the_document_says_is_found():
    """The check can fail."""
    reply = httpx.Response(200, json={"answers": []})
    with pytest.raises(jsonschema.ValidationError):
        check("api", PATH, "post", reply)
