"""Knobs of 08 that cannot be measured are refused before anything runs; it runs only by its name."""

import pytest

from blipkit.arrivals.checks import check_patterns, check_search_time
from blipkit.arrivals.knobs import Arrivals
from blipkit.errors import BadInput
from blipkit.load.knobs import Concurrency
from blipkit.profiles.profile import load_profile
from blipkit.profiles.sections import chapters, main_chapters
from blipkit.run.notebooks import choose
from blipkit.run.preflight import stems_of


def test_a_pattern_is_not_tried_beside_itself():
    """The search is about it already."""
    check_patterns(Arrivals())
    with pytest.raises(BadInput, match="arrivals.beside names bursts, which the search is about"):
        check_patterns(Arrivals(pattern="bursts"))


def test_a_search_that_cannot_end_within_a_cell_is_refused():
    """Runs last so many times the target, however fast the servers are."""
    check_search_time(Arrivals(), Concurrency(), 3600)
    slow = Concurrency(latency_limit_ms=60_000.0)
    message = (
        "8 runs of 300 s, arrivals.length times the target, take 2400 s, a cell may take 900 s"
    )
    with pytest.raises(BadInput, match=message):
        check_search_time(Arrivals(), slow, 900)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("arrivals.pattern=poison", "did you mean 'poisson'"),
        ("arrivals.most_runs=16", "most_runs is 16; expected 2 to 15"),
        ("arrivals.resolution=1.0", "expected a share, at least 0 and less than 1"),
        ("arrivals.connections=0", "expected 1 to 64"),
        ("arrivals.latency_limit_ms=9.0", "it belongs to concurrency"),
        ("arrivals.percentile=99.0", "it belongs to concurrency"),
    ],
)
def test_a_value_that_a_knob_cannot_mean_is_refused(setting, message):
    """The target is 04's alone, so that the two chapters cannot contradict each other."""
    with pytest.raises(BadInput, match=message):
        load_profile("tiny", [setting])


def test_it_runs_by_name_alone():
    """Neither `make run` nor a profile without `only` takes it; both may name it."""
    assert "08_arrivals" in chapters() and "08_arrivals" not in main_chapters()
    assert choose([]) == list(main_chapters()) and main_chapters()[-1] == "05_cost"
    assert choose(["08_arrivals"]) == ["08_arrivals"]
    assert stems_of(load_profile("tiny")) == set(main_chapters())
