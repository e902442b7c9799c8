"""Machines start, serve, are stopped and paid for; zones are kept even, and rules that start none are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.capacity.group import Group, GroupRules
from blipkit.errors import BadInput


def serving(group: Group) -> Group:
    for number, machine in enumerate(group.come_into_service(1e9)):
        machine.slot = number
    return group


def begun(wanted, **rules) -> Group:
    group = Group(GroupRules(**rules))
    group.begin(wanted)
    return serving(group)


def zones(group: Group) -> list[int]:
    return [machine.zone for machine in group.running]


def test_machines_are_spread_over_the_zones():
    """Seven over three zones; two are stopped where there are most."""
    group = begun((7, 0), zones=3)
    assert sorted(zones(group)) == [0, 0, 0, 1, 1, 2, 2]
    assert [one.zone for one in group.set_wanted((5, 0), 60.0)] == [0, 1]
    assert sorted(zones(group)) == [0, 0, 1, 2, 2]


def test_there_are_never_fewer_than_the_least_or_more_than_the_most():
    """One in each of three zones; ten at most."""
    group = begun((1, 0), zones=3, most=10)
    assert group.wanted == (3, 0)
    group.set_wanted((50, 4), 60.0)
    assert group.wanted == (10, 4) and group.count(0) == 10


def test_a_machine_serves_when_its_start_is_over_and_is_warm_later():
    """Launched at 60 s: in service at 300, warm at 480."""
    group = begun((2, 0), start_s=240.0, warmup_s=420.0)
    group.set_wanted((3, 0), 60.0)
    assert group.come_into_service(299.0) == [] and group.ready() == (2, 0)
    (machine,) = group.come_into_service(300.0)
    machine.slot = 5
    assert group.ready() == (3, 0) and group.starting(300.0) == (1, 0)
    assert group.starting(480.0) == (0, 0)


def test_what_does_not_serve_yet_is_stopped_first():
    """The one that is starting goes, not one that works."""
    group = begun((2, 0))
    group.set_wanted((3, 0), 60.0)
    (stopped,) = group.set_wanted((2, 0), 120.0)
    assert stopped.launched_s == 60.0 and stopped.slot is None


def test_machines_are_paid_from_launch_to_end():
    """Two all day; one from 3,600 to 7,200 s, of which it served only a part."""
    group = begun((2, 0))
    group.set_wanted((3, 1), 3600.0)
    group.set_wanted((2, 0), 7200.0)
    assert group.billed_s(86_400.0) == (2 * 86_400 + 3600, 3600)


def test_a_lost_zone_takes_its_machines_and_others_are_launched_elsewhere():
    """The fullest zone is gone; what replaces it stands in the other."""
    group = begun((5, 0), zones=2)
    gone = group.lose_zone(600.0)
    assert len(gone) == 3 and set(zones(group)) == {1}
    group.set_wanted((5, 0), 660.0)
    assert set(zones(group)) == {1} and group.count(0) == 5
    assert all(one.ended_s == 600.0 for one in gone)


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5), st.booleans()), max_size=12),
)
def test_what_is_counted_is_what_runs(zones, steps):
    """However machines come, go and are lost: of each kind, and even over the zones that are left."""
    group = begun((zones, 0), zones=zones)
    for number, (own, gpu, lost) in enumerate(steps, 1):
        if lost and len(group.lost_zones) + 1 < zones:
            group.lose_zone(60.0 * number)
        group.set_wanted((own, gpu), 60.0 * number)
        serving(group)
        for kind in (0, 1):
            places = [one.zone for one in group.running if one.kind == kind]
            assert group.count(kind) == len(places) == group.wanted[kind]
            left = set(range(zones)) - group.lost_zones
            assert set(places) <= left
            shares = [places.count(zone) for zone in left]
            assert max(shares) - min(shares) <= 1


def test_failed_launches_are_counted_and_tried_again():
    """About half of them; the group asks again at the next edge."""
    group = begun((2, 0), launch_failure=0.5)
    group.set_wanted((42, 0), 60.0)
    assert 10 < group.failed < 30 and group.count(0) == 42 - group.failed
    missing = group.failed
    group.set_wanted((42, 0), 120.0)
    assert group.failed < missing


def test_a_gpu_that_fails_to_launch_has_none_in_its_place():
    """What is counted as failed is of the fleet's own kind alone."""
    group = begun((2, 0), launch_failure=0.5)
    group.set_wanted((2, 40), 60.0)
    assert group.count(1) < 40 and group.failed == 0


def test_rules_that_can_never_start_a_machine_are_refused():
    """Every launch fails, or the zones take more than there may be."""
    with pytest.raises(BadInput, match="no machine can ever start"):
        GroupRules(launch_failure=1.0).check()
    with pytest.raises(BadInput, match="max_machines is 2, and 3 zones take 3"):
        GroupRules(zones=3, most=2).check()
    with pytest.raises(BadInput, match="86400 s are a day or more"):
        GroupRules(start_s=86_400.0).check()
    GroupRules().check()
