"""Rows with types, and the records that keep them: the one place where the two meet.

A row is a frozen dataclass. Its record is flat: an `Interval` becomes three keys, a field made by
`part` (a dataclass of its own) lends its keys. All else keeps its name.
"""

import functools
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, asdict, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from blipkit.errors import BadInput
from blipkit.statistics import Interval

if TYPE_CHECKING:
    from blipkit.records.results import Results

Row = TypeVar("Row")
ENDS = {"value": "", "low": "_low", "high": "_high"}  # of an interval -> how its keys differ


def part(prefix: str = "") -> Any:
    """A field whose own fields stand in the record beside the others, their keys after `prefix`."""
    return field(metadata={"part": prefix})


def interval(key: str, default: Any = MISSING) -> Any:
    """A field of type Interval; key: as in "p50{}_ms", with {} where its ends differ.

    default: of a record of an older kit; without the ends alone, its figure is read all the same.
    """
    return stored_as(key, default)


def stored_as(key: str, default: Any = MISSING) -> Any:
    """A field whose key in the record is another word than its name, such as "from".

    default: of a record of an older kit.
    """
    return field(default=default, metadata={"key": key})


def interval_of(value: str, low: str, high: str) -> Any:
    """A field of type Interval whose three keys have nothing in common."""
    return field(metadata={"keys": {"value": value, "low": low, "high": high}})


def record_of(row) -> dict[str, Any]:
    """A row as JSON keeps it."""
    record = {}
    for one in fields(row):
        value = getattr(row, one.name)
        if "part" in one.metadata:
            prefix = one.metadata["part"]
            record.update({prefix + key: plain for key, plain in record_of(value).items()})
        elif isinstance(value, Interval):
            for end, key in _keys(one).items():
                record[key] = getattr(value, end)
        else:
            record[_key(one)] = _typed_to_plain(value)
    return record


def _typed_to_plain(value: Any) -> Any:
    """A row inside a row, or a list of them, as JSON keeps it."""
    if is_dataclass(value):
        return asdict(value)
    if isinstance(value, list):
        return [_typed_to_plain(one) for one in value]
    return value


def records_of(rows: Iterable) -> list[dict[str, Any]]:
    """Rows as JSON keeps them, and as tables and pandas take them."""
    return [record_of(row) for row in rows]


def row_of(cls: type[Row], record: dict[str, Any]) -> Row:
    """The row that a record keeps; keys that no field has are left out.

    BadInput where a field has neither key nor default.
    """
    if absent := missing_keys(cls, record):
        kind = record.get("kind", cls.__name__)
        said = f"a record of {kind!r} has no {', '.join(absent)}"
        raise BadInput(f"{said}; expected one of this kit: run the notebook that writes it again")
    values = {}
    for one in fields(cls):
        hint = _types(cls)[one.name]
        if "part" in one.metadata:
            values[one.name] = row_of(hint, _record_of_part(one, record))
        elif hint is Interval:
            keys = _keys(one)
            if any(key in record for key in keys.values()):
                values[one.name] = Interval(**{end: record.get(key) for end, key in keys.items()})
        elif _key(one) in record:
            values[one.name] = _plain_to_typed(hint, record[_key(one)])
    return cls(**values)


def keys_of(cls: type) -> list[str]:
    """Every key of the records that keep rows of a class."""
    keys = []
    for one in fields(cls):
        hint = _types(cls)[one.name]
        if "part" in one.metadata:
            keys += [one.metadata["part"] + key for key in keys_of(hint)]
        elif hint is Interval:
            keys += _keys(one).values()
        else:
            keys.append(_key(one))
    return keys


def missing_keys(cls: type, record: dict[str, Any]) -> list[str]:
    """What a record lacks of what its row cannot do without."""
    absent = []
    for one in fields(cls):
        hint = _types(cls)[one.name]
        if "part" in one.metadata:
            missing = missing_keys(hint, _record_of_part(one, record))
            absent += [one.metadata["part"] + key for key in missing]
        elif _has_default(one):
            continue
        elif hint is Interval:
            absent += _missing_ends(one, record)
        elif _key(one) not in record:
            absent.append(_key(one))
    return absent


@functools.cache
def _types(cls: type) -> dict[str, Any]:
    """Name -> type of each field."""
    return typing.get_type_hints(cls)


def _record_of_part(one: Field, record: dict[str, Any]) -> dict[str, Any]:
    """What a record keeps of a part, without the prefix of its keys."""
    prefix = one.metadata["part"]
    keys = [key for key in record if key.startswith(prefix)]
    return {key.removeprefix(prefix): record[key] for key in keys}


def _has_default(one: Field) -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


def _key(one: Field) -> str:
    """The key that holds a plain field."""
    return one.metadata.get("key", one.name)


def _keys(one: Field) -> dict[str, str]:
    """Ends of an interval -> the keys that hold them."""
    if keys := one.metadata.get("keys"):
        return keys
    key = one.metadata.get("key", f"{one.name}{{}}")
    return {end: key.format(suffix) for end, suffix in ENDS.items()}


def _missing_ends(one: Field, record: dict[str, Any]) -> list[str]:
    """The ends of an interval that a record lacks; some have no figure between them."""
    keys = _keys(one)
    return [keys[end] for end in ("low", "high") if keys[end] not in record]


def _plain_to_typed(hint: Any, value: Any) -> Any:
    """What JSON holds as a field's type has it: tuples and nested rows, which JSON has not."""
    if value is None:
        return None
    origin = typing.get_origin(hint)
    inner = typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _plain_to_typed(next(one for one in inner if one is not type(None)), value)
    if origin is tuple:
        return tuple(_plain_to_typed(inner[0], one) for one in value)
    if origin is list:
        return [_plain_to_typed(inner[0], one) for one in value]
    if is_dataclass(hint) and isinstance(value, dict):
        return row_of(hint, value)
    return value


def measure_typed(
    results: "Results",
    kind: str,
    row: type[Row],
    measure: Callable[[], list[Row]],
    evidence: str = "measured",
) -> list[Row]:
    """The rows that measure() returns, kept as records of `kind`; in a replay those recorded there.

    row: their dataclass. No rows come where a replay's folder lacks the kind, or a field of it that
    has no default. evidence: of rows without a field of that name.
    """

    def measured() -> list[dict]:
        rows = records_of(measure())
        for one in rows:
            one.setdefault("evidence", evidence)
        return rows

    if not results.measure(kind, measured, needs=missing_keys(row, {})):
        return []
    return [row_of(row, one) for one in results.read(kind)]


def write_typed(results: "Results", kind: str, rows: Iterable) -> None:
    """Keep rows as the records of `kind`; none, where nothing was found."""
    results.write(kind, records_of(rows))


def read_typed(results: "Results", kind: str, row: type[Row]) -> list[Row]:
    """The rows that another notebook kept as records of `kind`; none where nobody did."""
    return [row_of(row, one) for one in results.rows(kind)]
