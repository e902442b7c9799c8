"""Records as dataclasses: what is measured goes in typed, and comes back typed from this run or from a replay's folder."""

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
    """The rows that measure() returns, kept as the records of `kind`; in a replay the rows recorded elsewhere.

    row: their dataclass, all of whose fields a record has. None, where a replay's folder lacks the kind or a field.
    """

    def measured() -> list[dict]:
        return [{**asdict(one), "evidence": evidence} for one in measure()]

    names = [field.name for field in fields(row)]
    found = results.measure(kind, measured, needs=names)
    return [row(**{name: one[name] for name in names}) for one in found]
