"""A results folder opened to be read."""

import pytest
from made_up import cost_row, make

from blipkit.cost.checks import check_prices
from blipkit.cost.knobs import Cost
from blipkit.errors import BadInput, BlipkitError
from blipkit.records.evidence import ENTRIES, open_evidence
from blipkit.records.listing import output_of, write_listing
from blipkit.records.results import Results
from blipkit.report.page import write_report
from blipkit.run.preflight import check_replay


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

    def refused(*ignored):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("blipkit.records.listing.file_digest", refused)
    with pytest.raises(BlipkitError, match=r"k\.jsonl: Permission denied; .*a folder of yours"):
        open_evidence(tmp_path)


def cut(folder):
    """A results folder whose records of 05 were cut after their chapter listed them."""
    make(folder, cost=[cost_row(), cost_row()])
    write_listing(folder, {"05_cost": [output_of(folder, "records/cost.jsonl")]})
    path = folder / "records/cost.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    return folder


def test_whoever_reads_a_folder_refuses_one_that_was_cut(tmp_path):
    """A replay, and what stands beside in 05, before anything runs; a chapter opened by hand, too."""
    folder = cut(tmp_path / "far")
    readers = (
        lambda: check_replay(tmp_path / "here", folder),
        lambda: check_prices(Cost(beside=[str(folder)])),
        lambda: Results(tmp_path / "here", "05_cost", replay=str(folder)),
        lambda: write_report(make(tmp_path / "own"), [folder]),
    )
    for read in readers:
        with pytest.raises(BadInput, match=r"cost\.jsonl has 1 of 2 records, which 05_cost wrote"):
            read()
