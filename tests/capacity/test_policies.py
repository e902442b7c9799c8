"""AWS's rules, each by a made-up series of metrics and the minute at which its alarm must fire.

The pages are named in docs/capacity.md.
"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.capacity.policies import (
    NONE,
    Alarm,
    Fixed,
    GpuOverflow,
    Scheduled,
    Seen,
    TargetTracking,
    YesterdaysCurve,
    high_resolution,
)

TARGET = 100.0


def run(policy, series, ready=2, starting=0, wanted=2, period_s=60) -> list[tuple[float, int]]:
    """(minute, machines wanted) of each decision that has a reason, without machines changing.

    series: requests per target per minute, one a period, each seen as its period ends.
    """
    alarm, found = Alarm(), []
    for number, per_target in enumerate(series, 1):
        rate = None if per_target is None else per_target * ready
        seen = Seen(number * period_s, rate, (ready, 0), (ready, 0), (starting, 0), (wanted, 0))
        decision = policy.decide(alarm, seen)
        alarm = decision.alarm
        if decision.why:
            found.append((number * period_s / 60, decision.wanted[0]))
    return found


def test_three_minutes_above_the_target_scale_out_in_the_third():
    """3 of 3 datapoints of 60 s; capacity in proportion, rounded up: 2 x 140 / 100 -> 3."""
    assert run(TargetTracking(TARGET), [90, 140, 140, 140])[0] == (4.0, 3)


def test_two_minutes_above_the_target_do_not_scale_out():
    """The third datapoint is below, and counting begins anew."""
    assert run(TargetTracking(TARGET), [140, 140, 95, 140, 140]) == []


def test_exactly_the_target_is_not_above_it():
    """The alarm is for more than the target."""
    assert run(TargetTracking(TARGET), [100.0] * 30) == []


def test_fifteen_minutes_below_scale_in_in_the_fifteenth():
    """15 of 15 datapoints more than 10 % below; down to what the load takes: 4 x 40 / 100 -> 2."""
    assert run(TargetTracking(TARGET), [40] * 16, ready=4, wanted=4)[0] == (15.0, 2)


def test_less_than_ten_percent_below_never_scales_in():
    """95 of 100 for an hour: the gap is what keeps it from swinging."""
    assert run(TargetTracking(TARGET), [95] * 60, ready=30, wanted=30) == []


def test_a_minute_at_the_target_begins_the_fifteen_anew():
    """Fourteen below, one at the target, fifteen below: minute 30."""
    assert run(TargetTracking(TARGET), [40] * 14 + [100] + [40] * 15, 4, 0, 4)[0] == (30.0, 2)


def test_machines_that_warm_up_count_as_capacity_on_the_way_out():
    """Four are needed and two of them are starting: nothing more is launched."""
    assert run(TargetTracking(TARGET), [200] * 5, ready=2, starting=2, wanted=4) == []
    assert run(TargetTracking(TARGET), [201] * 5, ready=2, starting=2, wanted=4)[0] == (3.0, 5)


def test_machines_that_warm_up_block_scaling_in():
    """Nothing is stopped until the last one is warm."""
    assert run(TargetTracking(TARGET), [10] * 40, ready=4, starting=1, wanted=5) == []


def test_while_the_alarm_lasts_a_rising_load_is_followed_every_minute():
    """Above in each of five minutes: 3, then 4 as it rises, nothing where it stays."""
    series = [140, 140, 140, 170, 170]
    found = run(TargetTracking(TARGET), series)
    assert [minute for minute, _ in found] == [3.0, 4.0, 5.0] and found[1][1] == 4


@pytest.mark.parametrize(("cooldown_s", "minutes"), [(0.0, [15, 16, 17]), (120.0, [15, 17])])
def test_a_cooldown_holds_the_next_change_of_the_same_way_back(cooldown_s, minutes):
    """Application Auto Scaling's; the machines of this series never follow, so it asks again."""
    policy = TargetTracking(TARGET, in_cooldown_s=cooldown_s)
    assert [minute for minute, _ in run(policy, [40] * 17, 4, 0, 4)] == minutes


def test_scaling_out_has_a_cooldown_of_its_own():
    """After minute 3 not before minute 8."""
    policy = TargetTracking(TARGET, out_cooldown_s=300.0)
    assert [minute for minute, _ in run(policy, [140] * 8)] == [3, 8]


def test_no_datapoint_is_neither_above_nor_below():
    """Without a metric, counting begins anew; before the first one nothing happens."""
    assert run(TargetTracking(TARGET), [140, 140, None, 140, 140]) == []
    assert run(TargetTracking(TARGET), [None] * 30) == []


def test_at_ten_seconds_the_alarm_fires_after_half_a_minute():
    """Three datapoints of 10 s; scaling in still takes 15 minutes."""
    assert run(high_resolution(TARGET), [140] * 3, period_s=10) == [(0.5, 3)]
    found = run(high_resolution(TARGET), [40] * 91, 4, 0, 4, period_s=10)
    assert found[0] == (15.0, 2)


def test_the_target_is_requests_per_target_per_minute():
    """A metric of 10 s is read as a rate a minute, whatever its period."""
    assert Seen(10.0, 600.0, (3, 0), (3, 0), (0, 0), (3, 0)).per_target == 200.0
    assert Seen(10.0, 600.0, NONE, (0, 0), (0, 0), (0, 0)).per_target is None


