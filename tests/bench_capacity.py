"""How long the day of a fleet takes on this machine, and how much memory: `make bench`. Writes records to results/bench/."""

import resource
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np

from blipkit.capacity.day import Scenario, simulate
from blipkit.capacity.demand import day_of
from blipkit.capacity.fleet import Fleet
from blipkit.capacity.group import GroupRules, Machine
from blipkit.capacity.policies import TargetTracking
from blipkit.capacity.stations import Service, Station
from blipkit.machine import host
from blipkit.paths import ROOT
from blipkit.records.documents import write_machine
from blipkit.records.results import Results
from blipkit.records.run_record import this_minute
from blipkit.records.typed import write_typed

CAMERAS = 300_000
EVENTS = (24.0, 96.0, 288.0)
PER_S = 230.0  # that a machine of two servers carries
SIZES, BUSY = (3, 30, 300, 1000), (0.6, 0.95)  # machines, and how busy they are
REQUESTS, TIMES = 2_000_000, 3  # of a fleet, and how often it is simulated: the fastest counts


@dataclass(frozen=True)
class FleetDay:
    """A day of target tracking, in a process of its own.

    wall_s, cpu_s: of the simulation, once compiled; peak_mib: resident memory at most, numba's
    compiler in it.
    """

    cameras: int
    events_per_day: float
    requests: int
    wall_s: float
    cpu_s: float
    peak_mib: int


@dataclass(frozen=True)
class FleetSize:
    """What a request takes of the queues alone, least outstanding. machines: all alike; busy: the
    share of what they carry that is asked.
    """

    machines: int
    busy: float
    ns_per_request: float


def times_of_service() -> Service:
    """Of the machine of all these days."""
    random = np.random.default_rng(0)
    return Service(random.gamma(64, 2 / PER_S / 64, 500), np.full(500, 2e-4))


def fleet_size(machines: int, busy: float, count: int) -> FleetSize:
    """A fleet that is as large all the time, minute by minute."""
    random = np.random.default_rng(1)
    times = np.cumsum(random.exponential(1 / (machines * PER_S * busy), count))
    draws = random.random(count)
    taken = []
    for _ in range(TIMES):
        fleet = Fleet([Station(2, 32)], [times_of_service()], 0.25)
        for _ in range(machines):
            fleet.start(Machine(0, 0, 0.0, 0.0, 0.0))
        began = time.perf_counter()
        for minute in range(int(times[-1] // 60) + 1):
            part = slice(*np.searchsorted(times, (60 * minute, 60 * (minute + 1))))
            fleet.advance(times[part], draws[part], 60.0 * (minute + 1))
        taken.append(time.perf_counter() - began)
    return FleetSize(machines, busy, round(1e9 * min(taken) / count, 1))


def fleet_sizes() -> list[FleetSize]:
    """A row for each size and load; a first, small one compiles."""
    fleet_size(1, 0.5, 1000)
    return [fleet_size(machines, busy, REQUESTS) for machines in SIZES for busy in BUSY]


def scenario(events_per_day: float) -> Scenario:
    """An evening of many cameras on machines of two servers."""
    demand = day_of(CAMERAS, events_per_day, "evening", 3.0)
    rules = GroupRules(zones=2, start_s=240.0, warmup_s=240.0)
    return Scenario(demand, [Station(2, 32)], [times_of_service()], 0.25, 0.1, rules)


def run_day(events_per_day: float) -> None:
    """Print the figures of a day; a first, small one compiles."""
    policy = TargetTracking(0.6 * PER_S * 60)
    simulate(scenario(0.01), policy)
    wall, cpu = time.perf_counter(), time.process_time()
    day = simulate(scenario(events_per_day), policy)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    taken = (time.perf_counter() - wall, time.process_time() - cpu)
    print(int(day.sent.sum()), *(f"{one:.2f}" for one in taken), round(peak_mib))


def fleet_days() -> list[FleetDay]:
    """A day for each number of events, each in a fresh process."""
    rows = []
    for events in EVENTS:
        command = [sys.executable, __file__, str(events)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        wall_s, cpu_s = map(float, said[1:3])
        rows.append(FleetDay(CAMERAS, events, int(said[0]), wall_s, cpu_s, int(said[3])))
    return rows


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_day(float(sys.argv[1]))
    else:
        folder = ROOT / "results" / "bench"
        results = Results(folder, profile="bench", recorded=this_minute())
        for kind, measure in (("fleet_days", fleet_days), ("fleet_sizes", fleet_sizes)):
            rows = measure()
            write_typed(results, kind, rows)
            print(kind, *rows, sep="\n  ")
        write_machine(folder, host.describe())
