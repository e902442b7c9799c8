"""How a run went is read and written in one place."""

import json
from dataclasses import replace

import pytest

from blipkit.errors import BadInput
from blipkit.paths import PUBLISHED
from blipkit.records.run_record import ChapterRun, RunRecord, Stated, read_run, write_run

RUN = RunRecord(
    profile="tiny",
    started="2026-11-22 16:03 UTC",
    stated=Stated({"common": ["seed"]}, ["common.seed"]),
    notebooks={"00_environment": ChapterRun("stopped", "cell 1: ValueError: no", 2.5, 0.8)},
)


def test_a_run_comes_back_as_it_was_written(tmp_path):
    """With the keys that a run.json has; that it is a replay is said only of one."""
    write_run(tmp_path, RUN)
    document = json.loads((tmp_path / "run.json").read_text())
    assert list(document) == ["profile", "started", "stated", "notebooks"]
    assert list(document["notebooks"]["00_environment"]) == [
        "status",
        "error",
        "seconds",
        "peak_memory_gib",
    ]
    assert read_run(tmp_path) == RUN
    write_run(tmp_path, replace(RUN, recorded="2026-01-02"))
    assert read_run(tmp_path).recorded == "2026-01-02"


def test_the_figures_of_a_replay_are_older_than_it():
    """Replays of replays keep the first one's date."""
    assert RUN.measured_on == RUN.started
    assert replace(RUN, recorded="2026-01-02").measured_on == "2026-01-02"


def test_a_chapter_further_is_another_record():
    """The one before keeps what it said."""
    further = RUN.with_chapter("01_components", ChapterRun())
    assert list(further.notebooks) == ["00_environment", "01_components"]
    assert list(RUN.notebooks) == ["00_environment"]


@pytest.mark.parametrize(
    "path", sorted(PUBLISHED.glob("*/*/run.json")), ids=lambda p: str(p.parent)
)
def test_what_earlier_kits_wrote_is_read(path, tmp_path):
    """Every published run, and a file that says nothing."""
    run = read_run(path.parent)
    assert run.profile and run.started and all(one.seconds for one in run.notebooks.values())
    (tmp_path / "run.json").write_text("{}")
    assert read_run(tmp_path) == RunRecord()


def test_a_folder_that_nobody_ran_into_is_refused(tmp_path):
    """By the name of the file that is not there."""
    with pytest.raises(BadInput, match=r"run\.json is missing; expected what a run writes"):
        read_run(tmp_path)
