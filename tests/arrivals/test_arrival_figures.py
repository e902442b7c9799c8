"""The pictures of 08 say in words and as a table what they show."""

import numpy as np
from studies import displayed

from blipkit.arrivals.figures import draw_search, search_table
from blipkit.arrivals.outcome import Target
from blipkit.arrivals.search import Trial, judge_trials


def found():
    """Held at 10 requests/s, not to be told at 20, missed at 30."""
    trials = [Trial(rate, np.full(400, ms), 60.0) for rate, ms in ((10.0, 1.0), (30.0, 99.0))]
    some = np.ones(100)
    some[::11] = 99.0
    return judge_trials([*trials, Trial(20.0, some, 60.0)], 90.0, 20.0)


def test_each_rate_has_its_verdict_and_what_is_not_stable_is_marked():
    """In the data of the picture, from the lowest rate."""
    table = search_table(found(), 0.1, doubted={20.0})
    assert table.verdict.tolist() == ["held", "cannot tell", "missed"]
    assert table.state.tolist() == ["stable", "unstable", "stable"]
    assert (np.diff(table.fitted) >= 0).all() and table.requests.tolist() == [400, 100, 400]


def test_the_caption_is_the_finding(monkeypatch):
    """And how to read hollow marks."""
    shown = displayed(monkeypatch)
    draw_search(found(), Target(90.0, 20.0, True), 40.0, {20.0}, "held at 10")
    ((html, text),) = shown
    assert text == "held at 10. Hollow: not stable" and "cannot tell" in html
