"""A results folder opened to be read."""

import pytest

from blipkit.errors import BadInput
from blipkit.records.evidence import ENTRIES, open_evidence
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
