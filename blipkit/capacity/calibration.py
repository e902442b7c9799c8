"""Is the simulated machine the measured one? Settings of 04 that were left out, simulated.

Of a single machine; the fleet is not calibrated. The samples are of the setting that is simulated;
what is predicted are other numbers of clients on as many servers, closed-loop as in 04.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blipkit.capacity import gates
from blipkit.capacity.measured import MeasuredMachine, recorded_load
from blipkit.capacity.rows import CalibrationRow
from blipkit.capacity.stations import Service
from blipkit.cost.pricing import read_load_records
from blipkit.cost.rows import MeasuredSetting
from blipkit.display.tables import show_table
from blipkit.load.setting import differ_in_clients
from blipkit.load.summary import INVALID
from blipkit.records.gates import Gate
from blipkit.records.typed import records_of, write_typed
from blipkit.statistics import Interval
from blipkit.study import Study

ALLOWED = 0.10  # error, where the measured interval is not wider
REQUESTS, WARMUP = 20_000, 500  # that are simulated of a setting, and left out at its start
SCOPE = "of a single machine; the fleet is not calibrated"


@dataclass(frozen=True)
class ClosedLoop:
    """S servers and C clients that think. servers, clients: how many; think_s: mean time."""

    servers: int
    clients: int
    think_s: float = 0.0


def closed_loop(service: Service, loop: ClosedLoop, seed: int = 0) -> tuple[float, np.ndarray]:
    """(requests per second, latencies in s) of clients that wait for their answers."""
    random = np.random.default_rng([seed, 11])
    draws = random.integers(len(service.service_s), size=REQUESTS)
    thoughts = random.exponential(loop.think_s, REQUESTS) if loop.think_s else np.zeros(REQUESTS)
    sends = [0.0] * loop.clients
    free = [0.0] * loop.servers
    times = np.empty((REQUESTS, 2))
    for place, (draw, thought) in enumerate(zip(draws, thoughts, strict=True)):
        sent = heapq.heappop(sends)
        departs = max(sent, heapq.heappop(free)) + service.service_s[draw]
        heapq.heappush(free, departs)
        received = departs + service.overhead_s[draw]
        heapq.heappush(sends, received + thought)
        times[place] = (received, received - sent)
    kept = times[WARMUP:]
    seconds = kept[:, 0].max() - times[:WARMUP, 0].max()
    return len(kept) / seconds, kept[:, 1]


@dataclass(frozen=True)
class Calibration:
    """The settings that were left out. shared: the machine was not ours alone; caption: whose
    figures these are.
    """

    rows: list[CalibrationRow]
    shared: bool
    caption: str = ""

    @property
    def mape(self) -> float | None:
        """Mean absolute error of throughput and latency, as a share; None without any row."""
        errors = [row.rate_error for row in self.rows]
        errors += [row.latency_error for row in self.rows if row.latency_error is not None]
        return float(np.mean(errors)) if errors else None

    def table(self) -> None:
        """Measured and simulated, side by side, and the error of all of them."""
        if not self.rows:
            print(f"Calibration, {SCOPE}: 04 has no other number of clients on as many servers")
            return
        columns = ("clients", "requests_per_s", "simulated_per_s", "rate_error", "rate_allowed")
        columns += ("latency_ms", "simulated_ms", "latency_error", "latency_allowed")
        title = f"Calibration, {SCOPE}: MAPE {self.mape:.1%}; {self.caption}"
        show_table(records_of(self.rows), title, columns)

    def gates(self) -> list[Gate]:
        """Whether the simulated machine is the measured one."""
        return [gates.calibration_gate(self.rows, self.mape, self.shared)]


def calibrate(study: Study, machine: MeasuredMachine) -> Calibration:
    """The settings that were left out, simulated from the one that is simulated in the fleet;
    recorded as `capacity_calibration`.
    """
    records = read_load_records(recorded_load(study.results))
    rows = calibration_rows(machine, [record.setting for record in records])
    write_typed(study.results, "capacity_calibration", rows)
    return Calibration(rows, machine.record.shared, machine.caption)


def calibration_rows(
    machine: MeasuredMachine, settings: Sequence[MeasuredSetting]
) -> list[CalibrationRow]:
    """A row for each number of clients, on as many servers, that was left out."""
    own = machine.busy
    return [
        _row(machine, one)
        for one in settings
        if differ_in_clients(one, own) and one.clients != own.clients and one.state != INVALID
    ]


def _row(machine: MeasuredMachine, setting: MeasuredSetting) -> CalibrationRow:
    think_s = (machine.record.conditions.think_ms or 0.0) / 1e3
    loop = ClosedLoop(setting.servers, setting.clients, think_s)
    per_s, latencies = closed_loop(machine.service, loop)
    ms = 1e3 * float(np.percentile(latencies, setting.percentile))
    return CalibrationRow(
        setting.clients,
        setting.requests_per_s,
        per_s,
        error_of(per_s, setting.requests_per_s),
        allowed_of(setting.requests_per_s),
        setting.latency_ms,
        ms,
        error_of(ms, setting.latency_ms),
        allowed_of(setting.latency_ms),
    )


def error_of(simulated: float, measured: Interval) -> float | None:
    """|simulated - measured| / measured; None where it was not measured."""
    if not measured.value:
        return None
    return abs(simulated - measured.value) / measured.value


def allowed_of(measured: Interval) -> float | None:
    """The larger of 10 % and half the measured interval; None where it was not measured."""
    if not measured.value:
        return None
    return max(ALLOWED, measured.half_width or 0.0)
