"""The list of what the repository publishes: results/published/README.md, made from its folders.

Each folder says itself on which machine, when and with which code it was recorded; what it lacks
beside one of this kit is looked up. What is known to be wrong in one stands in notes.yaml, by the
commit that recorded it, so that a note ends with the folder that it is about.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from blipkit.cost.pricing import NEEDED_KEYS, SETTINGS
from blipkit.errors import BadInput
from blipkit.paths import PUBLISHED
from blipkit.reading.files import MB, read_text
from blipkit.reading.yaml_text import parse_yaml
from blipkit.records.documents import read_document, read_machine
from blipkit.records.listing import NAME as LISTING
from blipkit.records.results import Results
from blipkit.records.run_record import NAME as RUN
from blipkit.records.run_record import RunRecord, read_run
from blipkit.records.writing import write_text

README = "README.md"
NOTES = "notes.yaml"
ENVIRONMENT = "environment.json"
FORECAST = "forecast.json"
UNKNOWN = "not recorded"
WITH_SAMPLES = ("03_parity", "04_concurrency", "08_arrivals")
COLUMNS = ("folder", "machine", "profile", "recorded", "blipkit", "commit", "chapters")

HEAD = """# What was recorded, where, and with which code

`blipkit publish FOLDER` puts the evidence of a results folder here, under its machine and its own
name, and writes this page anew, from what the folders say of themselves; `blipkit publish` without
a folder writes the page alone.

Each folder is read by `blipkit report`, `blipkit compare` and `blipkit run PROFILE --replay`, those
of older code too: what they lack is NOT-RUN, and gates are judged by the rules of today. `-dirty`
behind a commit: with changes that were not committed.
"""


@dataclass(frozen=True)
class PublishedFolder:
    """A row of the page, in words; lacks: what a folder of this kit would have, one item each."""

    folder: str
    machine: str
    profile: str
    recorded: str
    blipkit: str
    commit: str
    chapters: str
    lacks: list[str]


@dataclass(frozen=True)
class Note:
    """What is known of a folder, as long as it is the one that was recorded by this commit."""

    folder: str
    commit: str
    note: str


def write_readme(published: Path = PUBLISHED) -> Path:
    """Write the page; its path."""
    path = published / README
    write_text(path, readme_of(published))
    return path


def readme_of(published: Path = PUBLISHED) -> str:
    """The page for what is published there."""
    rows = [*folders_in(published), *forecasts_in(published)]
    rows.sort(key=lambda row: row.folder)
    notes = notes_in(published)
    parts = [HEAD, _table(rows)]
    for row in rows:
        known = [one.note for one in notes if (one.folder, one.commit) == (row.folder, row.commit)]
        lines = [*known, *(f"It lacks {what}." for what in row.lacks)]
        if lines:
            items = "\n".join(f"- {line}" for line in lines)
            parts.append(f"## {row.folder}\n\n{items}\n")
    return "\n".join(parts)


def _table(rows: Sequence[PublishedFolder]) -> str:
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in rows:
        cells = asdict(row)
        lines.append(f"| {' | '.join(cells[name] for name in COLUMNS)} |")
    return "\n".join(lines) + "\n"


def folders_in(published: Path) -> list[PublishedFolder]:
    """What was measured: each folder with a machine."""
    places = sorted(path.parent for path in published.glob(f"*/*/{ENVIRONMENT}"))
    return [_folder(place, published) for place in places]


def _folder(place: Path, published: Path) -> PublishedFolder:
    machine = read_machine(place)
    run = RunRecord()
    if (place / RUN).is_file():
        run = read_run(place)
    stems = [stem for stem, ended in run.notebooks.items() if ended.status == "ran"]
    return PublishedFolder(
        folder=str(place.relative_to(published)),
        machine=machine.name,
        profile=run.profile or place.name,
        recorded=run.measured_on or _first_of(place, "recorded") or UNKNOWN,
        blipkit=machine.versions.get("blipkit") or UNKNOWN,
        commit=machine.git_commit or UNKNOWN,
        chapters=", ".join(stem.partition("_")[0] for stem in stems) or "none",
        lacks=lacks_of(place, stems),
    )


def _first_of(place: Path, key: str) -> str:
    """What the first record that says it has under a key; "" where none does."""
    for path in sorted(place.glob("records/*.jsonl")):
        for row in _rows_of(place, path.stem):
            if key in row:
                return str(row[key])
    return ""


def _rows_of(place: Path, kind: str) -> list[dict[str, Any]]:
    """The records of a kind; none where they are damaged, which whoever reads them is told."""
    with contextlib.suppress(BadInput):
        return Results(place).rows(kind)
    return []


def lacks_of(place: Path, stems: Sequence[str]) -> list[str]:
    """What a folder of this kit would have, in words. stems: the chapters that ran."""
    lacks = []
    sampled = [stem for stem in WITH_SAMPLES if stem in stems]
    if sampled and not (place / "samples").is_dir():
        lacks.append(f"the samples of {', '.join(sampled)}: a replay has no gates of theirs")
    if "04_concurrency" in stems:
        rows = _rows_of(place, SETTINGS)
        absent = [key for key in NEEDED_KEYS if any(key not in row for row in rows)]
        if absent:
            lacks.append("keys of 04's records that a price is made of: in a replay 05 prices none")
    if stems and not (place / LISTING).is_file():
        lacks.append("the digests of its files, so that it is not verified")
    return lacks


def forecasts_in(published: Path) -> list[PublishedFolder]:
    """What nobody has measured yet, and was sealed before."""
    rows = []
    for path in sorted(published.glob(f"*/*/{FORECAST}")):
        sealed: dict[str, Any] = read_document(path)
        rows.append(
            PublishedFolder(
                folder=str(path.parent.relative_to(published)),
                machine=sealed.get("machine", UNKNOWN),
                profile=sealed.get("profile", UNKNOWN),
                recorded=f"forecast, sealed {sealed.get('sealed', UNKNOWN)}",
                blipkit="none",
                commit="none",
                chapters="none",
                lacks=[],
            )
        )
    return rows


def notes_in(published: Path) -> list[Note]:
    """What notes.yaml says; BadInput for what is no list of notes."""
    path = published / NOTES
    if not path.is_file():
        return []
    expected = "expected a list of notes, each with folder, commit and note"
    try:
        return [Note(**one) for one in parse_yaml(read_text(path, MB, expected)) or []]
    except (ValueError, TypeError) as error:
        raise BadInput(f"{path}: {error}; {expected}") from None
