"""A chapter's outputs are put in place all or not at all, wherever a kill comes in between."""

import contextlib
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blipkit.errors import BadInput
from blipkit.records import moves
from blipkit.records.listing import read_listing, verify
from blipkit.records.moves import JOURNAL, STAGE, in_use, put_in_place, settle
from blipkit.records.writing import write_text

OLD = {"records/a.jsonl": "old\n", "records/b.jsonl": "old\n", "03_parity.ipynb": "old"}
NEW = {"records/a.jsonl": "new\n", "records/c.jsonl": "new\n", "03_parity.ipynb": "new"}


class Killed(BaseException):
    """Stands in for a kill: nothing of ours catches it."""


def fill(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def twice_run(folder: Path) -> Path:
    """A folder in which a chapter has run, and whose second run waits in the stage."""
    put_in_place(fill(folder / STAGE, OLD), folder, "03_parity")
    fill(folder / STAGE, NEW)
    return folder


def content(folder: Path) -> dict[str, str]:
    """Every file but the lock."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def steps_of(monkeypatch, kill_at: int) -> list[int]:
    """Count what touches the disk from now on, and stop at one of it."""
    taken = []

    def counted(function):
        def call(*arguments, **options):
            taken.append(len(taken))
            if len(taken) - 1 == kill_at:
                raise Killed
            return function(*arguments, **options)

        return call

    for name in ("replace", "mkdir", "unlink"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    monkeypatch.setattr(shutil, "rmtree", counted(shutil.rmtree))
    return taken


def put_and_kill(folder: Path, kill_at: int) -> int:
    """How many steps putting the second outputs in place took, killed at one of them."""
    with pytest.MonkeyPatch.context() as patch:
        taken = steps_of(patch, kill_at)
        with contextlib.suppress(Killed):
            put_in_place(folder / STAGE, folder, "03_parity")
        return len(taken)


def settled(folder: Path) -> dict[str, str]:
    """A folder's files after whoever opens it next."""
    settle(folder)
    assert verify(folder).verified
    if (folder / STAGE).exists():  # no move was made: the chapter runs again
        shutil.rmtree(folder / STAGE)
    return {name: text for name, text in content(folder).items() if not name.endswith(".part")}


def test_putting_in_place_is_all_or_nothing_at_every_step(tmp_path):
    """Stopped at any step and settled, the folder is that of before, or that of an undisturbed run."""
    before = content(twice_run(tmp_path / "before"))
    before = {name: text for name, text in before.items() if not name.startswith(STAGE)}
    steps = put_and_kill(twice_run(tmp_path / "whole"), -1)
    whole = content(tmp_path / "whole")
    assert whole["records/a.jsonl"] == "new\n" and "records/b.jsonl" not in whole
    assert {name: whole[f"previous/{name}"] for name in OLD} == OLD
    outcomes = []
    for step in range(steps):
        folder = twice_run(tmp_path / str(step))
        put_and_kill(folder, step)
        outcomes.append(settled(folder))
        assert outcomes[-1] in (before, whole), step
    turn = outcomes.index(whole)
    assert 0 < turn < 5 < steps and outcomes[turn:] == [whole] * (steps - turn)


@settings(max_examples=25)
@given(kills=st.lists(st.integers(0, 20), max_size=4))
def test_settling_may_be_killed_as_often_as_it_likes(kills, tmp_path_factory):
    """However often those who settle are killed themselves, the last one has the whole folder."""
    root = tmp_path_factory.mktemp("kills")
    whole = twice_run(root / "whole")
    put_in_place(whole / STAGE, whole, "03_parity")
    folder = twice_run(root / "killed")
    put_and_kill(folder, 8)
    assert (folder / JOURNAL).exists()
    for kill_at in kills:
        with pytest.MonkeyPatch.context() as patch:
            steps_of(patch, kill_at)
            with contextlib.suppress(Killed):
                settle(folder)
    remains = settled(folder)
    remains.pop("run.pid", None)
    assert remains == content(whole)


def test_what_nobody_listed_and_is_in_the_way_is_kept(tmp_path):
    """Records that a chapter opened by hand has written go to previous/, too."""
    fill(tmp_path, {"records/a.jsonl": "mine\n"})
    put_in_place(fill(tmp_path / STAGE, NEW), tmp_path, "03_parity")
    assert (tmp_path / "previous/records/a.jsonl").read_text() == "mine\n"
    assert [one.name for one in read_listing(tmp_path)["03_parity"]] == sorted(NEW)


def test_nothing_is_moved_where_the_listing_leads_out(tmp_path):
    """A listing that names others' files is refused before the first move."""
    fill(tmp_path, {"mine.txt": "mine"})
    folder = fill(tmp_path / "results", {".outputs.json": '{"03_parity": ["../mine.txt"]}'})
    with pytest.raises(BadInput, match="leads out of"):
        put_in_place(fill(folder / STAGE, NEW), folder, "03_parity")
    assert (tmp_path / "mine.txt").read_text() == "mine" and not (folder / JOURNAL).exists()


def test_nothing_is_moved_behind_a_link(tmp_path):
    """A folder of records that is a link elsewhere, and previous/ that is one, are refused."""
    for name in ("records", "previous"):
        folder, elsewhere = tmp_path / name, tmp_path / f"of_{name}"
        elsewhere.mkdir()
        folder.mkdir()
        (folder / name).symlink_to(elsewhere)
        with pytest.raises(BadInput, match="is a link"):
            put_in_place(fill(folder / STAGE, NEW), folder, "03_parity")
        assert not list(elsewhere.iterdir()) and not (folder / JOURNAL).exists()


@pytest.mark.parametrize("text", ["", "{}", '{"stem": "a", "new": ["x"], "old": []}'])
def test_a_damaged_journal_is_refused_by_name(tmp_path, text):
    """It says what to do, and nothing is moved."""
    fill(tmp_path, {JOURNAL: text})
    with pytest.raises(BadInput, match=r"\.moves\.json is damaged.*run the notebook again"):
        settle(tmp_path)


def test_a_journal_that_leads_out_moves_nothing(tmp_path):
    """Its names are checked like a listing's."""
    fill(tmp_path, {"mine.txt": "mine"})
    text = '{"stem": "a", "new": [], "old": ["../mine.txt"]}'
    folder = fill(tmp_path / "results", {JOURNAL: text})
    with pytest.raises(BadInput, match="leads out of"):
        settle(folder)
    assert (tmp_path / "mine.txt").is_file()


def test_settling_waits_for_a_run_that_is_at_its_moves(tmp_path, monkeypatch):
    """A run that ends its moves in time lets the reader go on; one that does not is named."""
    folder = twice_run(tmp_path / "results")
    put_and_kill(folder, 8)
    held = threading.Event()

    def run() -> None:
        with in_use(folder):
            held.set()
            time.sleep(0.2)
            moves.finish_moves(folder)

    thread = threading.Thread(target=run)
    thread.start()
    held.wait()
    settle(folder)
    thread.join()
    assert verify(folder).verified
    monkeypatch.setattr(moves, "WAIT_S", 0.1)
    write_text(folder / JOURNAL, '{"stem": "n", "new": [], "old": []}')
    with in_use(folder), pytest.raises(BadInput, match=f"in use by a run with pid {os.getpid()}"):
        settle(folder)


def test_a_folder_that_takes_nothing_more_says_so(tmp_path, monkeypatch):
    """Whoever may only read a half-written folder is told, in a sentence."""
    folder = twice_run(tmp_path / "results")
    put_and_kill(folder, 8)

    def full(source, target):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(moves, "_move", full)
    with pytest.raises(BadInput, match="left half written.*Read-only file system; make it writ"):
        settle(folder)


def test_the_lock_of_another_user_is_named(tmp_path, monkeypatch):
    """A lock file that may not be opened is bad input."""

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    with pytest.raises(BadInput, match="another user's run has left it"), in_use(tmp_path):
        pass


def test_the_lock_is_never_written_through_a_link(tmp_path):
    """run.pid and .lock that lead elsewhere are refused."""
    (tmp_path / "mine").write_text("mine")
    for name in ("run.pid", ".lock"):
        folder = tmp_path / f"with_{name}"
        folder.mkdir()
        (folder / name).symlink_to(tmp_path / "mine")
        with pytest.raises(BadInput, match="is a link"), in_use(folder):
            pass
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("spoil", [Path.mkdir, lambda path: path.write_text("[]")])
def test_a_damaged_journal_leaves_its_folder_as_it_is(tmp_path, spoil):
    """Not even a lock is made beside it."""
    spoil(tmp_path / JOURNAL)
    with pytest.raises(BadInput, match=r"\.moves\.json .*expected the moves of a chapter"):
        settle(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]
