"""What a run is at: at a terminal the chapter, its cell, what that does, and the time left.

Elsewhere it is one line a chapter.
"""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from blipkit.errors import BadInput
from blipkit.machine import host
from blipkit.paths import chapters_in
from blipkit.reading.files import MB, read_bytes
from blipkit.reading.json_text import parse_object
from blipkit.records.documents import read_machine

LARGEST = 256 * MB  # of an executed notebook
LOOK_S = 0.25  # between two looks at what a chapter says of itself


class Progress:
    """Who is told how a run goes; by itself it passes over what it is told."""

    def say(self, line: str) -> None:
        """A line for people to read."""

    def plan(self, stems: Sequence[str], durations: Mapping[str, Sequence[float]]) -> None:
        """The chapters that will run; durations: seconds of each one's cells, the last time."""

    def begin(self, stem: str, number: int, total: int) -> None:
        """A chapter begins, the first one with number 1."""

    def cell(self, number: int, total: int) -> None:
        """A cell of it begins, text counted too, the first one with number 1."""

    def note(self, line: str) -> None:
        """What that cell is at."""


class Printed(Progress):
    """Prints what is said, and nothing else: for a log."""

    def say(self, line: str) -> None:
        print(line, flush=True)


PRINTED = Printed()


class Terminal(Progress):
    """One line that moves, by rich."""

    def __init__(self, console):
        from rich import progress

        self.console = console
        self.durations: Mapping[str, Sequence[float]] = {}
        self.left: list[str] = []  # stems of the chapters that have not begun
        self.stem = ""
        self.begun = 0.0  # when the cell began, s
        self.number = 0
        words = progress.TextColumn("{task.description}")
        columns = (progress.SpinnerColumn(), progress.BarColumn(bar_width=20), words)
        self.bar = progress.Progress(*columns, console=console, transient=True)
        self.task = self.bar.add_task("checking the profile", total=None)

    def __enter__(self) -> "Terminal":
        self.bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()

    def say(self, line: str) -> None:
        self.console.out(line)

    def plan(self, stems: Sequence[str], durations: Mapping[str, Sequence[float]]) -> None:
        self.left = list(stems)
        self.durations = durations

    def begin(self, stem: str, number: int, total: int) -> None:
        self.stem = stem
        self.left = self.left[self.left.index(stem) + 1 :]
        self.cell(0, 0)

    def cell(self, number: int, total: int) -> None:
        self.number = number
        self.begun = time.monotonic()
        self.bar.update(self.task, completed=number, total=total or None)
        self._describe(f"cell {number} of {total}" if total else "starting")

    def note(self, line: str) -> None:
        self._describe(line)

    def _describe(self, doing: str) -> None:
        words = [self.stem, self.time_left(), doing]  # what is long comes last
        self.bar.update(self.task, description=", ".join(filter(None, words)))

    def time_left(self) -> str:
        """By how long each cell took last time; "" where one of the chapters has not run here."""
        stems = [self.stem, *self.left]
        if any(stem not in self.durations for stem in stems):
            return ""
        cell = max(self.number - 1, 0)
        here = self.durations[self.stem][cell:]
        seconds = sum(here) + sum(sum(self.durations[stem]) for stem in self.left)
        passed = min(time.monotonic() - self.begun, here[0] if here else 0.0)
        return f"about {max(seconds - passed, 0):.0f} s left"


def last_durations(folder: Path) -> Mapping[str, list[float]]:
    """Chapter -> seconds of each of its cells, when it ran into a results folder the last time.

    None of another machine's, whose seconds are not ours.
    """
    durations = {}
    with contextlib.suppress(BadInput, ValueError, LookupError, TypeError, AttributeError):
        if read_machine(folder).name != host.describe().name:
            return {}
        for path in chapters_in(folder):
            notebook = parse_object(read_bytes(path, LARGEST, "expected a notebook"))
            cells = notebook["cells"]
            timed = [cell["metadata"].get("papermill", {}).get("duration") for cell in cells]
            durations[path.stem] = [float(seconds or 0.0) for seconds in timed]
    return durations


@contextlib.contextmanager
def notes_of(place: Path, progress: Progress) -> Iterator[None]:
    """Hand on what a chapter writes to `place` (`display.progress.note`) while a context lasts."""
    done = threading.Event()

    def follow() -> None:
        read = 0
        while not done.wait(LOOK_S):
            if place.is_file():
                text = place.read_text(encoding="utf-8")
                lines = text[read:].splitlines()
                read = len(text)
                if lines:
                    progress.note(lines[-1])

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        place.unlink(missing_ok=True)
