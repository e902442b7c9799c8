"""A knob: a typed field with its default, unit and meaning, and the values that it can mean."""

import copy
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, field, fields
from functools import cache
from typing import Any, ClassVar, NamedTuple, get_type_hints

from pydantic import TypeAdapter, ValidationError

from blipkit.errors import BadInput, nearest, shown


class Range(NamedTuple):
    """Which numbers a knob can mean, in words and as a test."""

    words: str
    holds: Callable[[float], bool]


POSITIVE = Range("more than zero", lambda value: value > 0)
ZERO_OR_MORE = Range("zero or more", lambda value: value >= 0)
SHARE = Range("a share, at least 0 and less than 1", lambda value: 0 <= value < 1)
BUSY = Range("0 for not stated, else a share of the time, at most 1", lambda value: 0 <= value <= 1)
# of what is made, held or started that often: more is a slip, and would fill the memory
COUNT = Range("more than zero, at most 1,000,000", lambda value: 1 <= value <= 1_000_000)
FEW = Range("more than zero, at most 4,096", lambda value: 1 <= value <= 4096)
# how the name of a knob ends that says what passes
LIMIT_ENDINGS = ("_limit", "_limit_ms", "_floor", "_margin")
EXPONENT = re.compile(r"[+-]?[\d.]+e[+-]?\d+", re.IGNORECASE)  # such as 1e-3


class Section:
    """Base of a profile's sections, which are frozen dataclasses of knobs.

    name: the section's, as profiles write it.
    """

    name: ClassVar[str]


def knob(
    default: Any,
    meaning: str,
    unit: str = "",
    *,
    within: Range = POSITIVE,
    one_of: Sequence[str] = (),
    may_be_empty: bool = False,
) -> Any:
    """A field of a Section.

    meaning: what it sets, and why; within: the range of every number in it; one_of: the texts that
    it can be.
    """
    metadata = {
        "meaning": meaning,
        "unit": unit,
        "within": within,
        "one_of": one_of,
        "may_be_empty": may_be_empty,
    }
    if isinstance(default, list | dict):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def limits_of(section: Section) -> dict[str, Any]:
    """The knobs of a section that say what passes, by name."""
    names = [one.name for one in fields(section) if one.name.endswith(LIMIT_ENDINGS)]
    return {name: getattr(section, name) for name in names}


def default_of(knob_field: Field) -> Any:
    """A field's default."""
    if knob_field.default is MISSING:
        return knob_field.default_factory()
    return knob_field.default


@cache
def types_of(cls: type) -> dict[str, Any]:
    """Name -> type of each field of a dataclass."""
    hints = get_type_hints(cls)
    return {knob_field.name: hints[knob_field.name] for knob_field in fields(cls)}


def check_fields(cls: type, values: dict, where: str) -> None:
    """Refuse keys that are no fields of a dataclass, and values that its types or ranges forbid.

    where: how the message begins.
    """
    known = {knob_field.name: knob_field for knob_field in fields(cls)}
    for name, value in values.items():
        if name not in known:
            raise BadInput(f"{where}: unknown key {shown(name)}; {nearest(name, known)}")
        check_value(known[name], types_of(cls)[name], value, where)


def check_value(knob_field: Field, kind: Any, value: Any, where: str) -> None:
    """Refuse a value that a field's type or range does not allow."""
    check_type(knob_field.name, kind, value, where)
    _check_range(knob_field, value, f"{where}: {knob_field.name}")
    known = knob_field.metadata.get("one_of")
    if not known:
        return
    for item in value if isinstance(value, list) else [value]:
        if item not in known:
            raise BadInput(f"{where}.{knob_field.name} is {shown(item)}; {nearest(item, known)}")


def check_type(name: str, kind: Any, value: Any, where: str) -> None:
    """Refuse a value of a field that its type does not allow."""
    try:
        _adapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise BadInput(f"{where}: {_in_words(name, error)}") from None


@cache
def _adapter(kind: Any) -> TypeAdapter:
    """What checks values of a type; it takes a while to make."""
    return TypeAdapter(kind)


def _in_words(name: str, error: ValidationError) -> str:
    """What was seen and expected, where pydantic refused a value."""
    problem = error.errors()[0]
    path = ".".join(map(str, (name, *problem["loc"])))
    value = problem["input"]
    expected = problem["msg"].replace("Input should be ", "expected ")
    message = f"{path} is {shown(value)}; {expected}"
    if problem["type"] == "list_type" and isinstance(value, int | float | str):
        message += f", such as {shown([value])}"
    if isinstance(value, str) and EXPONENT.fullmatch(value):
        message += " (YAML reads 1e-3 as text; write 1.0e-3)"
    return message


def _check_range(knob_field: Field, value: Any, where: str) -> None:
    """Refuse numbers that a knob cannot mean, and what is empty."""
    is_empty = value in ([], {}) or (isinstance(value, str) and not value.strip())
    if is_empty and not knob_field.metadata.get("may_be_empty"):
        expected = "a text" if isinstance(value, str) else "at least one entry"
        raise BadInput(f"{where} is empty; expected {expected}")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_range(knob_field, item, f"{where}.{key}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            _check_range(knob_field, item, f"{where}.{place}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        within = knob_field.metadata.get("within", POSITIVE)
        if not (math.isfinite(value) and within.holds(value)):
            raise BadInput(f"{where} is {value}; expected {within.words}")
