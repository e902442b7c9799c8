"""The policies that are tried: of each family, from the leanest to the most generous."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from blipkit.capacity.day import Scenario
from blipkit.capacity.knobs import Capacity
from blipkit.capacity.policies import (
    Fixed,
    GpuOverflow,
    Policy,
    Scheduled,
    TargetTracking,
    YesterdaysCurve,
    high_resolution,
)

# of what a machine carries: the load at which a policy aims
SHARES = (0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3, 0.2)
BASES = (0.3, 0.5, 0.7)  # of the machines at the peak: what GpuOverflow keeps to its own kind
MINUTE_S = 60


@dataclass(frozen=True)
class Candidate:
    """A policy, and its knob in words, such as "70 % of what a machine carries".

    aim: the same in figures that mean the same on another day, or of other machines: the share, a
    fixed fleet's machines over those that the peak takes, or base and share of GPU overflow.
    """

    family: str
    policy: Policy
    words: str
    aim: tuple[float, ...]


@dataclass(frozen=True)
class Carried:
    """Requests per second that a machine of each kind carries."""

    own: float
    gpu: float = 0.0

    @property
    def pair(self) -> tuple[float, float]:
        return self.own, self.gpu


def candidates(
    family: str, scenario: Scenario, carried: Carried, knobs: Capacity
) -> list[Candidate]:
    """Policies of a family for this day."""
    makers: dict[str, Callable[..., Sequence[Candidate]]] = {
        "fixed": _fixed,
        "tracking": _tracking,
        "tracking_10s": _tracking_10s,
        "scheduled": _scheduled,
        "yesterday": _yesterday,
        "gpu_overflow": _gpu_overflow,
    }
    return list(makers[family](scenario, carried, knobs))


def alike(candidate: Candidate, scenario: Scenario, carried: Carried, knobs: Capacity) -> Candidate:
    """The candidate of the same family that aims as this one does, on another day or of other
    machines; a fixed fleet, with as many for its peak.
    """
    found = candidates(candidate.family, scenario, carried, knobs)
    return min(found, key=lambda one: math.dist(one.aim, candidate.aim))


def in_words(share: float) -> str:
    return f"aims at {share:.0%} of what a machine carries"


def _fixed(scenario: Scenario, carried: Carried, knobs: Capacity) -> list[Candidate]:
    """From what the mean load takes to twice what the peak takes, within the group's bounds."""
    rules = scenario.rules
    peak = scenario.demand.per_s.max() / carried.own
    mean = scenario.demand.per_s.mean() / carried.own
    fewest = min(max(rules.least, math.ceil(mean)), rules.most)
    most = min(max(fewest, math.ceil(2 * peak) + rules.zones), rules.most)
    step = max(1, (most - fewest) // 40)
    return [
        Candidate("fixed", Fixed(count), f"{count} machines", (count / peak,))
        for count in range(fewest, most + 1, step)
    ]


def tracking(share: float, carried: Carried, knobs: Capacity) -> TargetTracking:
    """Target tracking that aims at a share of what a machine carries."""
    return TargetTracking(
        share * carried.own * MINUTE_S,
        out_cooldown_s=knobs.group.get("out_cooldown_s", 0.0),
        in_cooldown_s=knobs.group.get("in_cooldown_s", 0.0),
    )


def _tracking(scenario: Scenario, carried: Carried, knobs: Capacity) -> list[Candidate]:
    return [
        Candidate("tracking", tracking(share, carried, knobs), in_words(share), (share,))
        for share in SHARES
    ]


def _tracking_10s(scenario: Scenario, carried: Carried, knobs: Capacity) -> list[Candidate]:
    found = []
    for share in SHARES:
        slow = tracking(share, carried, knobs)
        policy = replace(
            high_resolution(slow.target),
            out_cooldown_s=slow.out_cooldown_s,
            in_cooldown_s=slow.in_cooldown_s,
        )
        found.append(Candidate("tracking_10s", policy, in_words(share), (share,)))
    return found


def hourly(per_minute) -> list[float]:
    """Requests per minute, the mean of each hour."""
    return [float(one) for one in per_minute.reshape(24, MINUTE_S).mean(axis=1)]


def _scheduled(scenario: Scenario, carried: Carried, knobs: Capacity) -> list[Candidate]:
    """For each hour, what its busiest minute takes on an ordinary day."""
    cells = scenario.demand.yesterday_per_s.reshape(24, -1).max(axis=1)
    found = []
    for share in SHARES:
        hours = tuple(math.ceil(per_s / (share * carried.own) - 1e-9) for per_s in cells)
        policy = Scheduled(hours, lead_s=scenario.rules.start_s)
        found.append(Candidate("scheduled", policy, in_words(share), (share,)))
    return found


def _yesterday(scenario: Scenario, carried: Carried, knobs: Capacity) -> list[Candidate]:
    per_minute = scenario.demand.yesterday_per_s.reshape(24 * MINUTE_S, -1).mean(axis=1) * MINUTE_S
    hours = tuple(hourly(per_minute))
    found = []
    for share in SHARES:
        reactive = tracking(share, carried, knobs)
        policy = YesterdaysCurve(hours, reactive, lead_s=scenario.rules.start_s)
        found.append(Candidate("yesterday", policy, in_words(share), (share,)))
    return found


def _gpu_overflow(scenario: Scenario, carried: Carried, knobs: Capacity) -> list[Candidate]:
    worth = carried.gpu / carried.own
    found = []
    for part in BASES:
        for share in SHARES[::2]:
            peak = math.ceil(scenario.demand.per_s.max() / (share * carried.own))
            base = max(scenario.rules.least, math.ceil(part * peak))
            policy = GpuOverflow(base, tracking(share, carried, knobs), worth)
            words = f"a base of {base}, {in_words(share)}"
            found.append(Candidate("gpu_overflow", policy, words, (part, share)))
    return found
