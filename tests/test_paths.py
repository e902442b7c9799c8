"""Paths that people name: `~` is expanded, and what can be none is refused in one sentence."""

import os
import re
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.errors import BadInput
from blipkit.paths import is_folder, user_file, user_folder, user_path


def test_a_tilde_is_the_users_home(monkeypatch, tmp_path):
    """A shell leaves that of --results=~/x alone."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x", "--results") == tmp_path / "x"
    assert user_folder("~", "--results") == tmp_path
    assert user_path("a~/x", "--results") == Path("a~/x")


BAD = [
    ("", "--to is empty; expected a path, such as results/mine"),
    (" ", "--to is empty"),
    ("a\0b", r"--to 'a\x00b' has a NUL character; expected a path without one"),
    ("x/" + "n" * 256, "has a name of 256 bytes in it; expected at most 255"),
    ("é" * 128, "has a name of 256 bytes in it"),
    ("~nobody-of-that-name/x", "write the whole path, or ./~nobody-of-that-name/x for a folder"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_what_can_be_no_path_is_refused_with_the_option(text, message):
    """What was seen, what was expected, what to do; however long it is, the message is short."""
    for read in (user_path, user_folder, user_file):
        with pytest.raises(BadInput, match=re.escape(message)) as refused:
            read(text, "--to")
        assert str(refused.value).startswith("--to") and len(str(refused.value)) < 300


def test_without_a_home_its_tilde_is_refused(monkeypatch):
    """In a container without a passwd entry: HOME is named."""

    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(BadInput, match="no home folder is known for it; .*set HOME"):
        user_path("~/x", "--results")


@pytest.mark.parametrize("kind", ["a file", "a pipe", "a socket"])
def test_where_a_folder_is_meant_nothing_else_will_do(tmp_path, kind):
    """Each is named, before anybody opens it and waits."""
    place = tmp_path / "x"
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "a file":
            place.write_text("")
        elif kind == "a pipe":
            os.mkfifo(place)
        else:
            listener.bind(str(place))
        message = f"--results {place} is {kind}; expected a folder, existing or not"
        with pytest.raises(BadInput, match=re.escape(message)):
            user_folder(str(place), "--results")
    assert user_folder(str(tmp_path), "x") == tmp_path
    assert user_folder(str(place / "below"), "x") == place / "below", "its maker says what is wrong"


def test_where_a_file_is_meant_a_folder_or_a_pipe_will_not_do(tmp_path):
    """A pipe would hold whoever opens it until somebody writes."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="is a folder; expected a file"):
        user_file(str(tmp_path), "cost.own_prices")
    with pytest.raises(BadInput, match="is a pipe; expected a file"):
        user_file(str(tmp_path / "pipe"), "cost.own_prices")
    assert user_file(str(tmp_path / "not there"), "x") == tmp_path / "not there"


def test_a_place_that_may_not_be_looked_at_is_said(monkeypatch):
    """Another user's home, say."""

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", denied)
    with pytest.raises(BadInput, match="--results /root/x: Permission denied; expected a folder"):
        user_folder("/root/x", "--results")


@given(st.text(max_size=300))
def test_any_text_is_a_path_or_refused(text):
    """Nothing else is ever raised."""
    for read in (user_folder, user_file):
        try:
            assert isinstance(read(text, "--results"), Path)
        except BadInput as error:
            assert str(error).startswith("--results")
    assert is_folder(text) in (True, False)
