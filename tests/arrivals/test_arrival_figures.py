"""The pictures of 08 say in words and as a table what they show."""

import numpy as np
from studies import displayed

from blipkit.arrivals.figures import draw_search, search_table
from blipkit.arrivals.find import in_words
from blipkit.arrivals.search import Trial, judge_trials
from blipkit.load.target import Target

TARGET = Target(90.0, 20.0, shared=True)


def found():
    """Held at 10 requests/s, not to be told at 20, missed at 30."""
    trials = [Trial(rate, np.full(400, ms), 60.0) for rate, ms in ((10.0, 1.0), (30.0, 99.0))]
    some = np.ones(100)
    some[::11] = 99.0
    return judge_trials([*trials, Trial(20.0, some, 60.0)], TARGET)


def test_each_rate_has_its_verdict_and_what_is_not_stable_is_marked():
    """In the data of the picture, from the lowest rate."""
    table = search_table(found(), doubted={20.0})
    assert table.verdict.tolist() == ["held", "cannot tell", "missed"]
    assert table.state.tolist() == ["stable", "unstable", "stable"]
    assert (np.diff(table.fitted) >= 0).all() and table.requests.tolist() == [400, 100, 400]


def test_a_rate_that_is_missed_though_nothing_was_late_yet_is_explained(monkeypatch):
    """In the picture all of it is late: its queue grows without end."""
    shown = displayed(monkeypatch)
    trials = [Trial(10.0, np.ones(400), 60.0, 0.5), Trial(20.0, np.ones(400), 60.0, 1.05)]
    found = judge_trials(trials, TARGET)
    draw_search(found, TARGET, 15.0, [], "held at 10")
    assert shown[0][1].endswith("all late: what needs more time than servers have, its queue grows")
    assert search_table(found).busy.tolist() == [0.5, 1.05]
    said = [in_words(one, TARGET) for one in trials]
    assert said == [
        "10.0 requests/s: 0.0% of 400 later than 20 ms",
        "20.0 requests/s: 0.0% of 400 later than 20 ms; servers need 105% of their time, so the queue grows: missed",
    ]


def test_the_caption_is_the_finding(monkeypatch):
    """And how to read hollow marks."""
    shown = displayed(monkeypatch)
    draw_search(found(), TARGET, 40.0, {20.0}, "held at 10")
    ((html, text),) = shown
    assert text == "held at 10. Hollow: not stable" and "cannot tell" in html
