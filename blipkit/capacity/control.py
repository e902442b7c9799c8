"""The loop that scales a fleet: metrics as they are published, a policy, a group of machines."""

import math
from collections import deque
from dataclasses import dataclass, field

from blipkit.capacity.group import Group, GroupRules, Machine
from blipkit.capacity.policies import NONE, Alarm, Counts, Policy, Seen


@dataclass(frozen=True)
class ScalingEvent:
    """A change of what is wanted. at_s: of the day; before, after: machines of each kind."""

    at_s: float
    before: Counts
    after: Counts
    why: str


@dataclass(frozen=True)
class Outage:
    """A zone that is lost, with every machine in it, at `at_s` of the day until its end."""

    at_s: float = math.inf


@dataclass
class Changes:
    """What an edge between two periods brings: machines that come into service, that are stopped
    and answer what they have, and that are lost with what they have.
    """

    started: list[Machine] = field(default_factory=list)
    stopped: list[Machine] = field(default_factory=list)
    lost: list[Machine] = field(default_factory=list)


class Controller:
    """A policy at work on a group, one metric period after the other."""

    def __init__(
        self,
        policy: Policy,
        rules: GroupRules,
        metric_delay_s: float = 0.0,
        outage: Outage = Outage(),
        seed: int = 0,
    ):
        """metric_delay_s: from the end of a period until its metric is seen."""
        self.group = Group(rules, seed)
        self.events: list[ScalingEvent] = []
        self._policy = policy
        self._alarm = Alarm()
        self._delay_s = metric_delay_s
        self._outage = outage
        self._published: deque[tuple[float, float, Counts]] = deque()

    def begin(self, requests_per_minute: float) -> None:
        """The machines with which the day begins."""
        self.group.begin(self._policy.first(requests_per_minute))

    def observe(self, end_s: float, requests: int, period_s: float) -> None:
        """The requests of a period that ended; they are seen after the delay."""
        self._published.append((end_s, requests * 60 / period_s, self.group.ready()))

    def edge(self, now_s: float) -> Changes:
        """What happens now, before the next period begins. Whoever runs the machines gives those
        that are started a slot.
        """
        changes = Changes()
        if now_s >= self._outage.at_s and not self.group.lost_zones:
            changes.lost = [one for one in self.group.lose_zone(now_s) if one.slot is not None]
        if now_s > 0:
            changes.stopped = [one for one in self._decide(now_s) if one.slot is not None]
        changes.started = self.group.come_into_service(now_s)
        return changes

    def _decide(self, now_s: float) -> list[Machine]:
        """Ask the policy, and have the group follow; the machines that are stopped."""
        group = self.group
        metric, targets = self._newest(now_s)
        ready, starting = self._counts(now_s)
        seen = Seen(now_s, metric, targets, ready, starting, group.wanted, group.failed)
        decision = self._policy.decide(self._alarm, seen)
        self._alarm = decision.alarm
        before = group.wanted
        stopped = group.set_wanted(decision.wanted, now_s)
        if group.wanted != before:
            self.events.append(ScalingEvent(now_s, before, group.wanted, decision.why))
        return stopped

    def _counts(self, now_s: float) -> tuple[Counts, Counts]:
        """Machines that are ready and warm, and the others."""
        starting = self.group.starting(now_s)
        running = (self.group.count(0), self.group.count(1))
        return (running[0] - starting[0], running[1] - starting[1]), starting

    def _newest(self, now_s: float) -> tuple[float | None, Counts]:
        """(requests a minute, machines that took them) of the newest period published by now."""
        seen = self._published
        while len(seen) > 1 and seen[1][0] + self._delay_s <= now_s:
            seen.popleft()
        if not seen or seen[0][0] + self._delay_s > now_s:
            return None, NONE
        return seen[0][1], seen[0][2]
