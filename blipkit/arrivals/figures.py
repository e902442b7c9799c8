"""The figures of 08."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas

from blipkit.display.figures import COLOURS, MARKERS, axes, show
from blipkit.records.typed import records_of

if TYPE_CHECKING:
    from blipkit.arrivals.by_hand import HandDrawn
    from blipkit.arrivals.outcome import Target
    from blipkit.arrivals.search import Found, Rate
    from blipkit.arrivals.slowest import Parts

LINE = COLOURS[6]  # of a limit, or of what clients who wait reach
HATCHES = ("", "//", "..", "xx")


def draw_by_hand(rows: "Sequence[HandDrawn]", caption: str) -> None:
    """Each request as a bar from when it is due: it waits, then it is served."""
    title = "The same requests, by a schedule and from a client who waits"
    figure, ax = axes(title, "ms", "", (7.2, 4.4))
    for place, row in enumerate(rows):
        waited = "waits" if place == 0 else None
        served = "is served" if place == 0 else None
        waits_ms = row.started_ms - row.due_ms
        takes_ms = row.answered_ms - row.started_ms
        ax.barh(place, waits_ms, left=row.due_ms, color=COLOURS[1], hatch="//", label=waited)
        ax.barh(place, takes_ms, left=row.started_ms, color=COLOURS[0], label=served)
    names = [f"{row.how.split()[0]} {row.request}" for row in rows]
    ax.set_yticks(range(len(rows)), names, fontsize=7)
    ax.invert_yaxis()
    ax.legend()
    show(figure, caption, records_of(rows), detail=True)


def draw_search(found: "Found", target: "Target", closed_per_s: float, caption: str) -> None:
    """Share of requests late over rate: each rate that was tried, the fit, and the interval."""
    title = f"The search: {target}"
    figure, ax = axes(title, "requests per second", "share of requests that was late")
    rates = found.rates
    for rate in rates:
        ax.vlines(rate.per_s, rate.share.low, rate.share.high, color=COLOURS[5])
    for verdict, look in zip(("held", "missed", "cannot tell"), ("o", "X", "s"), strict=True):
        alike = [rate for rate in rates if verdict_of(rate, target.allowed) == verdict]
        places = [rate.per_s for rate in alike]
        shares = [rate.share.value for rate in alike]
        ax.plot(places, shares, look, label=verdict, color=COLOURS[MARKERS.index(look) % 3])
    ax.plot([rate.per_s for rate in rates], found.fitted, "--", color=COLOURS[3], label="fit")
    ax.axhline(target.allowed, color=LINE, linestyle=":", label=f"allowed {target.allowed:g}")
    ax.axvline(closed_per_s, color=COLOURS[4], linestyle="-.", label="clients who wait, at most")
    if found.per_s.low is not None and found.per_s.high is not None:
        ax.axvspan(found.per_s.low, found.per_s.high, color=COLOURS[2], alpha=0.15)
    ax.set_ylim(-0.03, 1.03)
    ax.legend(fontsize=8)
    show(figure, caption, search_table(found, target.allowed))


def search_table(found: "Found", allowed: float) -> pandas.DataFrame:
    """The data of the picture of a search."""
    rows = [
        {
            "requests_per_s": rate.per_s,
            "requests": rate.requests,
            "late": rate.share.value,
            "late_low": rate.share.low,
            "late_high": rate.share.high,
            "fitted": fitted,
            "verdict": verdict_of(rate, allowed),
        }
        for rate, fitted in zip(found.rates, found.fitted, strict=True)
    ]
    return pandas.DataFrame(rows)


def verdict_of(rate: "Rate", allowed: float) -> str:
    """Whether a rate held the target, in words."""
    return {True: "held", False: "missed", None: "cannot tell"}[rate.holds(allowed)]


def draw_parts(parts: "Sequence[Parts]", caption: str) -> None:
    """Where the latency of the slowest requests goes, beside that of all."""
    figure, ax = axes("The slowest, taken apart", "", "ms", (7.2, 3.2))
    names = [one.who for one in parts]
    bottom = [0.0] * len(parts)
    labels = {
        "sent late": [one.lag_ms for one in parts],
        "in the queue": [one.queued_ms for one in parts],
        "served": [one.service_ms for one in parts],
        "the rest": [one.rest_ms for one in parts],
    }
    for (label, heights), colour, hatch in zip(labels.items(), COLOURS, HATCHES, strict=False):
        ax.bar(names, heights, bottom=bottom, color=colour, hatch=hatch, label=label)
        bottom = [one + height for one, height in zip(bottom, heights, strict=True)]
    ax.legend()
    show(figure, caption, records_of(parts), detail=True)
