"""A day with everything that can go wrong is minute by minute that of plain Python, which shares no rule with it."""

import numpy as np
import pytest
from plain_day import PlainDay

from blipkit.capacity.day import Scenario, simulate
from blipkit.capacity.demand import Arrivals, day_of
from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import GpuOverflow, TargetTracking
from blipkit.capacity.stations import Retrying, Service, Station

TARGET, BASE, WORTH = 12.0, 4, 3.0


def scenario() -> Scenario:
    """An evening on slow machines and faster GPUs, of which a zone is lost at its peak."""
    random = np.random.default_rng(4)
    own = Service(random.gamma(4, 2.0, 300), random.uniform(0, 0.5, 300))
    gpu = Service(random.gamma(4, 0.8, 200), random.uniform(0, 0.2, 200))
    return Scenario(
        demand=day_of(400, 120.0, "evening", 3.0),
        stations=[Station(2, 1), Station(3, 2)],
        services=[own, gpu],
        late_after_s=12.0,
        late_share=0.1,
        rules=GroupRules(zones=3, start_s=240.0, warmup_s=240.0, launch_failure=0.3, most=9),
        retrying=Retrying(2, 15.0),
        balancer="round robin",
        metric_delay_s=60.0,
    ).with_zone_lost()


@pytest.mark.parametrize("seed", [4, 5])
def test_every_minute_is_that_of_plain_python(seed):
    """GPU overflow, launches that fail, retries, a zone lost, requests in turn: what became of them, which machines, every change, and what is paid for."""
    asked = scenario()
    day = simulate(asked, GpuOverflow(BASE, TargetTracking(TARGET), WORTH), seed)
    arrivals = Arrivals(asked.demand, seed)
    parts = [arrivals.between(at, at + 60) for at in range(0, 86_400, 60)]
    rules = asked.rules
    plain = PlainDay(
        servers=(2, 3),
        waiting=(1, 2),
        times=[(one.service_s, one.overhead_s) for one in asked.services],
        late_after_s=asked.late_after_s,
        zones=rules.zones,
        least=rules.least,
        most=rules.most,
        start_s=rules.start_s,
        failing=rules.launch_failure,
        retries=2,
        retry_s=15.0,
        delay_s=60.0,
        lost_at_s=asked.outage.at_s,
        target=TARGET,
        base=BASE,
        worth=WORTH,
        seed=seed,
    ).run(parts, asked.demand.per_minute()[0])
    assert day.ready.tolist() == plain.ready and day.running.tolist() == plain.running
    assert [(one.at_s, one.before, one.after) for one in day.events] == plain.events
    names = ("answered", "late", "refused", "failed")
    assert [list(row) for row in day.minutes[list(names)].tolist()] == plain.minutes
    assert day.billed_s == pytest.approx((plain.billed_s(0), plain.billed_s(1)))
    assert day.minutes["refused"].any() and day.minutes["failed"].any()
    assert day.minutes["late"].any() and day.ready[:, 1].max() > 1 and len(day.events) > 10
