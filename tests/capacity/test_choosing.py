"""A policy holds in the days that are drawn for it alone, not only in the one that it was chosen in."""

import pytest
from made_fleet import planned_day

from blipkit.capacity import choosing as module
from blipkit.capacity.choosing import choose
from blipkit.capacity.runs import ANEW, Outcome, Simulated
from blipkit.capacity.search import Found


def simulated(holds: bool) -> Simulated:
    return Simulated(Outcome(0.0, 1.0, 0.0, 0.0, 0, 0, 0, 1, 0, holds))


def test_what_was_lucky_is_replaced_by_the_next_dearer(tmp_path, monkeypatch):
    """The first holds in one of two days drawn anew, the second in both; a family without any stays."""
    planned = planned_day(tmp_path, policies=["fixed", "tracking"], seeds=2)
    found = {"fixed": Found("fixed", "lucky"), "tracking": Found("tracking")}
    asked = []

    def run(planned, candidate, seed):
        asked.append((candidate, seed))
        return simulated(candidate == "steady" or seed == ANEW)

    monkeypatch.setattr(module, "search", lambda planned, family: found[family])
    monkeypatch.setattr(module, "search_on", lambda planned, one: Found(one.family, "steady"))
    monkeypatch.setattr(module, "run_seed", run)
    fixed, tracking = choose(planned)
    assert fixed.found.candidate == "steady" and len(fixed.days) == 2
    assert tracking.found.candidate is None and tracking.days == []
    assert asked == [("lucky", 1), ("lucky", 2), ("steady", 1), ("steady", 2)]


def test_the_day_that_was_searched_is_none_of_those_drawn_anew():
    """Its seed is zero."""
    assert ANEW > 0


@pytest.mark.slow
def test_what_is_chosen_holds_in_other_days_too(tmp_path):
    """With seeds that neither search nor choice has seen, and a zone lost."""
    planned = planned_day(tmp_path, policies=["tracking", "fixed"], seeds=2)
    for chosen in choose(planned):
        runs = [module.run_seed(planned, chosen.found.candidate, seed) for seed in range(50, 55)]
        assert [run.outcome.holds for run in runs].count(False) <= 1
