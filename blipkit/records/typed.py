"""Records as dataclasses: typed where they are measured, and typed where they are read back."""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TypeVar

from blipkit.records.results import Results

Row = TypeVar("Row")


def measure_typed(
    results: Results,
    kind: str,
    row: type[Row],
    measure: Callable[[], list[Row]],
    evidence: str = "measured",
) -> list[Row]:
    """The rows that measure() returns, kept as records of `kind`; in a replay those recorded there.

    row: their dataclass. No rows come where a replay's folder lacks the kind, or a field of it.
    """

    def measured() -> list[dict]:
        rows = [asdict(one) for one in measure()]
        for one in rows:
            one["evidence"] = evidence
        return rows

    names = [field.name for field in fields(row)]
    found = results.measure(kind, measured, needs=names)
    return [row(**{name: one[name] for name in names}) for one in found]
