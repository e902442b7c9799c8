"""A file that another process goes on writing: what is new in it, and what is no longer the same file."""

import os

import pytest

from blipkit.errors import BadInput
from blipkit.service import following
from blipkit.service.following import Followed

EXPECTED = "expected lines"


def objects(followed: Followed) -> list[int]:
    return [record["n"] for _, record in followed.new()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lines.jsonl"


def add(path, text: str) -> None:
    with open(path, "a") as file:
        file.write(text)


def test_what_stood_there_before_is_not_new(path):
    """From the end of the last whole line on, each line once."""
    path.write_text('{"n": 1}\n')
    followed = Followed(path, EXPECTED)
    assert objects(followed) == []
    add(path, '{"n": 2}\n\n{"n": 3}\n')
    assert objects(followed) == [2, 3] and objects(followed) == []


def test_half_a_line_waits_for_its_end(path):
    """Also where it is at the end as the reading begins, and where its writer takes it away again."""
    path.write_text('{"n": 1}\n{"n"')
    followed = Followed(path, EXPECTED)
    assert objects(followed) == []
    os.truncate(path, 9)  # as whoever goes on in the file does
    assert objects(followed) == []
    add(path, '{"n": 2}\n{"n": ')
    assert objects(followed) == [2]
    add(path, "3}\n")
    assert objects(followed) == [3]


def test_a_file_that_comes_later_is_read_from_its_beginning(path):
    """Nothing was there to leave out."""
    followed = Followed(path, EXPECTED)
    assert objects(followed) == []
    path.write_text('{"n": 1}\n')
    assert objects(followed) == [1]


def test_a_line_that_is_none_is_named_by_its_place(path):
    """The file, where in it, and what was expected."""
    followed = Followed(path, EXPECTED)
    path.write_text('{"n": 1}\nhello\n')
    with pytest.raises(BadInput, match=r"lines\.jsonl, byte 9: .*; expected lines"):
        followed.new()


def test_another_file_of_the_name_is_no_going_on(path, tmp_path):
    """Replaced, emptied or removed: what is missing nobody knows."""
    path.write_text('{"n": 1}\n')
    followed = Followed(path, EXPECTED)
    os.truncate(path, 3)
    with pytest.raises(BadInput, match="has become shorter: 3 bytes of 9 read before; expected"):
        followed.new()
    (tmp_path / "other").write_text('{"n": 1}\n{"n": 2}\n')
    os.replace(tmp_path / "other", path)
    with pytest.raises(BadInput, match="was replaced by another file; expected lines"):
        followed.new()
    path.unlink()
    with pytest.raises(BadInput, match="was removed; expected lines"):
        followed.new()


def test_what_is_no_file_is_refused_at_once(tmp_path):
    """A pipe would be waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInput, match="pipe is no regular file; expected lines"):
        Followed(tmp_path / "pipe", EXPECTED)


def test_no_line_is_longer_than_what_is_read_at_once(path, monkeypatch):
    """More lines come at the next look; one that never ends is said."""
    monkeypatch.setattr(following, "MOST", 12)
    followed = Followed(path, EXPECTED)
    path.write_text('{"n": 1}\n{"n": 2}\n')
    assert objects(followed) == [1] and followed.is_behind
    assert objects(followed) == [2] and not followed.is_behind
    assert followed.lines == 2
    add(path, '{"n": 3, "m": 4}\n')
    with pytest.raises(BadInput, match="has a line of more than"):
        followed.new()
