"""Is the cost of an answer known well enough, and what would make it better known?"""

from blipkit.cost.dollars import MAX_HALF_WIDTH
from blipkit.cost.rows import CostRow
from blipkit.records.gates import Gate, decide

INTERVAL_GATE = "cost interval"
# rates nearer to each other say nothing by runs that are too short to tell which of them held
FINER = "--set arrivals.length=25 --set arrivals.resolution=0.05 --set arrivals.most_runs=15"


def interval_gate(best: CostRow) -> Gate:
    """WARN where the cost's interval is wide or not known, with what would narrow it."""
    half_width = best.cost.half_width
    reason = f"half the interval's width over the figure, {best.basis}"
    if half_width is None:
        unknown = "too few independent answers for an interval of the throughput"
        if best.is_by_arrivals:
            unknown = "no rate that was tried is sure to miss the target"
        reason = f"{unknown}, {best.basis}"
    return decide(
        INTERVAL_GATE,
        kind="timing",
        holds=half_width is not None and half_width <= MAX_HALF_WIDTH,
        tolerable=True,
        measured=half_width,
        limit=MAX_HALF_WIDTH,
        unit="of the cost",
        reason=reason,
        next=what_narrows(best),
    )


def what_narrows(best: CostRow) -> str:
    """How to get a narrower interval of a row's cost."""
    if best.is_by_arrivals:
        return f"search more finely in 08_arrivals: {FINER}"
    if best.cost.half_width is None:
        return "raise concurrency.seconds, or concurrency.repeats"
    minutes = best.cost.minutes_more or 0.0
    seconds = best.seconds + 60 * minutes / best.runs
    return (
        f"run {max(minutes, 0.1):.1f} more minutes of load: --set concurrency.seconds={seconds:.1f}"
    )
