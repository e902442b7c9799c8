import re

import pytest

from blipkit.paths import ROOT
from blipkit.service.switch import Plan
from blipkit.service.switch_trials import Traffic, try_switch, try_switches

PLAN = Plan("gpu", "inf2")
# as docs/switching.md names them
SOUND = {
    "nothing wrong": Traffic(),
    "both fail, 1 %": Traffic(failed=0.01),
    "flips at the limit, 0.5 %": Traffic(flipped=0.005),
    "pauses of 50 ms": Traffic(pause_s=0.05, pauses_per_s=0.1),
}
WORSE = {
    "0.5 % more fail": Traffic(more_failed=0.005),
    "2 % more fail": Traffic(more_failed=0.02),
    "10 % more are late": Traffic(more_late=0.1),
    "2 % of frames flip": Traffic(flipped=0.02),
}


def test_a_trial_is_the_same_again():
    """By its seed alone: no clock, no machine."""
    assert try_switch(PLAN, WORSE["2 % more fail"], 3) == try_switch(
        PLAN, WORSE["2 % more fail"], 3
    )


def test_a_sound_candidate_takes_over_and_a_worse_one_does_not():
    """A sample of the slow test: in each of a few seeds."""
    sound = try_switches("", PLAN, SOUND["nothing wrong"], range(3))
    assert sound.finished == 3 and sound.went_back == 0 and sound.requests is None
    for name in ("2 % more fail", "2 % of frames flip"):
        worse = try_switches(name, PLAN, WORSE[name], range(4))
        assert worse.went_back == 4 and worse.finished == 0, name


def test_frames_that_differ_are_found_before_any_traffic():
    """A shadow that answers 2 % of frames otherwise never gets a request that somebody waits for."""
    trials = [try_switch(PLAN, WORSE["2 % of frames flip"], seed) for seed in range(4)]
    assert {trial.reached for trial in trials} == {0.0}


def test_a_switch_without_end_is_given_up():
    """After so many requests, neither finished nor gone back."""
    trial = try_switch(PLAN, Traffic(compared=0.0), 0, most=500)
    assert trial.requests == 500 and not trial.finished and not trial.went_back


def rows_of_the_page() -> dict[str, list[str]]:
    """The cells of each row of the page's table of trials."""
    page = (ROOT / "docs/switching.md").read_text()
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def test_the_page_names_the_traffic_that_is_tried():
    """Each kind has its row, with 200 switches."""
    rows = rows_of_the_page()
    for name in (*SOUND, *WORSE):
        assert re.fullmatch(r"\d+ of 200", rows[name][0]), name


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SOUND, *WORSE])
def test_the_page_says_what_200_switches_do(name):
    """How many went back, and after how many requests: at most one of twenty where nothing is wrong, at least 19 of 20 where something is."""
    traffic = SOUND.get(name) or WORSE[name]
    tried = try_switches(name, PLAN, traffic, range(200))
    if name in SOUND:
        assert tried.went_back <= 10 and tried.finished >= 190
    else:
        assert tried.went_back >= 190 or name == "0.5 % more fail"
    cells = [f"{tried.went_back} of 200"]
    if tried.requests is not None:
        cells += [f"{tried.requests:,.0f}", f"{tried.by_candidate:,.0f}"]
    assert rows_of_the_page()[name][: len(cells)] == cells
