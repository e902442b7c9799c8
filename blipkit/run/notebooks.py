"""Run a profile: each notebook by papermill, its outputs put in place together; then the report."""

import contextlib
import copy
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from blipkit.display.progress import VARIABLE
from blipkit.errors import BadInput, Interrupted, nearest
from blipkit.machine import host, scratch
from blipkit.machine.monitor import Monitor
from blipkit.paths import NOTEBOOKS, ROOT, inside
from blipkit.profiles.profile import Profile
from blipkit.profiles.sections import behind, chapters, in_running_order, main_chapters
from blipkit.records.moves import STAGE, finish_moves, in_use
from blipkit.records.run_record import ChapterRun, read_run, write_run
from blipkit.records.writing import said_in_a_sentence
from blipkit.report.page import write_report
from blipkit.report.verdict import exit_status, unmeasured
from blipkit.run import preflight
from blipkit.run.arguments import command_again
from blipkit.run.folder import begin, check_ours, clear, keep_outputs, remove_unfinished
from blipkit.run.progress import PRINTED, Progress, last_durations, notes_of
from blipkit.run.required import required_of
from blipkit.study import replayed

LAST_LINES = 5  # of a notebook that stopped


def run_profile(
    profile: Profile,
    results: Path | None = None,
    only: list[str] = (),
    force: bool = False,
    replay: Path | None = None,
    progress: Progress = PRINTED,
) -> int:
    """Run the notebooks of a profile into a results folder; the exit status, 0 or 1.

    only: the stems to run, those of the main job where it is empty; force: compile again what is
    compiled; replay: a results folder recorded elsewhere, to read instead of measuring here. Raises
    BadInput before anything ran or was written.
    """
    folder = results or default_folder(profile, replay)
    check_ours(folder)
    # copied: it names folders as the user did, and below they become absolute
    again = partial(command_again, copy.deepcopy(profile), results, replay)
    preflight.use_absolute_folders(profile)
    if replay:
        preflight.check_replay(folder, replay)
        profile, notes = replayed(profile, replay)
        for note in notes:
            progress.say(f"recorded with another value, which is shown: {note}")
    for note in profile.notes:
        progress.say(f"left out of what was recorded: {note}")
    chosen = choose(only or profile.common.only)
    preflight.check_apart(profile, folder, replay, chosen)
    scratch.remove_abandoned()
    progress.plan(chosen, last_durations(folder))
    with said_in_a_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with in_use(folder), said_in_a_sentence(folder):
        clear(folder, chosen, force)
        run_chapters(profile, chosen, folder, replay, progress, again)
        old = behind(read_run(folder).notebooks, chosen)
        if old and not replay:
            progress.say(f"older than what they are made of: {', '.join(old)}; {again(old)}")
        return conclude(folder, required_of(profile, chosen), progress)


def run_chapters(
    profile: Profile,
    stems: list[str],
    folder: Path,
    replay: Path | None,
    progress: Progress,
    again: Callable[[list[str]], str],
) -> None:
    """One chapter after another; run.json says how each ended.

    again: chapters -> the command that runs them.
    """
    run = begin(profile, folder, replay)
    for number, stem in enumerate(stems, start=1):
        progress.begin(stem, number, len(stems))
        try:
            ended = run_notebook(profile, stem, folder, replay, progress)
        except KeyboardInterrupt:
            remove_unfinished(folder)
            unfinished = stems[number - 1 :]
            raise interrupted(unfinished[0], folder, again(unfinished)) from None
        run = run.with_chapter(stem, ended)
        write_run(folder, run)
        progress.say(ending_line(stem, ended))


def default_folder(profile: Profile, replay: Path | None) -> Path:
    """results/<profile>; a replay has one of its own."""
    name = profile.name
    if replay:
        name = f"{name}-replayed"
    return ROOT / "results" / name


def interrupted(stem: str, folder: Path, again: str) -> Interrupted:
    """The error for Ctrl-C in a notebook; again: the command that goes on with it."""
    problem = f"interrupted in {stem}; what finished before is kept in {folder}"
    return Interrupted(f"{problem}. To go on: {again}")


def ending_line(stem: str, ended: ChapterRun) -> str:
    """How a notebook went, on one line."""
    duration = f"{stem}: {ended.seconds:.0f} s"
    return ", ".join(filter(None, [duration, ended.error]))


def conclude(folder: Path, required: list[str], progress: Progress) -> int:
    """Write verdict and report, and say what they say; the run's exit status."""
    finish_moves(folder)
    page, verdict = write_report(folder)
    answer = verdict.decision.answer
    progress.say(f"status {verdict.status}; decision: {answer}; report: {page}")
    if absent := unmeasured(verdict.gates, required):
        names = ", ".join(absent)
        advice = "see what to do next at each, or name only those you need in common.required"
        progress.say(f"required by the profile and not measured: {names}; {advice}")
    return exit_status(verdict, required)


