import os
from pathlib import Path

import pytest

from blipkit.errors import BadInput
from blipkit.reading.files import MB, is_plain_name, read_bytes, read_text


def test_what_is_no_regular_file_is_refused_before_it_is_read(tmp_path):
    """A pipe nobody writes to, a folder, a device, a name that cannot be: none hangs, none is a traceback."""
    os.mkfifo(tmp_path / "pipe")
    cases = {
        tmp_path / "pipe": "pipe is no regular file; expected X",
        tmp_path: "is a folder; expected X",
        Path("/dev/zero"): "is no regular file; expected X",
        tmp_path / "nothing": "nothing: No such file or directory; expected X",
        tmp_path / ("n" * 300): "File name too long; expected X",
        Path("a\0b"): r"'a\\x00b': embedded null byte; expected X",
        Path("n" * 10**5): r"'nnn.*\.\.\.nnn.*File name too long; expected X",
    }
    for path, message in cases.items():
        with pytest.raises(BadInput, match=message) as refused:
            read_bytes(path, MB, "expected X")
        assert len(str(refused.value)) < 600


def test_a_file_above_its_limit_is_refused(tmp_path):
    """A file may be as large as the limit, and no larger."""
    (tmp_path / "f").write_bytes(b"abc")
    assert read_bytes(tmp_path / "f", 3, "expected X") == b"abc"
    with pytest.raises(BadInput, match="has more than 2e-06 MB; expected X"):
        read_bytes(tmp_path / "f", 2, "expected X")


def test_text_is_utf_8(tmp_path):
    """An editor's mark is read over; the line of another encoding is named."""
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbfabc")
    assert read_text(tmp_path / "f", MB, "expected X") == "abc"
    (tmp_path / "f").write_bytes(b"abc\n\xe9")
    with pytest.raises(BadInput, match="line 2: is not UTF-8; expected X, saved as UTF-8"):
        read_text(tmp_path / "f", MB, "expected X")


def test_a_plain_name_leads_nowhere():
    """One file right in the folder, and one that a file system can have."""
    assert all(map(is_plain_name, ["a", "a b.pt", "..a", "é" * 127]))
    bad = ["", ".", "..", "/a", "a/", "a/b", "../a", "a\0", "a\n", "é" * 128, "n" * 256]
    assert not any(map(is_plain_name, bad))
