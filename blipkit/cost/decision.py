"""Move, stay, or not enough evidence: weighed on what was measured; what else would have to be."""

import contextlib
import json
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blipkit.cost.dollars import minutes_more, priced, savings
from blipkit.cost.knobs import Cost
from blipkit.cost.prices import Price, find_price, load_prices
from blipkit.cost.systems import LIKE, systems, unlike
from blipkit.display.tables import show_table
from blipkit.errors import BadInput
from blipkit.records.gates import Gate, not_run
from blipkit.records.results import Results
from blipkit.records.run_record import read_run
from blipkit.study import Study

NOT_ENOUGH = "not enough evidence"
KINDS = {"candidate": "neuron", "incumbent": "cuda"}  # side -> the kind of machine that it is
PROFILE_FOR = {"candidate": "inf2", "incumbent": "gpu"}  # side -> the profile that measures it
LONGEST_H = 24.0  # of load: what so much does not tell apart costs alike
LOAD = ["04_concurrency", "05_cost"]
# knob of 04 -> where a row has it
GRID = {"placements": "placement", "servers": "servers", "clients": "clients"}

# hours(folder, notebooks): what these notebooks took there; with None, what a first run takes
Hours = Callable[[str | None, Sequence[str]], float]


@dataclass(frozen=True)
class Decision:
    """What `decide` says of this study and those beside it.

    answer: move, stay or not enough evidence. because: the reasons. missing: rows of what, command,
    hours and usd. saving: what it rests on, empty without both sides. candidate: the instance.
    """

    answer: str
    because: list[str]
    missing: list[dict]
    saving: dict
    candidate: str

    @property
    def reason(self) -> str:
        return "; ".join(self.because)

    def table(self) -> None:
        """The answer with its reasons, then what is missing and what getting it takes."""
        print(f"{self.answer.upper()}: {self.reason}")
        if self.missing:
            show_table(self.missing, "Missing evidence")

    def gates(self) -> list[Gate]:
        """The saving that the answer rests on; NOT-RUN without enough evidence."""
        name = f"saving of {self.candidate}"
        if self.answer == NOT_ENOUGH:
            return [not_run(name, "answer", self.reason, "see the missing evidence")]
        return [Gate(name, "answer", "PASS", self.saving["saving"], reason=self.reason)]


def decide_move(study: Study, folders: Sequence[Results]) -> Decision:
    """Weigh the systems of these results folders, the study's among them; recorded as `missing`."""
    knobs = study.knobs
    found = decide(folders, knobs)
    study.results.write("missing", found["missing"])
    return Decision(candidate=knobs.candidate, **found)


def decide(folders: Sequence[Results], knobs: Cost) -> dict:
    """`weigh` on the systems of these results folders, all priced alike."""
    table = load_prices(knobs.own_prices)

    def price(name: str) -> Price:
        return find_price(table, name, knobs.region, knobs.option)

    def hours(folder: str | None, stems: Sequence[str]) -> float:
        return hours_taken(folder, stems) or knobs.rental_hours

    prices = {
        "candidate": [price(knobs.candidate)],
        "incumbent": [price(name) for name in knobs.incumbents],
    }
    found = priced_alike(systems(folders), [*prices["candidate"], *prices["incumbent"]])
    return weigh(found, prices, hours)


def priced_alike(found: list[dict], prices: Sequence[Price]) -> list[dict]:
    """The rows of `systems` of these instances, at these prices, whatever they were priced at.

    Rows of older kits, which did not say what was asked, are left out.
    """
    hourly = {price.instance: price.usd_per_hour for price in prices}
    alike = []
    for row in found:
        if row["instance"] in hourly and "like" in row:
            repriced = dict(row)
            repriced.update(priced(row, hourly[row["instance"]]))
            alike.append(repriced)
    return alike


@dataclass
class _Evidence:
    """What is found on the way to a decision: the reasons, and what is missing."""

    because: list[str] = field(default_factory=list)
    missing: list[dict] = field(default_factory=list)

    def lacks(self, why: str, what: str, command: str, hours: float, usd_per_hour: float) -> None:
        self.because.append(why)
        usd = hours * usd_per_hour
        self.missing.append({"what": what, "command": command, "hours": hours, "usd": usd})

    def decision(self, answer: str, saving: dict) -> dict:
        return {
            "answer": answer,
            "because": self.because,
            "missing": self.missing,
            "saving": saving,
        }


def weigh(found: list[dict], prices: dict[str, list[Price]], hours: Hours) -> dict:
    """answer, because, missing (what, command, hours, usd), and the saving that it rests on.

    found: rows of `systems`, `priced` alike. prices: of the instances that each side may be,
    likeliest first. The cheapest system of each side counts, those without gaps before others.
    """
    evidence = _Evidence()
    chosen = {}
    for side in KINDS:
        best = _best_of(side, found, prices[side])
        if best is None:
            _ask_for_a_run(evidence, side, prices[side][0], hours)
            continue
        _ask_for_gaps(evidence, best, hours)
        chosen[side] = best
    if len(chosen) == len(KINDS):
        _ask_for_the_same_work(evidence, chosen["candidate"], chosen["incumbent"], hours)
    if evidence.missing:
        return evidence.decision(NOT_ENOUGH, {})
    return _weigh_both(evidence, chosen["candidate"], chosen["incumbent"])


