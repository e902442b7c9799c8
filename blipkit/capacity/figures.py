"""The figures of 10: a day, and policies in dollars and lateness."""

from collections.abc import Sequence

import numpy as np

from blipkit.capacity.rows import AnswerRow, TriedRow
from blipkit.display.figures import COLOURS, MARKERS, STYLES, axes, show

NEVER = 1e-6  # where a share of zero is drawn on a logarithmic axis


def draw_day(cells, title: str, caption: str) -> None:
    """A day, minute by minute: requests, what the machines in service carry, who was late.

    cells: a frame with hour, requests_per_s, capacity_per_s, late_per_s and machines.
    """
    figure, ax = axes(title, "hour of the day", "requests/s", size=(8.0, 4.0))
    ax.plot(cells.hour, cells.requests_per_s, color=COLOURS[0], lw=1, label="requests")
    look = {"color": COLOURS[2], "linestyle": STYLES[0]}
    ax.step(cells.hour, cells.capacity_per_s, where="post", label="capacity in service", **look)
    ax.fill_between(cells.hour, cells.late_per_s, color=COLOURS[1], label="not in time")
    ax.set(xlim=(0, 24), ylim=(0, None))
    ax.set_xticks(range(0, 25, 3))
    beside = ax.twinx()
    look = {"color": COLOURS[6], "linestyle": STYLES[1]}
    beside.step(cells.hour, cells.machines, where="post", label="machines paid for", **look)
    beside.set(ylim=(0, 1.15 * cells.machines.max()), ylabel="machines")
    beside.grid(False)
    figure.legend(loc="outside lower center", ncols=4)
    hourly = cells.groupby(np.floor(cells.hour).astype(int)).mean().round(3)
    show(figure, caption, hourly.drop(columns="hour").reset_index())


def draw_frontier(
    tried: Sequence[TriedRow], best: AnswerRow | None, late_share: float, whose: str
) -> None:
    """Dollars a day against the share of late requests; hollow marks do not hold the target."""
    figure, ax = axes(
        "Policies in dollars and lateness", "USD a day, instances", "share of requests not in time"
    )
    families = list(dict.fromkeys(row.family for row in tried))
    for family, colour, marker in zip(families, COLOURS, MARKERS, strict=False):
        rows = [row for row in tried if row.family == family]
        for row in rows:
            face = colour if row.holds else "white"
            place = (row.usd_per_day, max(row.late, NEVER))
            ax.plot(*place, marker, color=colour, mfc=face)
        ax.plot([], [], marker, color=colour, label=family.replace("_", " "))
    ax.axhline(late_share, color=COLOURS[6], linestyle=STYLES[0], label=f"target {late_share:.0%}")
    ax.set_yscale("log")
    ax.legend(fontsize="small")
    words = "no policy that was tried holds the target"
    if best:
        words = f"cheapest that holds: {best.policy}, {best.aims}, {best.usd_per_day.value:.2f} USD"
    marks = f"Hollow: does not hold, in some hour or with a zone lost; {NEVER:g}: none late"
    show(figure, f"{words}. {marks}; {whose}", tried)
