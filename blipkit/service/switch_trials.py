"""Switches on made-up traffic and a virtual clock: how often one goes back although nothing is
wrong, and how soon where something is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blipkit.service.switch import Plan, Side, Switch


@dataclass(frozen=True)
class Traffic:
    """Made-up requests of a primary and a candidate.

    per_s: arrivals, by Poisson's law; failed, late: shares of the primary's requests; more_failed,
    more_late: what the candidate has on top; flipped: share of compared frames with an unexcused
    flip; compared: share of requests that a shadow answers, too; pause_s, pauses_per_s: of pauses
    that make all late which one side gets meanwhile, each side's its own.
    """

    per_s: float = 200.0
    failed: float = 0.0
    late: float = 0.01
    more_failed: float = 0.0
    more_late: float = 0.0
    flipped: float = 0.0
    compared: float = 0.5
    pause_s: float = 0.0
    pauses_per_s: float = 0.0


@dataclass(frozen=True)
class Trial:
    """How one switch ended. reached: the largest share; requests: of all, and by the candidate."""

    went_back: bool
    finished: bool
    reached: float
    requests: int
    by_candidate: int
    pairs: int
    reason: str


READY = Side(ready=True, rated_per_s=math.inf)


def try_switch(plan: Plan, traffic: Traffic, seed: int, most: int = 200_000) -> Trial:
    """One switch, looked at after each request. most: requests, after which it is given up."""
    switch = Switch(plan)
    sides = {plan.primary: READY, plan.candidate: READY}
    draw = np.random.default_rng(seed)
    now, reached, count = 0.0, 0.0, 0
    decision = switch.look(now, sides, traffic.per_s)
    paused_until = [0.0, 0.0]
    while not switch.is_over and count < most:
        count += 1
        gap, side, failing, slow, comparing, differing = draw.random(6).tolist()
        now += -math.log(1 - gap) / traffic.per_s
        share = decision.weights[plan.candidate]
        ours = side < share
        failed = failing < traffic.failed + ours * traffic.more_failed
        late = slow < traffic.late + ours * traffic.more_late
        if traffic.pause_s:
            late = late or _is_paused(now, ours, paused_until, traffic, draw)
        switch.watch.request(share, ours, failed, late and not failed)
        if comparing < traffic.compared:
            switch.watch.pair(differing < traffic.flipped)
        decision = switch.look(now, sides, traffic.per_s)
        reached = max(reached, switch.share)
    watch = switch.watch
    return Trial(
        went_back=bool(switch.went_back),
        finished=switch.is_over and not switch.went_back,
        reached=reached,
        requests=count,
        by_candidate=watch.candidate.requests,
        pairs=watch.pairs,
        reason=decision.reason,
    )


def _is_paused(now: float, ours: bool, until: list[float], traffic: Traffic, draw) -> bool:
    """Whether the side that gets a request stands still; pauses begin with the next arrivals."""
    for side in (0, 1):
        if now >= until[side] and draw.random() < traffic.pauses_per_s / traffic.per_s:
            until[side] = now + traffic.pause_s
    return now < until[ours]


@dataclass(frozen=True)
class Tried:
    """What many switches on one kind of traffic did, as the page's table has it.

    went_back, finished: how many; requests, by_candidate: the median of those that went back, None
    where none did.
    """

    traffic: str
    switches: int
    went_back: int
    finished: int
    requests: float | None
    by_candidate: float | None


def try_switches(name: str, plan: Plan, traffic: Traffic, seeds: Sequence[int]) -> Tried:
    """The same switch with each seed."""
    trials = [try_switch(plan, traffic, seed) for seed in seeds]
    back = [trial for trial in trials if trial.went_back]
    return Tried(
        traffic=name,
        switches=len(trials),
        went_back=len(back),
        finished=sum(trial.finished for trial in trials),
        requests=_median([trial.requests for trial in back]),
        by_candidate=_median([trial.by_candidate for trial in back]),
    )


def _median(values: Sequence[float]) -> float | None:
    if not values:
        return None
    return float(np.median(values))