def choose(only: list[str]) -> list[str]:
    """The notebooks named, in running order; those of the main job where none is."""
    known = list(chapters())
    for name in only:
        if name not in known:
            raise BadInput(f"only {name!r} names no notebook; {nearest(name, known)}")
    return in_running_order(stem for stem in known if stem in (only or main_chapters()))


def run_notebook(
    profile: Profile,
    stem: str,
    folder: Path,
    replay: Path | None,
    progress: Progress = PRINTED,
) -> ChapterRun:
    """Execute one notebook into a stage, then put its outputs in place; how it ended."""
    import papermill

    finish_moves(folder)  # of a chapter before, for which there was no room
    stage = folder / STAGE
    stage.mkdir()
    limit = profile.common.cell_limit_s
    places = [from_notebooks(folder), from_notebooks(replay)]
    started = time.monotonic()
    status = "ran"
    problem = None
    try:
        with staged(stage, progress), Monitor() as monitor:
            execute(stem, stage, profile.parameters(stem, *places), limit, progress)
    except papermill.PapermillExecutionError as error:
        status = {"GateFailed": "gate", "NotMeasured": "skipped"}.get(error.ename, "stopped")
        problem = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
    except Exception as error:  # a kernel that died, a cell over its time limit
        status = "stopped"
        problem = why_stopped(error, stage / f"{stem}.ipynb", limit, monitor.peak_gib)
    if not_kept := keep_outputs(stage, folder, stem):
        status = "stopped"
        problem = not_kept
    seconds = round(time.monotonic() - started, 1)
    peak = round(monitor.peak_gib, 2)
    return ChapterRun(status, problem, seconds, peak)


def from_notebooks(path: Path | None) -> str:
    """A folder as a notebook sees it from its own; "" for none."""
    if path is None:
        return ""
    return os.path.relpath(path.resolve(), NOTEBOOKS)


@contextlib.contextmanager
def staged(stage: Path, progress: Progress):
    """Have kernels write into a stage, and what they are at into a file beside it."""
    notes = inside(stage.parent, ".notes")
    variables = {"BLIPKIT_STAGE": str(stage.resolve()), VARIABLE: str(notes.resolve())}
    os.environ.update(variables)
    try:
        with notes_of(notes, progress):
            yield
    finally:
        for name in variables:
            del os.environ[name]


def execute(stem: str, stage: Path, parameters: dict, limit: int, progress: Progress) -> None:
    """A notebook by papermill, into a stage; no cell may take longer than `limit` seconds."""
    import nbformat
    import papermill

    source = NOTEBOOKS / f"{stem}.ipynb"
    # with the cell that papermill adds, for the parameters
    cells = len(nbformat.read(source, as_version=4).cells) + 1

    def on_cell_start(cell, cell_index: int) -> None:
        progress.cell(cell_index + 1, cells)

    in_thread(
        papermill.execute_notebook,
        source,
        stage / f"{stem}.ipynb",
        parameters=parameters,
        kernel_name="python3",
        cwd=NOTEBOOKS,
        progress_bar=False,
        execution_timeout=limit,
        kernel_manager_class="blipkit.run.kernel.OwnKernelManager",
        on_cell_start=on_cell_start,
    )


def in_thread(function: Callable, *arguments, **options):
    """Call in a thread, so that Ctrl-C reaches us.

    In the main thread nbclient takes it over, and reports a dead kernel.
    """
    import psutil

    before = set(psutil.Process().children())
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(function, *arguments, **options)
        try:
            return future.result()
        except KeyboardInterrupt:
            started = set(psutil.Process().children()) - before
            for child in started:
                kill_family(child)
            raise


def kill_family(process) -> None:
    """Kill a process of psutil and all that it started; itself first, so that it restarts none."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for member in (process, *process.children(recursive=True)):
            member.kill()


def why_stopped(error: Exception, path: Path, limit: int, peak_gib: float) -> str:
    """Why a notebook broke off: its cell, the reason, the memory, the last lines it printed.

    path: what papermill has written of it; limit: seconds a cell may take.
    """
    cells = code_cells(path)
    done = sum(c.metadata.get("papermill", {}).get("status") == "completed" for c in cells)
    reasons = {
        "DeadKernelError": "its kernel died, perhaps out of memory",
        "CellTimeoutError": f"took longer than {limit} s; raise common.cell_limit_s",
    }
    name = type(error).__name__
    why = reasons.get(name, f"{name}: {error}")
    cell = min(done + 1, len(cells))
    used = f"peak memory {peak_gib:.1f} of {host.describe().memory_gib} GiB"
    problem = f"cell {cell}: {why}; {used}"
    printed = lines_printed(cells[: done + 1])
    if printed:
        problem += "; last lines:\n" + "\n".join(printed[-LAST_LINES:])
    return problem


def code_cells(path: Path) -> list:
    """The code cells of a notebook's file; none where it was not written."""
    import nbformat

    if not path.is_file():
        return []
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def lines_printed(cells: list) -> list[str]:
    """What the outputs of some cells have in text, line by line."""
    lines = []
    for cell in cells:
        for output in cell.outputs:
            lines += output.get("text", "").splitlines()
    return lines
