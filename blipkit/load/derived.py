"""What follows for a row of a grid from the others: what was predicted, and where it stands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from blipkit.load.recommend import KNEE, best_setting
from blipkit.load.rows import GridRow, SettingRow
from blipkit.load.summary import INVALID

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


def grid_rows(rows: Sequence[SettingRow], target: Target) -> list[GridRow]:
    """The rows of a grid, from what was measured; the first OVERHEAD are our own overhead."""
    predicted = [with_prediction(row, rows) for row in rows]
    fed_percent = feeding_percent(rows[1])
    # the first row feeds nothing: it has no frames and no preprocessing
    fed = predicted[:1]
    for row in predicted[1:]:
        per_s = row.summary.requests_per_s.value
        fed.append(replace(row, feeding_percent=fed_percent * per_s))
    measured = fed[OVERHEAD:]
    placed = [replace(row, saturated=is_saturated(row, measured)) for row in measured]
    return fed[:OVERHEAD] + with_best_marked(placed, target)


def with_prediction(row: SettingRow, rows: Sequence[SettingRow]) -> GridRow:
    """A row with the latency predicted for it, and the ratio of that measured to it."""
    predicted_ms = predicted_latency_ms(service_time_ms(row, rows), row.servers, row.clients)
    ratio = or_nan(row.summary.times.mean_ms) / predicted_ms
    return GridRow(row.setting, row.summary, predicted_ms, ratio, feeding_percent=None)


def service_time_ms(row: SettingRow, rows: Sequence[SettingRow]) -> float:
    """A request's service time, by the first setting that is served in the same way; nan if that
    answered nothing, or is INVALID.
    """
    first = next(other for other in rows if is_served_alike(other, row))
    if first.state == INVALID:
        return math.nan
    return or_nan(first.summary.times.mean_ms) / first.clients


def is_served_alike(row: SettingRow, other: SettingRow) -> bool:
    """Whether two settings differ in nothing but servers and clients."""
    alike = replace(row.setting, servers=other.servers, clients=other.clients)
    return alike == other.setting


def or_nan(figure: float | None) -> float:
    """A figure, or nan where there is none."""
    return figure or math.nan


def feeding_percent(null: SettingRow) -> float:
    """Percent of the host's CPU that clients and preprocessing take for one request a second.

    null: the row of a runner that does nothing; nan where nothing was answered, or it is INVALID.
    """
    if null.state == INVALID:
        return math.nan
    host_percent = null.summary.machine.host_percent
    if host_percent is None:
        return math.nan
    return host_percent / or_nan(null.summary.requests_per_s.value)


def is_saturated(row: SettingRow, measured: Sequence[SettingRow]) -> bool:
    """Whether more clients on as many servers gain next to nothing.

    An INVALID row has no throughput to tell by: it is not saturated, and is no measure of others.
    """
    if row.state == INVALID:
        return False
    believed = [other for other in measured if other.state != INVALID]
    alike = [other for other in believed if differs_in_clients(other, row)]
    most = max(other.summary.requests_per_s.value for other in alike)
    return row.summary.requests_per_s.value >= KNEE * most


def differs_in_clients(row: SettingRow, other: SettingRow) -> bool:
    """Whether two settings differ in nothing but clients."""
    return replace(row.setting, clients=other.clients) == other.setting


def with_best_marked(rows: Sequence[GridRow], target: Target) -> list[GridRow]:
    """The rows, each arm's setting to run marked."""
    chosen = []
    for arm in dict.fromkeys(row.arm for row in rows):
        of_arm = [row for row in rows if row.arm == arm]
        chosen.append(best_setting(of_arm, target.limit_ms, target.shared))
    return [replace(row, best=any(row is best for best in chosen)) for row in rows]
