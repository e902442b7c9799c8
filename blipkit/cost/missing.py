"""The evidence that a decision lacks: each step with its command, its hours and their price."""

import contextlib
import json
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blipkit.cost.dollars import minutes_more
from blipkit.cost.prices import Price
from blipkit.cost.systems import Gap, System, unlike
from blipkit.errors import BadInput
from blipkit.records.run_record import read_run

PROFILE_FOR = {"candidate": "inf2", "incumbent": "gpu"}  # side -> the profile that measures it
LONGEST_H = 24.0  # of load: what so much does not tell apart costs alike
LOAD = ["04_concurrency", "05_cost"]
# knob of 04 -> where a row has it
GRID = {"placements": "placement", "servers": "servers", "clients": "clients"}
# a condition that a profile states -> its section; the machine gives the others
SECTION_OF = {
    "questions": "common",
    "buckets": "common",
    "threads": "common",
    "call": "concurrency",
    "batch": "concurrency",
    "batch_wait_ms": "concurrency",
    "think_ms": "concurrency",
    "repeat_share": "concurrency",
    "percentile": "concurrency",
    "latency_limit_ms": "concurrency",
}

# hours(folder, notebooks): what these notebooks took there; with None, what a first run takes
Hours = Callable[[str | None, Sequence[str]], float]
Reason = str  # why there is not enough evidence


@dataclass(frozen=True)
class MissingStep:
    """What is missing, the command that gets it, and about how many hours and USD it takes."""

    what: str
    command: str
    hours: float
    usd: float


def first_run(side: str, price: Price, hours: Hours) -> tuple[Reason, MissingStep]:
    """A side that was never measured."""
    run = f"measured run on {price.instance}"
    command = f"make run PROFILE={PROFILE_FOR[side]}"
    takes = hours(None, [])
    step = MissingStep(f"a {run}", command, takes, takes * price.usd_per_hour)
    return f"no {run} yet", step


def settled_gap(system: System, gap: Gap, hours: Hours) -> tuple[Reason, MissingStep]:
    """A system's gap, which its notebook would settle; the whole run where several may."""
    stems = []
    if gap.notebook:
        stems = list(dict.fromkeys([gap.notebook, "05_cost"]))
    takes = hours(system.folder, stems)
    return gap.reason, _step(system, f"this settled: {gap.reason}", _again(system, stems), takes)


def same_conditions(
    candidate: System, incumbent: System, hours: Hours
) -> tuple[Reason, MissingStep] | None:
    """The incumbent measured again as the candidate was; None where both were measured alike."""
    differing = unlike(candidate.row.like, incumbent.row.like)
    if not differing:
        return None
    names = ", ".join(differing).replace("_", " ")
    settings = []
    for name in differing:
        if name in SECTION_OF:
            value = json.dumps(getattr(candidate.row.like, name))
            settings.append(f"{SECTION_OF[name]}.{name}={value}")
    command = _again(incumbent, LOAD, settings)
    takes = hours(incumbent.folder, LOAD)
    step = _step(incumbent, f"the same {names} on both machines", command, takes)
    return f"both machines differ in {names}", step


def longer_load(system: System, candidate: System, incumbent: System) -> tuple[Reason, MissingStep]:
    """The load at a system's best setting that would tell both costs apart, a day at most."""
    row = system.row
    hours = min(minutes_more(row, _times_narrower(candidate, incumbent)) / 60, LONGEST_H)
    reason = "the interval of the saving holds zero"
    if hours == LONGEST_H:
        reason += "; not even a day of load would tell"
    seconds = math.ceil(row.seconds + 3600 * hours / row.runs)
    settings = []
    for knob, name in GRID.items():
        settings.append(f"concurrency.{knob}={json.dumps([getattr(row, name)])}")
    settings.append(f"concurrency.seconds={seconds}")
    # a run that does not hold still is tried three times, all in one cell
    settings.append(f"common.cell_limit_s={3600 + 4 * seconds}")
    what = f"{60 * hours:.1f} more minutes of load on {system.instance}"
    return reason, _step(system, what, _again(system, LOAD, settings), hours)


def _step(system: System, what: str, command: str, hours: float) -> MissingStep:
    """A step that takes so many hours of a system's machine."""
    return MissingStep(what, command, hours, hours * system.cost.usd_per_hour)


def _times_narrower(candidate: System, incumbent: System) -> float:
    """How many times narrower both intervals must be to tell two costs apart, if ever."""
    costs = [system.cost.usd_per_million for system in (candidate, incumbent)]
    cheap, dear = sorted(costs, key=lambda usd: usd.value)
    apart = dear.value - cheap.value
    if not apart or None in (cheap.high, dear.low):
        return math.inf
    reach = apart + cheap.high - dear.low  # of both intervals, towards each other
    return reach / apart


def hours_taken(folder: str | None, stems: Sequence[str]) -> float | None:
    """Hours that notebooks, or all, took when they ran into a results folder; None if not known."""
    if folder is None:
        return None
    with contextlib.suppress(BadInput):  # of a folder without run.json
        chapters = read_run(Path(folder)).notebooks
        taken = [chapters[stem].seconds for stem in stems or chapters if stem in chapters]
        if len(taken) == len(stems or chapters) and None not in taken:
            return sum(taken) / 3600
    return None


def _again(system: System, stems: Sequence[str], settings: Sequence[str] = ()) -> str:
    """The command that runs notebooks of a system's profile again, all where none is named."""
    only = "".join(f" --only {stem}" for stem in stems)
    stated = "".join(f" --set {shlex.quote(setting)}" for setting in settings)
    return f"blipkit run {system.profile}{only}{stated}"
