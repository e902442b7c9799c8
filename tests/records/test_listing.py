"""The listing of what chapters left, by which cut, changed and lost files are known."""

import json
import os

import pytest

from blipkit.errors import BadInput
from blipkit.records.listing import (
    NAME,
    Output,
    Verification,
    forget,
    output_of,
    read_listing,
    verify,
    write_listing,
)
from blipkit.records.results import Results

RECORDS = '{"schema": 1}\n{"schema": 1}\n'


@pytest.fixture
def folder(tmp_path):
    """A results folder in which 03 has listed two records, a sample and its notebook."""
    for name, text in (
        ("records/gates_03_parity.jsonl", RECORDS),
        ("samples/s.parquet", "p"),
        ("03_parity.ipynb", "{}"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    names = ("03_parity.ipynb", "records/gates_03_parity.jsonl", "samples/s.parquet")
    write_listing(tmp_path, {"03_parity": [output_of(tmp_path, name) for name in names]})
    return tmp_path


def test_a_listing_comes_back_as_it_was_written(folder):
    """Name, bytes, digest, and how many records there are, for what holds records."""
    notebook, records, sample = read_listing(folder)["03_parity"]
    assert (records.bytes, records.records) == (len(RECORDS), 2) and len(records.sha256) == 64
    assert notebook.records is None and sample.name == "samples/s.parquet"
    assert verify(folder) == Verification(True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RECORDS[:14], "records/gates_03_parity.jsonl has 1 of 2 records, which 03_parity wrote"),
        (RECORDS.replace("1", "2"), r"was changed \(same size, other content\)"),
        (RECORDS.replace("1", "12"), r"was changed \(\d+ bytes, 28 when it was written\)"),
        (None, "records/gates_03_parity.jsonl is missing"),
    ],
)
def test_evidence_that_was_cut_changed_or_lost_is_refused(folder, text, said):
    """A file cut at a line's end is named, with the command that makes it again."""
    path = folder / "records/gates_03_parity.jsonl"
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadInput, match=said) as caught:
        verify(folder)
    assert f"--only 03_parity --results {folder}" in str(caught.value)
    assert verify(folder, but_of=["03_parity"]).verified


def test_the_command_is_whole_however_many_files_were_lost(tmp_path):
    """Two are named and the others counted; the command stands on a line of its own."""
    stems = [f"{number:02}_concurrency" for number in range(9)]
    lost = [Output(f"records/{'kind' * 4}_{number}.jsonl", sha256="0" * 64) for number in range(5)]
    write_listing(tmp_path, dict.fromkeys(stems, lost))
    with pytest.raises(BadInput) as caught:
        verify(tmp_path)
    problem, advice = str(caught.value).splitlines()
    assert problem.endswith("; and 43 more; expected what its listing says")
    only = " ".join(f"--only {stem}" for stem in stems)
    assert f"profile.yaml {only} --results {tmp_path}" in advice


def test_what_is_published_is_restored_and_not_run_again(folder, monkeypatch):
    """It was measured on another machine, perhaps, and lies in the repository."""
    monkeypatch.setattr("blipkit.records.documents.PUBLISHED", folder.parent)
    (folder / "samples/s.parquet").unlink()
    with pytest.raises(BadInput, match=f"restore it: git checkout -- {folder}"):
        verify(folder)


def test_a_notebook_that_was_opened_and_saved_is_not_refused(folder):
    """No figure rests on it: the folder is no longer verified, and says why."""
    (folder / "03_parity.ipynb").write_text("{ }")
    found = verify(folder)
    assert not found.verified and found.reason.startswith("03_parity.ipynb was changed")


def test_what_nobody_listed_is_not_verified(folder):
    """A chapter opened by hand adds records: they are named, and nothing is refused."""
    Results(folder, "06_precision").write("precision", [{"a": 1}])
    found = verify(folder)
    assert not found.verified and "no run lists records/precision.jsonl" in found.reason


def test_writing_by_hand_takes_a_file_out_of_the_listing(folder):
    """Records that were listed and are written again by hand are no longer the run's."""
    (folder / "records/k.jsonl").write_text('{"schema": 1, "notebook": "03_parity"}\n')
    listing = read_listing(folder)
    listing["03_parity"].append(output_of(folder, "records/k.jsonl"))
    write_listing(folder, listing)
    Results(folder, "03_parity").write("k", [{"a": 1}])
    assert "records/k.jsonl" not in [one.name for one in read_listing(folder)["03_parity"]]
    assert not verify(folder).verified
    forget(folder, "records/none.jsonl")
    assert len(read_listing(folder)["03_parity"]) == 3


def test_a_folder_without_a_listing_is_not_verified(tmp_path):
    """As hand-run chapters and older kits leave it; one that holds nothing has nothing to doubt."""
    assert verify(tmp_path).verified
    Results(tmp_path, "n").write("k", [{"a": 1}])
    assert "opened by hand, or an older kit" in verify(tmp_path).reason


def test_the_listing_of_an_older_kit_is_read(folder):
    """It has names alone: a file that is missing is refused, the rest is not verified."""
    (folder / NAME).write_text(json.dumps({"03_parity": ["records/gates_03_parity.jsonl"]}))
    assert read_listing(folder) == {"03_parity": [Output("records/gates_03_parity.jsonl")]}
    assert not verify(folder).verified
    (folder / "records/gates_03_parity.jsonl").unlink()
    with pytest.raises(BadInput, match="is missing"):
        verify(folder)


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"a": 1}', '{"a": [1]}', '{"a": [{"name": 1}]}', '{"a": [{"bytes": 1}]}', "\0"],
)
def test_what_is_no_listing_is_refused_by_name(tmp_path, content):
    """Cut in its middle, or something else: one sentence, with what to do."""
    (tmp_path / NAME).write_text(content)
    with pytest.raises(BadInput, match=r"\.outputs\.json is damaged.*remove that file"):
        read_listing(tmp_path)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "records/../../x", "", "a\0b"])
def test_a_listing_names_only_what_is_in_its_folder(tmp_path, name):
    """A name that leads out is refused, and nothing outside is looked at."""
    write_listing(tmp_path, {"03_parity": [Output(name)]})
    with pytest.raises(BadInput, match=r"\.outputs\.json: .*leads out of"):
        read_listing(tmp_path)


@pytest.mark.parametrize("text", [b"", b"a\n", b"a\nb", b"a\nb\n"])
def test_records_are_counted_with_the_last_cut_one(tmp_path, text):
    """As many as there are lines."""
    (tmp_path / "k.jsonl").write_bytes(text)
    assert output_of(tmp_path, "k.jsonl").records == len(text.splitlines())


def test_a_file_that_fills_a_disk_is_not_read_to_be_known_as_another(tmp_path):
    """Its size says it."""
    (tmp_path / "records").mkdir()
    (tmp_path / "records/k.jsonl").write_text("{}\n")
    write_listing(tmp_path, {"n": [output_of(tmp_path, "records/k.jsonl")]})
    os.truncate(tmp_path / "records/k.jsonl", 2**40)
    with pytest.raises(BadInput, match=r"k\.jsonl was changed \(1099511627776 bytes, 3 when"):
        verify(tmp_path)
