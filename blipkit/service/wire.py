"""The wire form of `POST /v1/answers`: what a request may hold, and what is said in reply.

A request is a form: one `image`, a JPEG or a PNG; a `question`, which may be repeated; optional
`candidates`, repeated, or the one word `open`; optional `kind`. Nothing here knows HTTP's library.
"""

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from PIL import Image

from blipkit.errors import BadInput, BlipkitError, nearest, shown
from blipkit.frames.images import image_in
from blipkit.frames.questions import Question, as_questions
from blipkit.reading.json_text import parse_object

PATH = "/v1/answers"
ROUTE_PATH = "/v1/route"
LEDGER_LINES, PAIR_LINES = "ledger", "pairs"  # what a tier writes, as its route counts it
ANSWERS = "answers"  # the only kind; captions or sound would be others
KINDS = (ANSWERS,)
FIELDS = ("image", "question", "candidates", "kind")
OPEN = "open"
FORMATS = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}  # and how each begins
EXPECTED_IMAGE = "expected a JPEG or a PNG"
LARGEST_BODY = 8 * 2**20  # bytes: a camera's frame is far below
MOST_FIELDS = 256  # of a form
ID_HEADER = "X-Request-Id"
ATTEMPT_HEADER = "X-Attempt"
SHADOW_HEADER = "X-Shadow"  # of a copy: who sent the request got its outcome elsewhere
ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
ID_WORDS = "expected 1 to 128 of A-Z a-z 0-9 . _ : -"


class Problem(BlipkitError):
    """A request that gets no answers, with what the caller is told.

    status: of HTTP; outcome: as a ledger names it; retry_after_s: when to ask again, where that
    helps.
    """

    def __init__(
        self, status: int, text: str, outcome: str = "rejected", retry_after_s: int | None = None
    ):
        super().__init__(text)
        self.status = status
        self.outcome = outcome
        self.retry_after_s = retry_after_s


def rejected(status: int, text: str) -> Problem:
    """A request that is ill-formed: the same again would be rejected again."""
    return Problem(status, text)


def refused(text: str, retry_after_s: int = 1) -> Problem:
    """A request that nobody has room for now."""
    return Problem(503, text, "refused", retry_after_s)


def failed(status: int, text: str) -> Problem:
    """A request that was taken, and got no answers by an error of ours."""
    return Problem(status, text, "failed")


@dataclass(frozen=True)
class Asked:
    """A request as its form has it. image: the file's content."""

    image: bytes
    questions: tuple[Question, ...]
    kind: str = ANSWERS


@dataclass(frozen=True)
class Answered:
    """One question's answer; margin: in nats, None where there was nothing to choose from."""

    question: str
    text: str
    probability: float
    margin: float | None


@dataclass(frozen=True)
class About:
    """Who answers. model: the checkpoint's source; arm: its text; backend: as its owner calls
    it.
    """

    model: str
    arm: str
    backend: str


@dataclass(frozen=True)
class Reply:
    """What a request gets.

    timings_ms: hop -> what took how long there, "total" all of it; each hop adds its own.
    """

    request_id: str
    answers: list[Answered]
    about: About
    timings_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    kind: str = ANSWERS

    @property
    def texts(self) -> list[str]:
        """The answers alone."""
        return [answer.text for answer in self.answers]

    def as_json(self) -> dict[str, Any]:
        """As the body has it; a figure that is none is null."""
        answers = [asdict(answer) for answer in self.answers]
        for answer in answers:
            for name in ("probability", "margin"):
                answer[name] = finite(answer[name])
        body = {"kind": self.kind, "request_id": self.request_id, "answers": answers}
        body.update(asdict(self.about))
        body["timings_ms"] = self.timings_ms
        return body


def finite(value: float | None) -> float | None:
    """A number that JSON can hold."""
    if value is None or not math.isfinite(value):
        return None
    return value


def problem_json(problem: Problem, request_id: str) -> dict[str, Any]:
    """The body of a reply without answers: the members of RFC 9457, and the request's id."""
    body = {"status": problem.status, "title": problem.outcome, "detail": str(problem)}
    body["request_id"] = request_id
    return body


def request_id_of(headers: Mapping[str, str]) -> str:
    """The id that a caller chose, or a new one; Problem for one that is none."""
    given = [value for name, value in headers.items() if name.lower() == ID_HEADER.lower()]
    if not given:
        return uuid.uuid4().hex
    if len(given) > 1:  # a proxy before us may take the other one
        raise rejected(400, f"{ID_HEADER} stands {len(given)} times; expected it once")
    if not ID.fullmatch(given[0]):
        raise rejected(400, f"{ID_HEADER} is {shown(given[0])}; {ID_WORDS}")
    return given[0]


