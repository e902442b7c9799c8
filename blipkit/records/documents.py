"""JSON documents and records of a results folder: read whole, or refused by name and line."""

import shlex
from functools import partial
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput, first_of, nearest, shown
from blipkit.machine.host import Machine
from blipkit.paths import PUBLISHED, ROOT, inside
from blipkit.reading.files import MB, is_there, read_bytes
from blipkit.reading.json_text import parse_object
from blipkit.records.typed import Record, row_of
from blipkit.records.writing import write_document
from blipkit.renamed import record_today

SCHEMA = 1
DOCUMENT_LIMIT = 16 * MB
RECORDS_LIMIT = 256 * MB  # of one kind
MOST_WITHIN = 8  # results folders named in a message
PROVENANCE = ("kind", "notebook", "profile", "evidence", "machine")  # texts in every record


def read_document(path: Path) -> Record:
    """A results folder's JSON file; BadInput says what writes it anew where it is damaged."""
    again = partial(written_again, path.parent, {})
    expected = "expected what a run writes there"
    if not is_there(path):
        raise BadInput(f"{path} is missing; {expected}: {again()}")
    content = read_bytes(path, DOCUMENT_LIMIT, expected)
    try:
        return Record(parse_object(content), str(path), again)
    except ValueError as error:
        raise BadInput(f"{path} is damaged ({error}); {expected}: {again()}") from None


def read_machine(folder: Path) -> Machine:
    """The machine that a results folder's figures belong to: its environment.json."""
    return row_of(Machine, read_document(folder / "environment.json"))


def write_machine(folder: Path, machine: Machine) -> None:
    """The folder's environment.json."""
    write_document(inside(folder, "environment.json"), machine.facts())


def check_schema(row: dict, path: Path) -> None:
    """Refuse a record that a newer kit wrote: its keys may mean something else there."""
    schema = row.get("schema")
    if type(schema) is not int or schema < 1:
        seen = f"{path} has schema {shown(schema)}"
        raise BadInput(f"{seen}; expected a whole number from 1 on: blipkit did not write it")
    if schema > SCHEMA:
        raise BadInput(f"{path} has schema {schema}; this kit reads up to {SCHEMA}: update blipkit")


def rows_in(path: Path) -> list[Record]:
    """The records in a file, by the names of today; BadInput names the line that is not one."""
    rows = []
    again = partial(written_again, path.parent.parent, {})
    content = read_bytes(path, RECORDS_LIMIT, "expected the records of a notebook")
    for number, line in enumerate(content.splitlines(), 1):
        place = f"{path}, line {number}"
        try:
            row = parse_object(line)
        except ValueError as error:
            expected = "expected one JSON record"
            raise BadInput(f"{place} is damaged ({error}); {expected}: {again()}") from None
        check_schema(row, path)
        check_provenance(row, place)
        if not rows:
            again = partial(written_again, path.parent.parent, row)
        rows.append(Record(record_today(row), place, again))
    return rows


def check_provenance(row: dict[str, Any], place: str) -> None:
    """Refuse a record that does not say of itself in texts what every record says."""
    for name in PROVENANCE:
        if not isinstance(row.get(name), str | None):
            raise BadInput(
                f"{place}: {name} is {shown(row[name])}; expected a text, as blipkit writes it"
            )


def written_again(folder: Path, row: dict[str, Any]) -> str:
    """What writes a file of a results folder anew: the command, as far as it is known.

    row: a record of the file, which says its chapter and its profile.
    """
    if advice := published_advice(folder):
        return advice
    profile, notebook = row.get("profile"), row.get("notebook")
    if not (profile and notebook):
        return f"run the profile again: blipkit run PROFILE --results {shlex.quote(str(folder))}"
    command = f"blipkit run {shlex.quote(profile)} --only {shlex.quote(notebook)}"
    if folder.resolve() != ROOT / "results" / profile:
        command += f" --results {shlex.quote(str(folder))}"
    return f"run the notebook that writes it again: {command}"


def published_advice(folder: Path) -> str:
    """What brings back the files of a published folder; "" for a folder that is none."""
    if folder.resolve().is_relative_to(PUBLISHED):
        return f"restore it: git checkout -- {shlex.quote(str(folder))}"
    return ""


def plain_value(value: Any) -> Any:
    """What JSON cannot hold as it can: numpy's and torch's scalars as Python's, else as text."""
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def find_folder(name: str, kind: str, chapter: str) -> Path:
    """A results folder that has records of a kind: by path, by its name in results/, or as
    <machine>/<profile> in results/published/. chapter: which writes them.
    """
    results = ROOT / "results"
    records = f"records/{kind}.jsonl"
    for place in (Path(name).expanduser(), results / name, PUBLISHED / name):
        if (place / records).is_file():
            return place.resolve()
    known = [path.relative_to(results).parents[1] for path in results.glob(f"*/{records}")]
    known += [path.relative_to(PUBLISHED).parents[1] for path in PUBLISHED.glob(f"*/*/{records}")]
    raise BadInput(f"no results of {chapter} in {name}; {nearest(name, known)}")


def check_results_folder(folder: Path) -> None:
    """Refuse a folder that no run has left."""
    if not folder.is_dir():
        raise BadInput(f"no folder {folder}; expected a results folder, such as results/tiny")
    if not (folder / "run.json").is_file():
        advice = "make one with: blipkit run tiny"
        if within := sorted(path.parent for path in folder.glob("*/run.json")):
            names = first_of(list(map(str, within)), MOST_WITHIN, ", ")
            advice = f"did you mean one within it: {names}"
        raise BadInput(f"{folder} is not a results folder (no run.json); {advice}")
