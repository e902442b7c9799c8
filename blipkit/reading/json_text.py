"""JSON as other machines wrote it; what would break whoever reads on is refused here."""

import functools
import json
import re
from typing import Any, NoReturn

from blipkit.errors import shown
from blipkit.reading.plain import DEPTH, check_int, check_text

# What the few costly checks look for: an integer that might be above 64 bits, half of a character.
LONG_NUMBER = re.compile(rb"[:,[\s-]\d{19}")
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_json(content: bytes) -> Any:
    """The value that a JSON text holds, NaN and Infinity as Python writes them.

    ValueError says what is wrong with it: no UTF-8, no JSON, a key that stands twice, an integer of
    more than 64 bits, half of a surrogate pair, or a nesting above 50.
    """
    try:
        text = content.decode("utf-8")
        if text.startswith("\ufeff"):
            raise ValueError("begins with a byte order mark (BOM)")
        value = _decoder(bool(LONG_NUMBER.search(content))).decode(text)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except RecursionError:
        _too_deep()
    if content.count(b"{") + content.count(b"[") > DEPTH:
        _check_depth(value, 0)
    if SURROGATE.search(content):
        check_text(json.dumps(value, ensure_ascii=False))
    return value


def parse_object(content: bytes) -> dict[str, Any]:
    """The same of a text that should be an object."""
    value = parse_json(content)
    if not isinstance(value, dict):
        raise ValueError(f"is {shown(value)}, no JSON object")
    return value


@functools.cache
def _decoder(has_long_number: bool) -> json.JSONDecoder:
    """What reads JSON; where a number is long, one that looks at each."""
    parse_int = _int if has_long_number else None
    return json.JSONDecoder(object_pairs_hook=_object, parse_int=parse_int)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, each of whose keys stands once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {shown(twice)} stands twice")
    return found


def _int(digits: str) -> int:
    """A JSON integer of at most 64 bits."""
    if len(digits) > 20:
        raise ValueError(f"{shown(digits)} is above 64 bits")
    return check_int(int(digits))


def _check_depth(value: Any, depth: int) -> None:
    """Refuse lists in lists, and objects in objects, that nobody would write."""
    if depth > DEPTH:
        _too_deep()
    inner = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for one in inner:
            _check_depth(one, depth + 1)


def _too_deep() -> NoReturn:
    raise ValueError(f"nests more than {DEPTH} deep") from None
