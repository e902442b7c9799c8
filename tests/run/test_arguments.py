"""What the command line takes: every path is read in one way, and every end is one sentence."""

import errno
import os
import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from blipkit.errors import BadInput, system_problem
from blipkit.parity.golden_capture import check_capture
from blipkit.paths import PUBLISHED
from blipkit.profiles.profile import load_profile
from blipkit.run.arguments import as_yaml, check_settings, command_again

TINY = str(PUBLISHED / "amd-epyc-2-cores" / "tiny")
LONG = "n" * 256


@pytest.fixture(autouse=True)
def no_fork_server(monkeypatch):
    """What these commands refuse needs none."""
    monkeypatch.setenv("BLIPKIT_FORK_SERVER", "off")


COMMANDS = [
    ("run", "smoke", "--results", "{}"),
    ("run", "smoke", "--replay", "{}"),
    ("run", "{}/x.yaml"),
    ("run", "smoke", "--set", "common.frames_from='{}'"),
    ("run", "smoke", "--set", "common.checkpoint='{}/x/y'"),
    ("run", "smoke", "--set", "parity.incumbent='{}/x'"),
    ("run", "smoke", "--set", "cost.own_prices='{}'"),
    ("run", "smoke", "--set", "cost.beside=['{}']"),
    ("capture", "smoke", "--to", "{}"),
    ("report", "{}"),
    ("compare", "{}", TINY),
    ("compare", TINY, "{}"),
    ("publish", "{}"),
    ("frames", "clip.mp4", "{}"),
    ("frames", "{}", "frames"),
]


@pytest.mark.parametrize("path", ["~nobody-of-that-name", LONG])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_path_that_can_be_none_ends_with_2_and_one_sentence(said, tmp_path, command, path):
    """Of an option and of a knob alike; nothing is made."""
    status, error = said(*(argument.format(path) for argument in command))
    assert status == 2 and len(error.splitlines()) == 1, error
    assert "no home folder is known for it" in error or "a name of 256 bytes" in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        (("adopt", "x.pt"), "Missing option '--profile' and '--component'."),
        (("adopt", "x.pt", "--profile", "tiny"), "Missing option '--component'."),
        (("adopt", "--profile", "tiny"), "Missing argument 'FILE'."),
        (("capacity", "backtest", "x.csv"), "Missing option '--target' and '--start-s'."),
    ],
)
def test_all_options_that_a_command_needs_are_asked_for_at_once(said, command, missing):
    """Not one at each try; of a command within a command, too."""
    status, error = said(*command)
    assert status == 2 and missing in error


@pytest.mark.parametrize("command", [*COMMANDS[:2], *COMMANDS[8:], ("run", "{}")], ids=" ".join)
def test_an_empty_path_is_refused(said, tmp_path, command):
    """It would be the folder that one happens to be in."""
    status, error = said(*(argument.format("") for argument in command))
    assert status == 2 and "is empty; expected a path" in error
    assert not list(tmp_path.iterdir())


def test_a_literal_tilde_is_expanded(said, monkeypatch, tmp_path):
    """A shell leaves that of --results=~/x alone; no folder named ~ is made."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "x").write_text("")
    status, error = said("run", "smoke", "--results=~/x")
    assert status == 2 and f"--results {tmp_path}/home/x is a file" in error
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("command", [*COMMANDS[:2], *COMMANDS[8:14]], ids=" ".join)
def test_a_pipe_where_a_folder_is_meant_is_refused(said, tmp_path, command):
    """Nobody opens it and waits."""
    os.mkfifo(tmp_path / "pipe")
    status, error = said(*(argument.format("pipe") for argument in command))
    assert status == 2 and "pipe is a pipe; expected a folder" in error


def test_what_the_system_refuses_is_one_sentence(said, monkeypatch):
    """Another user's published folder, verdict or lock: the file, the reason, what to do."""

    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "/their/verdict.json")

    for command, place in (
        ("report", "blipkit.report.page.write_report"),
        ("publish", "blipkit.run.publish.publish_folder"),
    ):
        monkeypatch.setattr(place, denied)
        status, error = said(command, TINY)
        problem = "/their/verdict.json: Permission denied; it is another user's, or read-only"
        assert status == 1 and error.startswith(f"blipkit: {problem}")
        assert len(error.splitlines()) == 1


def test_the_systems_words_are_never_lost():
    """Without a file, of several files at once, or with a number that nobody has advice for."""
    assert system_problem(OSError(errno.ENOSPC, "No space left on device")).startswith(
        "No space left on device; free some space"
    )
    many = OSError([("a/b", "c/b", "[Errno 13] Permission denied"), ("d", "e", "other")])
    assert system_problem(many) == "a/b: [Errno 13] Permission denied"
    broken = system_problem(OSError(errno.EPIPE, "Broken pipe"))
    assert broken == "Broken pipe; whoever read what it prints has ended"
    assert system_problem(OSError("timed out")).startswith("timed out; see whether")


def test_ctrl_c_in_any_command_is_one_sentence(said, monkeypatch):
    """No traceback, no silence; the exit status that shells give it."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("blipkit.report.page.write_report", interrupt)
    assert said("report", TINY) == (
        130,
        "blipkit: interrupted; what was finished before is kept\n",
    )


def test_golden_outputs_go_neither_through_a_link_nor_over_what_is_not_theirs(tmp_path):
    """Nothing that somebody keeps is overwritten."""
    common = load_profile("smoke").common
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    for name, words in (
        ("link", "is a link"),
        ("broken", "is a link"),
        ("theirs", "nothing is lost"),
    ):
        with pytest.raises(BadInput, match=words):
            check_capture(common, common.arms[0], tmp_path / name, with_frames=False)
    assert (tmp_path / "theirs" / "notes.txt").read_text() == "mine"


def test_two_values_of_one_knob_are_refused(said):
    """The first would be lost; the same value twice is no harm."""
    status, error = said("run", "smoke", "--set", "parity.frames=20", "--set", "parity.frames = 30")
    assert status == 2 and "--set gives parity.frames twice, as 20 and as 30" in error
    check_settings(["parity.frames=20", "parity.frames=20", "common.seed=1"])


def test_to_go_on_with_a_replay_names_it(tmp_path):
    """And nothing that was not said."""
    assert command_again(load_profile("tiny"), None, None) == "blipkit run tiny"
    again = command_again(load_profile("tiny"), None, Path("it's far"))
    assert shlex.split(again) == ["blipkit", "run", "tiny", "--replay", "it's far"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
        st.lists,
        max_leaves=5,
    )
)
@example("\n")
@example(["a\nb"])
def test_a_value_comes_back_from_its_yaml(value):
    """Whatever a knob may be, on one line."""
    text = as_yaml(value)
    assert yaml.safe_load(text) == value and "\n" not in text
