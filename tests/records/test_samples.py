import pandas
import pyarrow
import pytest
from pyarrow import parquet

from blipkit.errors import BadInput
from blipkit.load.runs import MACHINE_COLUMNS, REQUEST_COLUMNS
from blipkit.parity.answer_pairs import COLUMNS, pairs_in
from blipkit.paths import PUBLISHED
from blipkit.records.samples import COUNTS, FLAGS, NUMBERS, TEXTS, TEXTS_OR_NONE, read_samples

HAS = {"a": TEXTS, "b": NUMBERS, "c": COUNTS, "d": FLAGS, "e": TEXTS_OR_NONE}
GOOD = {"a": ["x", "y"], "b": [1.5, None], "c": [1, None], "d": [True, False], "e": ["z", None]}


@pytest.fixture
def path(tmp_path):
    """A table's file."""
    return tmp_path / "s.parquet"


def test_a_table_is_read_with_what_it_must_have(path):
    """Other columns do no harm; numbers may lack, and a column of nothing but None is one of numbers."""
    pandas.DataFrame({**GOOD, "b": [None, None], "f": [1, 2]}).to_parquet(path)
    assert list(read_samples(path, HAS).columns) == [*GOOD, "f"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"b": ["1", "2"]}, "column 'b' holds string, where numbers are expected"),
        ({"a": [1, 2]}, "column 'a' holds integer, where texts are expected"),
        ({"a": ["x", None]}, "column 'a' lacks values, where texts"),
        ({"c": [1.5, 2]}, "column 'c' has .*1.5.*, where whole numbers"),
        ({"c": [float("inf"), 2]}, "column 'c' has .*inf.*, where whole numbers"),
        ({"c": [1e30, 2]}, "column 'c' has .*e.30.*, where whole numbers"),
        ({"d": ["x", "y"]}, "column 'd' holds string, where true or false"),
        ({"e": [1, 2]}, "column 'e' holds integer, where texts, or none"),
    ],
)
def test_a_column_of_another_kind_is_refused_by_name(path, changed, message):
    """Before anybody counts with it."""
    pandas.DataFrame(GOOD | changed).to_parquet(path)
    with pytest.raises(BadInput, match=rf"s.parquet is damaged \({message}"):
        read_samples(path, HAS)


def test_a_column_that_lacks_is_named(path):
    """A table of somebody else is no samples."""
    pandas.DataFrame({"a": ["x"]}).to_parquet(path)
    with pytest.raises(BadInput, match=r"it has no column 'b'\); expected the samples .* again"):
        read_samples(path, HAS)


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_a_file_that_is_cut_or_no_parquet_is_refused(path, cut):
    """By its name, whatever the library says."""
    pandas.DataFrame(GOOD).to_parquet(path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BadInput, match="s.parquet is damaged"):
        read_samples(path)
    path.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(BadInput, match="s.parquet is damaged"):
        read_samples(path)


def test_a_table_that_fills_the_memory_is_refused_before_it_is_read(path, monkeypatch):
    """A small file may say that it has more rows than any memory takes."""
    rows = 10**6
    parquet.write_table(pyarrow.table({"a": pyarrow.nulls(rows)}), path)
    monkeypatch.setattr("blipkit.records.samples.MOST_VALUES", rows - 1)
    assert path.stat().st_size < rows
    with pytest.raises(BadInput, match="it says that it has 1000000 rows of 1 columns"):
        read_samples(path)


@pytest.mark.parametrize("name", ["decisions", "machine", "requests/*"])
def test_what_is_published_has_its_columns(name):
    """Every table of every published run is read, each by the columns of its kind."""
    columns = {"decisions": COLUMNS, "machine": MACHINE_COLUMNS}.get(name, REQUEST_COLUMNS)
    paths = sorted(PUBLISHED.glob(f"*/*/samples/{name}.parquet"))
    for path in paths:
        frame = read_samples(path, columns)
        if name == "decisions":
            assert len(pairs_in(frame)) == len(frame)
    assert paths
