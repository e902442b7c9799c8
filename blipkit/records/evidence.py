"""A results folder opened to be read: whole, without links, and as its run left it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from blipkit.paths import chapters_in, inside
from blipkit.records.listing import EVIDENCE, NAME, Verification, verify
from blipkit.records.moves import JOURNAL, PREVIOUS, STAGE, settle
from blipkit.records.writing import said_in_a_sentence

# what the kit reads and writes in a results folder, beside artifacts
ENTRIES = (
    *EVIDENCE,
    *(PREVIOUS, "report"),
    *("run.json", "profile.yaml", "environment.json"),
    *("verdict.json", "verdict.md", "gates.xml"),
    *(NAME, JOURNAL, STAGE, ".notes", ".lock", "run.pid"),
)


def open_evidence(folder: Path, but_of: Sequence[str] = ()) -> Verification:
    """Whether a folder's records are as a run left them; moves that a kill interrupted are finished
    first.

    but_of: chapters that are about to run again. BadInput for a link in place of a file of the
    kit's, for what was cut or changed, and for a folder that a run is at.
    """
    with said_in_a_sentence(folder):
        check_links(folder)
        settle(folder)
        return verify(folder, but_of)


def check_links(folder: Path) -> None:
    """Refuse a folder in which a link stands where the kit reads or writes; nothing is written."""
    for name in ENTRIES:
        inside(folder, name)
    for path in chapters_in(folder):
        inside(folder, path.name)


def not_verified(folders: Iterable[Path]) -> list[str]:
    """A line for each folder of which nobody knows that it is as its run left it, and why."""
    found = [(folder, open_evidence(folder)) for folder in folders]
    return [f"{folder} is not verified: {one.reason}" for folder, one in found if not one.verified]
