"""What the systems of results folders do not share, without which a change means little."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blipkit.records.results import Results
from blipkit.report.folders import check_reportable, machine_of, run_of, sections_of

# knobs: what a model was asked, and what it was judged by
ASKED = ("checkpoint", "questions", "frames_from", "frames", "distinct_frames", "seed")
JUDGED_BY = ("threads", "latency_limit_ms", "target_saving")
DIGESTS = ("weights_digest", "pixel_digest", "image_backend")

Facts = Mapping[str, Any]  # name -> value; None where a folder does not say


@dataclass(frozen=True)
class Difference:
    """One thing that the systems do not share, and what it is in each of them, as text."""

    what: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Differences:
    """What systems do not share, most important first. labels: the systems' names."""

    labels: list[str]
    rows: list[Difference]

    @property
    def columns(self) -> list[str]:
        """The titles of a table: what differs, then the systems."""
        return ["what", *self.labels]

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """The rows of that table."""
        return [(row.what, *row.values) for row in self.rows]


def find_differences(folders: Sequence[Path]) -> Differences:
    """What the systems of these results folders do not share; a dash where a folder is silent."""
    facts = [_facts(folder) for folder in folders]
    rows = []
    for groups in zip(*facts, strict=True):
        for name in dict.fromkeys(name for group in groups for name in group):
            values = [group.get(name) for group in groups]
            if any(value != values[0] for value in values):
                rows.append(Difference(name, tuple(map(_text, values))))
    return Differences(labels(folders), rows)


def labels(folders: Sequence[Path]) -> list[str]:
    """A name for each folder, "<profile> on <machine>", numbered from the second of a name on."""
    names = []
    for folder in folders:
        name = f"{run_of(folder).profile} on {machine_of(folder).name}"
        numbered = (f"{name} ({i})" for i in range(2, len(folders) + 2))
        names.append(next(label for label in (name, *numbered) if label not in names))
    return names


def _facts(folder: Path) -> tuple[Facts, ...]:
    """What a reader must know of a system: groups of facts, most important first."""
    check_reportable(folder)
    machine = machine_of(folder)
    knobs = {
        f"{section}.{knob}": value
        for section, values in sections_of(folder).items()
        if isinstance(values, dict)  # else it is no section of ours
        for knob, value in values.items()
    }
    asked = {}
    for knob in (*ASKED, *JUDGED_BY):
        for name in [name for name in knobs if name.endswith(f".{knob}")]:
            asked[name] = knobs.pop(name)
    libraries = dict(machine.versions)
    kit = {
        "profile": run_of(folder).profile,
        "blipkit": libraries.pop("blipkit", None),
        "git commit": machine.git_commit,
    }
    kit.update(knobs)
    return _digests(folder), asked, {"machine": machine.name}, libraries, kit


def _digests(folder: Path) -> Facts:
    """What the records say of weights and pixels."""
    records = []
    for path in (folder / "records").glob("*.jsonl"):
        records.extend(Results(folder).read(path.stem))
    return {name.replace("_", " "): _value_in(records, name) for name in DIGESTS}


def _value_in(records: Sequence[Facts], key: str) -> str | None:
    """The value that the records carry; several where notebooks ran on different checkpoints."""
    values = {str(record[key]) for record in records if record.get(key) is not None}
    return ", ".join(sorted(values)) or None


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
