"""The OpenAPI 3.1 document of both tiers, as /openapi.json hands it out.

Written by hand, and held against what the apps do by a test.
"""

from typing import Any

import blipkit
from blipkit.service.wire import (
    ANSWERS,
    ID,
    ID_HEADER,
    KINDS,
    LARGEST_BODY,
    OPEN,
    PATH,
    ROUTE_PATH,
)

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
SHARE = {"type": "number", "minimum": 0, "maximum": 100}
SCHEMAS = {
    "Request": {
        "type": "object",
        "required": ["image", "question"],
        "additionalProperties": False,
        "properties": {
            "image": {
                "type": "string",
                "contentMediaType": "image/jpeg",
                "description": f"a JPEG or a PNG; the request has at most {LARGEST_BODY} bytes",
            },
            "question": {
                "type": "array",
                "items": TEXT,
                "minItems": 1,
                "description": "repeat the field for several questions about the image",
            },
            "candidates": {
                "type": "array",
                "items": TEXT,
                "description": f"what every question may be answered with, else yes and no; "
                f"`{OPEN}` alone: anything",
            },
            "kind": {"type": "string", "enum": list(KINDS), "default": ANSWERS},
        },
    },
    "Answer": {
        "type": "object",
        "required": ["question", "text", "probability", "margin"],
        "additionalProperties": False,
        "properties": {
            "question": TEXT,
            "text": TEXT,
            "probability": {
                "type": ["number", "null"],
                "description": "among the candidates; of an open answer, of the whole of it",
            },
            "margin": {
                "type": ["number", "null"],
                "description": "to the runner-up, nats; null where there is none",
            },
        },
    },
    "Reply": {
        "type": "object",
        "required": [
            *("kind", "request_id", "answers", "model", "arm", "backend", "timings_ms"),
        ],
        "additionalProperties": False,
        "properties": {
            "kind": {"enum": list(KINDS)},
            "request_id": TEXT,
            "answers": {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}},
            "model": TEXT,
            "arm": TEXT,
            "backend": TEXT,
            "timings_ms": {
                "type": "object",
                "description": "hop -> what took how long there; `total` is all of it",
                "additionalProperties": {"type": "object", "additionalProperties": NUMBER},
            },
        },
    },
    "Problem": {
        "type": "object",
        "required": ["status", "title", "detail", "request_id"],
        "additionalProperties": False,
        "properties": {
            "status": {"type": "integer"},
            "title": {"enum": ["rejected", "refused", "failed"]},
            "detail": TEXT,
            "request_id": TEXT,
        },
    },
    "Ready": {
        "type": "object",
        "required": ["ready", "reason"],
        "properties": {"ready": {"type": "boolean"}, "reason": TEXT},
    },
    "Weights": {
        "type": "object",
        "required": ["weights"],
        "additionalProperties": False,
        "properties": {
            "weights": {
                "type": "object",
                "additionalProperties": SHARE,
                "description": "percent by backend, 100 in all; one not named gets nothing",
            },
        },
    },
    "Route": {
        "type": "object",
        "required": ["weights", "backends", "lines"],
        "properties": {
            "weights": {"type": "object", "additionalProperties": SHARE},
            "lines": {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "description": "that each of the tier's files should have had since it began",
            },
            "backends": {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "required": [
                        *("url", "ready", "was_ready", "reason", "in_flight"),
                        "is_shadow",
                    ],
                },
            },
        },
    },
}
REQUEST_ID = {
    "name": ID_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": f"^{ID.pattern}$"},
    "description": "names the request in ledgers and in the reply; made where it is absent",
}
HEADERS = {
    ID_HEADER: {"schema": TEXT, "description": "the request's, or the one that it got"},
}
RETRY_AFTER = {"schema": {"type": "integer"}, "description": "s, until it is worth asking again"}
PROBLEMS = {
    "400": "the form, or the request's id, is ill-formed",
    "408": "the request was not whole in time",
    "413": "more bytes than a request may have",
    "415": "no form, or an image that is neither JPEG nor PNG",
    "422": "no image, no question, a kind that is not known, or what no bucket holds",
    "500": "the model failed",
    "503": "no room now, or not ready; Retry-After says when to ask again",
}
API_PROBLEMS = {
    "502": "the backends that were asked ended without a reply",
    "504": "the backend gave no reply in time",
}


def document(tier: str) -> dict[str, Any]:
    """What a tier answers to: "inference", or "api", which also routes."""
    problems = dict(PROBLEMS)
    paths = {PATH: {"post": _post(problems)}}
    if tier == "api":
        problems.update(API_PROBLEMS)
        paths = {PATH: {"post": _post(problems)}, ROUTE_PATH: _route()}
    paths["/livez"] = {
        "get": _get("the process lives", {"200": _said("alive", TEXT, "text/plain")})
    }
    paths["/readyz"] = {"get": _get("whether it may be asked", _ready())}
    metrics = {"200": _said("in Prometheus' text format", TEXT, "text/plain")}
    paths["/metrics"] = {"get": _get("what was counted", metrics)}
    paths["/openapi.json"] = {
        "get": _get("this document", {"200": _said("it", {"type": "object"})})
    }
    info = {"title": f"blipkit: {tier} tier", "version": blipkit.__version__}
    document = {"openapi": "3.1.0", "info": info, "paths": paths}
    document["components"] = {"schemas": SCHEMAS}
    return document


def _post(problems: dict[str, str]) -> dict[str, Any]:
    replies = {"200": _said("an answer to each question, in their order", _ref("Reply"))}
    for status, words in problems.items():
        replies[status] = _said(words, _ref("Problem"), "application/problem+json")
    for reply in replies.values():
        reply["headers"] = dict(HEADERS)
    replies["503"]["headers"]["Retry-After"] = RETRY_AFTER
    body = {"required": True, "content": {"multipart/form-data": {"schema": _ref("Request")}}}
    return {
        "operationId": "answer",
        "summary": "ask one image one or more questions",
        "parameters": [REQUEST_ID],
        "requestBody": body,
        "responses": replies,
    }


def _route() -> dict[str, Any]:
    seen = {"200": _said("the weights, and how the backends are", _ref("Route"))}
    taken = dict(seen)
    for status, words in {
        "400": "the caller left before the body was whole",
        "403": "weights are set from this machine alone",
        "408": PROBLEMS["408"],
        "413": PROBLEMS["413"],
        "409": "a backend that was never ready",
        "422": "no weights, a backend that is not known, or not 100 in all",
    }.items():
        taken[status] = _said(words, _ref("Problem"), "application/problem+json")
    body = {"required": True, "content": {"application/json": {"schema": _ref("Weights")}}}
    put = {"operationId": "route", "summary": "set the weights, from the next request on"}
    put.update(requestBody=body, responses=taken)
    return {"get": _get("the weights", seen), "put": put}


def _get(summary: str, replies: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "responses": replies}


def _ready() -> dict[str, Any]:
    return {
        "200": _said("it may be asked", _ref("Ready")),
        "503": _said("not now, and why", _ref("Ready")),
    }


def _said(words: str, schema: dict[str, Any], kind: str = "application/json") -> dict[str, Any]:
    return {"description": words, "content": {kind: {"schema": schema}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