def _best_of(side: str, found: list[dict], prices: Sequence[Price]) -> dict | None:
    """The cheapest system of a side, those without gaps first; None where none is priced."""
    names = [price.instance for price in prices]
    known = [row for row in found if row["kind"] == KINDS[side] and row["instance"] in names]
    own = [row for row in known if row["usd_per_million"]]

    def order(row: dict) -> tuple:
        return len(row["gaps"]), row["usd_per_million"], row["machine"], row["arm"]

    return min(own, key=order, default=None)


def _ask_for_a_run(evidence: _Evidence, side: str, price: Price, hours: Hours) -> None:
    run = f"measured run on {price.instance}"
    command = f"make run PROFILE={PROFILE_FOR[side]}"
    evidence.lacks(f"no {run} yet", f"a {run}", command, hours(None, []), price.usd_per_hour)


def _ask_for_gaps(evidence: _Evidence, system: dict, hours: Hours) -> None:
    for why, stem in system["gaps"]:
        stems = []
        if stem:
            stems = list(dict.fromkeys([stem, "05_cost"]))
        takes = hours(system["folder"], stems)
        command = _again(system, stems)
        evidence.lacks(why, f"this settled: {why}", command, takes, system["usd_per_hour"])


def _ask_for_the_same_work(evidence: _Evidence, ours: dict, theirs: dict, hours: Hours) -> None:
    """The incumbent asked again as the candidate was, where both were not asked alike."""
    differs = unlike(ours, theirs)
    if not differs:
        return
    names = ", ".join(differs).replace("_", " ")
    settings = []
    for name, value in differs.items():
        if LIKE[name]:
            settings.append(f"{LIKE[name]}.{name}={json.dumps(value)}")
    why = f"both machines differ in {names}"
    what = f"the same {names} on both machines"
    command = _again(theirs, LOAD, settings)
    takes = hours(theirs["folder"], LOAD)
    evidence.lacks(why, what, command, takes, theirs["usd_per_hour"])


def _weigh_both(evidence: _Evidence, ours: dict, theirs: dict) -> dict:
    """The decision on two systems without gaps that were asked alike."""
    saved = savings(ours, theirs)
    evidence.because.append(_in_words(ours, theirs, saved))
    about = {
        "candidate": ours["instance"],
        "incumbent": theirs["instance"],
        "incumbent_arm": theirs["arm"],
    }
    about.update(saved)
    low = saved["saving_low"]
    high = saved["saving_high"]
    if None not in (low, high) and low > 0:
        return evidence.decision("move", about)
    if None not in (low, high) and high < 0:
        return evidence.decision("stay", about)
    for one in (ours, theirs):
        _ask_for_longer(evidence, one, ours, theirs)
    evidence.because = list(dict.fromkeys(evidence.because))  # both ask for the same reason
    return evidence.decision(NOT_ENOUGH, about)


def _in_words(ours: dict, theirs: dict, saved: dict) -> str:
    """How much less a good answer costs, on what, against what, how sure."""
    low = saved["saving_low"]
    high = saved["saving_high"]
    interval = "not known"
    if None not in (low, high):
        interval = f"{low:.0%} to {high:.0%}"
    less_or_more = "less" if saved["saving"] > 0 else "more"
    changed = f"{abs(saved['saving']):.0%} {less_or_more}"
    here, there = (f"{one['instance']} ({one['arm']})" for one in (ours, theirs))
    said = f"a good answer costs {changed} on {here} than on {there}"
    return f"{said}; 95 % interval of the saving {interval}"


def _ask_for_longer(evidence: _Evidence, system: dict, ours: dict, theirs: dict) -> None:
    """The load at a system's best setting that would tell both costs apart, a day at most."""
    hours = min(minutes_more(system, _times_narrower(ours, theirs)) / 60, LONGEST_H)
    why = "the interval of the saving holds zero"
    if hours == LONGEST_H:
        why += "; not even a day of load would tell"
    seconds = math.ceil(system["seconds"] + 3600 * hours / system["runs"])
    settings = [f"concurrency.{knob}={json.dumps([system[key]])}" for knob, key in GRID.items()]
    settings.append(f"concurrency.seconds={seconds}")
    # a run that does not hold still is tried three times, all in one cell
    settings.append(f"common.cell_limit_s={3600 + 4 * seconds}")
    what = f"{60 * hours:.1f} more minutes of load on {system['instance']}"
    evidence.lacks(why, what, _again(system, LOAD, settings), hours, system["usd_per_hour"])


def _times_narrower(ours: dict, theirs: dict) -> float:
    """How many times narrower both intervals must be to tell two costs apart, if ever."""
    cheap, dear = sorted((ours, theirs), key=lambda one: one["usd_per_million"])
    high = cheap["usd_per_million_high"]
    low = dear["usd_per_million_low"]
    apart = dear["usd_per_million"] - cheap["usd_per_million"]
    if not apart or None in (high, low):
        return math.inf
    reach = apart + high - low  # of both intervals, towards each other
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


def _again(system: dict, stems: Sequence[str], settings: Sequence[str] = ()) -> str:
    """The command that runs notebooks of a system's profile again, all where none is named."""
    only = "".join(f" --only {stem}" for stem in stems)
    stated = "".join(f" --set {shlex.quote(one)}" for one in settings)
    return f"blipkit run {system['profile']}{only}{stated}"
