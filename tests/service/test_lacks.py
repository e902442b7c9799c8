"""Requests that were not compared keep a gate from passing, by whose fault it was."""

import pytest
from made_up_pairs import pair_of

from blipkit.service.lacks import Lacks
from blipkit.service.shadow import Tally


def tally_of(pairs) -> Tally:
    tally = Tally(1e-3)
    for pair in pairs:
        tally.add(pair)
    return tally


@pytest.mark.parametrize(
    ("lacks", "status", "words"),
    [
        (Lacks(not_asked=1, by_candidate=True), "FAIL", "the candidate no longer replied, and 1"),
        (Lacks(not_asked=1), "WARN", "the primary no longer replied, and 1 frames were not asked"),
        (Lacks(missing=30), "WARN", "30 of 330 requests are missing in the candidate's log"),
        (Lacks(missing=1), "PASS", ""),
    ],
)
def test_what_was_not_compared_is_no_pass(lacks, status, words):
    """Whoever was to be asked and hung; requests of which one log says nothing, but for a few: it may never have been asked."""
    tally = tally_of([pair_of(["yes"], ["yes"], f"r{n}") for n in range(300)])
    tally.lacks = lacks
    gate = tally.gate(0.02)
    assert gate.status == status and gate.reason.startswith(words)
    differs = tally_of([pair_of(["yes"], ["no"], f"r{n}") for n in range(300)])
    differs.lacks = lacks
    assert differs.gate(0.02).status == "FAIL"
