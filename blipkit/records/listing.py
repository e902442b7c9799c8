"""What each chapter left in a results folder: its files, with their sizes and digests.

The listing is written when a chapter's outputs are put in place: by it a file that was cut, changed
or lost since is known. What chapters write when they are opened by hand stands in no listing.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from blipkit.errors import BadInput, first_of
from blipkit.paths import inside
from blipkit.reading.files import MB, file_digest, read_bytes
from blipkit.records.documents import published_advice
from blipkit.records.writing import PART, write_document

NAME = ".outputs.json"
LIMIT = 16 * MB  # of the listing itself
CHUNK = 2**20  # bytes that are read at once
MOST_FAULTS = 2  # that a refusal names
LARGEST = 2**30  # bytes of any file that a chapter leaves
EVIDENCE = ("records", "samples")  # folders of what figures and gates rest on


@dataclass(frozen=True)
class Output:
    """A file that a chapter left.

    name: within the results folder; bytes: its size; sha256: its digest; records: how many lines it
    has, None where it does not hold records. An older kit kept names alone: the rest is None.
    """

    name: str
    bytes: int | None = None
    sha256: str | None = None
    records: int | None = None


Listing = dict[str, list[Output]]  # stem of a chapter -> what it left


@dataclass(frozen=True)
class Verification:
    """Whether each record of a folder is as a run left it; reason: why that is not known."""

    verified: bool
    reason: str = ""


def output_of(folder: Path, name: str) -> Output:
    """A file of a folder as a listing describes it."""
    path = inside(folder, name)
    records = None
    if name.endswith(".jsonl"):
        records = _count_lines(path)
    return Output(name, path.stat().st_size, file_digest(path), records)


def _count_lines(path: Path) -> int:
    """How many lines a file has; the last one may be cut."""
    lines, last = 0, b"\n"
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return lines + (last != b"\n")


def read_listing(folder: Path) -> Listing:
    """What each chapter left; empty where nothing is listed.

    BadInput for a file that holds no such listing, or one that names a file elsewhere.
    """
    from pydantic import TypeAdapter, ValidationError

    path = inside(folder, NAME)
    if not path.exists():
        return {}
    expected = "expected what each chapter left, by its name"
    advice = "remove that file, and this folder's records count as not verified"
    content = read_bytes(path, LIMIT, f"{expected}: {advice}")
    try:
        kind = TypeAdapter(dict[str, list[Output | str]])
        listed = kind.validate_json(content, strict=True)
    except ValidationError:
        raise BadInput(f"{path} is damaged; {expected}: {advice}") from None
    listing = {}
    for stem, outputs in listed.items():
        listing[stem] = [Output(one) if isinstance(one, str) else one for one in outputs]
        for output in listing[stem]:
            _check_name(path, folder, output.name)
    return listing


def _check_name(path: Path, folder: Path, name: str) -> None:
    """Refuse a listing that names a file outside its folder, or one behind a link."""
    try:
        inside(folder, name)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def write_listing(folder: Path, listing: Listing) -> None:
    """Keep what each chapter left."""
    content = {stem: [asdict(output) for output in outputs] for stem, outputs in listing.items()}
    write_document(inside(folder, NAME), content)


def forget(folder: Path, name: str) -> None:
    """Take a file out of the listing, if it stands there: a chapter opened by hand writes it."""
    listing = read_listing(folder)
    kept = {
        stem: [output for output in outputs if output.name != name]
        for stem, outputs in listing.items()
    }
    if kept != listing:
        write_listing(folder, kept)


def verify(folder: Path, but_of: Sequence[str] = ()) -> Verification:
    """Compare every listed file with its digest.

    but_of: chapters that are about to run again, whatever they left. BadInput where records or
    samples are not as their chapter left them, with the command that makes them again. A folder
    that does not list what it holds is not verified, and neither is one whose notebooks were
    changed since: nothing is decided on what they show.
    """
    listing = read_listing(folder)
    listed = [(stem, one) for stem, outputs in listing.items() for one in outputs]
    changed = []  # the chapters, and what is wrong with a file of theirs
    notes = []
    for stem, output in listed:
        fault = _fault(folder, output)
        if not fault or stem in but_of:
            continue
        if output.name.partition("/")[0] in EVIDENCE:
            changed.append((stem, fault))
        else:
            notes.append(fault)
    if changed:
        raise BadInput(_refusal(folder, changed))
    notes += _not_listed(folder, [output for _, output in listed])
    return Verification(not notes, "; ".join(notes))


def _fault(folder: Path, output: Output) -> str:
    """What is wrong with a listed file, "" where nothing is, or nothing is known of it."""
    path = inside(folder, output.name)
    if not path.is_file():
        return f"{output.name} is missing"
    if output.sha256 is None:
        return ""
    size = path.stat().st_size
    if size > LARGEST:  # a disk's worth of it is not read to know that it is another
        return _changed(output, size)
    if file_digest(path) == output.sha256:
        return ""
    found = output_of(folder, output.name)
    if found.records != output.records:
        return f"{output.name} has {found.records} of {output.records} records"
    return _changed(output, found.bytes)


def _changed(output: Output, size: int) -> str:
    """That a listed file is another than was written, by its size or by what is in it."""
    if size == output.bytes:
        return f"{output.name} was changed (same size, other content)"
    return f"{output.name} was changed ({size} bytes, {output.bytes} when it was written)"


def _refusal(folder: Path, changed: Iterable[tuple[str, str]]) -> str:
    """What is wrong with the evidence, and how to make it again, or restore what is published."""
    faults = list(dict.fromkeys(f"{fault}, which {stem} wrote" for stem, fault in changed))
    stems = dict.fromkeys(stem for stem, _ in changed)
    only = [word for stem in stems for word in ("--only", stem)]
    again = ["blipkit", "run", f"{folder}/profile.yaml", *only, "--results", str(folder)]
    advice = published_advice(folder) or f"run the notebook again: {shlex.join(again)}"
    # few of them, and the command on its own line: a long line is cut, and a command must not be
    problem = f"{folder} is not as its run left it: {first_of(faults, MOST_FAULTS)}"
    return f"{problem}; expected what its listing says\n{advice}"


def _not_listed(folder: Path, listed: Sequence[Output]) -> list[str]:
    """Why nothing is known of some evidence, in words; nothing where all of it is listed."""
    found = evidence_in(folder)
    unknown = found - {output.name for output in listed if output.sha256}
    if not unknown:
        return []
    if unknown == found:
        return ["a chapter opened by hand, or an older kit, wrote it without digests"]
    some = first_of(sorted(unknown), 3, ", ")
    return [f"no run lists {some}, as chapters that are opened by hand leave them"]


def evidence_in(folder: Path) -> set[str]:
    """The names of a folder's records and samples; BadInput for one that is a link."""
    names = set()
    for name in EVIDENCE:
        for path in inside(folder, name).rglob("*"):
            within = str(path.relative_to(folder))
            inside(folder, within)
            if path.is_file() and path.suffix != PART:
                names.add(within)
    return names
