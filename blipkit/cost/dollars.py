"""Dollars per million good answers and per camera; where a saving comes from, what it would take.

A good answer came within the latency target, from an arm that passed parity. Cost is price over
throughput over utilisation, so a ratio of two costs is the product of three ratios: nothing is left
over, and nothing else is in it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from blipkit.cost.prices import Price
from blipkit.cost.rows import AnswerCost, CostRow, MeasuredSetting
from blipkit.records.typed import stored_as
from blipkit.statistics import Interval

HOUR_S, DAY_H = 3600, 24
MONTH_H = 730  # a month as AWS's calculator has it: 8760 hours / 12
ONE_OFF = (
    "engineer_days",
    "usd_per_engineer_day",
    "parallel_days",
    "compile_hours",
    "stranded_usd",
)
# half an interval's width over the figure: a wider one needs a longer measurement
MAX_HALF_WIDTH = 0.10


def usd_per_million(usd_per_hour: float, answers_per_s: float, utilisation: float = 1.0) -> float:
    """USD for a million answers on a machine that is busy this share of the time paid for.

    Good answers or all, as `answers_per_s` counts them.
    """
    return usd_per_hour / HOUR_S / (answers_per_s * utilisation) * 1e6


def answer_cost(
    setting: MeasuredSetting, usd_per_hour: float, utilisation: float = 1.0
) -> AnswerCost:
    """What a million good answers of a setting cost, at this price.

    The interval is the throughput's: the fewest answers per second are the dearest.
    """

    def usd(good_per_s: float) -> float | None:
        if good_per_s <= 0:
            return None
        return usd_per_million(usd_per_hour, good_per_s, utilisation)

    good = setting.good_per_s
    half_width = setting.answers_per_s.half_width
    more = None
    if half_width is not None and setting.seconds:
        more = minutes_more(setting, half_width / MAX_HALF_WIDTH)
    return AnswerCost(usd_per_hour, utilisation, good, good.falling(usd), half_width, more)


def minutes_more(setting: MeasuredSetting, times: float) -> float:
    """Minutes of load, beyond a setting's own, that make its interval so many times narrower.

    They are shared by all its runs.
    An interval shrinks as the root of the time.
    """
    return max(times**2 - 1, 0) * setting.seconds * setting.runs / 60


@dataclass(frozen=True)
class Saving:
    """The share saved by moving, and the effects whose product is the ratio of the costs.

    price_effect: of list prices; contract_effect: of what both sides pay over their list prices.
    """

    saving: Interval
    price_effect: float
    throughput_effect: float
    utilisation_effect: float
    contract_effect: float = 1.0


def saving(candidate_usd: float, incumbent_usd: float) -> float:
    """Share saved by moving, 0.83 for 83 %; negative where the candidate costs more."""
    return 1 - candidate_usd / incumbent_usd


def compare_costs(
    candidate: AnswerCost,
    incumbent: AnswerCost,
    utilisation: tuple[float, float] = (1.0, 1.0),
    contract: tuple[float, float] = (1.0, 1.0),
) -> Saving:
    """The saving of one cost against another, and where it comes from.

    utilisation: of candidate and incumbent; contract: what each pays over its list price. The
    interval goes from dearest against cheapest to the opposite.
    """
    busy, once_busy = utilisation
    paid, once_paid = contract
    candidate_usd = candidate.usd_per_million.times(paid / busy)
    incumbent_usd = incumbent.usd_per_million.times(once_paid / once_busy)
    return Saving(
        saving=candidate_usd.over(incumbent_usd).falling(lambda ratio: 1 - ratio),
        price_effect=candidate.usd_per_hour / incumbent.usd_per_hour,
        throughput_effect=incumbent.good_per_s.value / candidate.good_per_s.value,
        utilisation_effect=once_busy / busy,
        contract_effect=paid / once_paid,
    )


def needed_throughput_ratio(candidate: Price, incumbent: Price, target: float) -> float:
    """How many times the incumbent's throughput the candidate needs, to save `target`."""
    return break_even_ratio(candidate.usd_per_hour, incumbent.usd_per_hour, target)


def break_even_ratio(candidate_usd: float, incumbent_usd: float, target: float) -> float:
    """Throughput of the candidate over the incumbent's at which `target` is saved; USD per hour."""
    return candidate_usd / incumbent_usd / (1 - target)


