"""A results folder opened to be read."""

from pathlib import Path

import pytest

from blipkit.errors import BadInput, BlipkitError
from blipkit.records.evidence import ENTRIES, open_evidence
from blipkit.records.listing import output_of, write_listing
from blipkit.records.results import Results


@pytest.mark.parametrize("name", [*ENTRIES, "03_parity.ipynb"])
def test_a_link_in_place_of_a_file_of_the_kit_is_refused(tmp_path, name):
    """By its name, before anything is read or written."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=f"{name} is a link; expected a file or folder of its own"):
        open_evidence(folder)
    assert not (tmp_path / "elsewhere").exists()


def test_a_link_among_records_is_refused(tmp_path):
    """Records are read where they are, and nowhere else."""
    (tmp_path / "secret").write_text("{}\n")
    (tmp_path / "results/records").mkdir(parents=True)
    (tmp_path / "results/records/k.jsonl").symlink_to(tmp_path / "secret")
    with pytest.raises(BadInput, match="is a link"):
        open_evidence(tmp_path / "results")


def test_the_folder_itself_may_be_a_link(tmp_path):
    """It is what the user named."""
    Results(tmp_path / "real", "n").write("k", [{"a": 1}])
    (tmp_path / "results").symlink_to(tmp_path / "real")
    assert not open_evidence(tmp_path / "results").verified


def test_records_of_another_user_are_named(tmp_path, monkeypatch):
    """What may not be read is a sentence with its name."""
    Results(tmp_path, "n").write("k", [{"a": 1}])
    path = tmp_path / "records/k.jsonl"
    write_listing(tmp_path, {"n": [output_of(tmp_path, "records/k.jsonl")]})
    read = Path.read_bytes

    def refused(self):
        if self == path:
            raise PermissionError(13, "Permission denied", str(path))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(BlipkitError, match=r"k\.jsonl: Permission denied; .*make it yours to read"):
        open_evidence(tmp_path)
