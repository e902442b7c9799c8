"""The results folder of a run: what is refused before it is touched, what a run before has left,
and the run's own files.
"""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from blipkit.errors import BadInput
from blipkit.machine import host
from blipkit.paths import inside
from blipkit.profiles.profile import Profile
from blipkit.profiles.sections import chapters
from blipkit.records.documents import read_document, read_machine, write_machine
from blipkit.records.evidence import check_links
from blipkit.records.listing import verify
from blipkit.records.moves import JOURNAL, STAGE, finish_moves, put_in_place
from blipkit.records.run_record import RunRecord, Stated, read_run, this_minute, write_run
from blipkit.records.writing import PART, remove_parts, write_text
from blipkit.runners.artifacts import ADOPTED

# what a run, or a report of one, writes beside records, samples and artifacts
OF_A_RUN = ("profile.yaml", "environment.json")
OF_A_REPORT = ("verdict.json", "verdict.md", "gates.xml", "report")


def check_ours(folder: Path) -> None:
    """Refuse a folder whose files a run would overwrite, though no run or report has left them.

    Records and samples of chapters that were opened by hand are no such files: what is in the way
    of new ones goes to previous/.
    """
    check_links(folder)
    inside(folder, "artifacts")
    if (folder / "run.json").is_file():
        return
    names = [*OF_A_RUN, *(f"{stem}.ipynb" for stem in chapters())]
    if not _is_reported(folder):
        names += OF_A_REPORT
    foreign = [name for name in names if (folder / name).exists()]
    if foreign:
        problem = f"{folder} holds {', '.join(foreign)}, which no run has left there"
        raise BadInput(f"{problem} and this one would overwrite; pass another --results")


def _is_reported(folder: Path) -> bool:
    """Whether the verdict in a folder is the kit's: `report` writes one for hand-run chapters."""
    with contextlib.suppress(BadInput):
        return "kit_version" in read_document(folder / "verdict.json")
    return False


def clear(folder: Path, stems: Sequence[str], force: bool = False) -> None:
    """Finish or remove what a run that was killed has left; with `force` what is compiled, too,
    but for adopted files, which nobody here can compile again.

    stems: the chapters that will run. BadInput where the records of others were cut or changed.
    """
    finish_moves(folder)
    verify(folder, but_of=stems)
    shutil.rmtree(inside(folder, STAGE), ignore_errors=True)
    inside(folder, ".notes").unlink(missing_ok=True)
    for name in (".", "report", "records", "samples", "samples/requests", "samples/arrivals"):
        if (folder / name).is_dir():
            remove_parts(folder / name)
    if force:
        for path in _artifacts(folder):
            if not path.name.startswith(ADOPTED):
                shutil.rmtree(path, ignore_errors=True)


def _artifacts(folder: Path) -> Iterator[Path]:
    """The folders of compiled components, and of those that are half done or failed."""
    for path in inside(folder, "artifacts").glob("*"):
        if path.is_symlink() or not path.is_dir():
            continue
        if path.suffix in (PART, ".failed") or _is_compiled(path):
            yield path


def _is_compiled(path: Path) -> bool:
    """Whether a folder is a compiled component: its manifest has the key that ends its name."""
    with contextlib.suppress(BadInput, LookupError):
        return path.name.endswith(f"-{read_document(path / 'manifest.json')['key']}")
    return False


def begin(profile: Profile, folder: Path, replay: Path | None) -> RunRecord:
    """Write run.json, profile.yaml and environment.json; what run.json holds.

    run.json is written first: by it a folder is known to be a run's. It keeps how those chapters
    ended that this run leaves alone.
    """
    keys = {name: list(values) for name, values in profile.sections.items()}
    run = RunRecord(
        profile=profile.name,
        started=this_minute(),
        stated=Stated(keys, profile.settings),
    )
    machine = host.describe()
    if replay:
        run = replace(run, recorded=read_run(replay).measured_on)
        machine = replace(read_machine(replay), replayed_on=machine.name)
    with contextlib.suppress(BadInput):
        run = replace(run, notebooks=read_run(folder).notebooks)
    resolved = yaml.safe_dump(profile.resolved(), sort_keys=False)
    write_run(folder, run)
    write_text(inside(folder, "profile.yaml"), resolved)
    write_machine(folder, machine)
    return run


def remove_unfinished(folder: Path) -> None:
    """Remove what an interrupted notebook has not finished."""
    finish_moves(folder)
    unfinished = [path for path in _artifacts(folder) if path.suffix == PART]
    for path in (inside(folder, STAGE), *unfinished):
        shutil.rmtree(path, ignore_errors=True)


def keep_outputs(stage: Path, folder: Path, stem: str) -> str:
    """Put a chapter's outputs in place; why they could not be kept, "" where they are.

    What moved before the disk was full stays in the journal: the next run moves the rest.
    """
    try:
        put_in_place(stage, folder, stem)
    except OSError as error:
        if not inside(folder, JOURNAL).exists():
            shutil.rmtree(stage, ignore_errors=True)
        reason = f"its outputs could not be put in place: {error.strerror or error}"
        return f"{reason}; make room in {folder}, and run it again"
    return ""
