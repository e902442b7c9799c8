"""What a decision lacks of the rates of arrivals that 08 finds: the step that gets it."""

import contextlib
import math
from pathlib import Path

from blipkit.arrivals.knobs import Arrivals
from blipkit.cost.missing import (
    CELL_SLACK_S,
    CELL_TIMES,
    LONGEST_H,
    EstimateHours,
    MissingStep,
    Reason,
    rerun_command,
    step_of,
)
from blipkit.cost.rows import CLOSED_LOOP
from blipkit.cost.systems import System
from blipkit.cost.throughput import CHAPTER, pattern_of
from blipkit.errors import BlipkitError
from blipkit.profiles.profile import section_in

NOTEBOOKS = [CHAPTER, "05_cost"]
FINEST = 0.01  # resolution of a search
MOST_RUNS = 15


def same_basis(
    candidate: System, incumbent: System, estimate_hours: EstimateHours
) -> tuple[Reason, MissingStep] | None:
    """The rate of arrivals found on the side that lacks it; None where both throughputs were
    measured alike. That of clients who wait flatters: they ask a slow server less often.
    """
    here, there = (system.row.conditions.throughput_basis for system in (candidate, incumbent))
    if here == there:
        return None
    reason = f"the throughput of {candidate.title} is by {here}, of {incumbent.title} by {there}"
    side = candidate if here == CLOSED_LOOP else incumbent
    assignments = []
    if CLOSED_LOOP not in (here, there):
        assignments.append(f"arrivals.pattern={pattern_of(here)}")
    what = f"the rate of arrivals that holds the target on {side.instance}"
    command = rerun_command(side, NOTEBOOKS, assignments)
    hours = estimate_hours(side.folder, NOTEBOOKS)
    return reason, step_of(side, what, command, hours)


def finer_search(
    system: System, times: float, estimate_hours: EstimateHours
) -> tuple[Reason, MissingStep]:
    """The search on a system that would tell both costs apart, a day at most.

    times: how many times narrower the intervals must be. Its rates are nearer to each other, and
    its runs longer: a share's interval shrinks as the root of the requests.
    """
    rate = system.row.requests_per_s
    hours = min(times**2 * estimate_hours(system.folder, NOTEBOOKS), LONGEST_H)
    reason = "the interval of the saving includes zero"
    if hours == LONGEST_H:
        reason += "; not even a day of searching would tell"
    assignments = [f"arrivals.most_runs={MOST_RUNS}"]
    resolution = FINEST
    if rate.is_bounded and rate.low and math.isfinite(times):
        resolution = max((rate.high / rate.low - 1) / times, FINEST)
        assignments.append(f"arrivals.length={times**2 * length_searched(system):.0f}")
    assignments.append(f"arrivals.resolution={resolution:.3f}")
    cell_s = CELL_SLACK_S + CELL_TIMES * math.ceil(3600 * hours)
    assignments.append(f"common.cell_limit_s={cell_s}")
    what = f"a finer search for the rate on {system.instance}"
    command = rerun_command(system, NOTEBOOKS, assignments)
    return reason, step_of(system, what, command, hours)


def length_searched(system: System) -> float:
    """`arrivals.length` of the search on a system; the default where its folder does not say."""
    with contextlib.suppress(BlipkitError):
        return section_in(Path(system.folder), Arrivals.name).length
    return Arrivals().length
