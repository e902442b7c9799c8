"""Samples: tables of raw measurements as parquet, read whole and by their columns, or refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from blipkit.errors import BadInput, shown

if TYPE_CHECKING:
    import pandas

# What a column may hold -> the kinds of values that pandas infers of it; none has a kind of its own
TEXTS = "texts"
TEXTS_OR_NONE = "texts, or none"
NUMBERS = "numbers"
COUNTS = "whole numbers"
FLAGS = "true or false"
KINDS = {
    FLAGS: {"boolean"},
    TEXTS: {"string", "empty"},
    TEXTS_OR_NONE: {"string", "empty"},
    NUMBERS: {"floating", "integer", "mixed-integer-float", "boolean", "empty"},
    COUNTS: {"floating", "integer", "mixed-integer-float", "empty"},
}
MOST_VALUES = 10**9  # rows times columns: more than a day of requests has, and 8 GB of memory


def read_samples(path: Path, columns: Mapping[str, str] | None = None) -> "pandas.DataFrame":
    """The pandas frame in a parquet file; columns: those that it must have -> what they hold.

    BadInput where it is cut off, no parquet, too large for memory or lacks a column.
    """
    import pandas
    import pyarrow

    try:
        _check_size(path)
        frame = pandas.read_parquet(path)
        _check_columns(frame, columns or {})
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        said = str(error).partition("\n")[0]
        expected = "expected the samples that a notebook keeps"
        raise BadInput(f"{path} is damaged ({said}); {expected}: run it again") from None
    return frame


def _check_size(path: Path) -> None:
    """Refuse a table whose own count of rows would fill the memory, before it is read."""
    from pyarrow.parquet import read_metadata

    held = read_metadata(path)
    if held.num_rows * held.num_columns > MOST_VALUES:
        raise ValueError(f"it says that it has {held.num_rows} rows of {held.num_columns} columns")


def _check_columns(frame: "pandas.DataFrame", columns: Mapping[str, str]) -> None:
    """Refuse a frame without one of the columns, or with other values in it."""
    from pandas.api.types import infer_dtype

    for name, kind in columns.items():
        if name not in frame.columns:
            raise ValueError(f"it has no column {name!r}")
        column = frame[name]
        found = infer_dtype(column, skipna=True)
        if found not in KINDS[kind]:
            raise ValueError(f"column {name!r} holds {found}, where {kind} are expected")
        if kind in (TEXTS, FLAGS) and column.isna().any():
            raise ValueError(f"column {name!r} lacks values, where {kind} are expected")
        if kind == COUNTS:
            _check_counts(column)


def _check_counts(column: "pandas.Series") -> None:
    """Refuse numbers that count nothing."""
    known = column.dropna()
    wrong = known[(known.abs() >= 2**63) | (known % 1 != 0)]
    if len(wrong):
        seen = shown(wrong.iloc[0])
        raise ValueError(f"column {column.name!r} has {seen}, where {COUNTS} are expected")
