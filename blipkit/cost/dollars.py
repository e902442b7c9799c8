"""Dollars per million good answers and per camera; where a saving comes from, what it would take.

A good answer came within the latency target, from an arm that passed parity. Cost is price over
throughput over utilisation, so a ratio of two costs is the product of three ratios: nothing is left
over, and nothing else is in it.
"""

import math
from collections.abc import Callable

from blipkit.cost.prices import Price

HOUR_S, DAY_H, YEAR_D = 3600, 24, 365
MONTH_H = 730  # a month as AWS's calculator has it: 8760 hours / 12
ONE_OFF = ("engineer_days", "usd_per_engineer_day", "parallel_days", "compile_hours")
WIDE = 0.10  # half an interval's width over the figure: a wider one needs a longer measurement


def usd_per_million(usd_per_hour: float, answers_per_s: float, utilisation: float = 1.0) -> float:
    """USD for a million answers on a machine that is busy this share of the time paid for."""
    return usd_per_hour / HOUR_S / (answers_per_s * utilisation) * 1e6


def priced(row: dict, usd_per_hour: float, utilisation: float = 1.0) -> dict:
    """What a million good answers of a setting of 04 cost, with an interval; None where not known.

    The interval is the throughput's: the fewest answers per second are the dearest. half_width: of
    the interval, over the figure; minutes_more: of load, until that is `WIDE`.
    """
    share = row["within_target"] or 0.0  # None: there was not one answer
    good = row["answers_per_s"] * share
    fewest = row["answers_per_s_low"] * share
    most = row["answers_per_s_high"] * share
    half_width = _half_width(row)
    more = None
    if half_width is not None:
        more = minutes_more(row, half_width / WIDE)
    return {
        "usd_per_hour": usd_per_hour,
        "utilisation": utilisation,
        "good_per_s": good,
        "good_per_s_low": fewest,
        "good_per_s_high": most,
        "usd_per_million": _cost_if_any(usd_per_hour, good, utilisation),
        "usd_per_million_low": _cost_if_any(usd_per_hour, most, utilisation),
        "usd_per_million_high": _cost_if_any(usd_per_hour, fewest, utilisation),
        "half_width": half_width,
        "minutes_more": more,
    }


def _cost_if_any(usd_per_hour: float, good_per_s: float, utilisation: float) -> float | None:
    """USD for a million answers; None where there is not one."""
    if good_per_s <= 0:
        return None
    return usd_per_million(usd_per_hour, good_per_s, utilisation)


def _half_width(row: dict) -> float | None:
    """Half the width of a throughput's interval, over the throughput; None where that is zero."""
    if not row["answers_per_s"]:
        return None
    return (row["answers_per_s_high"] - row["answers_per_s_low"]) / 2 / row["answers_per_s"]


def minutes_more(row: dict, times: float) -> float:
    """Minutes of load, beyond a setting's own, that make its interval so many times narrower.

    An interval shrinks as the root of the time.
    """
    return max(times**2 - 1, 0) * row["seconds"] * row["runs"] / 60


def saving(candidate_usd: float, incumbent_usd: float) -> float:
    """Share saved by moving, 0.83 for 83 %; negative where the candidate costs more."""
    return 1 - candidate_usd / incumbent_usd


def savings(
    candidate: dict,
    incumbent: dict,
    utilisation: tuple[float, float] = (1.0, 1.0),
) -> dict:
    """The saving of one `priced` system against another, and the three effects it comes from.

    The effects' product is the ratio of the two costs. utilisation: of candidate and incumbent. The
    interval goes from dearest against cheapest to the opposite; None for an end that is not known.
    """
    busy, once_busy = utilisation
    cheapest, usual, dearest = _costs(candidate, busy)
    their_cheapest, their_usual, their_dearest = _costs(incumbent, once_busy)
    return {
        "price_effect": candidate["usd_per_hour"] / incumbent["usd_per_hour"],
        "throughput_effect": incumbent["good_per_s"] / candidate["good_per_s"],
        "utilisation_effect": once_busy / busy,
        "saving": _saving_if_known(usual, their_usual),
        "saving_low": _saving_if_known(dearest, their_cheapest),
        "saving_high": _saving_if_known(cheapest, their_dearest),
    }


def _costs(system: dict, busy: float) -> tuple[float | None, float | None, float | None]:
    """USD per million on machines busy this share of the time: lower end, figure, upper end."""
    low, usd, high = (system[f"usd_per_million{end}"] for end in ("_low", "", "_high"))
    return _over(low, busy), _over(usd, busy), _over(high, busy)


def _over(usd: float | None, busy: float) -> float | None:
    if usd is None:
        return None
    return usd / busy


def _saving_if_known(candidate_usd: float | None, incumbent_usd: float | None) -> float | None:
    if not candidate_usd or not incumbent_usd:
        return None
    return saving(candidate_usd, incumbent_usd)


def needed_throughput_ratio(candidate: Price, incumbent: Price, target: float) -> float:
    """How many times the incumbent's throughput the candidate needs, to save `target`."""
    return break_even_ratio(candidate.usd_per_hour, incumbent.usd_per_hour, target)


