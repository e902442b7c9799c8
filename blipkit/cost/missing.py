"""The evidence that a decision lacks: each step with its command, its hours and their price."""

import contextlib
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from blipkit.cost.dollars import answer_cost, minutes_more
from blipkit.cost.knobs import Cost
from blipkit.cost.prices import Price
from blipkit.cost.provenance import Gap, in_words
from blipkit.cost.systems import System, differing_conditions
from blipkit.errors import BadInput
from blipkit.records.run_record import read_run
from blipkit.statistics import Interval

PROFILE_FOR = {"candidate": "inf2", "incumbent": "gpu"}  # side -> the profile that measures it
# profile -> minutes that its first run takes, from starting the machine to the report: the sums of
# the steps in README and in docs/renting.md
FIRST_RUN_MIN = {"inf2": 119, "gpu": 75}
RERUN_H = 2.0  # an allowance for a run again whose folder does not say how long the first one took
# No step asks for more load than this. Where even so much would not tell two costs apart, it is
# asked for all the same, and the reason says so.
LONGEST_H = 24.0
LOAD_NOTEBOOKS = ["04_concurrency", "05_cost"]
BASIS = "throughput_basis"  # the condition that `missing_rate` settles
# common.cell_limit_s of a longer load: an hour, and the seconds of its runs, which are all in one
# cell, with as much to spare.
CELL_SLACK_S = 3600
CELL_TIMES = 2
HALF = ("float16", "bfloat16")  # as an arm names it
PEOPLE_RUN = ("eager float16 cuda", "torchscript float16 cuda")  # on a GPU, today
# knob of 04 -> the field of a row that has its value
ROW_FIELD_OF_KNOB = {
    "placements": "placement",
    "batch_sizes": "batch_size",
    "servers": "servers",
    "clients": "clients",
}
# A condition that one knob of a profile states -> that knob's section. The others, such as the
# digest of the weights, follow from the checkpoint, the frames and what is installed.
SECTION_OF = {
    "questions": "common",
    "call": "concurrency",
    "think_ms": "concurrency",
    "repeat_share": "concurrency",
    "percentile": "concurrency",
    "latency_limit_ms": "concurrency",
}

Reason = str  # why there is not enough evidence


class EstimateHours(Protocol):
    """About how many hours notebooks take."""

    def __call__(self, folder: str | None, notebooks: Sequence[str]) -> float:
        """folder: the results folder that they ran into before; None for a machine that was never
        measured, and then 0 where nobody stated it. notebooks: by name; [] for all.
        """


@dataclass(frozen=True)
class MissingStep:
    """What is missing, the command that gets it, and about how many hours and USD it takes."""

    what: str
    command: str
    hours: float
    usd: float


def first_run(side: str, price: Price, estimate_hours: EstimateHours) -> tuple[Reason, MissingStep]:
    """The first run on a side's machine, where that side was never measured."""
    run = f"measured run on {price.instance}"
    # make, because a new machine has no environment yet: it installs one, then calls blipkit run
    command = f"make run PROFILE={PROFILE_FOR[side]}"
    hours = estimate_hours(None, []) or FIRST_RUN_MIN[PROFILE_FOR[side]] / 60
    step = MissingStep(f"a {run}", command, hours, hours * price.usd_per_hour)
    return f"no {run} yet", step


def step_for_gap(
    system: System, gap: Gap, estimate_hours: EstimateHours
) -> tuple[Reason, MissingStep]:
    """What settles a system's gap: its notebook and 05; the whole run where it names none."""
    notebooks = []
    if gap.notebook:
        notebooks = list(dict.fromkeys([gap.notebook, "05_cost"]))
    command = rerun_command(system, notebooks)
    hours = estimate_hours(system.folder, notebooks)
    return gap.reason, step_of(system, f"this settled: {gap.reason}", command, hours)


