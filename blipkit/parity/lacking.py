"""What is said where a replay's folder lacks a kind of record: no figures, gates not run."""

from collections.abc import Sequence

from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, not_run

NOT_RECORDED = "not recorded"


def not_recorded(gate: str) -> Gate:
    """The gate of what a replay's folder lacks."""
    reason = "the recorded folder has nothing that this gate judges"
    return not_run(gate, "answer", reason, "run the profile again on the machine that recorded it")


def show_rows(
    rows: Sequence[dict], caption: str, otherwise: str, columns: Sequence[str] | None = None
) -> None:
    """Rows as a table of the columns named, else of all; without rows, `otherwise` stands in it."""
    if rows:
        show_table([{name: row[name] for name in columns or row} for row in rows], caption)
    else:
        show_table([{"seen": otherwise}], caption)
