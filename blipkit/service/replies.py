"""What endpoints answered: read from replies, and from logs of two that are joined by request
id.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput, shown
from blipkit.reading.files import shown_path
from blipkit.records.field_types import WrongType, check_types
from blipkit.service.json_lines import read_json_lines
from blipkit.service.shadow import Answers, Pair
from blipkit.service.wire import Answered

FORM = (
    'expected a line such as {"request_id": "1", "camera": "porch", "at_s": 0.0, '
    '"answers": [{"question": "...", "text": "yes", "probability": 0.9, "margin": 2.2}]}, '
    "200 MB of them at most: of more, take a part"
)


@dataclass(frozen=True)
class Logged:
    """One line of a log. camera, at_s: None where it does not say; has_margins: whether any answer
    says its own, be it null.
    """

    request_id: str
    answers: Answers
    camera: str | None
    at_s: float | None
    has_margins: bool


def answers_in(body: dict[str, Any]) -> Answers:
    """The answers of a reply, or of a line of a log; ValueError says what is wrong with them.

    A probability or a margin may be null, or not there.
    """
    given = body.get("answers")
    if not isinstance(given, list) or not given:
        raise ValueError(f"answers is {shown(given)}; expected a list of at least one")
    return tuple(_answered(one) for one in given)


def _answered(one: Any) -> Answered:
    if not isinstance(one, dict):
        raise ValueError(f"an answer is {shown(one)}; expected an object")
    values = {name: one.get(name) for name in ("question", "text", "probability", "margin")}
    margin = values.pop("margin")
    probability = values.pop("probability")
    check_types(Answered, values)
    for name, value in (("probability", probability), ("margin", margin)):
        if value is not None and type(value) not in (int, float):
            raise WrongType(f"{name} is {shown(value)}; expected a number or null")
    if margin is not None and margin < 0:  # signed, as yes over no, it would excuse any flip
        expected = "expected nats by which the answer is ahead of the next, 0 or more"
        raise ValueError(f"margin is {shown(margin)}; {expected}")
    return Answered(values["question"], values["text"], probability, margin)


def read_log(path: Path) -> dict[str, Logged]:
    """Request id -> its line; BadInput names the line that is ill-formed, or whose id was above, or
    the file that has none.
    """
    found: dict[str, Logged] = {}
    lines: dict[str, str] = {}
    for place, record in read_json_lines(path, FORM):
        try:
            one = _logged(record)
        except ValueError as error:
            raise BadInput(f"{place}: {error}; {FORM}") from None
        if one.request_id in found:
            problem = f"request {shown(one.request_id)} stands here again"
            first = lines[one.request_id].rpartition(", ")[2]
            raise BadInput(f"{place}: {problem}, first in {first}; expected each once")
        found[one.request_id] = one
        lines[one.request_id] = place
    if not found:
        raise BadInput(f"{shown_path(path)} has no line; {FORM}")
    return found


def _logged(record: dict[str, Any]) -> Logged:
    request_id, camera, at_s = (record.get(name) for name in ("request_id", "camera", "at_s"))
    if not isinstance(request_id, str) or not request_id:
        raise ValueError(f"request_id is {shown(request_id)}; expected a text")
    if not isinstance(camera, str | None):
        raise ValueError(f"camera is {shown(camera)}; expected a text")
    if at_s is not None and (type(at_s) not in (int, float) or not math.isfinite(at_s)):
        raise ValueError(f"at_s is {shown(at_s)}; expected a number of seconds")
    answers = answers_in(record)
    has_margins = any("margin" in one for one in record["answers"])
    return Logged(request_id, answers, camera, at_s, has_margins)


@dataclass(frozen=True)
class Joined:
    """Two logs joined. alone: request ids that stand in the primary's, or the candidate's, only."""

    pairs: list[Pair]
    alone_in_primary: int
    alone_in_candidate: int


def join_logs(primary: Path, candidate: Path) -> Joined:
    """The pairs of two logs, in the primary's order, which also says camera and time.

    BadInput where they have no request in common, or were asked other questions, for one log that
    is given twice, and where the primary's says the times of a part of a camera's frames.
    """
    if primary.exists() and candidate.exists() and primary.samefile(candidate):
        expected = "expected the primary's, and the candidate's"
        raise BadInput(f"both logs are {shown_path(primary)}; {expected}")
    first, second = read_log(primary), read_log(candidate)
    _check_times(first, primary)
    pairs = list(_pairs(first, second))
    if not pairs:
        names = f"{shown_path(primary)} and {shown_path(candidate)}"
        seen = f"such as {shown(next(iter(first)))} and {shown(next(iter(second)))}"
        raise BadInput(f"{names} have no request id in common, {seen}; expected logs of the same")
    return Joined(pairs, len(first) - len(pairs), len(second) - len(pairs))


def _check_times(lines: dict[str, Logged], path: Path) -> None:
    """Refuse a camera of whose lines some say a time and others do not: a time beside a place in
    the log is no order, by which alerts begin.
    """
    says: dict[str, bool] = {}
    for one in lines.values():
        said = one.at_s is not None
        if one.camera and says.setdefault(one.camera, said) != said:
            seen = f"camera {shown(one.camera)} has lines with at_s and lines without"
            place = f"such as request {shown(one.request_id)}"
            expected = "expected all with, or all without, in the order of the frames"
            raise BadInput(f"{shown_path(path)}: {seen}, {place}; {expected}")


def _pairs(first: dict[str, Logged], second: dict[str, Logged]) -> Iterator[Pair]:
    """A time that nobody says is the place in the log."""
    for place, (request_id, one) in enumerate(first.items()):
        other = second.get(request_id)
        if other is None:
            continue
        if one.has_margins != other.has_margins:
            expected = "expected it in both, or in neither: then all answers are open ones"
            raise BadInput(f"request {shown(request_id)}: one log alone has a margin; {expected}")
        at_s = float(place) if one.at_s is None else one.at_s
        yield Pair(request_id, one.camera or "", at_s, one.answers, other.answers)
