"""The list of what the repository publishes: made from the folders, so that it cannot say anything else."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from blipkit.cli import app
from blipkit.errors import BadInput
from blipkit.machine.host import Machine
from blipkit.paths import PUBLISHED
from blipkit.records.documents import write_machine
from blipkit.records.listing import output_of, write_listing
from blipkit.records.run_record import ChapterRun, RunRecord, write_run
from blipkit.run.publish import publish_folder
from blipkit.run.published import README, folders_in, notes_in, readme_of

MACHINE = Machine("A machine", git_commit="c0ffee", versions={"blipkit": "0.2.0"})
AGAIN = "blipkit publish"


def folder_of(place, stems=("03_parity",), machine=MACHINE, listed=True, **run):
    """A folder as `publish` leaves it."""
    (place / "records").mkdir(parents=True)
    (place / "records/k.jsonl").write_text('{"schema": 1}\n')
    ended = {stem: ChapterRun("ran") for stem in stems}
    write_run(place, RunRecord("tiny", "2026-01-02 03:04 UTC", notebooks=ended, **run))
    write_machine(place, machine)
    if listed:
        write_listing(place, {"03_parity": [output_of(place, "records/k.jsonl")]})
    return place


def line_about(page: str, folder: str) -> str:
    (line,) = [one for one in page.splitlines() if one.startswith(f"| {folder} |")]
    return line


def test_the_page_equals_what_the_folders_say():
    """results/published/README.md is the one that `blipkit publish` writes; run it where this fails."""
    assert (PUBLISHED / README).read_text() == readme_of(PUBLISHED), f"run: {AGAIN}"


def test_every_published_folder_has_a_row():
    """None is left out, be it a run, a benchmark or a forecast."""
    page = (PUBLISHED / README).read_text()
    places = {path.parent for path in PUBLISHED.glob("*/*/*.json")}
    for place in places:
        assert line_about(page, str(place.relative_to(PUBLISHED)))


def test_a_row_says_machine_profile_date_and_code(tmp_path):
    """All that a reader must know before the figures."""
    folder_of(tmp_path / "m/tiny", ("00_environment", "03_parity"))
    line = line_about(readme_of(tmp_path), "m/tiny")
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    row = ["A machine", "tiny", "2026-01-02 03:04 UTC", "0.2.0", "c0ffee", "00, 03"]
    assert cells == ["m/tiny", *row]


def test_what_a_folder_does_not_say_is_not_made_up(tmp_path):
    """A benchmark has no run; its records have the day, or nobody knows it."""
    place = tmp_path / "m/bench"
    (place / "records").mkdir(parents=True)
    write_machine(place, Machine("A machine"))
    row = "| m/bench | A machine | bench | not recorded | not recorded | not recorded | none |"
    assert line_about(readme_of(tmp_path), "m/bench") == row
    record = {"schema": 1, "kind": "k", "recorded": "2026-05-06 07:08 UTC"}
    (place / "records/k.jsonl").write_text(json.dumps(record) + "\n")
    assert "2026-05-06 07:08 UTC" in line_about(readme_of(tmp_path), "m/bench")


def test_a_replays_row_says_when_its_figures_were_measured(tmp_path):
    """Not when it was replayed."""
    folder_of(tmp_path / "m/tiny", recorded="2025-01-01 00:00 UTC")
    assert folders_in(tmp_path)[0].recorded == "2025-01-01 00:00 UTC"


def test_what_older_folders_lack_is_named(tmp_path):
    """Samples, keys of 04's records that a price is made of, digests; nothing of a whole one."""
    old = folder_of(tmp_path / "m/old", ("03_parity", "04_concurrency"), listed=False)
    (old / "records/concurrency.jsonl").write_text('{"schema": 1, "arm": "a", "servers": 1}\n')
    new = folder_of(tmp_path / "m/new")
    (new / "samples").mkdir()
    rows = {row.folder: row for row in folders_in(tmp_path)}
    assert rows["m/new"].lacks == []
    samples, keys, digests = rows["m/old"].lacks
    assert "samples of 03_parity, 04_concurrency" in samples
    assert "keys of 04's records" in keys and "digests" in digests
    page = readme_of(tmp_path)
    assert "## m/old\n" in page and "## m/new" not in page


def test_a_note_ends_with_the_folder_that_it_is_about(tmp_path):
    """Recorded again by another commit, the folder is no longer known to be wrong."""
    folder_of(tmp_path / "m/tiny")
    for commit, is_shown in (("c0ffee", True), ("decaf", False)):
        note = {"folder": "m/tiny", "commit": commit, "note": "1-8 is wrong"}
        (tmp_path / "notes.yaml").write_text(yaml.safe_dump([note]))
        assert ("- 1-8 is wrong" in readme_of(tmp_path)) is is_shown


@pytest.mark.parametrize("text", ["folder: m", "- folder: m", "- [1]", "- {a: 1}", "[", "- 5"])
def test_notes_that_are_none_are_refused(tmp_path, text):
    """With the file, and what is expected there."""
    (tmp_path / "notes.yaml").write_text(text)
    with pytest.raises(BadInput, match="notes.yaml: .*expected a list of notes"):
        notes_in(tmp_path)


def test_the_notes_of_the_repository_are_read():
    """Each names a folder, a commit, and what is known."""
    for note in notes_in(PUBLISHED):
        assert note.folder and note.commit and len(note.note) > 20


def test_publishing_writes_the_page(tmp_path, monkeypatch):
    """The new folder's row is in it at once."""
    published = tmp_path / "published"
    published.mkdir()
    monkeypatch.setattr("blipkit.run.publish.PUBLISHED", published)
    source = folder_of(tmp_path / "tiny")
    (source / "profile.yaml").write_text("common: {}\n")
    publish_folder(source)
    page = (published / README).read_text()
    assert page == readme_of(published) and "c0ffee" in line_about(page, "a-machine/tiny")


def test_the_page_alone_is_written_without_a_folder(monkeypatch, tmp_path):
    """`blipkit publish`, and nothing is copied."""
    monkeypatch.setattr("blipkit.run.publish.PUBLISHED", tmp_path)
    folder_of(tmp_path / "m/tiny")
    result = CliRunner().invoke(app, ["publish"])
    assert (result.exit_code, result.output.strip()) == (0, str(tmp_path / README))
    assert (tmp_path / README).read_text() == readme_of(tmp_path)
