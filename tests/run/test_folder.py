"""What a run refuses before it touches a folder, and what it removes and keeps in one."""

import contextlib
import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.errors import BadInput, BlipkitError
from blipkit.paths import inside
from blipkit.profiles.profile import load_profile, read_sections
from blipkit.records.listing import output_of, read_listing, write_listing
from blipkit.records.moves import JOURNAL, STAGE
from blipkit.records.results import Results
from blipkit.records.run_record import RunRecord, read_run, write_run
from blipkit.records.writing import said_in_a_sentence, write_text
from blipkit.report.page import write_report
from blipkit.run import notebooks
from blipkit.run.folder import begin, check_ours, clear, keep_outputs
from blipkit.run.notebooks import run_chapters, run_profile
from blipkit.run.progress import PRINTED

KEY = "0123456789abcdef01234567"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "..", "", ".", "a\0b"])
def test_a_name_that_leads_out_of_a_folder_is_refused(tmp_path, name):
    """By `..`, from the root, or by being no name."""
    with pytest.raises(BadInput, match="leads out of"):
        inside(tmp_path, name)


@given(name=st.text(st.sampled_from("ab./\\~\0 "), max_size=12))
def test_whatever_its_name_a_file_stays_in_its_folder(name, tmp_path_factory):
    """It is within the folder, or the name is refused."""
    folder = tmp_path_factory.getbasetemp()
    with contextlib.suppress(BadInput):
        path = inside(folder, name)
        assert path.resolve() != folder.resolve() and path.resolve().is_relative_to(
            folder.resolve()
        )


def test_a_link_on_the_way_is_refused_and_the_folder_itself_may_be_one(tmp_path):
    """What the user named is followed, what stands in it is not."""
    (tmp_path / "real/in").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "link", "in/file") == tmp_path / "link/in/file"
    with pytest.raises(BadInput, match="link is a link"):
        inside(tmp_path, "link/in/file")


