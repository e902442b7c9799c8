"""The rows of a grid: each setting's summary, what was predicted of it, and where it stands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas

from blipkit.load.recommend import best_setting
from blipkit.load.setting import Setting, name_of
from blipkit.load.summary import Basis, summarise

SATURATED = 0.95  # of the highest throughput of as many servers
OVERHEAD = 2  # rows at the head of a grid that are our own overhead: no model, then no work in it


@dataclass(frozen=True)
class Target:
    """What the rows are judged by.

    percentile: of latency, that the target is about; limit_ms: the target; shared: whether the
    machine is not ours alone, so that unstable settings may be recommended, too.
    """

    percentile: float
    limit_ms: float
    shared: bool


def predicted_latency_ms(service_ms: float, servers: int, clients: int) -> float:
    """What C clients on S servers see: nobody waits until clients outnumber servers."""
    return service_ms * max(clients / servers, 1)


def summary_row(
    setting: Setting, requests: pandas.DataFrame, counts: Sequence[dict], basis: Basis
) -> dict:
    """A setting's row, from the requests and counts of all settings."""
    own = requests.merge(pandas.DataFrame([setting.row]))
    about = [run for run in counts if setting.is_that_of(run)]
    row = dict(setting.row)
    row.update(summarise(own, about, basis))
    return row


def complete(rows: list[dict], target: Target) -> None:
    """Add to each row what follows from the others; the first OVERHEAD are our own overhead."""
    fed_percent = feeding_percent(rows[1])
    for row in rows:
        service_ms = service_time_ms(row, rows)
        row["predicted_ms"] = predicted_latency_ms(service_ms, row["servers"], row["clients"])
        row["ratio"] = known(row["mean_ms"]) / row["predicted_ms"]
    # the first row feeds nothing: it has no frames and no preprocessing
    rows[0]["feeding_percent"] = None
    for row in rows[1:]:
        row["feeding_percent"] = fed_percent * row["requests_per_s"]
    measured = rows[OVERHEAD:]
    for row in measured:
        most = max(other["requests_per_s"] for other in measured if as_placed(other, row))
        row["setting"] = name_of(row)
        row["saturated"] = row["requests_per_s"] >= SATURATED * most
    mark_best(rows, target)


def feeding_percent(null: dict) -> float:
    """Percent of the host's CPU that clients and preprocessing take for one request a second.

    null: the row of a runner that does nothing; nan where nothing was answered.
    """
    return null["host_percent"] / (null["requests_per_s"] or math.nan)


def service_time_ms(row: dict, rows: Sequence[dict]) -> float:
    """Of a request alone, by the first setting of as many clients as are served as this row's."""
    same = ("arm", "call", "placement")
    first = next(other for other in rows if all(other[key] == row[key] for key in same))
    return known(first["mean_ms"]) / first["clients"]


def known(value: float | None) -> float:
    """A figure, or nan where there is none."""
    return value or math.nan


def as_placed(one: dict, other: dict) -> bool:
    """Whether two settings differ in nothing but clients."""
    return all(one[key] == other[key] for key in ("arm", "call", "placement", "servers"))


def mark_best(rows: Sequence[dict], target: Target) -> None:
    """Mark in each row whether it is the setting to run of its arm; overhead never is."""
    measured = rows[OVERHEAD:]
    chosen = []
    for arm in dict.fromkeys(row["arm"] for row in measured):
        own = [row for row in measured if row["arm"] == arm]
        chosen.append(best_setting(own, target.limit_ms, target.shared))
    for row in rows:
        row["best"] = any(row is best for best in chosen)
