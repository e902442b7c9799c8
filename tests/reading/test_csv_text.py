import csv
import io
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.errors import BadInput
from blipkit.reading import csv_text
from blipkit.reading.csv_text import csv_rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1," + b"x" * 131_073 + b"\n", "line 2: field larger than field limit .131072."),
        (b'a,"b\n1,2\n', "line 2: unexpected end of data"),
        (b'a,b\n1,"2"3\n', "line 2: ',' expected after"),
        (b"a,b\n1,\0\n", "line 2: a NUL character"),
        ("a,b\n1,é\n".encode("latin-1"), "line 2: is not UTF-8"),
        ("a,b\n".encode("utf-16"), "line 1: is not UTF-8"),
    ],
    ids=["long cell", "open quote", "stray quote", "NUL", "latin-1", "utf-16"],
)
def test_what_is_no_csv_is_refused_by_line(tmp_path, content, message):
    """A table that a spreadsheet would not have written says where it breaks."""
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(BadInput, match=f"t.csv, {message}"):
        csv_rows(tmp_path / "t.csv")


def test_a_table_may_have_a_mark_blank_lines_and_spaces(tmp_path):
    """What spreadsheets add is read over; lines are counted as an editor shows them."""
    text = '\ufeffa , b\r\n\r\n,\r\n1,"2\n3"\r\n'
    (tmp_path / "t.csv").write_bytes(text.encode())
    assert csv_rows(tmp_path / "t.csv") == [(1, ["a", "b"]), (5, ["1", "2\n3"])]


def test_a_letter_and_its_accent_are_one_character(tmp_path):
    """A Mac's decomposed names are those that other machines write."""
    (tmp_path / "t.csv").write_bytes("cafe\u0301,b\n".encode())
    assert csv_rows(tmp_path / "t.csv") == [(1, ["caf\u00e9", "b"])]


def test_a_table_has_a_size(tmp_path, monkeypatch):
    """A file above the limit is refused before it is parsed."""
    monkeypatch.setattr(csv_text, "LIMIT", 3)
    (tmp_path / "t.csv").write_bytes(b"a,b\n")
    with pytest.raises(BadInput, match="has more than 3e-06 MB"):
        csv_rows(tmp_path / "t.csv")


# a byte-order mark may begin a file, and is none of its text
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=5).map(
    lambda text: normalize("NFC", text.strip())
)


@given(st.lists(st.lists(CELL, min_size=2, max_size=2), max_size=4))
def test_what_csv_writes_is_read_the_same(tmp_path_factory, rows):
    """Cells survive being written and read."""
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    path.write_bytes(written.getvalue().encode())
    read = [cells for _, cells in csv_rows(path)]
    assert read == [row for row in rows if any(row)]
