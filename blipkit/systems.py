"""The systems that results folders describe: what each does at its best setting, and what differs between them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from blipkit.errors import BadInput
from blipkit.params import read_sections
from blipkit.records import Results, read_document

ASKED = ("checkpoint", "questions", "frames_from", "frames", "distinct_frames", "seed")  # knobs
JUDGED_BY = ("threads", "latency_limit_ms", "target_saving")


def machine_kind(environment: dict) -> str:
    """`neuron`, `cuda` or `cpu`: what a record of kind `environment` was measured on; a `rehearsal` is neither."""
    if environment.get("evidence") == "rehearsal":
        return "rehearsal"
    return "neuron" if environment["neuron_devices"] else "cuda" if environment["gpus"] else "cpu"


def systems(folders: Iterable[Results]) -> list[dict]:
    """One row per results folder and arm: the setting with the most answers within the latency target, priced."""
    rows = []
    for results in folders:
        kind = machine_kind(results.read("environment")[0]) if results.has("environment") else "unknown"
        for row in (row for row in results.read("cost") if row["best"]):
            setting = f"{row['servers']}-{row['clients']}{placement_note(row)}"
            rows.append({**row, "kind": kind, "setting": setting, "latency": latency_note(row)})
    return rows


def latency_note(row: dict) -> str:
    """ "p90 16 ms": of the percentile that the target is about; once that was p99."""
    value = row.get("latency_ms", row.get("p99_ms"))
    return f"p{row.get('percentile', 99):g} " + ("not known" if value is None else f"{value:.0f} ms")


def placement_note(row: dict) -> str:
    """ ", processes" for a row whose servers do not share one pipeline; once there was no other placement."""
    placement = row.get("placement", "threads")
    return "" if placement == "threads" else f", {placement}"


def differences(folders: Sequence[Path]) -> list[dict]:
    """What the systems of these results folders do not share, most important first: "what", and a text per label.

    Labels are those of `labels`. A dash stands where a folder does not say.
    """
    systems, names = [_facts(folder) for folder in folders], ["what", *labels(folders)]
    found = []
    for groups in zip(*systems, strict=True):
        for what in dict.fromkeys(name for group in groups for name in group):
            values = [group.get(what) for group in groups]
            if any(value != values[0] for value in values):
                found.append(dict(zip(names, [what, *map(_text, values)], strict=True)))
    return found


def labels(folders: Sequence[Path]) -> list[str]:
    """A name for each folder, "<profile> on <machine>", numbered from the second of the same name on."""
    names = []
    for folder in folders:
        run, machine = (read_document(folder / name) for name in ("run.json", "environment.json"))
        name = f"{run['profile']} on {machine['name']}"
        numbered = (f"{name} ({i})" for i in range(2, len(folders) + 2))
        names.append(next(one for one in (name, *numbered) if one not in names))
    return names


def check_folder(folder: Path) -> None:
    """Refuse what no run has left."""
    if not folder.is_dir():
        raise BadInput(f"no folder {folder}; expected a results folder, such as results/tiny")
    if not (folder / "run.json").is_file():
        raise BadInput(f"{folder} is not a results folder (no run.json); make one with: blipkit run tiny")


def _facts(folder: Path) -> list[dict]:
    """What a reader must know of a system: groups of facts, most important first."""
    check_folder(folder)
    run, machine = (read_document(folder / name) for name in ("run.json", "environment.json"))
    records = [row for path in (folder / "records").glob("*.jsonl") for row in Results(folder).read(path.stem)]
    sections = read_sections(folder / "profile.yaml")
    knobs = {f"{name}.{knob}": value for name, own in sections.items() for knob, value in own.items()}
    libraries = dict(machine["versions"])
    kit = {"profile": run["profile"], "blipkit": libraries.pop("blipkit", None), "git commit": machine["git_commit"]}
    return [
        {name.replace("_", " "): _seen(records, name) for name in ("weights_digest", "pixel_digest", "image_backend")},
        {name: knobs.pop(name) for knob in (*ASKED, *JUDGED_BY) for name in list(knobs) if name.endswith(f".{knob}")},
        {"machine": machine["name"]},
        libraries,
        kit | knobs,
    ]


def _seen(records: list[dict], key: str) -> str | None:
    """The value that the records carry; more than one where notebooks ran on different checkpoints."""
    return ", ".join(sorted({str(row[key]) for row in records if row.get(key) is not None})) or None


def _text(value) -> str:
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)
