"""Files written whole or not at all, and never through a link."""

import math
import os

import pytest

from blipkit.errors import BlipkitError
from blipkit.reading.json_text import parse_object
from blipkit.records.writing import (
    json_text,
    remove_parts,
    said_in_a_sentence,
    write_bytes,
    write_document,
    write_text,
)


def test_a_write_that_fails_leaves_the_file_of_before(tmp_path, monkeypatch):
    """Whatever stops it, and nothing half written stays beside."""
    path = tmp_path / "verdict.md"
    write_text(path, "old")

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path):
    """Neither the file nor the unfinished one beside it is written through a link."""
    mine, path = tmp_path / "mine", tmp_path / "run.json"
    mine.write_text("mine")
    path.symlink_to(mine)
    (tmp_path / f"run.json.{os.getpid()}.part").symlink_to(mine)
    write_document(path, {"a": 1})
    assert mine.read_text() == "mine" and not path.is_symlink()
    assert path.read_text() == '{\n  "a": 1\n}\n'


def test_what_a_kill_left_half_written_is_removed(tmp_path):
    """A file whose writer is gone; not one that is being written, and nothing of the user's."""
    gone = 2**22 + 1  # above the largest process number
    for name in (f"a.json.{gone}.part", f"b.json.{os.getpid()}.part", "film.part"):
        write_bytes(tmp_path / name, b"half")
    remove_parts(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"b.json.{os.getpid()}.part", "film.part"}


def test_text_is_utf_8_whatever_the_machine_speaks(tmp_path):
    """An umlaut comes back."""
    write_text(tmp_path / "t", "Größe")
    assert (tmp_path / "t").read_bytes().decode("utf-8") == "Größe"


def test_what_utf_8_cannot_hold_is_spelt_out(tmp_path):
    """As of a file whose name is no text."""
    write_text(tmp_path / "t", "frame \udcff.png")
    assert (tmp_path / "t").read_text() == "frame \\udcff.png"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "r: No space left on device; .*free some space"),
        (PermissionError(13, "Permission denied", "/x/run.json"), "/x/run.json: Permission denied"),
        (OSError(27, "File too large"), "File too large; raise `ulimit -f`, or pass a folder on a"),
        (OSError(30, "Read-only file system"), "Read-only file system; .*a folder on another one"),
    ],
)
def test_what_a_folder_does_not_let_us_do_is_a_sentence(tmp_path, error, said):
    """What was seen, what was expected, and what to do."""
    with pytest.raises(BlipkitError, match=said), said_in_a_sentence(tmp_path / "r"):
        raise error


@pytest.mark.parametrize("text", ["plain", "caf\udce9.jpg", "🐕 \ud83d", "\\ud800", "a\u2028b"])
def test_what_is_written_as_json_can_be_read_again(text):
    """Half of a surrogate pair, as in the name of a file that is not UTF-8, is spelt out; a line stays one line."""
    written = json_text({text: [text, math.nan]})
    read = parse_object(written.encode())
    spelt = text.encode("utf-8", "backslashreplace").decode()
    assert list(read) == [spelt] and read[spelt][0] == spelt and len(written.splitlines()) == 1