def test_a_plan_begins_as_early_as_a_machine_takes_to_start():
    """Hour 1 wants five; they are launched five minutes before it, and kept to its end."""
    policy = Scheduled((2, 5, 1), lead_s=300.0)
    wanted = [
        policy.decide(Alarm(), Seen(at, None, NONE, (2, 0), (0, 0), (2, 0))).wanted[0]
        for at in (0, 3200, 3300, 3600, 7100, 7200)
    ]
    assert wanted == [2, 2, 5, 5, 5, 1]


def test_a_start_of_hours_passes_over_none_of_them():
    """Two hours to start: what hour 1 wants is launched the day before it, and kept through it."""
    policy = Scheduled((2, 5, 1, 1), lead_s=7200.0)
    assert [policy.wanted_at(hour * 3600.0) for hour in range(4)] == [5, 5, 2, 5]
    assert policy.first(0.0) == (5, 0)
    curve = YesterdaysCurve((200.0, 500.0, 100.0, 100.0), TargetTracking(TARGET), lead_s=7200.0)
    decision = curve.decide(Alarm(), Seen(0.0, 200.0, (2, 0), (2, 0), (0, 0), (2, 0)))
    assert decision.wanted == (5, 0)


def test_yesterdays_curve_launches_ahead_and_never_stops_by_itself():
    """What was in the next hour yesterday is there before it; less comes by target tracking."""
    policy = YesterdaysCurve((150.0, 480.0, 90.0), TargetTracking(TARGET), lead_s=600.0)
    ahead = policy.decide(Alarm(), Seen(3000, 150.0, (2, 0), (2, 0), (0, 0), (2, 0)))
    assert ahead.wanted == (5, 0) and ahead.why == "yesterday's curve"
    after = policy.decide(Alarm(), Seen(7300, 400.0, (5, 0), (5, 0), (0, 0), (5, 0)))
    assert after.wanted == (5, 0) and after.why == ""


def test_beyond_the_base_is_the_gpus():
    """Five machines' load, a base of three, a GPU worth two: three and one."""
    policy = GpuOverflow(3, TargetTracking(TARGET), worth=2.0)
    assert policy.first(500.0) == (3, 1)
    assert policy.first(250.0) == (3, 0)


def test_what_fails_to_launch_goes_to_the_gpus():
    """Two of three launches failed: as much again as GPU machines."""
    policy = GpuOverflow(3, TargetTracking(TARGET), worth=1.0)
    seen = Seen(60.0, 250.0, (1, 0), (1, 0), (0, 0), (3, 0), failed=2)
    assert policy.decide(Alarm(), seen).wanted == (3, 2)


def test_those_that_stand_in_are_no_load_of_their_own():
    """A launch that fails minute after minute has one GPU in its place, not one more each minute."""
    policy, alarm, wanted = GpuOverflow(4, TargetTracking(TARGET)), Alarm(), (4, 0)
    for minute in range(1, 11):
        seen = Seen(60.0 * minute, 350.0, (3, 0), (3, 0), (0, 0), wanted, failed=1)
        decision = policy.decide(alarm, seen)
        alarm, wanted = decision.alarm, decision.wanted
    assert wanted == (4, 1)


def test_a_gpu_counts_as_the_machines_that_it_is_worth():
    """One and a GPU worth 1.4: above the target at 250 a minute; and one that is not warm yet took its share."""
    policy = GpuOverflow(1, TargetTracking(TARGET), worth=1.4)
    alarm = Alarm()
    for minute in range(1, 4):
        seen = Seen(60.0 * minute, 250.0, (1, 1), (1, 0), (0, 1), (1, 1))
        decision = policy.decide(alarm, seen)
        alarm = decision.alarm
    assert decision.wanted == (1, 2) and decision.why == "above 100 a minute for 3 periods"
    seen = Seen(60.0, 230.0, (1, 1), (1, 0), (0, 1), (1, 1))
    assert policy.decide(Alarm(), seen).alarm.above == 0


def test_fixed_is_fixed():
    """Whatever is seen."""
    seen = Seen(60.0, 1e9, (1, 0), (1, 0), (0, 0), (3, 0))
    assert Fixed(4).decide(Alarm(), seen).wanted == Fixed(4).first(1e9) == (4, 0)


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=60),
    st.integers(1, 50),
    st.integers(0, 20),
)
def test_target_tracking_never_goes_the_wrong_way(series, ready, starting):
    """Above the target it wants no fewer machines, below it no more."""
    policy, alarm = TargetTracking(TARGET), Alarm()
    wanted = ready + starting
    for number, rate in enumerate(series):
        seen = Seen(number * 60.0, rate, (ready, 0), (ready, 0), (starting, 0), (wanted, 0))
        decision = policy.decide(alarm, seen)
        alarm = decision.alarm
        assert decision.wanted[0] >= 1
        if seen.per_target > TARGET:
            assert decision.wanted[0] >= wanted
        else:
            assert decision.wanted[0] <= wanted
        assert replace(seen, wanted=decision.wanted).wanted[1] == 0
