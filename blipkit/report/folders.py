"""A results folder as a report reads it: a run's, or one that chapters opened by hand have left.

The latter has records, and neither run.json nor profile.yaml nor environment.json: what those would
say comes from the records, and the knobs have their defaults.
"""

from pathlib import Path
from typing import Any

from blipkit.machine.host import Machine
from blipkit.profiles.knobs import Section
from blipkit.profiles.profile import Sections, read_sections, section_in, translated
from blipkit.profiles.sections import section_class
from blipkit.records.documents import check_results_folder, read_machine, rows_in
from blipkit.records.run_record import RunRecord, read_run


def check_reportable(folder: Path) -> None:
    """Refuse a folder that neither a run nor a chapter opened by hand has left."""
    if not is_by_hand(folder):
        check_results_folder(folder)


def is_by_hand(folder: Path) -> bool:
    """Whether chapters were opened by hand there, and no run was."""
    has_records = any((folder / "records").glob("*.jsonl"))
    return has_records and not (folder / "run.json").exists()


def run_of(folder: Path) -> RunRecord:
    """How the run went; of chapters opened by hand only the profile is known."""
    if not is_by_hand(folder):
        return read_run(folder)
    return RunRecord(profile=_all_of(_first_records(folder), "profile"))


def machine_of(folder: Path) -> Machine:
    """The machine that the figures belong to; the records name it where environment.json is not."""
    if (folder / "environment.json").exists() or not is_by_hand(folder):
        return read_machine(folder)
    records = _first_records(folder)
    versions = next((record["versions"] for record in records if "versions" in record), {})
    return Machine(name=_all_of(records, "machine"), versions=versions)


def sections_of(folder: Path) -> Sections:
    """The profile that the run's file states, in the words of today; empty where there is none."""
    path = folder / "profile.yaml"
    if is_by_hand(folder) and not path.exists():
        return {}
    return translated(read_sections(path))


def knobs_of(folder: Path, name: str) -> Section:
    """One section's knobs; their defaults where the profile is not known."""
    if is_by_hand(folder) and not (folder / "profile.yaml").exists():
        return section_class(name)()
    return section_in(folder, name)


def _first_records(folder: Path) -> list[dict[str, Any]]:
    """The first record of each kind."""
    paths = sorted((folder / "records").glob("*.jsonl"))
    return [record for path in paths for record in rows_in(path)[:1]]


def _all_of(records: list[dict[str, Any]], key: str) -> str:
    """What records say under a key; several where they were made on different machines."""
    said = dict.fromkeys(str(record[key]) for record in records if record.get(key))
    return ", ".join(said) or "not known"
