"""Of each family the cheapest policy that holds in the day that was searched, and in others.

What was chosen in one day may have been lucky in it. So days are drawn anew for it, each with and
without a zone lost; where it does not hold in one of them, the next dearer policy is looked for.
What is said of a policy is said of these days, not of the one that it was chosen in.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from blipkit.capacity.planned import Planned
from blipkit.capacity.runs import ANEW, Simulated, run_seed
from blipkit.capacity.search import Found, search, search_on
from blipkit.capacity.spread import spread


@dataclass(frozen=True)
class Chosen:
    """A family's policy, and its days drawn anew, in all of which it holds; none without one."""

    found: Found
    days: list[Simulated] = field(default_factory=list)


def choose(planned: Planned) -> list[Chosen]:
    """One for each of the knobs' families."""
    chosen: dict[str, Chosen] = {}
    found = spread_days(planned, [(search, (planned, one)) for one in planned.knobs.policies])
    while found:
        refuted = []
        for one in _with_days(planned, found):
            if all(run.outcome.holds for run in one.days):
                chosen[one.found.family] = one
            else:
                refuted.append(one.found)
        found = spread_days(planned, [(search_on, (planned, one)) for one in refuted])
    return [chosen[family] for family in planned.knobs.policies]


def _with_days(planned: Planned, found: list[Found]) -> list[Chosen]:
    """What was found, with days drawn anew where something was."""
    seeds = range(ANEW, ANEW + planned.knobs.seeds)
    holding = [one for one in found if one.candidate]
    calls = [(run_seed, (planned, one.candidate, seed)) for one in holding for seed in seeds]
    runs = iter(spread_days(planned, calls))
    days = {one.family: [next(runs) for _ in seeds] for one in holding}
    return [Chosen(one, days.get(one.family, [])) for one in found]


def spread_days(planned: Planned, calls: list[tuple[Callable, tuple]]) -> list[Any]:
    """What the calls return, over the cores or the cluster."""
    if not calls:
        return []
    requests = planned.scenario.demand.requests
    return spread(_call, calls, requests, planned.knobs.ray_address)


def _call(function: Callable, args: tuple) -> Any:
    return function(*args)