def attempt_of(headers: Mapping[str, str]) -> int:
    """Which attempt this is, as the tier before says; 1 where it says nothing that can be."""
    given = headers.get(ATTEMPT_HEADER, "1")
    return int(given) if re.fullmatch("[1-9]", given) else 1


def asked_of(fields: Sequence[tuple[str, str | bytes]]) -> Asked:
    """A request of its form's fields, in their order; a file's value is its bytes.

    Problem for what is missing, stands twice, or is of a kind that nobody knows.
    """
    for name, value in fields:
        if name not in FIELDS:
            raise rejected(422, f"unknown field {shown(name)}; {nearest(name, FIELDS)}")
        if name != "image" and isinstance(value, bytes):
            raise rejected(422, f"{name} is a file; expected text: -F {name}='...'")
    kind = _only(fields, "kind", ANSWERS)
    if kind not in KINDS:
        raise rejected(422, f"kind {shown(kind)}; {nearest(kind, KINDS)}")
    return Asked(_image_of(fields), _questions_of(fields), kind)


def _only(fields: Sequence[tuple[str, str | bytes]], name: str, default: str = "") -> str | bytes:
    """The value of a field that stands once, or not at all."""
    values = _all(fields, name)
    if len(values) > 1:
        raise rejected(422, f"{name} stands {len(values)} times; expected it once")
    return values[0] if values else default


def _all(fields: Sequence[tuple[str, str | bytes]], name: str) -> list[str | bytes]:
    return [value for key, value in fields if key == name]


def _image_of(fields: Sequence[tuple[str, str | bytes]]) -> bytes:
    """The image's content, which begins as a JPEG or a PNG does."""
    image = _only(fields, "image")
    advice = "with curl: -F image=@dog.jpg"
    if not image:
        raise rejected(422, f"no image; {EXPECTED_IMAGE} in the field `image`, {advice}")
    if isinstance(image, str):
        raise rejected(422, f"image is the text {shown(image)}; expected a file, {advice}")
    if not image.startswith(tuple(FORMATS.values())):
        raise rejected(415, f"image {_why_not(image)}")
    return image


def _why_not(image: bytes) -> str:
    """What bytes are that begin neither as a JPEG nor as a PNG, as a sentence goes on."""
    try:
        image_in(image[:64], (), EXPECTED_IMAGE)
    except BadInput as error:
        return str(error)
    return EXPECTED_IMAGE


def _questions_of(fields: Sequence[tuple[str, str | bytes]]) -> tuple[Question, ...]:
    """The questions, each with the candidates that are given for all."""
    texts = _all(fields, "question")
    if not any(text.strip() for text in texts):
        expected = "expected at least one, with curl: -F question='is the dog barking?'"
        raise rejected(422, f"no question; {expected}")
    candidates = _all(fields, "candidates") or list(Question.candidates)
    if candidates == [OPEN]:
        candidates = OPEN
    try:
        return tuple(as_questions([{"text": text, "candidates": candidates} for text in texts]))
    except BadInput as error:
        raise rejected(422, _for_callers(str(error))) from None


def _for_callers(text: str) -> str:
    """A refusal of candidates without its advice for whoever writes YAML."""
    return text.replace(" (YAML reads bare yes and no as true and false)", "")


def picture_of(image: bytes) -> Image.Image:
    """The picture, as the pipeline is asked about it; Problem where it cannot be decoded."""
    try:
        return image_in(image, tuple(FORMATS), EXPECTED_IMAGE)
    except BadInput as error:
        raise rejected(422, f"image {error}") from None


def texts_in(body: bytes) -> list[str] | None:
    """The answers' texts of a reply's body; None where it is no reply of this form."""
    try:
        return texts_of(parse_object(body))
    except ValueError:
        return None


def texts_of(content: Mapping[str, Any]) -> list[str] | None:
    """The same of a body that was read: a reply has at least one answer."""
    answers = content.get("answers")
    if not isinstance(answers, list) or not answers:
        return None
    texts = [answer.get("text") if isinstance(answer, dict) else None for answer in answers]
    if not all(isinstance(text, str) for text in texts):
        return None
    return texts


def backend_in(body: bytes) -> str:
    """Who answered, as a reply's body says; "" where it does not."""
    return str(parse_object(body).get("backend", ""))


def detail_in(body: bytes) -> str:
    """What a reply without answers says, or its beginning where it is not of this form."""
    try:
        return str(parse_object(body)["detail"])
    except (ValueError, KeyError):
        return shown(body[:200].decode("utf-8", "replace"))


def encoded(content: dict[str, Any]) -> bytes:
    """A body: JSON, in UTF-8."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
