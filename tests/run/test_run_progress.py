import io
import json
import time

import pytest
from rich.console import Console

from blipkit.display.progress import note
from blipkit.machine import host
from blipkit.run.progress import Printed, Terminal, last_durations, notes_of

STEMS = ["00_environment", "01_components"]


def terminal(durations) -> Terminal:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    made = Terminal(console)
    made.plan(STEMS, durations)
    return made


def test_at_a_terminal_chapter_cell_and_time_left_are_shown():
    """The time left is that of the cells not done yet, here and in the chapters to come."""
    shown = terminal({STEMS[0]: [1.0, 20.0, 30.0], STEMS[1]: [40.0]})
    with shown:
        shown.begin(STEMS[0], 1, 2)
        assert task(shown) == "00_environment, about 91 s left, starting"
        shown.cell(2, 3)
        assert task(shown) == "00_environment, about 90 s left, cell 2 of 3"
        shown.note("measuring 1 of 2: 1-1")
        assert task(shown) == "00_environment, about 90 s left, measuring 1 of 2: 1-1"
        shown.begin(STEMS[1], 2, 2)
        assert "about 40 s left" in task(shown)


def task(shown: Terminal) -> str:
    return shown.bar.tasks[0].description


def test_without_a_run_before_no_time_is_promised():
    """Also where only a later chapter has never run."""
    shown = terminal({STEMS[0]: [1.0]})
    with shown:
        shown.begin(STEMS[0], 1, 2)
        assert task(shown) == "00_environment, starting"


def test_a_cell_that_takes_longer_than_last_time_takes_nothing_from_the_others():
    """What is left is never below what later cells took."""
    shown = terminal({STEMS[0]: [1.0, 5.0], STEMS[1]: [7.0]})
    shown.begin(STEMS[0], 1, 2)
    shown.cell(1, 2)
    shown.begun = time.monotonic() - 100
    assert shown.time_left() == "about 12 s left"


def test_a_log_gets_what_is_said_and_no_more(capsys):
    """In CI a chapter is one line."""
    log = Printed()
    log.plan(STEMS, {})
    log.begin(STEMS[0], 1, 2)
    log.cell(1, 3)
    log.note("measuring")
    log.say("00_environment: 2 s")
    assert capsys.readouterr().out == "00_environment: 2 s\n"


@pytest.mark.parametrize("machine", ["ours", "another"])
def test_the_last_runs_seconds_count_on_this_machine_alone(tmp_path, machine):
    """A cell that was not executed took none; another machine's seconds are not ours."""
    name = host.describe().name if machine == "ours" else "another machine"
    (tmp_path / "environment.json").write_text(json.dumps({"name": name}))
    cells = [{"metadata": {"papermill": {"duration": 2.5}}}, {"metadata": {}}]
    (tmp_path / "03_parity.ipynb").write_text(json.dumps({"cells": cells}))
    assert last_durations(tmp_path) == ({"03_parity": [2.5, 0.0]} if machine == "ours" else {})
    assert last_durations(tmp_path / "nothing") == {}


def test_what_a_chapter_says_reaches_the_run(tmp_path, monkeypatch):
    """The newest line at each look; the file is gone afterwards."""
    heard = []

    class Heard(Printed):
        def note(self, line):
            heard.append(line)

    place = tmp_path / "notes"
    monkeypatch.setenv("BLIPKIT_PROGRESS", str(place))
    with notes_of(place, Heard()):
        note("measuring 1 of 2")
        deadline = time.monotonic() + 20
        while not heard:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert heard == ["measuring 1 of 2"] and not place.exists()
