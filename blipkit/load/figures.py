"""The figures of 04, each from rows of a grid or from requests."""

import math
from collections.abc import Sequence
from itertools import cycle

import pandas

from blipkit.display.figures import COLOURS, MARKERS, axes, show
from blipkit.load.rows import GridRow
from blipkit.load.stability import Window
from blipkit.load.summary import STABLE
from blipkit.records.typed import records_of

GRID_X = "#server threads - #client threads"
LINE = COLOURS[6]  # of a target, or of where something begins
PARTS = ("queued_ms", "service_ms", "overhead_ms")  # of a mean latency
HATCHES = ("", "//", "..")
CORNERS = ((6, 8), (6, -8), (-6, 8), (-6, -8))  # of a point, in points: up is positive
QUANTILES = ("p50_ms", "p90_ms", "p99_ms")


def cells_of(rows: Sequence[GridRow]) -> pandas.DataFrame:
    """The rows with their records' keys as columns, and `setting`, the setting's name."""
    return pandas.DataFrame(records_of(rows)).assign(setting=[row.name for row in rows])


def draw_request(reached_ms: dict[str, float], row: GridRow) -> None:
    """One request's way through queue and server, as bars over time.

    reached_ms: each step -> when it was reached, ms since the request was due; row: its setting's.
    """
    size = (7.2, 1.8)
    title = "One request's way through queue and server"
    figure, ax = axes(title, "ms since it was due", "", size)
    spans = {
        "sent to answered": ("scheduled", "received"),
        "waits in the queue": ("sent", "dequeued"),
        "is served": ("started", "finished"),
    }
    for (label, (begin, end)), colour in zip(spans.items(), COLOURS, strict=False):
        took_ms = reached_ms[end] - reached_ms[begin]
        ax.barh([label], [took_ms], left=reached_ms[begin], color=colour)
    steps = pandas.DataFrame({"step": list(reached_ms), "ms": list(reached_ms.values())})
    words = ", ".join(f"{step} at {ms:.2f} ms" for step, ms in reached_ms.items())
    caption = f"one request of setting {row.servers}-{row.clients}: {words}"
    show(figure, caption, steps, detail=True)


def draw_split(rows: Sequence[GridRow], arm: str) -> None:
    """The mean latency of each setting of an arm as a bar: in the queue, served, and the rest."""
    title = f"Where the mean latency goes: {arm}"
    figure, ax = axes(title, "#servers - #clients", "mean latency, ms")
    split = cells_of(rows)[["setting", *PARTS]].fillna(0.0)
    bottom = [0.0] * len(rows)
    for part, colour, hatch in zip(PARTS, COLOURS, HATCHES, strict=False):
        label = part.removesuffix("_ms")
        ax.bar(split.setting, split[part], bottom=bottom, color=colour, hatch=hatch, label=label)
        bottom = bottom + split[part]
    ax.legend()
    words = [
        f"{row.setting}: {row.queued_ms:.1f} ms queued, {row.service_ms:.1f} ms served"
        for row in split.itertuples()
    ]
    show(figure, "; ".join(words), split, detail=True)


def draw_over_time(
    row: GridRow,
    answered: pandas.DataFrame,
    thirds: Sequence[Window],
    beside: pandas.DataFrame,
) -> None:
    """Every answer of a run over time, warm-up included, with its thirds and our share of the CPU.

    row: its setting's; beside: the machine's samples, may be empty.
    """
    title = f"Latency over time, most clients a server: {row.arm}, {row.name}"
    figure, ax = axes(title, "s from the start of measuring", "latency, ms")
    latency_ms = 1e3 * (answered.received - answered.scheduled)
    ax.plot(answered.received, latency_ms, ".", color=COLOURS[5], label="a request")
    for third in thirds:
        height = 1e3 * third.latency_s
        ax.hlines(height, third.from_s, third.to_s, color=COLOURS[0], linewidth=3)
    ax.axvline(0, color=LINE, linestyle="--")
    words = [f"{t.per_s:.0f} requests/s at {1e3 * t.latency_s:.1f} ms" for t in thirds]
    reason = row.summary.reason or "its thirds agree"
    caption = f"{row.state}: {reason}; {'; '.join(words)}"
    if len(beside):
        if len(answered):
            beside = beside[beside["at"] >= answered.received.min()]
        draw_cpu(ax.twinx(), beside)
        caption = f"{caption}; CPU {beside.cpu_percent.mean():.0f} %"
    figure.legend(loc="outside lower right", ncols=2)
    show(figure, caption, records_of(thirds), detail=True)


