"""A day of the compiled simulation is the day of a plain SimPy twin, and keeps every request."""

import numpy as np
import pytest
from queues import exponential
from twin import GRID, Twin

from blipkit.capacity import engine
from blipkit.capacity.day import Kept, Scenario, count_day, period_of, simulate
from blipkit.capacity.demand import Arrivals, Demand, day_of
from blipkit.capacity.fleet import Fleet
from blipkit.capacity.group import GroupRules, Machine
from blipkit.capacity.policies import (
    Fixed,
    GpuOverflow,
    Scheduled,
    TargetTracking,
    YesterdaysCurve,
    high_resolution,
)
from blipkit.capacity.shapes import DAY_S
from blipkit.capacity.stations import Retrying, Service, Station


def on_grid(times) -> np.ndarray:
    return np.round(np.asarray(times) / GRID) * GRID


def requests(count: int, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Arrival times and draws, on a grid on which sums are exact."""
    random = np.random.default_rng(8)
    return on_grid(np.cumsum(random.exponential(1 / rate, count))), random.random(count)


def departures_of_engine(times, draws, service, machines: int, station: Station) -> list:
    """When each request departs, read from the servers as it is put on one of them."""
    fleet = Fleet([station], [Service(service, np.zeros(len(service)))], 1.0)
    for _ in range(machines):
        fleet.start(Machine(0, 0, 0.0, 0.0, 0.0))
    departures = []
    free = fleet._queues.free
    before = free.copy()
    for place in range(len(times)):
        fleet.advance(times[place : place + 1], draws[place : place + 1], times[place])
        changed = free[free != before]
        departures.append(float(changed[0]) if len(changed) else None)
        before[:] = free
    return departures


@pytest.mark.parametrize("count", [4_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_departures_are_those_of_the_twin(count):
    """Bit for bit, on three machines with two servers, nearly busy, some refused."""
    times, draws = requests(count, 5.5)
    service = on_grid(exponential(997))
    station = Station(2, 3)
    ours = departures_of_engine(times, draws, service, 3, station)
    twin = Twin(Fixed(3), 2, 3, zones=1, least=3, start_s=0, warmup_s=0)
    taken = service[(draws * len(service)).astype(int)]
    theirs = twin.run(times, taken, 0.0, end_s=times[-1])
    assert ours == theirs and None in ours


def policies(target: float, curve) -> list:
    hours = curve.reshape(24, -1).mean(axis=1)
    plan = tuple(int(np.ceil(one / target)) + 1 for one in hours)
    tracking = TargetTracking(target)
    return [
        Fixed(4),
        tracking,
        TargetTracking(target, in_cooldown_s=1800.0, out_cooldown_s=600.0),
        high_resolution(target),
        Scheduled(plan, 300.0),
        YesterdaysCurve(tuple(hours), tracking, 300.0),
        GpuOverflow(100, tracking),
    ]


class OnGrid(Arrivals):
    """Requests whose times are on the twin's grid."""

    def between(self, start_s, end_s):
        times, draws = super().between(start_s, end_s)
        return on_grid(times), draws


@pytest.fixture
def slow_day(monkeypatch) -> Scenario:
    """An evening of few requests on slow machines, so that it scales and can be run by SimPy."""
    monkeypatch.setattr("blipkit.capacity.day.Arrivals", OnGrid)
    demand = day_of(60, 100.0, "evening", 3.0)
    service = Service(on_grid(exponential(499) * 20), np.zeros(499))
    rules = GroupRules(zones=2, min_per_zone=1, start_s=300.0, warmup_s=420.0)
    return Scenario(demand, [Station(2, 8)], [service], 60.0, 0.1, rules, metric_delay_s=60.0)


def same_as_twin(scenario: Scenario, policy) -> None:
    """Scaling events, machines in service and refusals are the twin's."""
    day = simulate(scenario, policy, seed=2)
    period = period_of(policy)
    arrivals = OnGrid(scenario.demand, 2)
    parts = [arrivals.between(at, at + period) for at in range(0, DAY_S, period)]
    times, draws = (np.concatenate(one) for one in zip(*parts, strict=True))
    service = scenario.services[0].service_s
    rules = scenario.rules
    twin = Twin(policy, 2, 8, 2, rules.least, rules.start_s, rules.warmup_s, 60.0, period)
    taken = service[(draws * len(service)).astype(int)]
    left = twin.run(times, taken, scenario.demand.per_minute()[0])
    assert [(e.at_s, e.before[0], e.after[0]) for e in day.events] == twin.events
    assert len(twin.events) > 3 or policy.name == "fixed"
    last_of_minute = twin.ready_by_minute[60 // period - 1 :: 60 // period]
    assert day.ready[:, 0].tolist() == last_of_minute
    assert day.minutes["refused"].sum() == left.count(None) and day.unaccounted == 0
    late = [d is not None and d - t > 60.0 for d, t in zip(left, times, strict=True)]
    assert day.minutes["late"].sum() == sum(late)


def test_target_tracking_scales_as_the_twin_does(slow_day):
    """The same minutes, the same machines."""
    same_as_twin(slow_day, TargetTracking(3.0))


@pytest.mark.slow
@pytest.mark.parametrize("place", range(7))
def test_every_policy_scales_as_the_twin_does(slow_day, place):
    """The same scaling events for each policy."""
    same_as_twin(slow_day, policies(3.0, slow_day.demand.per_minute())[place])


def test_a_day_keeps_every_request_though_a_zone_is_lost(slow_day):
    """Failed launches, retries, metrics that come late, a zone lost at the peak."""
    scenario = Scenario(
        slow_day.demand,
        [Station(2, 1)],
        slow_day.services,
        60.0,
        0.1,
        GroupRules(zones=3, start_s=300.0, launch_failure=0.3),
        Retrying(2, 20.0),
        "round robin",
        120.0,
    )
    day = simulate(scenario.with_zone_lost(), TargetTracking(3.0), seed=4)
    assert day.unaccounted == 0 and day.minutes["failed"].sum() > 0
    assert day.attempts > day.sent.sum() and day.launches > day.ready[:, 0].max()


def test_the_hour_after_a_lost_zone_has_to_hold_as_well(slow_day):
    """Two machines in two zones carry the peak; one alone does not, and the day's share hides it."""
    flat = day_of(60, 192.0, "flat")
    always = Service(np.array([20.0]), np.zeros(1))
    scenario = Scenario(flat, [Station(2, 8)], [always], 60.0, 0.1, GroupRules(start_s=3600.0))
    whole = simulate(scenario, Fixed(2), seed=1)
    lost = simulate(scenario.with_zone_lost(), Fixed(2), seed=1)
    assert whole.holds(0.1) and lost.share_not_in_time < 0.1
    assert not lost.holds(0.1)


def test_an_evening_is_not_given_up_for_its_nights():
    """A tenth of the day's requests may be late, but not all of them in the same hour."""
    sent = np.full(1440, 100)
    spread, crowded = np.full(1440, 9), np.zeros(1440)
    crowded[1200:1260] = 100
    nobody = np.zeros(1440)
    assert Kept(sent, spread, nobody, np.inf).holds(0.1)
    assert not Kept(sent, crowded, nobody, np.inf).holds(0.1)


def test_the_hour_after_an_outage_begins_with_it():
    """From 10:30 on, 15 % of an hour are late: 7.5 % of each hour of the clock."""
    sent, late, nobody = np.full(1440, 1000), np.zeros(1440), np.zeros(1440)
    late[630:690] = 150
    assert Kept(sent, late, nobody, np.inf).holds(0.1)
    assert not Kept(sent, late, nobody, 630 * 60.0).holds(0.1)


def test_hardly_any_request_may_be_refused_but_after_an_outage():
    """One in a thousand; in the hour after a zone was lost, a tenth as for those that are late."""
    sent, refused = np.full(1440, 1000), np.zeros(1440)
    refused[600:660] = 50
    assert not Kept(sent, refused, refused, np.inf).holds(0.1)
    assert Kept(sent, refused, refused, 600 * 60.0).holds(0.1)
    assert not Kept(sent, refused, refused, 600 * 60.0).holds(0.04)


def test_the_counts_alone_say_when_a_fleet_scales(slow_day):
    """Without queues: as many machines, but for chance; a fleet too small has a backlog."""
    policy = TargetTracking(3.0)
    whole, counted = (
        simulate(slow_day, policy, seed=2).billed_s[0],
        count_day(slow_day, policy, (0.1, 0.0)).billed_s[0],
    )
    assert counted == pytest.approx(whole, rel=0.1)
    assert not count_day(slow_day, Fixed(2), (0.02, 0.0)).may_hold(0.5)
    assert count_day(slow_day, Fixed(9), (0.1, 0.0)).may_hold(0.0)


def test_a_gpu_carries_what_is_beyond_the_base(slow_day):
    """Two of the fleet's own kind at most; the rest are GPU machines, which end when it is over."""
    fast = Service(slow_day.services[0].service_s / 4, np.zeros(499))
    scenario = Scenario(
        slow_day.demand, [Station(2, 8), Station(2, 8)], [slow_day.services[0], fast], 60.0, 0.1
    )
    day = simulate(scenario, GpuOverflow(2, TargetTracking(3.0), worth=4.0), seed=2)
    assert day.ready[:, 0].max() == 2 and day.ready[:, 1].max() >= 1
    assert day.ready[600, 1] == 0 and day.billed_s[1] > 0 and day.unaccounted == 0


def test_percentiles_come_from_the_histogram(slow_day):
    """Within a bin of 2 %: a service of 20 s on an idle machine."""
    quiet = Demand(1, np.full(8640, 1e-3), np.full(8640, 1e-3))
    one = Service(np.array([20.0]), np.zeros(1))
    day = simulate(Scenario(quiet, [Station(2, 8)], [one], 60.0, 0.1), Fixed(4), seed=2)
    assert day.percentile_s(50) == pytest.approx(20.0, rel=engine.GROWTH - 1)
