"""Keep a run's evidence in the repository, under results/published/.

What is kept is copied beside its place, then swapped with it whole; then the list of what is
published is written anew. Of the paths that stay on this machine nothing is written but what
`report.private` shows in their place.
"""

import hashlib
import io
import json
import re
import shutil
from pathlib import Path

import yaml

from blipkit.errors import BadInput
from blipkit.paths import PUBLISHED, inside
from blipkit.reading.files import MB, read_bytes
from blipkit.reading.json_text import parse_object
from blipkit.records.documents import check_results_folder, read_machine
from blipkit.records.evidence import not_verified, open_evidence
from blipkit.records.listing import EVIDENCE, output_of, read_listing, write_listing
from blipkit.records.writing import said_in_a_sentence
from blipkit.report.private import Hidden, hidden_in
from blipkit.run.published import write_readme

KEPT = (
    "environment.json",
    "profile.yaml",
    "run.json",
    "verdict.json",
    "verdict.md",
)
LARGEST = 256 * MB  # of a file that is kept


def publish_in_words(folder: Path | None) -> list[str]:
    """Publish a folder, or only list anew what is published where none is named; the lines to say:
    what was written, and whether the folder is as its run left it.
    """
    if folder is None:
        return [str(write_readme(PUBLISHED))]
    return [str(publish_folder(folder)), *not_verified([folder])]


def publish_folder(folder: Path) -> Path:
    """Copy a results folder's evidence, and what a replay needs; the folder it was copied to.

    Notebooks and artifacts are left out. BadInput, with nothing touched, for a folder that holds
    links, was cut or changed, is itself the published one, or would take another machine's place.
    """
    # a benchmark's folder has an environment.json, too, and no run.json
    if not (folder / "environment.json").is_file():
        check_results_folder(folder)
    open_evidence(folder)
    machine = read_machine(folder).name
    target = inside(PUBLISHED, f"{machine_folder(machine)}/{_last_name(folder)}")
    _check_apart(folder, target)
    _check_machine(target.parent, machine)
    # right in PUBLISHED, where no folder of a machine's results is looked for
    beside = f".{target.parent.name}.{target.name}"
    unfinished, before = (inside(PUBLISHED, f"{beside}.{end}") for end in ("part", "old"))
    with said_in_a_sentence(target):
        _settle(target, before)
        shutil.rmtree(unfinished, ignore_errors=True)
        _copy(folder, unfinished)
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            target.rename(before)
        unfinished.rename(target)
        shutil.rmtree(before, ignore_errors=True)
        write_readme(PUBLISHED)
    return target


def machine_folder(machine: str) -> str:
    """A machine's name as that of its folder; never empty."""
    name = re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-")
    return name or f"machine-{hashlib.sha256(machine.encode()).hexdigest()[:8]}"


def _last_name(folder: Path) -> str:
    """The name under which a folder is published: its own."""
    name = folder.resolve().name
    if not name or name.startswith("."):
        raise BadInput(
            f"{folder.resolve()} has no name to be published under; expected a results folder such "
            "as results/tiny"
        )
    return name


def _check_apart(folder: Path, target: Path) -> None:
    """Refuse a folder that holds the place it would be published to, or lies in it."""
    here, there = folder.resolve(), target.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        problem = f"{folder} would be published to {target}: one lies in the other"
        raise BadInput(f"{problem}; publish the folder of a run, such as results/tiny")


def _check_machine(place: Path, machine: str) -> None:
    """Refuse a machine's folder that holds what another machine measured."""
    for path in sorted(place.glob("*/environment.json")):
        other = read_machine(path.parent).name
        if other != machine:
            problem = f"{path.parent} was measured on {other!r}, and this on {machine!r}"
            raise BadInput(
                f"{problem}: their folders would have one name; rename that machine's folder first"
            )


def _settle(target: Path, before: Path) -> None:
    """Bring back, or remove, what a publishing that was killed had put aside."""
    if before.is_dir() and not target.exists():
        before.rename(target)
    shutil.rmtree(before, ignore_errors=True)


def _copy(folder: Path, target: Path) -> None:
    """What is kept of a folder, as it may be handed on, with the digests of what is written."""
    hidden = hidden_in(folder)
    names = _kept_of(folder)
    for name in names:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(_as_shown(inside(folder, name), hidden))
    listing = {}
    for stem, outputs in read_listing(folder).items():
        kept = [output for output in outputs if output.name in names]
        # an older kit's listing has no digests, and says no more than it did
        listing[stem] = [output_of(target, one.name) if one.sha256 else one for one in kept]
    if listing:
        write_listing(target, listing)


def _kept_of(folder: Path) -> list[str]:
    """The names of what is kept; BadInput for a link among it, or what is no ordinary file."""
    names = [name for name in KEPT if inside(folder, name).exists()]
    for place in EVIDENCE:
        within = [path.relative_to(folder) for path in sorted(inside(folder, place).rglob("*"))]
        names += [str(name) for name in within if not inside(folder, name).is_dir()]
    for name in names:
        if not (folder / name).is_file():
            seen = f"{folder / name} is no ordinary file"
            raise BadInput(f"{seen}; expected what a run writes there: remove it")
    return names


def _as_shown(path: Path, hidden: Hidden) -> bytes:
    """A file's content without the paths that are hidden; byte for byte where it has none."""
    content = read_bytes(path, LARGEST, "expected what a run writes there")
    try:
        if path.suffix == ".parquet":
            return _samples_as_shown(content, hidden)
        return _text_as_shown(path.suffix, content.decode("utf-8"), hidden).encode("utf-8")
    except (ValueError, yaml.YAMLError):
        advice = "run the notebook that writes it again"
        raise BadInput(f"{path} is damaged; expected what a run writes there: {advice}") from None


def _text_as_shown(suffix: str, text: str, hidden: Hidden) -> str:
    """A document, records or another text without the paths that are hidden."""
    if suffix == ".jsonl":
        lines = text.encode().splitlines(keepends=True)
        text = "".join(_record_as_shown(line, hidden) for line in lines)
    elif suffix == ".json":
        document = parse_object(text.encode())
        if hidden.in_value(document) != document:
            text = json.dumps(hidden.in_value(document), indent=2) + "\n"
    elif suffix == ".yaml":
        sections = yaml.safe_load(text)
        if hidden.in_value(sections) != sections:
            text = yaml.safe_dump(hidden.in_value(sections), sort_keys=False)
    return hidden.in_text(text)


def _record_as_shown(line: bytes, hidden: Hidden) -> str:
    """A line of records without the paths that are hidden."""
    record = parse_object(line)
    shown = hidden.in_value(record)
    if repr(shown) == repr(record):  # as text: NaN equals NaN
        return line.decode()
    return json.dumps(shown) + "\n"


def _samples_as_shown(content: bytes, hidden: Hidden) -> bytes:
    """Samples, as parquet, whose texts have no hidden path in them."""
    import pandas

    frame = pandas.read_parquet(io.BytesIO(content))
    changed = False
    for name in frame.select_dtypes(include=["object", "str"]).columns:
        texts = [hidden.in_value(value) for value in frame[name]]
        if texts != list(frame[name]):
            frame[name] = texts
            changed = True
    if not changed:
        return content
    return frame.to_parquet(index=False)
