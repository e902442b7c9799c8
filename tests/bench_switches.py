"""A hundred switches between two tiers while 40,000 requests come, the candidate killed in ten of them: `make bench-switches`. Writes records to results/bench-service/."""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from long_switches import STANDS_IN, Plan, switch_often, three_backends

from blipkit.machine import host
from blipkit.paths import ROOT
from blipkit.records.documents import write_machine
from blipkit.records.results import Results
from blipkit.records.run_record import this_minute
from blipkit.records.typed import write_typed
from blipkit.service.rehearse import phase_row, reconciled
from blipkit.service.rows import PhaseRow
from blipkit.statistics import share_bound

LONG = Plan(switches=100, seconds=9, rate_per_s=45.5, kills=10)


@dataclass(frozen=True)
class Switches(PhaseRow):
    """A phase of many switches.

    crashed: candidates that crashed while starting, and were refused traffic; request_below,
    switch_below: upper 95 % bounds of the share of requests, and of switches, with a fault.
    """

    crashed: int
    request_below: float
    switch_below: float


def with_bounds(row: PhaseRow, crashed: int) -> Switches:
    """A phase with what it says of all requests and switches; a fault counts against a switch of its own."""
    faults = row.failed + row.lost + row.double
    request_below = share_bound(faults, row.sent)
    switch_below = share_bound(min(faults, row.switches), row.switches)
    return Switches(
        **vars(row), crashed=crashed, request_below=request_below, switch_below=switch_below
    )


def record(plan: Plan, results: Results) -> Switches:
    """Switch as a plan says, and write down what became of the requests, what the ledgers say, and what was done."""
    with tempfile.TemporaryDirectory() as made, three_backends(Path(made)) as stage:
        phase, refused = switch_often(stage, plan)
        print(refused)
        found = reconciled(stage, [phase])
        row = with_bounds(phase_row(stage, phase, STANDS_IN), crashed=int(bool(refused)))
    for gate in found.gates(phase.switches):
        print(gate.gate, gate.status, gate.reason)
    write_typed(results, "switches", [row])
    write_typed(results, "switches_ledgers", [found])
    write_typed(results, "switches_events", phase.events)
    return row


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "results" / "bench-service"
    print(record(LONG, Results(target, profile="bench", recorded=this_minute())))
    write_machine(target, host.describe())
