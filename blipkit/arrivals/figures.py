"""The figures of 08."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import pandas

from blipkit.arrivals.search import Found, is_too_much
from blipkit.display.figures import COLOURS, MARKERS, axes, show
from blipkit.load.summary import STABLE, UNSTABLE
from blipkit.load.target import Target
from blipkit.records.typed import records_of

if TYPE_CHECKING:
    from blipkit.arrivals.by_hand import HandDrawn
    from blipkit.arrivals.slowest import Parts

LINE = COLOURS[6]  # of a limit, or of what clients who wait reach
HATCHES = ("", "//", "..", "xx")
VERDICTS = {True: "held", False: "missed", None: "cannot tell"}
OF_SEARCH = (
    "requests_per_s",
    "requests",
    "late",
    "late_low",
    "late_high",
    "busy",
    "fitted",
    "verdict",
    "state",
)


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


def draw_search(
    found: Found, target: Target, closed_per_s: float, doubted: Collection[float], caption: str
) -> None:
    """Share of requests late over rate: each rate that was tried, the fit, and the interval.

    closed_per_s: what clients who wait reach; doubted: the rates with a run that is not stable,
    which are drawn hollow.
    """
    title = f"The search: {target}"
    figure, ax = axes(title, "requests per second", "share of requests that was late")
    table = search_table(found, doubted)
    ax.vlines(table.requests_per_s, table.late_low, table.late_high, color=COLOURS[5])
    ax.plot(table.requests_per_s, table.fitted, "--", color=COLOURS[3], label="fit")
    for verdict, colour, marker in zip(VERDICTS.values(), COLOURS, MARKERS, strict=False):
        alike = table[table.verdict == verdict]
        ax.plot(alike.requests_per_s, alike.late, marker, color=colour, label=verdict)
        hollow = alike[alike.state != STABLE]
        ax.plot(hollow.requests_per_s, hollow.late, marker, color=colour, mfc="white", zorder=3)
    ax.axhline(target.allowed, color=LINE, linestyle=":", label=f"allowed {target.allowed:g}")
    ax.axvline(closed_per_s, color=COLOURS[4], linestyle="-.", label="clients who wait, at most")
    if found.per_s.low is not None and found.per_s.high is not None:
        ax.axvspan(found.per_s.low, found.per_s.high, color=COLOURS[2], alpha=0.15)
    ax.set_ylim(-0.03, 1.03)
    ax.legend(fontsize=8)
    how_to_read = ["Hollow: not stable"]
    if any(is_too_much(rate.busy) for rate in found.rates):
        how_to_read.append("all late: what needs more time than servers have, its queue grows")
    show(figure, f"{caption}. {'; '.join(how_to_read)}", table)


def search_table(found: Found, doubted: Collection[float] = ()) -> pandas.DataFrame:
    """The data of the picture of a search."""
    rows = []
    for rate, fitted in zip(found.rates, found.fitted, strict=True):
        state = UNSTABLE if rate.per_s in doubted else STABLE
        late = (rate.share.value, rate.share.low, rate.share.high)
        verdict = VERDICTS[rate.holds]
        rows.append((rate.per_s, rate.requests, *late, rate.busy, fitted, verdict, state))
    return pandas.DataFrame(rows, columns=OF_SEARCH)


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
