"""The figures of 09."""

from collections.abc import Sequence

import numpy as np

from blipkit.display.figures import COLOURS, MARKERS, STYLES, axes, show
from blipkit.records.typed import records_of
from blipkit.service.rows import CANDIDATE, EventRow, HopRow, RequestRow

BIN_S = 0.5  # of the share that was served
ENDS = ("answered", "refused", "rejected", "failed", "lost")


def draw_hops(rows: Sequence[HopRow]) -> None:
    """One request's way through both tiers, part after part."""
    figure, ax = axes("One request through both tiers", "ms since it was sent", "", (7.2, 2.6))
    begun = 0.0
    for place, row in enumerate(rows):
        colour = COLOURS[place % len(COLOURS)]
        ax.barh([f"{row.hop}: {row.part}"], [row.ms], left=begun, color=colour)
        begun += row.ms
    ax.invert_yaxis()
    longest = max(rows, key=lambda row: row.ms)
    caption = f"{begun:.1f} ms in all; longest: {longest.hop} {longest.part}, {longest.ms:.1f} ms"
    show(figure, caption, records_of(rows), detail=True)


def draw_switch(requests: Sequence[RequestRow], events: Sequence[EventRow]) -> None:
    """Every request's latency by who answered, the candidate's share as set and as served, and
    what went wrong, over the same time.
    """
    figure, (upper, lower) = _two_axes()
    backends = sorted({row.backend for row in requests if row.backend})
    for backend, colour, marker in zip(backends, COLOURS, MARKERS, strict=False):
        own = [row for row in requests if row.backend == backend and row.outcome == "answered"]
        due, took = [row.due_s for row in own], [row.latency_ms for row in own]
        upper.scatter(due, took, s=12, color=colour, marker=marker, label=f"answered by {backend}")
    retried = [row for row in requests if row.attempt > 1]
    marked = [row for row in requests if row.outcome != "answered"]
    for rows, label, marker in ((retried, "second attempt", "o"), (marked, "no answer", "X")):
        due, took = [row.due_s for row in rows], [row.latency_ms for row in rows]
        edge = {"facecolors": "none", "edgecolors": "black", "s": 60, "marker": marker}
        upper.scatter(due, took, label=f"{label}: {len(rows)}", **edge)
    upper.legend(fontsize="x-small", ncols=2)
    _draw_shares(lower, requests, events, CANDIDATE)
    counts = ", ".join(f"{sum(row.outcome == end for row in requests)} {end}" for end in ENDS)
    caption = f"{len(requests)} requests: {counts}; {len(retried)} at the second attempt"
    show(figure, caption, records_of(events))


def _two_axes():
    """(figure, (upper, lower)) over the same time, in the kit's style."""
    figure, upper = axes("A switch under load", "", "latency, ms", (7.2, 5.0))
    figure.delaxes(upper)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    upper.set(title="A switch under load", ylabel="latency, ms")
    lower.set(xlabel="s", ylabel="share, %", ylim=(-5, 105))
    return figure, (upper, lower)


def _draw_shares(ax, requests: Sequence[RequestRow], events: Sequence[EventRow], name: str) -> None:
    """The candidate's share as it was set, and as it was served, half a second at a time."""
    set_at = [event for event in events if event.weights]
    last = max(row.due_s for row in requests)
    times = [event.at_s for event in set_at] + [last]
    percents = [event.weights[name] for event in set_at]
    ax.step(
        times, [*percents, *percents[-1:]], where="post", color="black", label=f"{name}, as set"
    )
    bins = np.arange(0, last + BIN_S, BIN_S)
    place = np.digitize([row.due_s for row in requests], bins)
    served = [row.backend == name for row in requests]
    middles = [bins[one - 1] + BIN_S / 2 for one in sorted(set(place))]
    means = [
        100 * np.mean([s for s, p in zip(served, place, strict=True) if p == one])
        for one in sorted(set(place))
    ]
    ax.plot(middles, means, STYLES[0], marker=MARKERS[0], ms=4, color=COLOURS[1], label="as served")
    for event in events:
        if "killed" in event.what or "ready again" in event.what:
            ax.axvline(event.at_s, color="grey", lw=1)
            ax.annotate(event.what, (event.at_s, 5), rotation=90, fontsize="x-small")
    ax.legend(fontsize="x-small")
