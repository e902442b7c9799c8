"""Metrics reach the policy when they are published, and every change of what is wanted is an event."""

from blipkit.capacity.control import Controller, Outage
from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import Fixed, TargetTracking

TARGET = 100.0


def run(series, delay_s=0.0, policy=None, **rules) -> Controller:
    """A day whose machines take these requests a minute, one entry a minute."""
    controller = Controller(policy or TargetTracking(TARGET), GroupRules(**rules), delay_s)
    controller.begin(150.0)
    for number, requests in enumerate(series):
        for place, machine in enumerate(controller.edge(number * 60.0).started):
            machine.slot = place
        controller.observe((number + 1) * 60.0, requests, 60.0)
    return controller


def times(controller: Controller) -> list[tuple[float, int]]:
    return [(event.at_s / 60, event.after[0]) for event in controller.events]


def test_a_load_that_rises_at_minute_ten_is_answered_at_thirteen():
    """Minutes 10, 11 and 12 are above; the alarm fires as the third is published, at 13."""
    assert times(run([150] * 10 + [290] * 10)) == [(13.0, 3)]


def test_a_metric_that_comes_late_is_answered_late():
    """Two minutes later."""
    assert times(run([150] * 10 + [290] * 10, delay_s=120.0)) == [(15.0, 3)]


def test_capacity_comes_a_start_after_the_alarm():
    """Launched at 13, in service at 17; until then the metric is of two machines."""
    controller = run([150] * 10 + [290] * 20, start_s=240.0)
    (machine,) = [one for one in controller.group.all if one.launched_s]
    assert (machine.launched_s, machine.ready_s) == (780.0, 1020.0)


def test_a_load_that_ends_is_answered_a_quarter_of_an_hour_later():
    """Down at minute 30, at 45 two machines are enough, the least."""
    assert times(run([290] * 30 + [20] * 30, start_s=60.0))[-1] == (45.0, 2)


def test_a_lost_zone_is_replaced_at_once():
    """Its machines are told as lost, and others launched in the same minute."""
    controller = Controller(Fixed(4), GroupRules(), outage=Outage(600.0))
    controller.begin(0.0)
    for number in range(20):
        changes = controller.edge(number * 60.0)
        for place, machine in enumerate(changes.started):
            machine.slot = place
        assert len(changes.lost) == (2 if number == 10 else 0)
    assert [one.launched_s for one in controller.group.all] == [0.0] * 4 + [600.0] * 2
    assert controller.events == []
