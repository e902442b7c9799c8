"""Refuses knobs of 08_arrivals that do not fit each other, the target, or the time of a cell."""

from blipkit.arrivals.knobs import Arrivals
from blipkit.errors import BadInput
from blipkit.load.knobs import Concurrency


def shortest_run_s(knobs: Arrivals, limit_ms: float) -> float:
    """What a run takes at least: a backlog that grows slowly is not seen in less."""
    return knobs.length * limit_ms / 1e3


def check_patterns(knobs: Arrivals) -> None:
    """Refuse to try the pattern of the search beside itself."""
    if knobs.pattern in knobs.beside:
        problem = f"arrivals.beside names {knobs.pattern}, which the search is about"
        raise BadInput(f"{problem}; name others, or none: []")


def check_search_time(knobs: Arrivals, closed: Concurrency, limit_s: int) -> None:
    """Refuse a search that takes longer than a cell may, however fast the servers are.

    closed: the knobs of 04, which say the target.
    """
    once_s = shortest_run_s(knobs, closed.latency_limit_ms)
    if knobs.most_runs * once_s <= limit_s:
        return
    time = f"{knobs.most_runs} runs of {once_s:g} s, arrivals.length times the target,"
    problem = f"{time} take {knobs.most_runs * once_s:.0f} s, a cell may take {limit_s:g} s"
    advice = "lower arrivals.length or arrivals.most_runs, or raise common.cell_limit_s"
    raise BadInput(f"arrivals: {problem}; {advice}")
