"""A day is judged with and without a zone lost, and again on slower machines and with slower starts."""

import pytest
from made_fleet import planned_day

from blipkit.capacity import runs as module
from blipkit.capacity.candidates import Candidate, Carried, candidates
from blipkit.capacity.policies import Fixed
from blipkit.capacity.runs import judged, run_at_rate, run_at_start, run_seed, spells_of


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    return planned_day(tmp_path_factory.mktemp("own"), policies=["fixed", "tracking"])


def fixed(planned, machines: int) -> Candidate:
    carried = Carried(*planned.carried_per_s)
    found = candidates("fixed", planned.scenario, carried, planned.knobs)
    return next(one for one in found if one.policy.machines == machines)


def counted(monkeypatch) -> list:
    """The scenarios that are simulated from now on."""
    simulated, simulate = [], module.simulate
    monkeypatch.setattr(
        module, "simulate", lambda *args: simulated.append(args[0]) or simulate(*args)
    )
    return simulated


def test_a_policy_holds_where_both_days_hold(planned, monkeypatch):
    """Seven machines carry the evening, and not with half of them lost; fourteen do."""
    simulated = counted(monkeypatch)
    few, many = fixed(planned, 7), fixed(planned, 14)
    assert not judged(planned, planned.scenario, few, 0).outcome.holds
    run = judged(planned, planned.scenario, many, 0)
    assert run.outcome.holds and run.day.outage_s > 86_400
    assert run.outcome.requests == 2 * run.day.sent.sum() and run.outcome.unaccounted == 0
    assert [one.outage.at_s < 86_400 for one in simulated] == [False, True] * 2


def test_a_day_that_does_not_hold_is_not_simulated_again(planned, monkeypatch):
    """Two machines are too few for any evening."""
    simulated = counted(monkeypatch)
    two = Candidate("fixed", Fixed(2), "2 machines", (0.3,))
    assert not judged(planned, planned.scenario, two, 0).outcome.holds
    assert len(simulated) == 1


def test_the_day_of_the_first_seed_drawn_anew_is_kept(planned):
    """The others are kept as figures alone."""
    assert run_seed(planned, fixed(planned, 14), 1).day is not None
    assert run_seed(planned, fixed(planned, 14), 2).day is None


def test_a_fixed_fleet_of_slower_machines_has_more_of_them(planned):
    """Half the rate, twice the dollars; so the measured interval is the answer's, too."""
    chosen = fixed(planned, 10)
    rate = planned.machine.carried_per_s.value
    whole, half = (run_at_rate(planned, chosen, rate * factor).outcome for factor in (1, 0.5))
    assert half.usd_per_day == pytest.approx(2 * whole.usd_per_day, rel=0.06)


def test_starts_are_compared_in_the_same_day(planned):
    """A fixed fleet does not care how long a machine takes to start."""
    chosen = fixed(planned, 14)
    quick, slow = (run_at_start(planned, chosen, start_s).outcome for start_s in (60.0, 600.0))
    assert quick.late == slow.late and quick.usd_per_day == slow.usd_per_day


def test_minutes_one_after_another_are_a_spell():
    """Two of them, of two and of one."""
    assert spells_of([3, 4, 9]) == [(3, 2), (9, 1)] and spells_of([]) == []