def same_conditions(
    candidate: System, incumbent: System, estimate_hours: EstimateHours
) -> tuple[Reason, MissingStep] | None:
    """The incumbent measured again as the candidate was; None where both were measured alike.

    The command sets the conditions that a knob states; of the others the step says that it cannot.
    What their throughputs are by, `missing_rate` settles.
    """
    differing = differing_conditions(candidate.row.conditions, incumbent.row.conditions)
    differing = [name for name in differing if name != BASIS]
    if not differing:
        return None
    assignments = []
    for name in differing:
        if name in SECTION_OF:
            value = json.dumps(getattr(candidate.row.conditions, name))
            assignments.append(f"{SECTION_OF[name]}.{name}={value}")
    what = f"the same {_in_words(differing)} on both machines"
    if unset := [name for name in differing if name not in SECTION_OF]:
        what += f"; the command does not set {_in_words(unset)}: make these alike first"
    command = rerun_command(incumbent, LOAD_NOTEBOOKS, assignments)
    hours = estimate_hours(incumbent.folder, LOAD_NOTEBOOKS)
    step = step_of(incumbent, what, command, hours)
    return f"both machines differ in {_in_words(differing)}", step


def _in_words(conditions: Sequence[str]) -> str:
    return ", ".join(map(in_words, conditions))


def usable_price(price: Price, oldest_days: int, today: date) -> tuple[Reason, MissingStep] | None:
    """Why no verdict may rest on a price, and what would mend it; None where one may."""
    where = f"the price of {price.instance} ({price.option}, {price.region}, as of {price.as_of})"
    if price.is_of_the_future(today):
        problem = "is dated in the future"
    elif price.age(today) > oldest_days:
        problem = f"is {price.age(today)} days old, a verdict takes {oldest_days} at most"
    elif price.moves and not _has_range(price):
        problem = "is one figure of a price that moves; state its range and the interruptions"
    else:
        return None
    step = MissingStep(f"a price of {price.instance} of today", _price_command(price), 0.0, 0.0)
    return f"{where} {problem}", step


def _has_range(price: Price) -> bool:
    """Whether the range of a price that moves is stated, and how often its machine is taken."""
    return bool(price.usd_per_hour_low and price.usd_per_hour_high and price.interruption)


def _price_command(price: Price) -> str:
    """What brings a price up to date: AWS's list knows those on demand."""
    if price.option == "on_demand":
        return "blipkit prices refresh"
    return "--set cost.own_prices=FILE, with that row of today"


def stated_utilisation(
    knobs: Cost, chosen: Mapping[str, System]
) -> tuple[Reason, MissingStep] | None:
    """The utilisation that is stated for one side alone; None where both are, or neither."""
    stated = {"candidate": knobs.utilisation, "incumbent": knobs.incumbent_utilisation}
    unstated = [side for side, share in stated.items() if not share]
    if len(unstated) != 1 or len(chosen) < len(stated):
        return None
    side = unstated[0]
    other = next(share for share in stated.values() if share)
    knob = "utilisation" if side == "candidate" else "incumbent_utilisation"
    reason = f"one side alone has a stated utilisation ({other:.0%})"
    command = rerun_command(chosen[side], ["05_cost"], [f"cost.{knob}=SHARE"])
    return reason, MissingStep(f"the utilisation of the {side}", command, 0.0, 0.0)


def half_precision(
    incumbents: Sequence[System], estimate_hours: EstimateHours
) -> tuple[Reason, MissingStep] | None:
    """The arms that people run on a GPU, where only float32 was measured; None where they were."""
    arms = [system.arm for system in incumbents]
    if any(word in arm for arm in arms for word in HALF):
        return None
    system = incumbents[0]
    reason = (
        f"on {system.instance} only {', '.join(arms)} was measured, and people run half precision"
    )
    measured = json.dumps([*dict.fromkeys([*arms, *PEOPLE_RUN])])
    assignments = [f"common.arms={measured}"]
    assignments.append(f"concurrency.arms_under_load={len(arms) + len(PEOPLE_RUN)}")
    command = rerun_command(system, [], assignments)
    hours = estimate_hours(system.folder, [])
    return reason, step_of(system, f"measured: {', '.join(PEOPLE_RUN)}", command, hours)


