"""The types of a row's fields, and what refuses a value that they do not allow."""

import functools
import typing
from dataclasses import Field, fields
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from blipkit.errors import shown


class WrongType(ValueError):
    """A field of a record has a value that its type does not allow."""


@functools.cache
def types_of(cls: type) -> dict[str, Any]:
    """Name -> type of each field."""
    return typing.get_type_hints(cls)


def key_of(one: Field) -> str:
    """The key that holds a plain field."""
    return one.metadata.get("key", one.name)


def check_types(cls: type, values: dict[str, Any]) -> None:
    """Refuse a value that a row's field of this name does not allow; whole numbers are numbers.

    WrongType says the key, what was seen and what was expected.
    """
    names = tuple(values)
    try:
        _checker(cls, names).validate_python(tuple(values.values()))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        number, *places = _numbers(problems[0])
        kinds = [one["msg"] for one in problems if _numbers(one) == [number, *places]]
        expected = " or ".join(kind.removeprefix("Input should be ") for kind in kinds)
        key = next(key_of(one) for one in fields(cls) if one.name == names[number])
        place = ".".join(map(str, [key, *places]))
        seen = f"{place} is {shown(problems[0]['input'])}"
        raise WrongType(f"{seen}; expected {expected}") from None


def _numbers(problem: Any) -> list[int]:
    """Where in a row something is wrong: the field's number, and the places in its list."""
    return [place for place in problem["loc"] if isinstance(place, int)]


@functools.cache
def _checker(cls: type, names: tuple[str, ...]) -> TypeAdapter:
    """What checks these fields of a row, in a tuple; it takes a while to make."""
    hints = tuple(types_of(cls)[name] for name in names)
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    return TypeAdapter(tuple[hints], config=config)
