"""What stands in a table where a replay's folder lacks a kind of record, or nothing was found."""

from collections.abc import Iterable, Sequence

from blipkit.display.tables import show_table
from blipkit.records.typed import records_of

NOT_RECORDED = "not recorded"


def show_rows(
    rows: Iterable, caption: str, otherwise: str, columns: Sequence[str] | None = None
) -> None:
    """Typed rows as a table of the columns named, else of all; without rows, `otherwise` in it."""
    if records := records_of(rows):
        show_table(records, caption, columns)
    else:
        show_nothing(caption, otherwise)


def show_nothing(caption: str, reason: str) -> None:
    """A table that says why it has no rows."""
    show_table([{"seen": reason}], caption)
