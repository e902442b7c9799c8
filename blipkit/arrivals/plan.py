"""What 08 sends, and how long that takes: runs last as long as their requests need to say anything.

A percentile needs requests, each takes a service time, and a backlog that grows slowly needs time
to be seen: so minutes scale with the service time and with the target.
"""

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.checks import shortest_run_s
from blipkit.arrivals.knobs import Arrivals
from blipkit.arrivals.schedule import Offer
from blipkit.arrivals.search import Goal
from blipkit.errors import BadInput
from blipkit.load.target import Target
from blipkit.statistics import samples_needed
from blipkit.study import Study

WARMUP = 0.2  # of a run's measured time, before it: for the queue to become what it stays
MULTIPLES = (1.5, 2.0, 3.0, 5.0, 10.0)  # of the service time: targets of the table of shares
FASTER = 2.0  # times the highest rate that was tried, for servers that do nothing
LIKELY = 0.7  # of the closed loop's rate: where most runs of a search are
LOW = 0.25  # of it: where runs for tighter targets are
BESIDE_S = 1.5  # of a run, for processes and sockets, by experience


def offer_of(knobs: Arrivals, target: Target, rate_per_s: float, pattern: str, seed: int) -> Offer:
    """What is sent at a rate; seed: each run has one of its own."""
    seconds = run_seconds(knobs, target, rate_per_s)
    return Offer(
        pattern=pattern,
        rate_per_s=rate_per_s,
        seconds=seconds,
        warmup_s=WARMUP * seconds,
        burst_size=knobs.burst_size,
        burst_s=knobs.burst_s,
        schedule_seed=seed,
    )


def run_seconds(knobs: Arrivals, target: Target, rate_per_s: float) -> float:
    """The measured time of a run at a rate."""
    needed = samples_needed(target.percentile)
    return max(knobs.length * needed / rate_per_s, shortest_run_s(knobs, target.limit_ms))


def goal_of(knobs: Arrivals, target: Target, basis: Basis) -> Goal:
    """What the search looks for; it begins where clients who wait end."""
    return Goal(
        target=target,
        first_per_s=basis.closed_loop_per_s,
        resolution=knobs.resolution,
        most_runs=knobs.most_runs,
    )


def patience_s(target: Target, basis: Basis) -> float:
    """How long an answer is waited for: until it is too late for every target that is judged."""
    return max(target.limit_ms, max(MULTIPLES) * basis.service_ms) / 1e3


def likely_seconds(knobs: Arrivals, target: Target, basis: Basis) -> list[float]:
    """How long each run takes in all, of as many as there are at most."""
    runs = knobs.most_runs + len(knobs.beside) + 1  # that of servers that do nothing
    shares = [LIKELY] * runs + [LOW] * knobs.tighter
    measured = [run_seconds(knobs, target, share * basis.closed_loop_per_s) for share in shares]
    beside_s = patience_s(target, basis) + BESIDE_S
    return [(1 + WARMUP) * seconds + beside_s for seconds in measured]


def expected_time(study: Study, basis: Basis, target: Target) -> str:
    """How long the runs take, in words; BadInput where that is longer than a cell may take."""
    runs = likely_seconds(study.knobs, target, basis)
    limit_s = study.common.cell_limit_s
    time = f"{len(runs)} runs at most, of about {sum(runs) / len(runs):.1f} s each"
    if sum(runs) > limit_s and not study.replay:
        advice = "lower arrivals.length or arrivals.most_runs, or raise common.cell_limit_s"
        total = f"{sum(runs):.0f} s, a cell may take {limit_s:g} s"
        raise BadInput(f"arrivals: {time}, take {total}; {advice}")
    needed = samples_needed(target.percentile)
    why = f"{study.knobs.length:g} times the {needed} requests that p{target.percentile:g} needs"
    idle = f"{1 / (2 * study.knobs.length):.0%} of the time"
    short = (
        f"the shortest run is too short for a rate that leaves servers idle for less than {idle}"
    )
    return f"{time}: {why}, at {basis.service_ms:.1f} ms each; {short}"
