"""Temporary folders: private, short enough for a socket, and removed after a kill, but only ours."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from blipkit.errors import BadInput
from blipkit.machine import scratch
from blipkit.machine.scratch import ScratchFolder, remove_abandoned, socket_folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """TMPDIR, and the only place that is looked through; what is in it counts as old at once."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(scratch, "SHORT_ROOTS", ())
    monkeypatch.setattr(scratch, "YOUNG_S", -60)
    return tmp_path


def killed(place: Path) -> Path:
    """The folder of a process that was killed."""
    code = "from blipkit.machine.scratch import ScratchFolder; import time; f = ScratchFolder(); "
    code += "print(f.name, flush=True); time.sleep(60)"
    run = [sys.executable, "-c", code]
    process = subprocess.Popen(
        run, stdout=subprocess.PIPE, text=True, env=dict(os.environ, TMPDIR=str(place))
    )
    folder = Path(process.stdout.readline().strip())
    assert folder.is_dir() and remove_abandoned() == [], "it is in use"
    process.send_signal(signal.SIGKILL)
    process.wait()
    return folder


def test_a_folder_is_private_and_goes_with_its_context(place):
    """Nobody else can look into it; afterwards nothing is left, and no descriptor open."""
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").is_dir() else []
    with ScratchFolder() as folder:
        assert Path(folder).parent == place and os.stat(folder).st_mode & 0o777 == 0o700
        assert remove_abandoned() == []
    assert list(place.iterdir()) == []
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before)


def test_what_a_killed_process_has_left_is_removed(place):
    """With all that is in it, and once."""
    folder = killed(place)
    (folder / "kernel.json").write_text("a key")
    folder.chmod(0o1700)  # as Jupyter marks a folder with such a file
    assert remove_abandoned() == [folder] and not folder.exists()
    assert remove_abandoned() == []


@pytest.mark.parametrize(
    "name", ["blipkit-results", "blipkit-tmp-x", "blipkit-tmp-abcdefgh.yaml", "tmpabcdefgh"]
)
def test_a_folder_of_another_name_is_left_alone(place, name):
    """Results that a user keeps in TMPDIR are no leftovers."""
    (place / name).mkdir(mode=0o700)
    assert remove_abandoned() == [] and (place / name).is_dir()


def test_what_is_not_ours_is_left_alone(place, monkeypatch):
    """Another user's folder, one that others may open, a link, a file, one that was made just now."""
    name = f"{scratch.PREFIX}abcdefgh"
    mine = place / name
    mine.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert remove_abandoned() == []
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(scratch, "SHORT_ROOTS", ())
    assert remove_abandoned() == [], "it is young"
    monkeypatch.setattr(scratch, "YOUNG_S", -60)
    mine.chmod(0o755)
    assert remove_abandoned() == []
    target = place / "target"
    mine.rename(target)
    mine.symlink_to(target)
    assert remove_abandoned() == [] and target.is_dir()
    mine.unlink()
    mine.write_text("")
    assert remove_abandoned() == [] and mine.is_file()


def test_a_long_tmpdir_has_its_sockets_elsewhere(tmp_path, monkeypatch):
    """The TMPDIR of a batch job: a socket can be bound all the same, in a private folder."""
    long = tmp_path / "job_1355700_of_team" / "job_1355700_of_team" / "job_1355700_of_team"
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with socket_folder() as folder, socket.socket(socket.AF_UNIX) as listener:
        assert Path(folder).parent != long and os.stat(folder).st_mode & 0o777 == 0o700
        listener.bind(str(Path(folder, "socket")))
    with ScratchFolder() as folder:
        assert Path(folder).parent == long, "what is no socket may be large, and stays there"


def test_without_any_short_place_tmpdir_is_named(monkeypatch):
    """What was seen, what was expected, and what to set."""
    monkeypatch.setattr(tempfile, "tempdir", "/x" * 60)
    monkeypatch.setattr(scratch, "SHORT_ROOTS", ("/nowhere",))
    with pytest.raises(BadInput) as refused:
        socket_folder()
    words = (
        "too long for a socket in it; expected at most 64 bytes, and /nowhere cannot be written to"
    )
    assert str(refused.value) == f"TMPDIR is {'/x' * 60}, {words}; set a shorter TMPDIR"
