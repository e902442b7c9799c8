"""Made-up rows of a grid, and counts of a run."""

from dataclasses import fields, replace

from blipkit.load.clients import ClientCounts
from blipkit.load.counts import RunCounts
from blipkit.load.rows import AdmissionRow, GridRow
from blipkit.load.setting import Setting
from blipkit.load.summary import STABLE, MeanTimes, Outcomes, Summary
from blipkit.machine.monitor import Usage
from blipkit.serving.server import ServerCounts
from blipkit.statistics import UNKNOWN, Interval

CALL, PLACEMENT, QUESTIONS = "pipeline", "threads", 4
PARTS = ("outcomes", "machine", "times")  # of a summary


def summary(rate: float, high_ms: float | None, clients: int, state: str = STABLE) -> Summary:
    """With this throughput in requests/s, and this upper end of its latency's interval."""
    throughput = Interval(rate, 0.99 * rate, 1.01 * rate)
    reason = "" if state == STABLE else "it drifts"
    return Summary(
        requests=500,
        runs=1,
        percentile=99,
        within_target=1.0,
        times=MeanTimes(1e3 * clients / max(rate, 1), 1.0, 8.0, 1.0),
        lag_ms=0.1,
        littles_law_ratio=1.0,
        unaccounted=0,
        requests_per_s=throughput,
        answers_per_s=throughput.times(QUESTIONS),
        p50_ms=Interval(10.0),
        p90_ms=Interval(12.0),
        p99_ms=UNKNOWN,
        latency_ms=Interval(None, None, high_ms),
        outcomes=Outcomes(500, 500, 0, 0, 0, 0),
        clients_percent=1.0,
        machine=Usage(host_percent=40.0),
        state=state,
        reason=reason,
    )


def changed(row, **values):
    """A row with other values, each of the field that has its name, in the row or a part of it."""
    for name, value in values.items():
        row = _with_value(row, name, value)
    return row


def _with_value(row, name, value):
    if name in {one.name for one in fields(row)}:
        return replace(row, **{name: value})
    for part in ("setting", "summary", *PARTS):
        inner = getattr(row, part, None)
        if inner is not None and (other := _with_value(inner, name, value)) is not None:
            return replace(row, **{part: other})
    return None


def cell(
    servers: int, clients: int, rate: float, high_ms: float | None, state: str = STABLE, **values
) -> GridRow:
    """A row with this throughput in requests/s, and this upper end of its latency's interval."""
    setting = Setting("torchscript float32", CALL, PLACEMENT, servers, clients)
    figures = summary(rate, high_ms, clients, state)
    row = GridRow(setting, figures, 1.0, 1.0, feeding_percent=5.0, saturated=False)
    return changed(row, **values)


def admitted(rate: float, high_ms: float, **values) -> AdmissionRow:
    """A row of two servers for eight clients, four requests in flight at most."""
    row = cell(2, 8, rate, high_ms)
    return changed(AdmissionRow(row.setting, row.summary, 4, 30.0), **values)


def run_counts(sent: int, seconds: float, **values) -> RunCounts:
    """Of a run whose requests were all answered; values: what else was counted."""
    clients = ClientCounts(answered=sent, sent=sent, warmup_rounds=1, clients_cpu_s=0.1)
    servers = ServerCounts(received=sent, answered=sent)
    machine = Usage(host_percent=50.0)
    counts = RunCounts(clients, servers, seconds, 2, "", machine)
    return counted(counts, **values)


def counted(counts: RunCounts, **values) -> RunCounts:
    """Counts of a run with other values: of the run, `server_` of its servers, else of its clients."""
    for name, value in values.items():
        if name in {one.name for one in fields(counts)}:
            counts = replace(counts, **{name: value})
        elif name.startswith("server_"):
            servers = replace(counts.servers, **{name.removeprefix("server_"): value})
            counts = replace(counts, servers=servers)
        else:
            counts = replace(counts, clients=replace(counts.clients, **{name: value}))
    return counts


GRID = [
    cell(1, 1, 90, 13),
    cell(1, 2, 100, 25),
    cell(1, 4, 101, 50),
    cell(2, 2, 180, 15),
    cell(2, 4, 190, 30),
]