@pytest.mark.parametrize(
    "name",
    ["profile.yaml", "environment.json", "verdict.md", "gates.xml", "report/a", "03_parity.ipynb"],
)
def test_a_folder_of_something_else_is_refused_by_name(tmp_path, name):
    """Before anything ran: what stands there would be overwritten."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    with pytest.raises(BadInput, match=f"holds {name.partition('/')[0]}, which no run has left"):
        run_profile(load_profile("smoke"), tmp_path)
    assert path.read_text() == "mine" and not (tmp_path / ".lock").exists()


def test_folders_of_a_run_and_of_hand_run_chapters_are_ours(tmp_path):
    """So is one that is not there, or empty, and hand-run chapters with their report."""
    check_ours(tmp_path / "none")
    (tmp_path / "notes.txt").write_text("mine")
    check_ours(tmp_path)
    Results(tmp_path, "03_parity").write("k", [{"a": 1}])
    write_report(tmp_path)
    check_ours(tmp_path)
    (tmp_path / "profile.yaml").write_text("mine: {}")
    with pytest.raises(BadInput, match=r"holds profile\.yaml, which"):
        check_ours(tmp_path)
    write_run(tmp_path, RunRecord())
    check_ours(tmp_path)


@pytest.mark.parametrize("name", ["artifacts", "records", "report", "run.json", ".stage"])
def test_a_run_into_links_is_refused(tmp_path, name):
    """They would be written through."""
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match=f"{name} is a link"):
        run_profile(load_profile("smoke"), tmp_path)


def test_force_removes_what_was_compiled_and_nothing_else(tmp_path):
    """Folders with the kit's manifest, half-done ones and failed ones; no link, nothing of the user's,
    and no adopted file, which nobody here can compile again.
    """
    compiled = tmp_path / "artifacts" / f"text_encoder-torchscript-float32-{KEY}"
    mine = tmp_path / "mine"
    for folder in (compiled, mine, *(tmp_path / f"artifacts/{n}" for n in ("a.part", "b.failed"))):
        folder.mkdir(parents=True)
        (folder / "compiled.pt").write_text("x")
    (compiled / "manifest.json").write_text(json.dumps({"key": KEY}))
    theirs = f"adopted-text_encoder-neuron-none-{KEY}"
    given = (("notes", None), ("other", {"key": KEY}), ("odd", [1]), (theirs, {"key": KEY}))
    for name, manifest in given:
        (tmp_path / "artifacts" / name).mkdir()
        if manifest:
            (tmp_path / "artifacts" / name / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "artifacts/link.part").symlink_to(mine)
    (tmp_path / "artifacts/film.part").write_text("x")
    clear(tmp_path, [])
    assert compiled.is_dir()
    clear(tmp_path, [], force=True)
    left = {path.name for path in (tmp_path / "artifacts").iterdir()}
    assert left == {"notes", "other", "odd", "link.part", "film.part", theirs}
    assert (mine / "compiled.pt").is_file()


def test_what_a_kill_left_is_settled_or_removed(tmp_path):
    """Moves are finished; an unfinished stage, notes and half-written files are gone."""
    (tmp_path / STAGE / "records").mkdir(parents=True)
    (tmp_path / STAGE / "records/k.jsonl").write_text("{}\n")
    (tmp_path / "report").mkdir()
    new = vars(output_of(tmp_path / STAGE, "records/k.jsonl"))
    write_text(tmp_path / JOURNAL, json.dumps({"stem": "03_parity", "new": [new], "old": []}))
    for name in (".notes", "run.json.4194305.part", "report/index.html.4194305.part"):
        (tmp_path / name).write_text("half")
    clear(tmp_path, [])
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"records/k.jsonl", ".outputs.json"} and read_listing(tmp_path)["03_parity"]


def test_a_run_begins_only_beside_whole_records(tmp_path):
    """Those of chapters that it leaves alone; what it makes again may be cut."""
    (tmp_path / "records").mkdir()
    (tmp_path / "records/k.jsonl").write_text("{}\n{}\n")
    write_listing(tmp_path, {"03_parity": [output_of(tmp_path, "records/k.jsonl")]})
    (tmp_path / "records/k.jsonl").write_text("{}\n")
    with pytest.raises(BadInput, match="(?s)has 1 of 2 records.*--only 03_parity"):
        clear(tmp_path, ["04_concurrency"])
    clear(tmp_path, ["03_parity"])


def test_a_killed_beginning_is_known_to_be_a_runs(tmp_path, monkeypatch):
    """run.json comes first: the next run is not refused over the files of this one."""

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("blipkit.run.folder.write_machine", killed)
    with pytest.raises(KeyboardInterrupt):
        begin(load_profile("smoke"), tmp_path, None)
    check_ours(tmp_path)
    assert read_sections(tmp_path / "profile.yaml")["common"]


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_at_the_start_is_one_sentence(tmp_path, monkeypatch):
    """What happened, and what to do; exit status 1, as something ran out."""
    monkeypatch.setattr("os.fsync", full)
    said = "No space left on device; free some space, or pass a folder on another disk"
    with pytest.raises(BlipkitError, match=said) as caught, said_in_a_sentence(tmp_path):
        begin(load_profile("smoke"), tmp_path, None)
    assert not isinstance(caught.value, BadInput) and not list(tmp_path.iterdir())


def test_outputs_for_which_there_is_no_room_are_not_half_there(tmp_path, monkeypatch):
    """Where the journal cannot be written nothing moves, and the old records stay."""
    (tmp_path / STAGE / "records").mkdir(parents=True)
    (tmp_path / "records").mkdir()
    (tmp_path / "records/k.jsonl").write_text("old\n")
    (tmp_path / STAGE / "records/k.jsonl").write_text("new\n")
    monkeypatch.setattr("os.fsync", full)
    said = keep_outputs(tmp_path / STAGE, tmp_path, "03_parity")
    assert said.startswith("its outputs could not be put in place: No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["records"]
    assert (tmp_path / "records/k.jsonl").read_text() == "old\n"


def test_a_disk_that_fills_in_a_chapter_leaves_a_verdict(tmp_path, monkeypatch):
    """The chapter is stopped, which fails the run; verdict and report say why."""
    profile = load_profile("smoke")

    def papermill(stem, stage, *_):
        (stage / "records").mkdir()
        (stage / f"{stem}.ipynb").write_text("{}")

    monkeypatch.setattr(notebooks, "execute", papermill)
    monkeypatch.setattr("blipkit.run.folder.put_in_place", full)
    run_chapters(profile, ["00_environment"], tmp_path, None, PRINTED, again="".join)
    assert read_run(tmp_path).notebooks["00_environment"].status == "stopped"
    assert notebooks.conclude(tmp_path, [], PRINTED) == 1
    assert "No space left on device" in (tmp_path / "verdict.md").read_text()
    assert (tmp_path / "report/index.html").is_file() and not (tmp_path / STAGE).exists()


def test_what_moved_before_the_disk_was_full_is_finished_later(tmp_path, monkeypatch):
    """The stage waits for the next run, which moves the rest."""
    (tmp_path / STAGE).mkdir()
    for name in ("a", "b"):
        (tmp_path / STAGE / name).write_text(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blipkit.records.moves._move", full)
        assert keep_outputs(tmp_path / STAGE, tmp_path, "03_parity")
    assert (tmp_path / STAGE / "a").is_file()
    clear(tmp_path, [])
    assert (tmp_path / "a").is_file() and not (tmp_path / STAGE).exists()


def test_results_that_are_empty_name_no_folder():
    """As of a variable of a shell that is not set: bad input, and not the folder we are in."""
    from typer.testing import CliRunner

    from blipkit.cli import app

    for empty in ("", "  "):
        done = CliRunner().invoke(app, ["run", "smoke", "--results", empty])
        assert isinstance(done.exception, BadInput) and "--results is empty" in str(done.exception)