def draw_cpu(ax, samples: pandas.DataFrame) -> None:
    """Our share of all cores over time, on axes of its own."""
    label = "our share of the CPU"
    look = {"color": COLOURS[1], "marker": "x", "linestyle": ":"}
    ax.plot(samples["at"], samples.cpu_percent, label=label, **look)
    ax.set(ylim=(0, 105), ylabel="percent of all cores")
    ax.grid(False)


def draw_chart(rows: Sequence[GridRow], group: str, limit_ms: float) -> None:
    """The published chart: latency over the settings of an arm and placement.

    Hollow marks are settings that are not stable.
    """
    cells = cells_of(rows)
    figure, ax = axes(f"Latency under load: {group}", GRID_X, "latency, ms")
    known = [name for name in QUANTILES if cells[name].notna().all()]
    for name, colour, marker in zip(known, COLOURS, MARKERS, strict=False):
        label = name.removesuffix("_ms")
        ax.plot(cells.setting, cells[name], marker=marker, color=colour, label=label)
        doubted = cells[cells.state != STABLE]
        ax.plot(doubted.setting, doubted[name], marker, color=colour, mfc="white", zorder=3)
    if limit_ms < 2 * cells[known].max().max():  # one far above would press the rest to the floor
        ax.axhline(limit_ms, color=LINE, linestyle="--", label=f"target {limit_ms:g} ms")
    ax.set_ylim(bottom=0)
    if known:
        ax.legend()
    pairs = zip(cells.setting, cells.p50_ms, strict=True)
    words = ", ".join(f"{setting} {_ms_words(ms)}" for setting, ms in pairs)
    caption = f"{group}: p50 at {words}"
    if (cells.state != STABLE).any():
        caption = f"{caption}. Hollow marks: not stable"
    show(figure, caption, cells[["setting", "state", *known]])


def _ms_words(ms: float | None) -> str:
    """Milliseconds in words; None or NaN where there were too few answers to tell."""
    if ms is None or math.isnan(ms):
        return "not known"
    return f"{ms:.1f} ms"


def draw_curve(
    rows: Sequence[GridRow],
    best: GridRow | None,
    target_ms: float,
    title: str,
    y: str,
    caption: str,
) -> None:
    """Latency against throughput, a line for each number of servers, and the setting to run.

    best: one of `rows`, None where none holds the target; y: the label of latency; caption: the
    figure in words, to which is added how to read it, and which settings have no point in it.
    """
    figure, ax = axes(title, "answers per second", y)
    cells = cells_of(rows)
    drawn = cells[cells.latency_high_ms.notna()]
    corners = cycle(CORNERS)
    for count, colour, marker in zip(cells.servers.unique(), COLOURS, MARKERS, strict=False):
        line = drawn[drawn.servers == count].sort_values("clients")
        label = f"servers: {count}"
        ax.plot(line.answers_per_s, line.latency_high_ms, marker=marker, color=colour, label=label)
        name_points(ax, line, next(corners), colour)
    ax.axhline(target_ms, color=LINE, linestyle="--", label=f"target {target_ms:g} ms")
    if best:
        point = [best.answers_per_s.value], [best.latency_ms.high]
        ax.plot(*point, "o", mfc="none", ms=16, color=LINE, label="run here")
    from matplotlib.ticker import LogFormatter

    ax.set_yscale("log")
    # between decades only where there is room for it
    ax.yaxis.set_major_formatter(LogFormatter())
    ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
    figure.legend(loc="outside lower center", ncols=4)  # on the axes it would hide points
    shown = cells[["setting", "saturated", "answers_per_s", "latency_high_ms", "state"]]
    show(figure, f"{caption}. {how_to_read(shown)}", shown)


def name_points(ax, line: pandas.DataFrame, corner: tuple[int, int], colour: str) -> None:
    """The number of clients at each point of a line, with a star where it is saturated.

    corner: where it stands, in points from its own: lines meet, and what they say must not.
    """
    for row in line.itertuples():
        label = f"{row.clients}*" if row.saturated else str(row.clients)
        place = (row.answers_per_s, row.latency_high_ms)
        side = "left" if corner[0] > 0 else "right"
        look = {"textcoords": "offset points", "ha": side, "va": "center", "color": colour}
        ax.annotate(label, place, xytext=corner, **look)


def how_to_read(cells: pandas.DataFrame) -> str:
    """What the marks of the curve mean, and which settings have no point in it."""
    words = "Numbers at the points, in their line's colour: clients; *: saturated"
    if missing := list(cells[cells.latency_high_ms.isna()].setting):
        words = f"{words}. Not drawn, with too few answers for an interval: {', '.join(missing)}"
    return words
