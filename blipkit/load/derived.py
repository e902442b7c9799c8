"""What follows for a row of a grid from the others: what was predicted, and where it stands."""

import math
from collections.abc import Sequence
from dataclasses import replace

from blipkit.load.recommend import KNEE, best_setting
from blipkit.load.rows import GridRow, SettingRow
from blipkit.load.setting import differ_in_clients
from blipkit.load.summary import INVALID
from blipkit.load.target import Target
from blipkit.runners.arms import has_model
from blipkit.serving.answering import is_from_jpeg

FED_BY = "clients, frames' bytes, decoding and preprocessing"  # what a server needs a host for


def overhead_rows(rows: Sequence[SettingRow]) -> int:
    """How many rows at the head of a grid are our own overhead: those of a runner without a model.

    Three; two in a folder of an older kit, in which no frame travelled as a JPEG.
    """
    return sum(not has_model(row.arm) for row in rows)


def fed_by(rows: Sequence[SettingRow]) -> str:
    """What feeding a server takes the host's CPU for, by the last row of our overhead, in words."""
    if any(is_from_jpeg(row.setting.call) for row in rows):
        return FED_BY
    return "clients and preprocessing"


def predicted_latency_ms(service_ms: float, servers: int, clients: int) -> float:
    """What C clients on S servers see: nobody waits until clients outnumber servers."""
    return service_ms * max(clients / servers, 1)


def grid_rows(rows: Sequence[SettingRow], target: Target) -> list[GridRow]:
    """The rows of a grid, from what was measured, our own overhead first."""
    predicted = [with_prediction(row, rows) for row in rows]
    overhead = overhead_rows(rows)
    last = overhead - 1  # the whole way of a frame to a server; those before it feed nothing
    fed_percent = feeding_percent(rows[last])
    fed = predicted[:last]
    for row in predicted[last:]:
        per_s = row.summary.requests_per_s.value
        fed.append(replace(row, feeding_percent=fed_percent * per_s))
    measured = fed[overhead:]
    placed = [replace(row, saturated=is_saturated(row, measured)) for row in measured]
    return fed[:overhead] + with_best_marked(placed, target)


def with_prediction(row: SettingRow, rows: Sequence[SettingRow]) -> GridRow:
    """A row with the latency predicted for it, and the ratio of that measured to it."""
    predicted_ms = predicted_latency_ms(service_time_ms(row, rows), row.servers, row.clients)
    ratio = or_nan(row.summary.times.mean_ms) / predicted_ms
    return GridRow(row.setting, row.summary, predicted_ms, ratio, feeding_percent=None)


def service_time_ms(row: SettingRow, rows: Sequence[SettingRow]) -> float:
    """A request's service time, by the first setting that is served in the same way, whose requests
    wait as `predicted_latency_ms` says; nan if that answered nothing, or is INVALID.
    """
    first = next(other for other in rows if is_served_alike(other, row))
    if first.state == INVALID:
        return math.nan
    times_service = predicted_latency_ms(1.0, first.servers, first.clients)
    return or_nan(first.summary.times.mean_ms) / times_service


def is_served_alike(row: SettingRow, other: SettingRow) -> bool:
    """Whether two settings differ in nothing but servers and clients."""
    alike = replace(row.setting, servers=other.servers, clients=other.clients)
    return alike == other.setting


def or_nan(figure: float | None) -> float:
    """A figure, or nan where there is none."""
    return figure or math.nan


def feeding_percent(null: SettingRow) -> float:
    """Percent of the host's CPU that it takes to feed a server one request a second.

    null: the row of a runner that does nothing, with all that `fed_by` says; nan where
    nothing was answered, or it is INVALID.
    """
    if null.state == INVALID:
        return math.nan
    host_percent = null.summary.machine.host_percent
    if host_percent is None:
        return math.nan
    return host_percent / or_nan(null.summary.requests_per_s.value)


def first_of_fastest_arm(rows: Sequence[GridRow]) -> GridRow | None:
    """Of each arm's first believable setting, that with the most requests a second by a busy
    server; None where no setting can be believed.
    """
    firsts: dict[str, GridRow] = {}
    for row in rows:
        if row.state != INVALID:
            firsts.setdefault(row.arm, row)

    def by_one_server(row: GridRow) -> float:
        return row.summary.requests_per_s.value / min(row.servers, row.clients)

    return max(firsts.values(), key=by_one_server, default=None)


def is_saturated(row: SettingRow, measured: Sequence[SettingRow]) -> bool:
    """Whether more clients on as many servers gain next to nothing.

    An INVALID row has no throughput to tell by: it is not saturated, and is no measure of others.
    """
    if row.state == INVALID:
        return False
    believed = [other for other in measured if other.state != INVALID]
    alike = [other for other in believed if differ_in_clients(other.setting, row.setting)]
    most = max(other.summary.requests_per_s.value for other in alike)
    return row.summary.requests_per_s.value >= KNEE * most


def with_best_marked(rows: Sequence[GridRow], target: Target) -> list[GridRow]:
    """The rows, each arm's setting to run marked."""
    chosen = []
    for arm in dict.fromkeys(row.arm for row in rows):
        of_arm = [row for row in rows if row.arm == arm]
        chosen.append(best_setting(of_arm, target.limit_ms, target.shared))
    return [replace(row, best=any(row is best for best in chosen)) for row in rows]
