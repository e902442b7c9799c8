"""Run a profile: each notebook headless by papermill, its outputs put in place together, then verdict and report."""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import yaml

from blipkit import machine, params
from blipkit.arms import parse_arm
from blipkit.buckets import parse_buckets
from blipkit.checkpoints import check_source
from blipkit.errors import BadInput, nearest
from blipkit.params import NOTEBOOKS, ROOT, Profile
from blipkit.questions import parse_questions
from blipkit.report import write_report
from blipkit.verdict import exit_status

CELL_LIMIT_S = 3600


def run_profile(
    profile: Profile, results: Path | None = None, only: list[str] = (), force: bool = False, say: Callable = print
) -> int:
    """Run the notebooks of a profile (all, or those named in `only`) into `results`; the exit status, 0 or 1.

    Raises BadInput before anything ran or was written.
    """
    folder = results or ROOT / "results" / profile.name
    chosen = choose(only)
    check_early(profile)
    common = profile.sections.setdefault("common", {})
    if "checkpoint" in common and check_source(common["checkpoint"]) == "folder":  # notebooks run in their own folder
        common["checkpoint"] = str(Path(common["checkpoint"]).expanduser().resolve())
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"--results {folder} is a file; expected a folder, existing or not")
    folder.mkdir(parents=True, exist_ok=True)
    with in_use(folder):
        shutil.rmtree(folder / ".stage", ignore_errors=True)  # left by a run that was killed
        if force:
            shutil.rmtree(folder / "artifacts", ignore_errors=True)
        started = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        (folder / "profile.yaml").write_text(yaml.safe_dump(profile.resolved(), sort_keys=False), encoding="utf-8")
        (folder / "environment.json").write_text(json.dumps(machine.describe(), indent=2) + "\n")
        state = {"profile": profile.name, "started": started, "notebooks": _former_states(folder)}
        for stem in chosen:
            say(f"{stem} ...")
            state["notebooks"][stem] = run_notebook(profile, stem, folder)
            (folder / "run.json").write_text(json.dumps(state, indent=2) + "\n")
            one = state["notebooks"][stem]
            say(f"{stem}: {one['seconds']:.0f} s{', ' + one['error'] if one['error'] else ''}")
        page, verdict = write_report(folder)
        say(f"status {verdict['status']}; decision: {verdict['decision']['answer']}; report: {page}")
        return exit_status(verdict, profile.required)


def choose(only: list[str]) -> list[str]:
    """The notebooks named, in running order; all where none is."""
    known = list(params.notebooks())
    for name in only:
        if name not in known:
            raise BadInput(f"--only {name!r} names no notebook; {nearest(name, known)}")
    return [stem for stem in known if not only or stem in only]


def check_early(profile: Profile) -> None:
    """Refuse, in seconds, what would stop a notebook minutes later."""
    common = profile.resolved()["common"]
    check_source(common["checkpoint"])
    parse_questions(common["questions"])
    parse_buckets(common["buckets"])
    for arm in common["arms"]:
        parse_arm(arm)


def _former_states(folder: Path) -> dict:
    """What an earlier run said of each notebook; `--only` leaves the others' as it is."""
    try:
        return json.loads((folder / "run.json").read_text())["notebooks"]
    except (OSError, ValueError, KeyError):
        return {}


@contextlib.contextmanager
def in_use(folder: Path):
    """Hold the results folder; BadInput names the process that holds it already."""
    from filelock import FileLock, Timeout

    holder = folder / "run.pid"
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = holder.read_text().strip() if holder.is_file() else "unknown"
        raise BadInput(f"{folder} is in use by a run with pid {pid}; wait for it, or pass another --results") from None
    try:
        holder.write_text(f"{os.getpid()}\n")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def run_notebook(profile: Profile, stem: str, folder: Path) -> dict:
    """Execute one notebook into a stage, then put its outputs in place; how it went."""
    import papermill

    stage = folder / ".stage"
    stage.mkdir()
    os.environ["BLIPKIT_STAGE"] = str(stage.resolve())
    started = time.monotonic()
    state = {"status": "ran", "error": None}
    memory: dict = {}
    try:
        with machine.watch_memory() as memory:
            papermill.execute_notebook(
                NOTEBOOKS / f"{stem}.ipynb",
                stage / f"{stem}.ipynb",
                parameters=profile.parameters(stem, os.path.relpath(folder.resolve(), NOTEBOOKS)),
                kernel_name="python3",
                cwd=NOTEBOOKS,
                progress_bar=False,
                execution_timeout=CELL_LIMIT_S,
                extra_arguments=["--IPKernelApp.log_level=40"],  # not a warning per kernel about TCP on this very host
            )
    except papermill.PapermillExecutionError as error:
        status = "gate" if error.ename == "GateFailed" else "stopped"
        state = {"status": status, "error": f"cell {error.exec_count}: {error.ename}: {error.evalue}"}
    except Exception as error:  # a kernel that died, a cell over its time limit
        state = {"status": "stopped", "error": f"{type(error).__name__}: {error}"}
    finally:
        del os.environ["BLIPKIT_STAGE"]
    put_in_place(stage, folder, stem)
    state["seconds"] = round(time.monotonic() - started, 1)
    state["peak_memory_gib"] = round(memory.get("peak_gib", 0.0), 2)
    return state


def put_in_place(stage: Path, folder: Path, stem: str) -> None:
    """Move a notebook's new outputs into the folder; the old ones go to previous/."""
    listing = folder / ".outputs.json"
    owned = json.loads(listing.read_text()) if listing.is_file() else {}
    for name in owned.get(stem, []):
        if (folder / name).is_file():
            (folder / "previous" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).replace(folder / "previous" / name)
    new = [str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file()]
    for name in new:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (stage / name).replace(folder / name)
    owned[stem] = sorted(new)
    listing.write_text(json.dumps(owned, indent=2) + "\n")
    shutil.rmtree(stage)
