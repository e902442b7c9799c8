"""The results folder of a run: its lock, its own files, and the outputs put in their places."""

import contextlib
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

from blipkit.errors import BadInput
from blipkit.machine import host
from blipkit.profiles.profile import Profile
from blipkit.records.documents import read_machine, write_document, write_machine
from blipkit.records.run_record import RunRecord, Stated, read_run, write_run


@contextlib.contextmanager
def in_use(folder: Path):
    """Hold the results folder; BadInput names the process that holds it already."""
    from filelock import FileLock, Timeout

    holder = folder / "run.pid"
    try:
        lock = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        pid = "unknown"
        if holder.is_file():
            pid = holder.read_text().strip()
        problem = f"{folder} is in use by a run with pid {pid}"
        raise BadInput(f"{problem}; wait for it, or pass another --results") from None
    with lock:
        holder.write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)


def clear(folder: Path, force: bool) -> None:
    """Remove what a run that was killed has left; with `force` whatever is compiled, too."""
    shutil.rmtree(folder / ".stage", ignore_errors=True)
    if force:
        shutil.rmtree(folder / "artifacts", ignore_errors=True)


def begin(profile: Profile, folder: Path, replay: Path | None) -> RunRecord:
    """Write profile.yaml, environment.json and run.json; what that holds.

    How chapters ended that this run leaves alone stays in it.
    """
    keys = {name: list(values) for name, values in profile.sections.items()}
    run = RunRecord(
        profile=profile.name,
        started=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        stated=Stated(keys, profile.settings),
    )
    machine = host.describe()
    if replay:
        run = replace(run, recorded=read_run(replay).measured_on)
        machine = replace(read_machine(replay), replayed_on=machine.name)
    with contextlib.suppress(BadInput):
        run = replace(run, notebooks=read_run(folder).notebooks)
    resolved = yaml.safe_dump(profile.resolved(), sort_keys=False)
    (folder / "profile.yaml").write_text(resolved, encoding="utf-8")
    write_machine(folder, machine)
    write_run(folder, run)
    return run


def remove_unfinished(folder: Path) -> None:
    """Remove what an interrupted notebook has not finished."""
    for path in (folder / ".stage", *(folder / "artifacts").glob("*.part")):
        shutil.rmtree(path, ignore_errors=True)


def put_in_place(stage: Path, folder: Path, stem: str) -> None:
    """Move a notebook's new outputs into the folder; the old ones go to previous/."""
    listing = folder / ".outputs.json"
    owned = {}
    if listing.is_file():
        owned = json.loads(listing.read_text())
    new = sorted(str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file())
    old = [name for name in owned.get(stem, []) if (folder / name).is_file()]
    for name in old:
        move(folder / name, folder / "previous" / name)
    for name in new:
        move(stage / name, folder / name)
    owned[stem] = new
    write_document(listing, owned)
    shutil.rmtree(stage)


def move(source: Path, target: Path) -> None:
    """Put a file in its place, whatever folders that takes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)