def needed_incumbent_price(candidate: Price, target: float) -> float:
    """USD per hour that the incumbent must cost, to save `target` at equal throughput."""
    return candidate.usd_per_hour / (1 - target)


@dataclass(frozen=True)
class Fleet:
    """Whole machines for so many cameras, and USD; the lower ends go with the most requests.

    utilisation: the mean load over what the machines carry. events_per_s: of all cameras; an event
    is one frame with all its questions.
    """

    cameras: int
    events_per_day: float
    utilisation: float
    events_per_s: float
    machines: Interval
    usd_per_month: Interval
    usd_per_camera_month: Interval
    usd_per_camera_year: Interval


def fleet(row: CostRow, cameras: int, events_per_day: float, utilisation: float) -> Fleet:
    """What so many cameras take of a priced setting."""
    events_per_s = cameras * events_per_day / DAY_H / HOUR_S

    def machines_for(carried_per_s: float) -> int | None:
        if carried_per_s <= 0:
            return None
        return math.ceil(events_per_s / carried_per_s)

    machines = row.requests_per_s.times(utilisation).falling(machines_for)
    month = machines.times(row.cost.usd_per_hour * MONTH_H)
    camera_month = month.times(1 / cameras)
    return Fleet(
        cameras=cameras,
        events_per_day=events_per_day,
        utilisation=utilisation,
        events_per_s=events_per_s,
        machines=machines,
        usd_per_month=month,
        usd_per_camera_month=camera_month,
        usd_per_camera_year=camera_month.times(12),
    )


@dataclass(frozen=True)
class Payback:
    """Months until a move has paid for itself; None, with the reason, where it has not.

    one_off_usd: what is spent once; None where a part of it was not stated.
    """

    one_off_usd: float | None = None
    months: float | None = None
    reason: str = ""


def payback(one_off: dict[str, float], candidate: Fleet, incumbent: Fleet) -> Payback:
    """Months until what the candidate's fleet saves a month has paid for the move.

    one_off: a number for each of `ONE_OFF`; while parallel_days both fleets run, compile_hours are
    of one candidate, stranded_usd is what the incumbent's contracts still cost after it.
    """
    if unstated := [name for name in ONE_OFF if name not in one_off]:
        return Payback(reason=f"not stated: {', '.join(unstated)}")
    month = candidate.usd_per_month.value
    incumbent_month = incumbent.usd_per_month.value
    people = one_off["engineer_days"] * one_off["usd_per_engineer_day"]
    both = incumbent_month / MONTH_H * DAY_H * one_off["parallel_days"]
    compiling = month / candidate.machines.value / MONTH_H * one_off["compile_hours"]
    spent = people + both + compiling + one_off["stranded_usd"]
    saved = incumbent_month - month
    if saved <= 0:
        return Payback(spent, reason="nothing is saved that could pay for it")
    return Payback(spent, spent / saved)


@dataclass(frozen=True)
class Swing:
    """What a knob alone does to a figure, from one end of its range to the other.

    what: the knob; start, end: of its range; at_start, at_end: the figure there; swing: how far
    these two are apart.
    """

    what: str
    start: float = stored_as("from")
    end: float = stored_as("to")
    at_start: float = stored_as("at_from")
    at_end: float = stored_as("at_to")
    swing: float


def sensitivity(
    figure: Callable[..., float],
    base: dict[str, float],
    ranges: dict[str, tuple[float, float]],
) -> list[Swing]:
    """What each knob alone does to a figure, at both ends of its range, the widest swing first."""
    swings = []
    for knob, (start, end) in ranges.items():
        at_start = _figure_at(figure, base, knob, start)
        at_end = _figure_at(figure, base, knob, end)
        swings.append(Swing(knob, start, end, at_start, at_end, abs(at_end - at_start)))
    return sorted(swings, key=lambda row: (-row.swing, row.what))


def _figure_at(
    figure: Callable[..., float], base: dict[str, float], knob: str, value: float
) -> float:
    """A figure of the knobs in `base`, one of them with another value."""
    knobs = dict(base)
    knobs[knob] = value
    return figure(**knobs)
