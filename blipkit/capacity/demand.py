"""The requests of many cameras through a day, seeded, and drawn a piece of the day at a time.

Events come as a Poisson process whose rate follows the day's shape. One event may make several
requests at once, and a camera may repeat within seconds; both make bursts, and are within the mean
that is stated.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blipkit.capacity.shapes import (
    CELL_S,
    DAY_S,
    FLAT,
    HOLIDAY,
    HOURS,
    MINUTES,
    NAMES,
    cell_hours,
    evening,
    flat,
    holiday_times,
    read_minutes,
)
from blipkit.errors import BadInput, nearest, shown


@dataclass(frozen=True)
class Repeats:
    """How a camera goes on: `events` more for each one on average, `seconds` apart on average."""

    events: float = 0.0
    seconds: float = 1.0


@dataclass(frozen=True)
class Burst:
    """Many cameras at once, as in a thunderstorm: a share of them, within so many seconds.

    at_h: the hour of the day in which it begins.
    """

    share: float = 0.0
    seconds: float = 60.0
    at_h: float = 20.0


@dataclass(frozen=True)
class Demand:
    """What cameras ask in a day. per_s: expected requests per second, for each cell of the day.

    yesterday_per_s: the same of an ordinary day, without holiday or burst; at_once: requests that
    one event makes.
    """

    cameras: int
    per_s: np.ndarray
    yesterday_per_s: np.ndarray
    at_once: int = 1
    repeats: Repeats = Repeats()

    @property
    def requests(self) -> float:
        """Expected in the day."""
        return float(self.per_s.sum() * CELL_S)

    def per_minute(self) -> np.ndarray:
        """Expected requests in each minute."""
        return self.per_s.reshape(MINUTES, -1).sum(axis=1) * CELL_S

    def times(self, factor: float) -> "Demand":
        """The same day with so many times the cameras."""
        return Demand(
            round(self.cameras * factor),
            self.per_s * factor,
            self.yesterday_per_s * factor,
            self.at_once,
            self.repeats,
        )


def day_of(
    cameras: int,
    events_per_day: float,
    shape: str,
    peak_ratio: float = 3.0,
    time_zones: Mapping[str, float] | None = None,
    at_once: int = 1,
) -> Demand:
    """The demand of cameras that each have so many events a day.

    shape: one of NAMES, or the path of a CSV file, whose counts are all cameras' together.
    time_zones: hours ahead of the first zone's clock -> share of the cameras.
    """
    if shape not in NAMES:
        if time_zones:
            problem = "capacity.time_zones are stated, and capacity.shape is a file"
            raise BadInput(f"{problem}, which has its own hours; leave one of them out")
        return _of_file(cameras, shape, at_once)
    ordinary = np.zeros(DAY_S // CELL_S)
    today = np.zeros_like(ordinary)
    for ahead_h, share in zone_shares(time_zones or {}).items():
        hours = (cell_hours() + ahead_h) % 24
        spread = flat(hours) if shape == FLAT else evening(hours, peak_ratio)
        ordinary += share * spread
        today += share * spread * (holiday_times(hours) if shape == HOLIDAY else 1.0)
    mean_per_s = cameras * events_per_day * at_once / DAY_S
    return Demand(cameras, today * mean_per_s, ordinary * mean_per_s, at_once)


def _of_file(cameras: int, shape: str, at_once: int) -> Demand:
    """The demand that a user's CSV file says."""
    if "/" not in shape and not shape.endswith(".csv"):
        raise BadInput(f"capacity.shape is {shown(shape)}; {nearest(shape, NAMES)}, or a CSV file")
    per_minute = read_minutes(Path(shape))
    per_s = np.repeat(per_minute / 60, 60 // CELL_S)
    return Demand(cameras, per_s, per_s, at_once)


def zone_shares(time_zones: Mapping[str, float]) -> dict[float, float]:
    """Hours ahead -> share of the cameras; all in one zone where none is stated."""
    shares: dict[float, float] = {}
    for text, share in time_zones.items():
        hours = _hours_ahead(text)
        shares[hours] = shares.get(hours, 0.0) + share
    if shares and abs(sum(shares.values()) - 1) > 1e-6:
        seen = f"the shares add up to {sum(shares.values()):g}"
        raise BadInput(f"capacity.time_zones: {seen}; expected 1")
    return shares or {0.0: 1.0}


def _hours_ahead(text: str) -> float:
    """Of a time zone, as the knob names it; no clock is a day ahead of another, or more."""
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not abs(hours) < HOURS:
        expected = 'expected hours ahead, such as "-3": 0.5, less than 24'
        raise BadInput(f"capacity.time_zones: {shown(text)}; {expected}")
    return hours


def with_burst(demand: Demand, burst: Burst) -> Demand:
    """The demand with one more event of many cameras at once, which nobody foresaw."""
    if not burst.share:
        return demand
    starts = np.arange(len(demand.per_s)) * CELL_S
    begins = burst.at_h * 3600
    overlap = np.minimum(starts + CELL_S, begins + burst.seconds) - np.maximum(starts, begins)
    more = demand.cameras * burst.share * demand.at_once / burst.seconds
    per_s = demand.per_s + more * np.clip(overlap, 0, None) / CELL_S
    ordinary = demand.yesterday_per_s
    return Demand(demand.cameras, per_s, ordinary, demand.at_once, demand.repeats)


class Arrivals:
    """The requests of one day, drawn piece by piece: as much memory as a piece takes."""

    def __init__(self, demand: Demand, seed: int):
        self._demand = demand
        self._random = np.random.default_rng([seed, 10])
        self._later = np.empty(0)  # repeats of events that came before
        first_s = demand.at_once * (1 + demand.repeats.events)
        self._events = demand.per_s * CELL_S / first_s

    def between(self, start_s: int, end_s: int) -> tuple[np.ndarray, np.ndarray]:
        """(times in s, ascending; a draw of each, from 0 to below 1) of a piece of the day.

        start_s, end_s: edges of cells; pieces are asked for one after the other.
        """
        cells = np.arange(start_s // CELL_S, end_s // CELL_S)
        counts = self._random.poisson(self._events[cells])
        times = self._random.random(counts.sum())
        times *= CELL_S
        times += np.repeat(cells * float(CELL_S), counts)
        if self._demand.repeats.events:
            times = self._with_repeats(times, end_s)
        times.sort()
        if self._demand.at_once > 1:
            times = np.repeat(times, self._demand.at_once)
        return times, self._random.random(len(times))

    def _with_repeats(self, times: np.ndarray, end_s: int) -> np.ndarray:
        """These events, their repeats, and those of earlier ones, as far as they are due."""
        more = self._random.poisson(self._demand.repeats.events, len(times))
        owner = np.repeat(np.arange(len(times)), more)
        gaps = self._random.exponential(self._demand.repeats.seconds, len(owner))
        run = np.cumsum(gaps)
        firsts = np.concatenate([[0.0], run])[np.cumsum(more) - more]
        repeated = times[owner] + run - firsts[owner]
        due = np.concatenate([times, repeated, self._later])
        self._later = due[due >= end_s]
        return due[due < end_s]
