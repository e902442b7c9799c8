"""JSON documents and records of a results folder: read whole, or refused by name and line."""

import contextlib
import json
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput
from blipkit.machine.host import Machine
from blipkit.paths import inside
from blipkit.records.typed import row_of
from blipkit.records.writing import write_document
from blipkit.renamed import record_today

SCHEMA = 1


def read_document(path: Path) -> dict[str, Any]:
    """A results folder's JSON file."""
    otherwise = "expected what a run writes there: run the profile again"
    text = b""
    if path.is_file():
        text = path.read_bytes()
    return _parsed(text, f"{path} is missing or damaged; {otherwise}")


def read_machine(folder: Path) -> Machine:
    """The machine that a results folder's figures belong to: its environment.json."""
    return row_of(Machine, read_document(folder / "environment.json"))


def write_machine(folder: Path, machine: Machine) -> None:
    """The folder's environment.json."""
    write_document(inside(folder, "environment.json"), machine.facts())


def _parsed(text: bytes, otherwise: str) -> dict[str, Any]:
    """A JSON object; where it is none, BadInput says `otherwise`."""
    with contextlib.suppress(ValueError):
        parsed = json.loads(text)
        if isinstance(parsed, dict):
            return parsed
    raise BadInput(otherwise)


def check_schema(row: dict, path: Path) -> None:
    """Refuse a record that a newer kit wrote: its keys may mean something else there."""
    schema = row.get("schema")
    if type(schema) is not int or schema < 1:
        raise BadInput(
            f"{path} has schema {schema!r}; expected a whole number from 1 on: blipkit did not "
            "write it"
        )
    if schema > SCHEMA:
        raise BadInput(f"{path} has schema {schema}; this kit reads up to {SCHEMA}: update blipkit")


def rows_in(path: Path) -> list[dict[str, Any]]:
    """The records in a file, by the names of today; BadInput names the line that is not one."""
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        seen = f"{path}, line {number} is damaged"
        advice = "run the notebook that writes it again"
        row = _parsed(line, f"{seen}; expected one JSON record: {advice}")
        check_schema(row, path)
        rows.append(record_today(row))
    return rows


def plain_value(value: Any) -> Any:
    """What JSON cannot hold as it can: numpy's and torch's scalars as Python's, else as text."""
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def check_results_folder(folder: Path) -> None:
    """Refuse a folder that no run has left."""
    if not folder.is_dir():
        raise BadInput(f"no folder {folder}; expected a results folder, such as results/tiny")
    if not (folder / "run.json").is_file():
        raise BadInput(
            f"{folder} is not a results folder (no run.json); make one with: blipkit run tiny"
        )
