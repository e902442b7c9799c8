"""Run a profile: each notebook headless by papermill, its outputs put in place together, then
verdict and report.
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import yaml

from blipkit.cost.systems import find_results
from blipkit.errors import BadInput, BlipkitError, nearest
from blipkit.frames.frames import DRAWN
from blipkit.machine import host
from blipkit.machine.monitor import Monitor
from blipkit.model.checkpoints import check_source
from blipkit.paths import NOTEBOOKS, ROOT, is_folder
from blipkit.profiles.profile import Profile
from blipkit.profiles.sections import chapters
from blipkit.records.documents import read_document
from blipkit.report.page import write_report
from blipkit.report.verdict import exit_status, unmeasured
from blipkit.run import preflight
from blipkit.study import replayed

LAST_LINES = 5  # of a notebook that stopped


def run_profile(
    profile: Profile,
    results: Path | None = None,
    only: list[str] = (),
    force: bool = False,
    replay: Path | None = None,
    say: Callable[[str], None] = print,
    step: Callable[[str, int, int], None] = lambda stem, number, total: None,
) -> int:
    """Run the notebooks of a profile (or those of them named in `only`) into `results`; the exit
    status, 0 or 1.

    replay: a results folder recorded elsewhere, to step through instead of measuring here.
    step(stem, number, total) is called before each notebook. Raises BadInput before anything ran or
    was written.
    """
    folder = results or ROOT / "results" / (f"{profile.name}-replayed" if replay else profile.name)
    use_absolute_folders(profile)
    if replay:
        preflight.check_replay(folder, replay)
        profile, notes = replayed(profile, replay)
        for note in notes:
            say(f"recorded with another value, which is shown: {note}")
    chosen, required = choose(only or profile.common.only), profile.common.required
    preflight.check(profile, folder, replay)
    folder.mkdir(parents=True, exist_ok=True)
    with in_use(folder):
        shutil.rmtree(folder / ".stage", ignore_errors=True)  # left by a run that was killed
        if force:
            shutil.rmtree(folder / "artifacts", ignore_errors=True)
        started, about = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), host.describe()
        stated = {
            "keys": {name: list(own) for name, own in profile.sections.items()},
            "settings": profile.settings,
        }
        state = {"profile": profile.name, "started": started, "stated": stated, "notebooks": {}}
        if replay:
            recorded = read_document(replay / "run.json")
            state["recorded"] = recorded.get("recorded", recorded["started"])
            about = {**read_document(replay / "environment.json"), "replayed_on": about["name"]}
        with contextlib.suppress(
            BadInput, KeyError
        ):  # --only leaves as it is what was said of the others
            state["notebooks"] = read_document(folder / "run.json")["notebooks"]
        (folder / "profile.yaml").write_text(
            yaml.safe_dump(profile.resolved(), sort_keys=False), encoding="utf-8"
        )
        (folder / "environment.json").write_text(json.dumps(about, indent=2) + "\n")
        (folder / "run.json").write_text(json.dumps(state, indent=2) + "\n")
        for number, stem in enumerate(chosen, start=1):
            step(stem, number, len(chosen))
            try:
                state["notebooks"][stem] = one = run_notebook(profile, stem, folder, replay)
            except KeyboardInterrupt:
                for half in (folder / ".stage", *(folder / "artifacts").glob("*.part")):
                    shutil.rmtree(half, ignore_errors=True)
                rest = " ".join(f"--only {left}" for left in chosen[number - 1 :])
                said = f"interrupted in {stem}; what finished before is kept in {folder}"
                raise BlipkitError(f"{said}. To go on: blipkit run {profile.name} {rest}") from None
            (folder / "run.json").write_text(json.dumps(state, indent=2) + "\n")
            say(f"{stem}: {one['seconds']:.0f} s{', ' + one['error'] if one['error'] else ''}")
        page, verdict = write_report(folder)
        say(
            f"status {verdict['status']}; decision: {verdict['decision']['answer']}; report: {page}"
        )
        if absent := unmeasured(verdict, required):
            say(f"required by the profile and not measured: {', '.join(absent)}")
        return exit_status(verdict, required)


def use_absolute_folders(profile: Profile) -> None:
    """A notebook runs in its own folder, so a folder that the user named must be found from
    there.
    """
    common, parity, cost = (
        profile.sections.setdefault(name, {}) for name in ("common", "parity", "cost")
    )
    named = []  # section and knob of each path that the user named
    if "checkpoint" in common and check_source(common["checkpoint"]) == "folder":
        named.append((common, "checkpoint"))
    if common.get("frames_from", DRAWN) != DRAWN:
        named.append((common, "frames_from"))
    if is_folder(parity.get("incumbent", "")):
        named.append((parity, "incumbent"))
    if cost.get("own_prices"):
        named.append((cost, "own_prices"))
    for section, knob in named:
        section[knob] = str(Path(section[knob]).expanduser().resolve())
    cost["beside"] = [str(find_results(other)) for other in cost.get("beside", [])]


def choose(only: list[str]) -> list[str]:
    """The notebooks named, in running order; all where none is."""
    known = list(chapters())
    for name in only:
        if name not in known:
            raise BadInput(f"only {name!r} names no notebook; {nearest(name, known)}")
    return [stem for stem in known if not only or stem in only]


@contextlib.contextmanager
def in_use(folder: Path):
    """Hold the results folder; BadInput names the process that holds it already."""
    from filelock import FileLock, Timeout

    holder = folder / "run.pid"
    try:
        lock = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout:
        pid = holder.read_text().strip() if holder.is_file() else "unknown"
        raise BadInput(
            f"{folder} is in use by a run with pid {pid}; wait for it, or pass another --results"
        ) from None
    with lock:
        holder.write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            holder.unlink(missing_ok=True)


def run_notebook(profile: Profile, stem: str, folder: Path, replay: Path | None) -> dict:
    """Execute one notebook into a stage, then put its outputs in place; how it went."""
    import papermill

    stage = folder / ".stage"
    stage.mkdir()
    os.environ["BLIPKIT_STAGE"] = str(stage.resolve())
    limit = profile.common.cell_limit_s
    started = time.monotonic()
    status, said = "ran", None
    from_notebooks = [
        os.path.relpath(path.resolve(), NOTEBOOKS) if path else "" for path in (folder, replay)
    ]
    try:
        with Monitor() as monitor:
            in_thread(
                papermill.execute_notebook,
                NOTEBOOKS / f"{stem}.ipynb",
                stage / f"{stem}.ipynb",
                parameters=profile.parameters(stem, *from_notebooks),
                kernel_name="python3",
                cwd=NOTEBOOKS,
                progress_bar=False,
                execution_timeout=limit,
                extra_arguments=[
                    "--IPKernelApp.log_level=40"
                ],  # not a warning per kernel about TCP on this very host
            )
    except papermill.PapermillExecutionError as error:
        status = {"GateFailed": "gate", "NotMeasured": "skipped"}.get(error.ename, "stopped")
        said = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
    except Exception as error:  # a kernel that died, a cell over its time limit
        status, said = (
            "stopped",
            how_it_ended(error, stage / f"{stem}.ipynb", limit, monitor.peak_gib),
        )
    finally:
        del os.environ["BLIPKIT_STAGE"]
    put_in_place(stage, folder, stem)
    seconds, peak = round(time.monotonic() - started, 1), round(monitor.peak_gib, 2)
    return {"status": status, "error": said, "seconds": seconds, "peak_memory_gib": peak}


def in_thread(function: Callable, *arguments, **options):
    """Call in a thread, so that Ctrl-C reaches us: nbclient takes it over in the main thread and
    reports a dead kernel.
    """
    import psutil

    before = psutil.Process().children()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(function, *arguments, **options)
        try:
            return future.result()
        except KeyboardInterrupt:
            for child in set(psutil.Process().children()) - set(
                before
            ):  # what the function has started
                with contextlib.suppress(psutil.Error):
                    # a parent first: it must not see a child end
                    for process in (child, *child.children(recursive=True)):
                        process.kill()
            raise


def how_it_ended(error: Exception, path: Path, limit: int, peak_gib: float) -> str:
    """What a notebook without a kernel can still tell: the cell, why, the memory, the last lines it
    had printed.
    """
    import nbformat

    cells = (
        [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
        if path.is_file()
        else []
    )
    done = sum(c.metadata.get("papermill", {}).get("status") == "completed" for c in cells)
    printed = [
        line
        for c in cells[: done + 1]
        for o in c.outputs
        for line in o.get("text", "").splitlines()
    ]
    why = {
        "DeadKernelError": "its kernel died, perhaps out of memory",
        "CellTimeoutError": f"took longer than {limit} s; raise common.cell_limit_s",
    }.get(type(error).__name__, f"{type(error).__name__}: {error}")
    used = f"peak memory {peak_gib:.1f} of {host.describe()['memory_gib']} GiB"
    tail = "; last lines:\n" + "\n".join(printed[-LAST_LINES:]) if printed else ""
    return f"cell {min(done + 1, len(cells))}: {why}; {used}{tail}"


def put_in_place(stage: Path, folder: Path, stem: str) -> None:
    """Move a notebook's new outputs into the folder; the old ones go to previous/."""
    listing = folder / ".outputs.json"
    owned = json.loads(listing.read_text()) if listing.is_file() else {}
    new = sorted(str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file())
    old = [name for name in owned.get(stem, []) if (folder / name).is_file()]
    moves = [(folder / name, folder / "previous" / name) for name in old]
    for source, target in moves + [(stage / name, folder / name) for name in new]:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)
    owned[stem] = new
    listing.write_text(json.dumps(owned, indent=2) + "\n")
    shutil.rmtree(stage)
