"""The cheapest candidate that holds is found by few simulations, and another day may refute it."""

from dataclasses import dataclass
from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.capacity.candidates import Candidate
from blipkit.capacity.policies import Fixed
from blipkit.capacity.runs import Outcome, Simulated
from blipkit.capacity.search import Costed, Found, search, search_on

module = import_module("blipkit.capacity.search")  # the package has the function of this name


@dataclass
class MadeUp:
    """A family of fixed fleets, of which those of `holds` machines and more hold; simulated: which."""

    scenario: None = None
    holds: int = 0
    counted: int = 0
    most: int = 40
    simulated: list = None

    def costed(self, planned, family) -> list[Costed]:
        counts = range(1, self.most + 1)
        return [Costed(100.0 * one, candidate(one), one >= self.counted) for one in counts]

    def judged(self, planned, scenario, chosen, seed) -> Simulated:
        machines = chosen.policy.machines
        self.simulated.append(machines)
        holds = machines >= self.holds
        return Simulated(Outcome(0.0, 1.0 * machines, 0.0, 0.0, 0, 0, 0, 1, 0, holds))


def candidate(machines: int) -> Candidate:
    return Candidate("fixed", Fixed(machines), f"{machines} machines", (float(machines),))


def searched(made: MadeUp) -> Found:
    made.simulated = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_costed", made.costed)
        patch.setattr(module, "judged", made.judged)
        return search(made, "fixed")


@given(st.integers(1, 40), st.integers(1, 60))
def test_the_cheapest_that_holds_is_found_with_the_next_leaner_one_beside_it(holds, counted):
    """Whatever the counts alone have ruled out, rightly or not; each is simulated once."""
    made = MadeUp(holds=holds, counted=min(counted, 40))
    found = searched(made)
    assert found.candidate.policy.machines == holds
    assert len(made.simulated) == len(set(made.simulated))
    tried = {int(row.usd_per_day): row.holds for row in found.tried}
    assert tried[holds] and (holds == 1 or not tried[holds - 1])
    assert [one.candidate.policy.machines for one in found.dearer] == list(range(holds + 1, 41))
    assert found.is_leanest == (holds == 1)


def test_strides_grow_so_that_a_far_one_is_found_as_well():
    """Forty times as dear as the cheapest, in a few tries and some between."""
    made = MadeUp(holds=40, counted=1)
    assert searched(made).candidate.policy.machines == 40 and len(made.simulated) <= 13


def test_none_is_found_where_none_holds():
    """Each that was tried is kept, and nothing is chosen."""
    found = searched(MadeUp(holds=99, counted=30))
    assert found.candidate is None and found.tried and not found.dearer


def test_another_day_leads_to_the_next_dearer_one():
    """The refuted one is kept among those that were tried, as one that does not hold."""
    made = MadeUp(holds=7, counted=7)
    first = searched(made)
    assert not first.is_leanest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "judged", made.judged)
        second = search_on(made, first)
    assert second.candidate.policy.machines == 8 and not second.is_leanest
    rows = {row.aims: row.holds for row in second.tried}
    assert rows["7 machines"] is False and rows["8 machines"] is True
