"""How a run went, chapter by chapter: the one place that reads and writes run.json."""

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from blipkit.paths import inside
from blipkit.records.documents import read_document
from blipkit.records.typed import row_of
from blipkit.records.writing import write_document

NAME = "run.json"
# ran to its end; its gates failed; had nothing to read; broke off
Ending = Literal["ran", "gate", "skipped", "stopped"]


@dataclass(frozen=True)
class ChapterRun:
    """How one chapter ended.

    error: the cell and what it raised, None where nothing was; seconds: from its start to its
    outputs in place; peak_memory_gib: GiB resident, of all its processes.
    """

    status: Ending = "ran"
    error: str | None = None
    seconds: float | None = None
    peak_memory_gib: float | None = None


@dataclass(frozen=True)
class Stated:
    """What a profile's file and --set said, so that a knob's origin can be told.

    keys: section -> its knobs; settings: the `section.key` of each --set.
    """

    keys: dict[str, list[str]]
    settings: list[str]


@dataclass(frozen=True)
class RunRecord:
    """A run as its results folder tells it, "" and None where an older kit did not.

    profile: its name; started: when, UTC; stated: by whom its knobs were set; notebooks: stem of a
    chapter -> how it ended; recorded: in a replay, when its figures were measured, else None.
    """

    profile: str = ""
    started: str = ""
    stated: Stated | None = None
    notebooks: dict[str, ChapterRun] = field(default_factory=dict)
    recorded: str | None = None

    @property
    def measured_on(self) -> str:
        """The day and time of its figures: a replay's are older than it."""
        return self.recorded or self.started

    def with_chapter(self, stem: str, ended: ChapterRun) -> "RunRecord":
        """The same run, one chapter further."""
        return replace(self, notebooks={**self.notebooks, stem: ended})


def this_minute() -> str:
    """Now, as a run says when it started."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def read_run(folder: Path) -> RunRecord:
    """The run that left a results folder; BadInput where nobody ran there."""
    return row_of(RunRecord, read_document(folder / NAME))


def write_run(folder: Path, run: RunRecord) -> None:
    """The folder's run.json."""
    write_document(inside(folder, NAME), _document(run))


def _document(run: RunRecord) -> dict[str, Any]:
    """What run.json holds; `recorded` only in a replay."""
    document = asdict(run)
    if run.recorded is None:
        del document["recorded"]
    return document
