"""Dollars per million good answers and per camera; where a saving comes from, and what it would take.

A good answer came within the latency target, from an arm that passed parity. Cost is price over throughput over
utilisation, so a ratio of two costs is the product of three ratios: nothing is left over, and nothing else is in it.
"""

import math
from collections.abc import Callable

from blipkit.cost.prices import Price

HOUR_S, DAY_H, MONTH_H = 3600, 24, 730  # a month as AWS's calculator has it: 8760 hours / 12
TURNED = {"": "", "_low": "_high", "_high": "_low"}  # the fewest answers are the dearest
ONE_OFF = ("engineer_days", "usd_per_engineer_day", "parallel_days", "compile_hours")
WIDE = 0.10  # half an interval's width over the figure: a wider one needs a longer measurement


def usd_per_million(usd_per_hour: float, answers_per_s: float, utilisation: float = 1.0) -> float:
    """USD for a million answers on a machine that is busy this share of the time that is paid for."""
    return usd_per_hour / HOUR_S / (answers_per_s * utilisation) * 1e6


def priced(row: dict, usd_per_hour: float, utilisation: float = 1.0) -> dict:
    """What a million good answers of a setting of 04 cost, with the interval that its throughput's gives; None if not known.

    half_width: of the interval, over the figure; minutes_more: of load, until that is `WIDE`.
    """
    found = {"usd_per_hour": usd_per_hour, "utilisation": utilisation}
    for end, other in TURNED.items():
        found[f"good_per_s{end}"] = good = row[f"answers_per_s{end}"] * (row["within_target"] or 0)  # None: none at all
        found[f"usd_per_million{other}"] = usd_per_million(usd_per_hour, good, utilisation) if good > 0 else None
    rate, low, high = (row[f"answers_per_s{end}"] for end in TURNED)
    half = (high - low) / 2 / rate if rate else None
    return found | {"half_width": half, "minutes_more": half and minutes_more(row, half / WIDE)}


def minutes_more(row: dict, times: float) -> float:
    """Minutes of load beyond those of a setting that make its interval so many times narrower: it shrinks as their root."""
    return max(times**2 - 1, 0) * row["seconds"] * row["runs"] / 60


def saving(candidate_usd: float, incumbent_usd: float) -> float:
    """Share saved by moving, 0.83 for 83 %; negative where the candidate costs more."""
    return 1 - candidate_usd / incumbent_usd


def savings(candidate: dict, incumbent: dict, utilisation: tuple[float, float] = (1.0, 1.0)) -> dict:
    """The saving of one `priced` system against another, its interval, and the three effects whose product is the cost ratio.

    utilisation: of candidate and incumbent. The interval holds both systems': from dearest against cheapest to the
    opposite; an end is None where one of theirs is.
    """
    ends, (busy, once_busy) = {}, utilisation
    for end, other in TURNED.items():
        ours, theirs = candidate[f"usd_per_million{other}"], incumbent[f"usd_per_million{end}"]
        ends[f"saving{end}"] = saving(ours / busy, theirs / once_busy) if ours and theirs else None
    return {
        "price_effect": candidate["usd_per_hour"] / incumbent["usd_per_hour"],
        "throughput_effect": incumbent["good_per_s"] / candidate["good_per_s"],
        "utilisation_effect": once_busy / busy,
        **ends,
    }


def needed_throughput_ratio(candidate: Price, incumbent: Price, target: float) -> float:
    """How many times the incumbent's throughput the candidate must have to save `target` at these prices."""
    return candidate.usd_per_hour / incumbent.usd_per_hour / (1 - target)


def needed_incumbent_price(candidate: Price, target: float) -> float:
    """USD per hour that the incumbent must cost for the candidate to save `target` at equal throughput."""
    return candidate.usd_per_hour / (1 - target)


def fleet(system: dict, cameras: int, events_per_day: float, utilisation: float) -> dict:
    """Whole machines for so many cameras, and USD; an event is one frame with all its questions.

    system: a record of kind `cost`. utilisation: the mean load over what the machines carry at the operating point.
    """
    per_s = cameras * events_per_day / DAY_H / HOUR_S
    row = {"cameras": cameras, "events_per_day": events_per_day, "utilisation": utilisation, "events_per_s": per_s}
    for end, other in TURNED.items():
        carried = system[f"requests_per_s{other}"] * utilisation
        machines = math.ceil(per_s / carried) if carried > 0 else None
        usd = machines and machines * system["usd_per_hour"] * MONTH_H
        row |= {f"machines{end}": machines, f"usd_per_month{end}": usd}
        row |= {
            f"usd_per_camera_month{end}": usd and usd / cameras,
            f"usd_per_camera_year{end}": usd and 12 * usd / cameras,
        }
    return row


def payback(one_off: dict[str, float], candidate: dict, incumbent: dict) -> dict:
    """Months until what a `fleet` saves a month has paid for the move; None with the reason where that is not known.

    one_off: a number for each of `ONE_OFF`; while parallel_days both fleets run, compile_hours are of one candidate.
    """
    if unsaid := [name for name in ONE_OFF if name not in one_off]:
        return {"one_off_usd": None, "months": None, "reason": f"not stated: {', '.join(unsaid)}"}
    a_month = candidate["usd_per_month"] / candidate["machines"]
    spent = one_off["engineer_days"] * one_off["usd_per_engineer_day"]
    spent += (
        incumbent["usd_per_month"] / MONTH_H * DAY_H * one_off["parallel_days"]
        + a_month / MONTH_H * one_off["compile_hours"]
    )
    saved = incumbent["usd_per_month"] - candidate["usd_per_month"]
    months, reason = (spent / saved, "") if saved > 0 else (None, "nothing is saved that could pay for it")
    return {"one_off_usd": spent, "months": months, "reason": reason}


def sensitivity(figure: Callable[..., float], base: dict, ranges: dict[str, tuple[float, float]]) -> list[dict]:
    """What each knob alone does to a figure, the widest swing first: the figure at both ends of the knob's range."""
    rows = []
    for name, ends in ranges.items():
        low, high = (figure(**{**base, name: end}) for end in ends)
        rows.append(
            {"what": name, "from": ends[0], "to": ends[1], "at_from": low, "at_to": high, "swing": abs(high - low)}
        )
    return sorted(rows, key=lambda row: (-row["swing"], row["what"]))