def break_even_ratio(candidate_usd: float, incumbent_usd: float, target: float) -> float:
    """Throughput of the candidate over the incumbent's at which `target` is saved; USD per hour."""
    return candidate_usd / incumbent_usd / (1 - target)


def needed_incumbent_price(candidate: Price, target: float) -> float:
    """USD per hour that the incumbent must cost, to save `target` at equal throughput."""
    return candidate.usd_per_hour / (1 - target)


def fleet(system: dict, cameras: int, events_per_day: float, utilisation: float) -> dict:
    """Whole machines for so many cameras, and USD; an event is one frame with all its questions.

    system: a record of kind `cost`. utilisation: the mean load over what the machines carry at the
    operating point. The lower ends go with the most requests per second.
    """
    events_per_s = cameras * events_per_day / DAY_H / HOUR_S
    machines = _machines(events_per_s, system["requests_per_s"] * utilisation)
    least = _machines(events_per_s, system["requests_per_s_high"] * utilisation)
    most = _machines(events_per_s, system["requests_per_s_low"] * utilisation)
    month = _usd_per_month(machines, system)
    month_low = _usd_per_month(least, system)
    month_high = _usd_per_month(most, system)
    return {
        "cameras": cameras,
        "events_per_day": events_per_day,
        "utilisation": utilisation,
        "events_per_s": events_per_s,
        "machines": machines,
        "machines_low": least,
        "machines_high": most,
        "usd_per_month": month,
        "usd_per_month_low": month_low,
        "usd_per_month_high": month_high,
        "usd_per_camera_month": _per_camera(month, 1, cameras),
        "usd_per_camera_month_low": _per_camera(month_low, 1, cameras),
        "usd_per_camera_month_high": _per_camera(month_high, 1, cameras),
        "usd_per_camera_year": _per_camera(month, 12, cameras),
        "usd_per_camera_year_low": _per_camera(month_low, 12, cameras),
        "usd_per_camera_year_high": _per_camera(month_high, 12, cameras),
    }


def _machines(events_per_s: float, carried_per_s: float) -> int | None:
    """Whole machines that carry so many events per second; None where one carries nothing."""
    if carried_per_s <= 0:
        return None
    return math.ceil(events_per_s / carried_per_s)


def _usd_per_month(machines: int | None, system: dict) -> float | None:
    if machines is None:
        return None
    return machines * system["usd_per_hour"] * MONTH_H


def _per_camera(usd_per_month: float | None, months: int, cameras: int) -> float | None:
    """USD per camera and so many months; None where a month's are not known."""
    if usd_per_month is None:
        return None
    return months * usd_per_month / cameras


def camera_year(
    requests_per_s: float,
    usd_per_hour: float,
    utilisation: float,
    events_per_day: float,
) -> float:
    """USD for one camera's events of a year: its share of a machine, not of whole machines."""
    hours = events_per_day * YEAR_D / (requests_per_s * HOUR_S * utilisation)
    return hours * usd_per_hour


def payback(one_off: dict[str, float], candidate: dict, incumbent: dict) -> dict:
    """Months until what a `fleet` saves a month has paid for the move; None with the reason if not.

    one_off: a number for each of `ONE_OFF`; while parallel_days both fleets run, compile_hours are
    of one candidate.
    """
    if unsaid := [name for name in ONE_OFF if name not in one_off]:
        return {"one_off_usd": None, "months": None, "reason": f"not stated: {', '.join(unsaid)}"}
    people = one_off["engineer_days"] * one_off["usd_per_engineer_day"]
    both = incumbent["usd_per_month"] / MONTH_H * DAY_H * one_off["parallel_days"]
    one_machine = candidate["usd_per_month"] / candidate["machines"]
    compiling = one_machine / MONTH_H * one_off["compile_hours"]
    spent = people + (both + compiling)
    saved = incumbent["usd_per_month"] - candidate["usd_per_month"]
    if saved <= 0:
        reason = "nothing is saved that could pay for it"
        return {"one_off_usd": spent, "months": None, "reason": reason}
    return {"one_off_usd": spent, "months": spent / saved, "reason": ""}


def sensitivity(
    figure: Callable[..., float],
    base: dict,
    ranges: dict[str, tuple[float, float]],
) -> list[dict]:
    """What each knob alone does to a figure, at both ends of its range, the widest swing first."""
    rows = []
    for name, (start, end) in ranges.items():
        at_start = _figure_at(figure, base, name, start)
        at_end = _figure_at(figure, base, name, end)
        rows.append(
            {
                "what": name,
                "from": start,
                "to": end,
                "at_from": at_start,
                "at_to": at_end,
                "swing": abs(at_end - at_start),
            }
        )
    return sorted(rows, key=lambda row: (-row["swing"], row["what"]))


def _figure_at(figure: Callable[..., float], base: dict, name: str, value: float) -> float:
    """A figure of the knobs in `base`, one of them with another value."""
    knobs = dict(base)
    knobs[name] = value
    return figure(**knobs)
