"""How a day's requests are spread over its hours: shapes with a mean of one, and a user's own."""

from pathlib import Path

import numpy as np

from blipkit.errors import BadInput, shown
from blipkit.reading.csv_text import csv_rows

DAY_S, HOURS, MINUTES = 86_400, 24, 1440
CELL_S = 10  # within one, the rate is constant
EVENING_H, EVENING_WIDTH_H = 20.0, 2.2  # when it is busiest, and the spread of a normal curve
HOLIDAY_TIMES, HOLIDAY_H, HOLIDAY_RISE_H = 2.0, 1.0, 1 / 12  # how much more, how long, how soon
FLAT, EVENING, HOLIDAY = "flat", "evening", "holiday"
NAMES = (FLAT, EVENING, HOLIDAY)
COLUMNS = ["minute", "requests"]


def cell_hours() -> np.ndarray:
    """The hour of day in the middle of each cell."""
    return (np.arange(DAY_S // CELL_S) + 0.5) * CELL_S / 3600


def flat(hours: np.ndarray) -> np.ndarray:
    """As much at any time."""
    return np.ones_like(hours)


def evening(hours: np.ndarray, peak_ratio: float) -> np.ndarray:
    """A normal curve around the evening upon an even load, `peak_ratio` times the mean at most.

    BadInput where even a day without any load but that curve has a lower peak.
    """
    away = (hours - EVENING_H + HOURS / 2) % HOURS - HOURS / 2
    curve = np.exp(-((away / EVENING_WIDTH_H) ** 2) / 2)
    steepest = HOURS / (EVENING_WIDTH_H * np.sqrt(2 * np.pi))  # its own peak over its mean
    if not 1 <= peak_ratio <= steepest:
        expected = f"expected 1 to {steepest:.1f}, or a CSV file of yours as capacity.shape"
        raise BadInput(f"capacity.peak_ratio is {peak_ratio:g}; {expected}")
    share = (peak_ratio - 1) / (steepest - 1)
    return 1 - share + share * curve * steepest


def holiday_times(hours: np.ndarray) -> np.ndarray:
    """By how much a holiday's hour is above an ordinary evening: within minutes, for an hour."""
    since = hours - EVENING_H
    rise = np.clip(since / HOLIDAY_RISE_H, 0, 1)
    fall = np.clip((HOLIDAY_H + HOLIDAY_RISE_H - since) / HOLIDAY_RISE_H, 0, 1)
    return 1 + (HOLIDAY_TIMES - 1) * np.minimum(rise, fall)


def read_minutes(path: Path) -> np.ndarray:
    """Requests in each minute of a day, from a CSV file with the columns minute and requests.

    BadInput names the line of what is no count, and the minutes that are missing or stand twice.
    """
    expected = "expected the columns minute (0 to 1439) and requests, a line for each minute"
    rows = csv_rows(path, expected)
    if not rows or rows[0][1] != COLUMNS:
        seen = shown(",".join(rows[0][1])) if rows else "an empty file"
        raise BadInput(f"{path}: the first line is {seen}; {expected}")
    counts = np.full(MINUTES, np.nan)
    for line, cells in rows[1:]:
        minute, requests = _minute(cells, f"{path}, line {line}")
        if not np.isnan(counts[minute]):
            raise BadInput(f"{path}, line {line}: minute {minute} stands twice; {expected}")
        counts[minute] = requests
    missing = np.flatnonzero(np.isnan(counts))
    if len(missing):
        seen = f"{len(missing)} minutes are missing, the first is {missing[0]}"
        raise BadInput(f"{path}: {seen}; {expected}")
    if not counts.any():
        raise BadInput(f"{path}: every minute has 0 requests; expected a day with some")
    return counts


def _minute(cells: list[str], where: str) -> tuple[int, float]:
    """(minute, requests) of a line."""
    try:
        minute, requests = cells
        number, count = int(minute), float(requests)
    except ValueError:
        seen = shown(",".join(cells))
        raise BadInput(f"{where}: saw {seen}; expected a minute and a number") from None
    if not 0 <= number < MINUTES:
        raise BadInput(f"{where}: minute {number}; expected 0 to {MINUTES - 1}, one day")
    if not (np.isfinite(count) and count >= 0):
        raise BadInput(f"{where}: {requests} requests; expected a count of zero or more")
    return number, count
