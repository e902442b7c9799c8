"""Rows with types, and the records that keep them: the one place where the two meet.

A row is a frozen dataclass. Its record is flat: an `Interval` becomes three keys, a field made by
`part` (a dataclass of its own) lends its keys. All else keeps its name.
"""

import functools
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, asdict, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from blipkit.errors import BadInput, shown
from blipkit.records.field_types import WrongType, check_types, key_of, types_of
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
            record[key_of(one)] = _typed_to_plain(value)
    return record


def _typed_to_plain(value: Any) -> Any:
    """A row inside a row, or a list or dict of them, as JSON keeps it."""
    if is_dataclass(value):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _typed_to_plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_typed_to_plain(one) for one in value]
    return value


def records_of(rows: Iterable) -> list[dict[str, Any]]:
    """Rows as JSON keeps them, and as tables and pandas take them."""
    return [record_of(row) for row in rows]


class Record(dict):
    """A record or a document as JSON keeps it, that knows where it stands.

    place: its file, and its line where it is one of many; again: says what writes it anew.
    """

    def __init__(self, values: dict[str, Any], place: str, again: Callable[[], str]):
        super().__init__(values)
        self.place = place
        self.again = again


def row_of(cls: type[Row], record: dict[str, Any]) -> Row:
    """The row that a record keeps; keys that no field has are left out.

    BadInput where a field has neither key nor default, or a value that its type does not allow.
    """
    if absent := missing_keys(cls, record):
        place = getattr(record, "place", "")
        kind = record.get("kind", cls.__name__)
        said = f"a record of {shown(kind)} has no {', '.join(absent)}; expected one of this kit"
        raise BadInput(f"{f'{place}: ' if place else ''}{said}: {_again(record)}")
    try:
        return _row(cls, record)
    except WrongType as error:
        place = getattr(record, "place", f"a record of {shown(record.get('kind', cls.__name__))}")
        raise BadInput(f"{place}: {error}; {_again(record)}") from None


def _again(record: dict[str, Any]) -> str:
    """What writes a record anew."""
    if isinstance(record, Record):
        return record.again()
    return "run the notebook that writes it again"


def _row(cls: type[Row], record: dict[str, Any]) -> Row:
    """The row of a record that lacks nothing; WrongType names the key of another type."""
    values, plain = {}, {}
    for one in fields(cls):
        hint = types_of(cls)[one.name]
        if "part" in one.metadata:
            values[one.name] = _row(hint, _record_of_part(one, record))
        elif hint is Interval:
            keys = _keys(one)
            if any(key in record for key in keys.values()):
                values[one.name] = _interval_in(record, keys)
        elif key_of(one) in record:
            plain[one.name] = _plain_to_typed(hint, record[key_of(one)])
    check_types(cls, plain)
    return cls(**values, **plain)


def _interval_in(record: dict[str, Any], keys: dict[str, str]) -> Interval:
    """The interval whose ends stand under these keys, each a number or null."""
    ends = {end: record.get(key) for end, key in keys.items()}
    for end, value in ends.items():
        if type(value) not in (float, int, type(None)):
            raise WrongType(f"{keys[end]} is {shown(value)}; expected a number or null")
    return Interval(**ends)


def keys_of(cls: type) -> list[str]:
    """Every key of the records that keep rows of a class."""
    keys = []
    for one in fields(cls):
        hint = types_of(cls)[one.name]
        if "part" in one.metadata:
            keys += [one.metadata["part"] + key for key in keys_of(hint)]
        elif hint is Interval:
            keys += _keys(one).values()
        else:
            keys.append(key_of(one))
    return keys


def missing_keys(cls: type, record: dict[str, Any]) -> list[str]:
    """What a record lacks of what its row cannot do without."""
    absent = []
    for one in fields(cls):
        hint = types_of(cls)[one.name]
        if "part" in one.metadata:
            missing = missing_keys(hint, _record_of_part(one, record))
            absent += [one.metadata["part"] + key for key in missing]
        elif _has_default(one):
            continue
        elif hint is Interval:
            absent += _missing_ends(one, record)
        elif key_of(one) not in record:
            absent.append(key_of(one))
    return absent


def _record_of_part(one: Field, record: dict[str, Any]) -> dict[str, Any]:
    """What a record keeps of a part, without the prefix of its keys."""
    prefix = one.metadata["part"]
    keys = [key for key in record if key.startswith(prefix)]
    return {key.removeprefix(prefix): record[key] for key in keys}


def _has_default(one: Field) -> bool:
    return one.default is not MISSING or one.default_factory is not MISSING


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
    origin, inner = _shape(hint)
    if origin in (typing.Union, types.UnionType):
        return _plain_to_typed(next(one for one in inner if one is not type(None)), value)
    if origin in (tuple, list) and isinstance(value, list | tuple):
        return origin(_plain_to_typed(inner[0], one) for one in value)
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {key: _plain_to_typed(inner[1], one) for key, one in value.items()}
    if is_dataclass(hint) and isinstance(value, dict):
        if absent := missing_keys(hint, value):
            raise WrongType(f"{hint.__name__} has no {', '.join(absent)}; expected all of them")
        return _row(hint, value)
    return value


@functools.cache
def _shape(hint: Any) -> tuple[Any, tuple]:
    """What a type is made of: list and (str,) for list[str]."""
    return typing.get_origin(hint), typing.get_args(hint)


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

    records = results.measure(kind, measured, needs=missing_keys(row, {}))
    return [row_of(row, one) for one in records]


def write_typed(results: "Results", kind: str, rows: Iterable) -> None:
    """Keep rows as the records of `kind`; none, where nothing was found."""
    results.write(kind, records_of(rows))


def read_typed(results: "Results", kind: str, row: type[Row]) -> list[Row]:
    """The rows that another notebook kept as records of `kind`; none where nobody did."""
    return [row_of(row, one) for one in results.rows(kind)]
