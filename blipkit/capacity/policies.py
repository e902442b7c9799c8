"""What decides how many machines there are: pure rules, told what is seen, that say what is wanted.

A policy is a frozen dataclass; what it has to remember from one decision to the next is an `Alarm`,
handed in and out. So the same policy runs in the simulation, on the counts of a day alone, and in
a backtest. Counts of machines are pairs: of the fleet's own kind, and of the overflow's.
docs/capacity.md has AWS's rules, each with its page.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

Counts = tuple[int, int]
Amounts = tuple[float, float]  # the same; parts of machines where kinds are added up
Figure = TypeVar("Figure", int, float)
NONE: Counts = (0, 0)
LOW = 0.9  # of the target: what the alarm for scaling in is below


@dataclass(frozen=True)
class Seen:
    """What a policy is told. requests_per_minute: of the newest period that is published, as a rate
    a minute; None before there is one. targets: machines that took them, of each kind.

    now_s: of the day. ready, starting: machines that are in service, and that are not yet counted
    as warm; wanted: what was asked for last; failed: launches of the fleet's own kind that did not
    succeed at the last try.
    """

    now_s: float
    requests_per_minute: float | None
    targets: Amounts
    ready: Amounts
    starting: Amounts
    wanted: Amounts
    failed: int = 0

    @property
    def per_target(self) -> float | None:
        """Requests per target per minute; None where none was published, or no target took any."""
        targets = sum(self.targets)
        if self.requests_per_minute is None or not targets:
            return None
        return self.requests_per_minute / targets


@dataclass(frozen=True)
class Alarm:
    """Periods in a row above the target, and below; when the last change of each way was, s.

    load: machines of the fleet's own kind that were needed at the last change, which GPU overflow
    remembers; 0 before one.
    """

    above: int = 0
    below: int = 0
    last_out_s: float = -math.inf
    last_in_s: float = -math.inf
    load: int = 0


@dataclass(frozen=True)
class Decision:
    """What is wanted from now on, and why, in words; the alarm goes into the next decision."""

    alarm: Alarm
    wanted: Counts
    why: str = ""


class Policy(Protocol):
    """How many machines there should be."""

    name: str

    def first(self, requests_per_minute: float) -> Counts:
        """The machines with which the day begins, at this load."""

    def decide(self, alarm: Alarm, seen: Seen) -> Decision:
        """What is wanted now."""


@dataclass(frozen=True)
class Fixed:
    """Always as many machines."""

    machines: int
    name: str = "fixed"

    def first(self, requests_per_minute: float) -> Counts:
        return (self.machines, 0)

    def decide(self, alarm: Alarm, seen: Seen) -> Decision:
        return Decision(alarm, (self.machines, 0), "fixed")


@dataclass(frozen=True)
class TargetTracking:
    """AWS's target tracking on the request count per target.

    target: requests per target per minute. period_s: of the metric; out_periods, in_periods: in a
    row, until the alarm fires; out_cooldown_s, in_cooldown_s: after a change, until the next the
    same way (Application Auto Scaling's; an EC2 group has a warm-up instead).
    """

    target: float
    period_s: int = 60
    out_periods: int = 3
    in_periods: int = 15
    out_cooldown_s: float = 0.0
    in_cooldown_s: float = 0.0
    name: str = "target tracking"

    def first(self, requests_per_minute: float) -> Counts:
        return (max(1, math.ceil(requests_per_minute / self.target)), 0)

    def counted(self, alarm: Alarm, seen: Seen) -> Alarm:
        """The alarm, one period on."""
        metric = seen.per_target
        if metric is None:  # no data: neither alarm goes on
            return replace(alarm, above=0, below=0)
        above = alarm.above + 1 if metric > self.target else 0
        below = alarm.below + 1 if metric < LOW * self.target else 0
        return replace(alarm, above=above, below=below)

    def decide(self, alarm: Alarm, seen: Seen) -> Decision:
        alarm = self.counted(alarm, seen)
        if alarm.above >= self.out_periods:
            return self._out(alarm, seen)
        if alarm.below >= self.in_periods:
            return self._in(alarm, seen)
        return Decision(alarm, seen.wanted)

    def needed(self, seen: Seen) -> int:
        """Machines at which the metric is the target, rounded up."""
        return max(1, math.ceil(seen.requests_per_minute / self.target - 1e-9))

    def _out(self, alarm: Alarm, seen: Seen) -> Decision:
        """More machines; those that are warming up count as there already."""
        there = max(seen.ready[0] + seen.starting[0], seen.wanted[0])
        needed = self.needed(seen)
        cooling = seen.now_s - alarm.last_out_s < self.out_cooldown_s
        if needed <= there or cooling:
            return Decision(alarm, seen.wanted)
        why = f"above {self.target:g} a minute for {alarm.above} periods"
        return Decision(replace(alarm, last_out_s=seen.now_s), (needed, seen.wanted[1]), why)

    def _in(self, alarm: Alarm, seen: Seen) -> Decision:
        """Fewer machines, but not while any is warming up."""
        needed = self.needed(seen)
        cooling = seen.now_s - alarm.last_in_s < self.in_cooldown_s
        if seen.starting[0] or cooling or needed >= seen.wanted[0]:
            return Decision(alarm, seen.wanted)
        why = f"below {LOW:.0%} of {self.target:g} a minute for {alarm.below} periods"
        return Decision(replace(alarm, last_in_s=seen.now_s), (needed, seen.wanted[1]), why)


def high_resolution(target: float) -> TargetTracking:
    """Target tracking on a metric of 10 s.

    How many periods its alarms then take is not published: three for scaling out and fifteen
    minutes for scaling in, as at 60 s, are ours.
    """
    return TargetTracking(
        target, period_s=10, out_periods=3, in_periods=90, name="target tracking, 10 s"
    )


def most_ahead(hours: Sequence[Figure], now_s: float, lead_s: float) -> Figure:
    """The most of every hour from now to `lead_s` later; hours: a figure for each of the day."""
    first, last = int(now_s // 3600), int((now_s + lead_s) // 3600)
    return max(hours[hour % len(hours)] for hour in range(first, last + 1))


@dataclass(frozen=True)
class Scheduled:
    """As many machines as a plan says for each hour of the day; `lead_s` before it begins."""

    hours: tuple[int, ...]
    lead_s: float = 0.0
    name: str = "scheduled"

    def first(self, requests_per_minute: float) -> Counts:
        return (self.wanted_at(0.0), 0)

    def decide(self, alarm: Alarm, seen: Seen) -> Decision:
        soon = int((seen.now_s + self.lead_s) // 3600) % len(self.hours)
        return Decision(alarm, (self.wanted_at(seen.now_s), 0), f"the plan for {soon}:00")

    def wanted_at(self, now_s: float) -> int:
        """Machines at a moment of the day, s."""
        return most_ahead(self.hours, now_s, self.lead_s)


@dataclass(frozen=True)
class YesterdaysCurve:
    """Yesterday's requests, hour by hour, `lead_s` ahead, and target tracking beside it.

    Ours, and a stand-in: the algorithm of AWS's predictive scaling is not published. Like it, it
    never scales in by itself. hours: requests per minute, of each hour.
    """

    hours: tuple[float, ...]
    reactive: TargetTracking
    lead_s: float = 0.0
    name: str = "yesterday's curve"

    def first(self, requests_per_minute: float) -> Counts:
        return (max(self.reactive.first(requests_per_minute)[0], self._foreseen(0.0)), 0)

    def decide(self, alarm: Alarm, seen: Seen) -> Decision:
        reacted = self.reactive.decide(alarm, seen)
        foreseen = self._foreseen(seen.now_s)
        if foreseen > reacted.wanted[0]:
            return Decision(reacted.alarm, (foreseen, 0), "yesterday's curve")
        return reacted

    def _foreseen(self, now_s: float) -> int:
        """Machines for the most that yesterday had within the lead."""
        expected = most_ahead(self.hours, now_s, self.lead_s)
        return math.ceil(expected / self.reactive.target - 1e-9)


@dataclass(frozen=True)
class GpuOverflow:
    """A base of the fleet's own kind, up to `base` machines; what is beyond goes to GPU machines,
    and so does what fails to launch.

    reactive: says how many machines of the fleet's own kind the load takes; worth: how many of
    them one GPU machine carries.
    """

    base: int
    reactive: TargetTracking
    worth: float = 1.0
    name: str = field(default="GPU overflow")

    def first(self, requests_per_minute: float) -> Counts:
        return self._split(self.reactive.first(requests_per_minute)[0], 0)

    def decide(self, alarm: Alarm, seen: Seen) -> Decision:
        reacted = self.reactive.decide(alarm, self._in_own_machines(seen))
        if reacted.why:
            load = reacted.wanted[0]
        elif seen.failed:
            # those that stand in for others already are no load of their own
            load = alarm.load or math.ceil(self._worth_of(seen.wanted))
        else:
            return Decision(reacted.alarm, seen.wanted)
        wanted = self._split(load, seen.failed)
        return Decision(replace(reacted.alarm, load=load), wanted, reacted.why or "launches failed")

    def _in_own_machines(self, seen: Seen) -> Seen:
        """The same, as if all machines were of the fleet's own kind; what failed is not there."""
        return replace(
            seen,
            targets=(self._worth_of(seen.targets), 0),
            ready=(self._worth_of(seen.ready), 0),
            starting=(self._worth_of(seen.starting), 0),
            wanted=(self._worth_of(seen.wanted) - seen.failed, 0),
        )

    def _worth_of(self, counts: Amounts) -> float:
        """How many machines of the fleet's own kind carry as much."""
        return counts[0] + counts[1] * self.worth

    def _split(self, machines: int, failed: int) -> Counts:
        """Own and GPU machines that together carry so many."""
        own = min(machines, self.base)
        beyond = machines - own + min(failed, own)
        return own, math.ceil(beyond / self.worth - 1e-9)
