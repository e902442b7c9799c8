"""A chapter's outputs put in their places, all of them or none: a journal says what is to move.

It is written before the first move and removed after the last. Every move may be made twice, so
that whoever opens a folder next finishes what a kill interrupted.
"""

import contextlib
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from blipkit.errors import BadInput
from blipkit.paths import inside
from blipkit.reading.files import MB, read_bytes, read_text
from blipkit.records.listing import Output, output_of, read_listing, write_listing
from blipkit.records.writing import said_in_a_sentence, write_document, write_text

JOURNAL = ".moves.json"
STAGE = ".stage"
PREVIOUS = "previous"
LIMIT = 16 * MB  # of a journal
WAIT_S = 5.0  # for a run that is at its moves, which take a moment


@dataclass(frozen=True)
class Journal:
    """The moves of one chapter, `stem`; new: what it left; old: names of what that replaces."""

    stem: str
    new: list[Output]
    old: list[str]


@contextlib.contextmanager
def in_use(folder: Path):
    """Hold the results folder; BadInput names the process that holds it already."""
    from filelock import FileLock, Timeout

    holder = inside(folder, "run.pid")
    try:
        lock = FileLock(inside(folder, ".lock")).acquire(timeout=0)
    except Timeout:
        pid = "unknown"
        if holder.is_file():
            pid = read_text(holder, MB, "expected a number").strip()
        problem = f"{folder} is in use by a run with pid {pid}"
        raise BadInput(f"{problem}; wait for it, or pass another --results") from None
    except OSError as error:
        reason = error.strerror
        if isinstance(error, PermissionError):
            reason = "another user's run has left it"
        problem = f"{folder / '.lock'} cannot be opened: {reason}"
        raise BadInput(f"{problem}; pass another --results, or ask them to remove it") from None
    with lock:
        with said_in_a_sentence(folder):
            write_text(holder, f"{os.getpid()}\n")
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)


def put_in_place(stage: Path, folder: Path, stem: str) -> None:
    """Move a notebook's new outputs into the folder; the old ones go to previous/.

    A file that is in the way of a new one goes there, too, whoever wrote it.
    """
    names = sorted(str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file())
    new = [output_of(stage, name) for name in names]
    listed = [output.name for output in read_listing(folder).get(stem, [])]
    replaced = dict.fromkeys([*listed, *names])
    old = [name for name in replaced if inside(folder, name).is_file()]
    for name in replaced:
        inside(folder, f"{PREVIOUS}/{name}")
    write_document(inside(folder, JOURNAL), asdict(Journal(stem, new, old)))
    finish_moves(folder)


def finish_moves(folder: Path) -> None:
    """Make the moves that a journal names, as far as they were not made; nothing without one.

    Whoever calls it holds the folder.
    """
    path = inside(folder, JOURNAL)
    if not path.exists():
        return
    journal = _read_journal(path)
    stage = inside(folder, STAGE)
    new = [output.name for output in journal.new]
    for name in journal.old:
        is_new = name in new and not inside(stage, name).is_file()
        if not is_new and inside(folder, name).is_file():
            _move(inside(folder, name), inside(folder, f"{PREVIOUS}/{name}"))
    for name in new:
        if inside(stage, name).is_file():
            _move(inside(stage, name), inside(folder, name))
    listing = read_listing(folder)
    listing[journal.stem] = journal.new
    write_listing(folder, listing)
    path.unlink()
    shutil.rmtree(stage, ignore_errors=True)


def settle(folder: Path) -> None:
    """Finish the moves that a kill interrupted; waits for a run that is just making them.

    BadInput where a run is still at them, the folder cannot be written to, or the journal is
    damaged: then nothing in the folder is touched.
    """
    deadline = time.monotonic() + WAIT_S
    path = inside(folder, JOURNAL)
    while path.exists():
        try:
            _read_journal(path)
            with in_use(folder):
                finish_moves(folder)
        except OSError as error:
            problem = f"{folder} was left half written, and cannot be settled: {error.strerror}"
            raise BadInput(f"{problem}; make it writable, and free some space") from None
        except BadInput:
            if not path.exists():  # the run has just ended its moves
                return
            if time.monotonic() > deadline or not _is_held(folder):
                raise
            time.sleep(0.05)


def _is_held(folder: Path) -> bool:
    """Whether a run holds the folder."""
    return (folder / "run.pid").exists()


def _read_journal(path: Path) -> Journal:
    """The moves that are to be made; BadInput where the file does not name them."""
    from pydantic import TypeAdapter, ValidationError

    expected = "expected the moves of a chapter"
    advice = "remove it, and run the notebook again whose outputs are not all here"
    content = read_bytes(path, LIMIT, f"{expected}: {advice}")
    try:
        return TypeAdapter(Journal).validate_json(content, strict=True)
    except ValidationError:
        raise BadInput(f"{path} is damaged; {expected}: {advice}") from None


def _move(source: Path, target: Path) -> None:
    """Put a file in its place, whatever folders that takes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
