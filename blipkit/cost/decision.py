"""Move, stay, or not enough evidence: weighed on what was measured, and what would have to be measured else."""

import contextlib
import json
import math
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from blipkit.cost.dollars import minutes_more, priced, savings
from blipkit.cost.knobs import Cost
from blipkit.cost.prices import Price, find_price, load_prices
from blipkit.cost.systems import LIKE, systems, unlike
from blipkit.errors import BadInput
from blipkit.records.documents import read_document
from blipkit.records.results import Results

NOT_ENOUGH = "not enough evidence"
SIDES = {"candidate": ("neuron", "inf2"), "incumbent": ("cuda", "gpu")}  # -> kind of machine, profile that measures it
LONGEST_H = 24.0  # of load: what so much does not tell apart costs alike
LOAD = ["04_concurrency", "05_cost"]
GRID = {"placements": "placement", "servers": "servers", "clients": "clients"}  # knob of 04 -> where a row has it


def decide(folders: Sequence[Results], knobs: Cost) -> dict:
    """`weigh` on the systems of these results folders, all priced alike; knobs: those of the section `cost`."""
    table = load_prices(knobs.own_prices)

    def price(name: str) -> Price:
        return find_price(table, name, knobs.region, knobs.option)

    prices = {"candidate": [price(knobs.candidate)], "incumbent": [price(name) for name in knobs.incumbents]}
    found = priced_alike(systems(folders), [*prices["candidate"], *prices["incumbent"]])
    return weigh(found, prices, lambda folder, stems: hours_taken(folder, stems) or knobs.rental_hours)


def priced_alike(found: list[dict], prices: Sequence[Price]) -> list[dict]:
    """The rows of `systems` that are of these instances, at these prices, whatever their folders were priced at.

    Rows of older kits, which did not say what was asked, are left out.
    """
    hourly = {price.instance: price.usd_per_hour for price in prices}
    found = [row for row in found if row["instance"] in hourly and "like" in row]
    return [row | priced(row, hourly[row["instance"]]) for row in found]


def weigh(found: list[dict], prices: dict[str, list[Price]], hours: Callable) -> dict:
    """answer, because, missing (what, command, hours, usd), and the saving that it rests on, empty without both sides.

    found: rows of `systems`, `priced` alike. prices: of the instances that each side may be, likeliest first.
    hours(folder, notebooks): what these notebooks took there; with None, what a first run takes. The cheapest system of
    each side counts, those without gaps before others.
    """
    because, missing, chosen = [], [], {}

    def add(why: str, what: str, command: str, takes: float, usd_per_hour: float) -> None:
        because.append(why)
        missing.append({"what": what, "command": command, "hours": takes, "usd": takes * usd_per_hour})

    for side, (kind, profile) in SIDES.items():
        names, first = [price.instance for price in prices[side]], prices[side][0]
        own = [s for s in found if s["kind"] == kind and s["instance"] in names and s["usd_per_million"]]
        if not own:
            run, takes = f"measured run on {first.instance}", hours(None, [])
            add(f"no {run} yet", f"a {run}", f"make run PROFILE={profile}", takes, first.usd_per_hour)
            continue
        best = chosen[side] = min(own, key=lambda s: (len(s["gaps"]), s["usd_per_million"], s["machine"], s["arm"]))
        for why, stem in best["gaps"]:
            stems = list(dict.fromkeys([stem, "05_cost"])) if stem else []
            add(why, f"this settled: {why}", _again(best, stems), hours(best["folder"], stems), best["usd_per_hour"])
    if len(chosen) == len(SIDES) and (differs := unlike(*chosen.values())):
        names, theirs = ", ".join(differs).replace("_", " "), chosen["incumbent"]
        asked = [f"{LIKE[name]}.{name}={json.dumps(value)}" for name, value in differs.items() if LIKE[name]]
        what, command = f"the same {names} on both machines", _again(theirs, LOAD, asked)
        add(f"both machines differ in {names}", what, command, hours(theirs["folder"], LOAD), theirs["usd_per_hour"])
    if missing:
        return {"answer": NOT_ENOUGH, "because": because, "missing": missing, "saving": {}}
    ours, theirs = chosen.values()
    saved = savings(ours, theirs)
    low, high = saved["saving_low"], saved["saving_high"]
    interval = "not known" if None in (low, high) else f"{low:.0%} to {high:.0%}"
    changed = f"{abs(saved['saving']):.0%} {'less' if saved['saving'] > 0 else 'more'}"
    said = f"a good answer costs {changed} on {ours['instance']} ({ours['arm']}) than on {theirs['instance']} ({theirs['arm']})"
    because.append(f"{said}; 95 % interval of the saving {interval}")
    if None in (low, high) or low <= 0 <= high:
        for one in (ours, theirs):
            add(*_longer(one, ours, theirs), one["usd_per_hour"])
    answer = NOT_ENOUGH if missing else "move" if low > 0 else "stay"
    about = {"candidate": ours["instance"], "incumbent": theirs["instance"], "incumbent_arm": theirs["arm"]}
    return {"answer": answer, "because": list(dict.fromkeys(because)), "missing": missing, "saving": about | saved}


def hours_taken(folder: str | None, stems: Sequence[str]) -> float | None:
    """Hours that notebooks, or all, took when they ran into a results folder; None where it does not say."""
    with contextlib.suppress(BadInput, KeyError, TypeError):  # TypeError: no folder
        run = read_document(Path(folder, "run.json"))["notebooks"]
        return sum(run[stem]["seconds"] for stem in stems or run) / 3600


def _again(system: dict, stems: Sequence[str], settings: Sequence[str] = ()) -> str:
    """The command that runs these notebooks of a system's profile again, all where none is named."""
    only = "".join(f" --only {stem}" for stem in stems)
    return f"blipkit run {system['profile']}{only}" + "".join(f" --set {shlex.quote(one)}" for one in settings)


def _longer(system: dict, *both: dict) -> tuple[str, str, str, float]:
    """Why, what, command and hours of the load that would tell both costs apart: intervals shrink as the root of the time."""
    cheap, dear = sorted(both, key=lambda one: one["usd_per_million"])
    high, low = cheap["usd_per_million_high"], dear["usd_per_million_low"]
    apart = dear["usd_per_million"] - cheap["usd_per_million"]
    reach = math.inf if None in (high, low) else apart + high - low  # of both intervals, towards each other
    hours = min(minutes_more(system, reach / apart) / 60 if apart else math.inf, LONGEST_H)
    why = "the interval of the saving holds zero" + "; not even a day of load would tell" * (hours == LONGEST_H)
    seconds = math.ceil(system["seconds"] + 3600 * hours / system["runs"])
    asked = [f"concurrency.{knob}={json.dumps([system[key]])}" for knob, key in GRID.items()]
    # a run that does not hold still is tried three times, all in one cell
    asked += [f"concurrency.seconds={seconds}", f"common.cell_limit_s={3600 + 4 * seconds}"]
    command = _again(system, LOAD, asked)
    return why, f"{60 * hours:.1f} more minutes of load on {system['instance']}", command, hours
