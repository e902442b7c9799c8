"""A day of a fleet: requests, queues and scaling together, and what came of it minute by minute."""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from blipkit.capacity import engine
from blipkit.capacity.control import Changes, Controller, Outage, ScalingEvent
from blipkit.capacity.demand import Arrivals, Demand
from blipkit.capacity.fleet import Fleet
from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import Policy
from blipkit.capacity.shapes import DAY_S, MINUTES
from blipkit.capacity.stations import Retrying, Service, Station

BALANCERS = {
    "round robin": engine.ROUND_ROBIN,
    "least outstanding": engine.LEAST_OUTSTANDING,
}
REFUSED_LIMIT = 0.001  # of the requests, but in the hour after a zone was lost
FOREVER_S = 1e9  # after the day: until every request is answered


@dataclass(frozen=True)
class Scenario:
    """All of a day but the policy.

    stations, services: of the fleet's own machines, and of the overflow's where there are any;
    late_after_s: latency target; late_share: how many requests may be late, 0.1 for a p90.
    """

    demand: Demand
    stations: list[Station]
    services: list[Service]
    late_after_s: float
    late_share: float
    rules: GroupRules = GroupRules()
    retrying: Retrying = Retrying()
    balancer: str = "least outstanding"
    metric_delay_s: float = 0.0
    outage: Outage = Outage()

    def with_zone_lost(self) -> "Scenario":
        """The same day, with a zone lost in its busiest minute, an hour from either end."""
        busiest = 60 + int(np.argmax(self.demand.per_minute()[60:-60]))
        return replace(self, outage=Outage(busiest * 60.0))


@dataclass(frozen=True)
class Day:
    """What came of a day, a figure for each minute, by when a request was first sent.

    sent: new requests; answered, late, refused, failed: what became of them; ready: machines in
    service, running: paid for, of each kind. billed_s: machine-seconds of each kind.
    """

    sent: np.ndarray
    minutes: np.ndarray
    ready: np.ndarray
    running: np.ndarray
    histogram: np.ndarray
    mean_s: float
    events: list[ScalingEvent]
    billed_s: tuple[float, float]
    launches: int = 0
    attempts: int = 0
    outage_s: float = field(default=math.inf)

    @property
    def not_in_time(self) -> np.ndarray:
        """Requests of each minute that were late, refused or failed."""
        return self.minutes["late"] + self.minutes["refused"] + self.minutes["failed"]

    @property
    def share_not_in_time(self) -> float:
        """Of all requests."""
        return float(self.not_in_time.sum() / max(1, self.sent.sum()))

    @property
    def share_refused(self) -> float:
        """Of all requests, those that got no answer at all."""
        lost = self.minutes["refused"].sum() + self.minutes["failed"].sum()
        return float(lost / max(1, self.sent.sum()))

    @property
    def unaccounted(self) -> int:
        """Requests that were not answered, refused or failed exactly once."""
        known = sum(int(self.minutes[one].sum()) for one in ("answered", "refused", "failed"))
        return abs(int(self.sent.sum()) - known)

    def late_minutes(self, late_share: float) -> np.ndarray:
        """The minutes in which more than this share was not in time."""
        shares = self.not_in_time / np.maximum(1, self.sent)
        return np.flatnonzero(shares > late_share)

    def holds(self, late_share: float) -> bool:
        """Whether the target is held: in every hour, that after a zone was lost among them."""
        lost = self.minutes["refused"] + self.minutes["failed"]
        return Kept(self.sent, self.not_in_time, lost, self.outage_s).holds(late_share)

    def percentile_s(self, percent: float) -> float:
        """A percentile of the latencies of those answered: upper end of its bin, 2 % wide."""
        below = np.cumsum(self.histogram)
        bin = int(np.searchsorted(below, percent / 100 * below[-1]))
        return engine.FIRST_S * engine.GROWTH ** (bin + 1)


