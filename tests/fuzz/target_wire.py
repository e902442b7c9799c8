"""What callers send to a tier: forms with an image and questions, weights, and what a backend replies."""

import asyncio
import io
from pathlib import Path

import httpx
import mutators
from campaign import Target
from PIL import Image
from sandbox import Case
from starlette.datastructures import Headers

from blipkit.errors import BadInput
from blipkit.service.asking import Said, content_of
from blipkit.service.backends import Backend
from blipkit.service.route import weights_in
from blipkit.service.tiers import fields_of
from blipkit.service.wire import Problem, asked_of, detail_in, picture_of, texts_in

BODY, TYPE = "body", "type"
ANSWERS = '"answers": [{"question": "is it?", "text": "yes"}], "detail": "no bucket fits"'
SAID = f'{{"weights": {{"gpu": 90, "inf2": 10}}, {ANSWERS}}}'  # weights, and a reply


def form_seeds(place: Path) -> None:
    """Forms as curl sends them: a JPEG and two questions; a PNG, candidates and a kind."""
    image = Image.effect_noise((32, 32), 64).convert("RGB")
    for name, more in {
        "JPEG": {},
        "PNG": {"candidates": ["red", "blue"], "kind": ["answers"]},
    }.items():
        image.save(content := io.BytesIO(), name)
        parts = [("image", ("frame", content.getvalue())), ("question", (None, "is it?"))]
        parts += [(key, (None, text)) for key, texts in more.items() for text in texts]
        request = httpx.Request("POST", "http://tier", files=[*parts, ("question", (None, "so?"))])
        (place / name).mkdir()
        (place / name / BODY).write_bytes(request.read())
        (place / name / TYPE).write_text(request.headers["Content-Type"])


def spoil_form(case: Case) -> None:
    """Changed bytes of the body, or of its content type."""
    file = TYPE if case.rng.random() < 0.1 else BODY
    written, said = mutators.spoil_bytes(case.rng, (case.folder / file).read_bytes())
    (case.folder / file).write_bytes(written)
    case.did.append(f"{file}: {said}")


def read_form(case: Case) -> None:
    """What an inference tier does before it answers."""
    kind = (case.folder / TYPE).read_bytes().replace(b"\n", b"").decode("latin-1")
    headers = Headers({"content-type": kind})
    with refusing():
        fields = asyncio.run(fields_of(headers, (case.folder / BODY).read_bytes()))
        asked = asked_of(fields)
        assert asked.questions
        picture_of(asked.image).getpixel((0, 0))


def json_seeds(place: Path) -> None:
    """What is weights, and a reply, too."""
    (place / "said").mkdir()
    (place / "said" / BODY).write_text(SAID)


def spoil_json(case: Case) -> None:
    """Changes as in any JSON."""
    text = (case.folder / BODY).read_text()
    written, said = mutators.spoil_json(case.rng, text)
    (case.folder / BODY).write_bytes(written)
    case.did.append(said)


def read_json(case: Case) -> None:
    """What an API tier makes of a body that may be weights, or a backend's reply."""
    body = (case.folder / BODY).read_bytes()
    texts_in(body)
    detail_in(body)
    with refusing():
        content, texts = content_of(Said(200, body, "", 0.0), "r1")
        assert texts and content["request_id"] == "r1" and content["timings_ms"] is not None
    backends = {name: Backend(name, f"http://{name}", "", True) for name in ("gpu", "inf2")}
    with refusing():
        assert abs(sum(weights_in(body, backends).values()) - 100) < 1e-3


class refusing:
    """A Problem inside is a refusal, as a caller is told it."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, Problem):
            assert 400 <= error.status < 500
            raise BadInput(str(error)) from error


TARGETS = [
    Target("forms", 600, 4, form_seeds, spoil_form, read_form),
    Target("tier JSON", 400, 2, json_seeds, spoil_json, read_json),
]