def longer_load(system: System, times: float) -> tuple[Reason, MissingStep]:
    """The load at a system's best setting that would tell both costs apart, a day at most.

    times: how many times narrower the intervals must be. Its hours are those of the load alone that
    is new, in all runs together.
    """
    row = system.row
    load_minutes = minutes_more(row, times)
    load_hours = min(load_minutes / 60, LONGEST_H)
    reason = "the interval of the saving includes zero"
    if load_hours == LONGEST_H:
        reason += "; not even a day of load would tell"
    seconds_per_run = math.ceil(row.seconds + 3600 * load_hours / row.runs)
    assignments = []
    for knob, name in ROW_FIELD_OF_KNOB.items():
        assignments.append(f"concurrency.{knob}={json.dumps([getattr(row, name)])}")
    assignments.append(f"concurrency.seconds={seconds_per_run}")
    cell_s = CELL_SLACK_S + CELL_TIMES * row.runs * seconds_per_run
    assignments.append(f"common.cell_limit_s={cell_s}")
    what = f"{60 * load_hours:.1f} more minutes of load on {system.instance}"
    command = rerun_command(system, LOAD_NOTEBOOKS, assignments)
    return reason, step_of(system, what, command, load_hours)


def step_of(system: System, what: str, command: str, hours: float) -> MissingStep:
    """A step that takes so many hours of a system's machine."""
    return MissingStep(what, command, hours, hours * system.cost.usd_per_hour)


@dataclass(frozen=True)
class UsedCost:
    """What a million good answers cost at the stated use, USD. at_price: with the throughput's
    interval; whole: with the price's range, too.
    """

    at_price: Interval
    whole: Interval


def cost_as_used(system: System, busy: float) -> UsedCost:
    """The cost of a system that is busy this share of the time."""
    at_price = answer_cost(system.row, system.cost.usd_per_hour, busy).usd_per_million
    return UsedCost(at_price, system.cost.usd_per_million.times(1 / busy))


def times_narrower(one: UsedCost, other: UsedCost) -> float:
    """How many times narrower the throughputs' intervals must be to tell two costs apart; inf where
    no load would.

    They are apart where the half-widths that face each other fit between the two figures, beside
    what the prices' ranges take of that, which no load narrows.
    """
    cheap, dear = sorted((one, other), key=lambda cost: cost.at_price.value)
    if None in (cheap.whole.high, dear.whole.low):
        return math.inf
    room = dear.at_price.value - cheap.at_price.value
    room -= cheap.whole.high - cheap.at_price.high
    room -= dear.at_price.low - dear.whole.low
    if room <= 0:
        return math.inf
    above_cheap = cheap.at_price.high - cheap.at_price.value
    below_dear = dear.at_price.value - dear.at_price.low
    return (above_cheap + below_dear) / room


def hours_taken(folder: str | None, notebooks: Sequence[str]) -> float | None:
    """Hours that notebooks, or all, took when they ran into a results folder; None if not known."""
    if folder is None:
        return None
    with contextlib.suppress(BadInput):  # of a folder without run.json
        records = read_run(Path(folder)).notebooks
        names = notebooks or list(records)
        seconds = [records[name].seconds for name in names if name in records]
        if len(seconds) == len(names) and None not in seconds:
            return sum(seconds) / 3600
    return None


def rerun_command(system: System, notebooks: Sequence[str], assignments: Sequence[str] = ()) -> str:
    """The command that runs notebooks of a system's profile again, all where none is named.

    assignments: of knobs, as "section.knob=value".
    """
    only = "".join(f" --only {name}" for name in notebooks)
    stated = "".join(f" --set {shlex.quote(assignment)}" for assignment in assignments)
    return f"blipkit run {system.profile}{only}{stated}"