@dataclass(frozen=True)
class Kept:
    """What a day's target is judged by, of each minute: requests sent, those not in time, and of
    these the ones that got no answer. outage_s: when a zone was lost.
    """

    sent: np.ndarray
    late: np.ndarray
    lost: np.ndarray
    outage_s: float

    def holds(self, late_share: float) -> bool:
        """Whether at most this share is not in time in any hour, the one after an outage too, and
        hardly any request is refused in all others.
        """
        first = MINUTES
        if math.isfinite(self.outage_s):
            first = int(self.outage_s // 60)
        hours = [slice(start, start + 60) for start in (*range(0, MINUTES, 60), first)]
        if any(self.late[one].sum() > late_share * self.sent[one].sum() for one in hours):
            return False
        others = np.ones(MINUTES, bool)
        others[first : first + 60] = False
        return bool(self.lost[others].sum() <= REFUSED_LIMIT * self.sent[others].sum())


def simulate(scenario: Scenario, policy: Policy, seed: int = 0) -> Day:
    """A day of this policy, request by request; the same seed has the same requests."""
    fleet = Fleet(scenario.stations, scenario.services, scenario.late_after_s)
    fleet.set_balancer(BALANCERS[scenario.balancer])
    fleet.set_retries(scenario.retrying)
    controller = controller_of(scenario, policy, seed)
    arrivals = Arrivals(scenario.demand, seed)
    counts = np.zeros((MINUTES, 5), np.int64)
    period = period_of(policy)
    for now in range(0, DAY_S, period):
        follow(fleet, controller.edge(now))
        times, draws = arrivals.between(now, now + period)
        before = fleet.sent
        fleet.advance(times, draws, now + period)
        controller.observe(now + period, fleet.sent - before, period)
        group = controller.group
        counts[now // 60, 0] += len(times)
        counts[now // 60, 1:] = (*group.ready(), group.count(0), group.count(1))
    nothing = np.empty(0)
    fleet.advance(nothing, nothing, FOREVER_S)
    return Day(
        sent=counts[:, 0],
        minutes=fleet.tallies.minutes,
        ready=counts[:, 1:3],
        running=counts[:, 3:],
        histogram=fleet.tallies.histogram,
        mean_s=fleet.mean_s,
        events=controller.events,
        billed_s=controller.group.billed_s(DAY_S),
        launches=len(controller.group.all),
        attempts=fleet.sent,
        outage_s=scenario.outage.at_s,
    )


def follow(fleet: Fleet, changes: Changes) -> None:
    """Have the queues follow what an edge brings."""
    for machine in changes.lost:
        fleet.lose(machine)
    for machine in changes.stopped:
        fleet.stop(machine)
    for machine in changes.started:
        fleet.start(machine)


def controller_of(scenario: Scenario, policy: Policy, seed: int) -> Controller:
    """The policy at work on a group, as the day begins."""
    rules = scenario.rules
    controller = Controller(policy, rules, scenario.metric_delay_s, scenario.outage, seed)
    controller.begin(scenario.demand.per_minute()[0])
    return controller


def period_of(policy: Policy) -> int:
    """Seconds of the metric that a policy goes by."""
    reactive = getattr(policy, "reactive", policy)
    return getattr(reactive, "period_s", 60)


@dataclass(frozen=True)
class Counted:
    """A day by its counts alone: what scaling does where requests are as many as expected.

    ready: machines in service each minute, of each kind; billed_s: machine-seconds; late: requests
    of each minute that capacity alone has refused or makes late, fewer than really are; lost: of
    these, those refused.
    """

    ready: np.ndarray
    billed_s: tuple[float, float]
    late: np.ndarray
    lost: np.ndarray
    sent: np.ndarray
    events: list[ScalingEvent]
    outage_s: float

    def may_hold(self, late_share: float) -> bool:
        """Whether there is capacity enough for the target to be held."""
        return Kept(self.sent, self.late, self.lost, self.outage_s).holds(late_share)


def count_day(scenario: Scenario, policy: Policy, carried_per_s: tuple[float, float]) -> Counted:
    """A day of this policy without queues; carried_per_s: by a machine of each kind."""
    controller = controller_of(scenario, policy, seed=0)
    period = period_of(policy)
    rates = scenario.demand.per_s.reshape(DAY_S // period, -1).mean(axis=1)
    ready = np.zeros((MINUTES, 2), np.int64)
    late, lost = np.zeros(MINUTES), np.zeros(MINUTES)
    waiting = 0.0
    for number, rate in enumerate(rates):
        now = number * period
        for machine in controller.edge(now).started:
            machine.slot = 0
        own, gpu = controller.group.ready()
        controller.observe(now + period, rate * period, period)
        capacity = own * carried_per_s[0] + gpu * carried_per_s[1]
        room = own * scenario.stations[0].waiting + gpu * scenario.stations[-1].waiting
        waiting = max(0.0, waiting + (rate - capacity) * period)
        refused = max(0.0, waiting - room)
        waiting -= refused
        lost[now // 60] += refused
        late[now // 60] += refused
        if waiting > capacity * scenario.late_after_s:
            late[now // 60] += min(rate, capacity) * period
        ready[now // 60] = (own, gpu)
    billed = controller.group.billed_s(DAY_S)
    sent = scenario.demand.per_minute()
    return Counted(ready, billed, late, lost, sent, controller.events, scenario.outage.at_s)
