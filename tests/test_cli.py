"""The command line at its edges: terminals, and errors as one message with an exit status."""

import io
import sys

import pytest

import blipkit
from blipkit import cli
from blipkit.paths import PUBLISHED

TINY = str(PUBLISHED / "amd-epyc-2-cores" / "tiny")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437", "utf-8"])
def test_a_terminal_that_is_not_utf_8_shows_every_table(monkeypatch, encoding):
    """What its letters lack is a question mark; the exit status is the command's."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    monkeypatch.setattr(sys, "argv", ["blipkit", "compare", TINY, TINY])
    with pytest.raises(SystemExit) as ended:
        cli.entry()
    sys.stdout.flush()
    assert ended.value.code == 0 and b"judgement" in written.getvalue()


def test_the_version_is_said_without_a_command(monkeypatch, capsys):
    """And nothing else is."""
    monkeypatch.setattr(sys, "argv", ["blipkit", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.entry()
    assert ended.value.code == 0 and capsys.readouterr().out == f"blipkit {blipkit.__version__}\n"
