"""Chapters opened by hand have a report: what no run wrote down comes from their records."""

import json

import pytest
from made_up import make
from page_lint import problems
from typer.testing import CliRunner

from blipkit.cli import app
from blipkit.errors import BadInput, BlipkitError
from blipkit.profiles.common import Common
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.report.folders import (
    check_reportable,
    is_by_hand,
    knobs_of,
    machine_of,
    run_of,
    sections_of,
)
from blipkit.report.page import write_report


@pytest.fixture
def by_hand(tmp_path):
    """A folder in which a chapter was opened, and no run was."""
    folder = tmp_path / "lab"
    Results(folder, "03_parity", "mine").write_gates([Gate("parity", "answer", "PASS")])
    return folder


def test_records_say_what_no_run_wrote_down(by_hand):
    """Profile and machine; knobs have their defaults."""
    check_reportable(by_hand)
    record = Results(by_hand).read("gates_03_parity")[0]
    assert is_by_hand(by_hand) and run_of(by_hand).profile == "mine"
    assert machine_of(by_hand).name == record["machine"]
    assert machine_of(by_hand).versions == record["versions"]
    assert knobs_of(by_hand, "common") == Common() and sections_of(by_hand) == {}


def test_records_of_two_machines_name_both(by_hand):
    """A folder that was carried from one to another."""
    row = {"schema": 1, "machine": "Another", "profile": "mine"}
    (by_hand / "records/k.jsonl").write_text(json.dumps(row) + "\n")
    assert machine_of(by_hand).name.endswith(", Another")


def test_a_folder_opened_by_hand_has_a_report_that_says_so(by_hand):
    """And that it is not verified; verdict.json and verdict.md say so, too."""
    path, verdict = write_report(by_hand)
    page = path.read_text(encoding="utf-8")
    assert problems(page) == [] and "Opened by hand." in page
    assert "Not verified:</strong> a chapter opened by hand" in page
    assert verdict.status == "PASS" and verdict.by_hand and not verdict.verified
    document = json.loads((by_hand / "verdict.json").read_text())
    assert document["verified"] is False and "by hand" in document["not_verified"]
    text = (by_hand / "verdict.md").read_text()
    assert "opened by hand; no run left it" in text and "Not verified: " in text


def test_it_stands_beside_a_run(by_hand, tmp_path):
    """In one report, with what differs."""
    run = make(tmp_path / "run", gates=[("parity", "PASS")])
    page = write_report(by_hand, [run])[0].read_text(encoding="utf-8")
    assert "p on m" in page and "mine on " in page


def test_what_no_chapter_left_has_no_report(tmp_path):
    """An empty folder, and a run's that lost its files, are refused as before."""
    with pytest.raises(BadInput, match="not a results folder"):
        write_report(tmp_path)
    folder = make(tmp_path / "run")
    (folder / "environment.json").unlink()
    with pytest.raises(BadInput, match=r"environment\.json is missing"):
        write_report(folder)


def test_what_is_not_verified_is_said_where_it_is_used(tmp_path):
    """`compare` and `publish` print it; `report` writes it."""
    folder = make(tmp_path / "p", gates=[("parity", "PASS")])
    done = CliRunner().invoke(app, ["compare", str(folder), str(folder)])
    assert f"{folder} is not verified: " in done.stdout.replace("\n", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("blipkit.run.publish.PUBLISHED", tmp_path / "published")
        (tmp_path / "published").mkdir()
        done = CliRunner().invoke(app, ["publish", str(folder)])
    assert done.exit_code == 0 and f"{folder} is not verified: " in done.stdout.replace("\n", "")


def test_a_folder_of_another_user_has_no_report_and_no_traceback(tmp_path, monkeypatch):
    """A verdict that may not be written is a sentence."""
    folder = make(tmp_path / "p", gates=[("parity", "PASS")])

    def refused(*_):
        raise PermissionError(13, "Permission denied", str(folder / "verdict.json"))

    monkeypatch.setattr("os.fsync", refused)
    with pytest.raises(
        BlipkitError, match=r"verdict\.json: Permission denied; .*pass a folder of yours"
    ):
        write_report(folder)
