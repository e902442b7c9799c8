"""The figures of 04, each from rows of a grid or from requests."""

from collections.abc import Sequence

import pandas
from matplotlib.ticker import LogFormatter

from blipkit.display.figures import COLOURS, MARKERS, axes, show
from blipkit.load.setting import name_of
from blipkit.load.summary import STABLE

GRID_X = "#server threads - #client threads"
LINE = COLOURS[6]  # of a target, or of where something begins
PARTS = ("queued_ms", "service_ms", "overhead_ms")  # of a mean latency
HATCHES = ("", "//", "..")
QUANTILES = ("p50_ms", "p90_ms", "p99_ms")


def draw_request(reached_ms: dict[str, float], row: dict) -> None:
    """One request's way through queue and server, as bars over time.

    reached_ms: each step -> when it was reached, ms since the request was due; row: its setting's.
    """
    size = (7.2, 1.8)
    title = "One request's way through queue and server"
    figure, ax = axes(title, "ms since it was due", "", size)
    parts = {
        "sent to answered": ("scheduled", "received"),
        "waits in the queue": ("sent", "dequeued"),
        "is served": ("started", "finished"),
    }
    for (what, (begin, end)), colour in zip(parts.items(), COLOURS, strict=False):
        took_ms = reached_ms[end] - reached_ms[begin]
        ax.barh([what], [took_ms], left=reached_ms[begin], color=colour)
    told = ", ".join(f"{step} at {ms:.2f} ms" for step, ms in reached_ms.items())
    steps = [{"step": step, "ms": ms} for step, ms in reached_ms.items()]
    caption = f"one request of setting {row['servers']}-{row['clients']}: {told}"
    show(figure, caption, steps, detail=True)


def draw_split(rows: Sequence[dict]) -> None:
    """The mean latency of each setting as a bar: in the queue, served, and the rest."""
    figure, ax = axes("Where the mean latency goes", "#servers - #clients", "mean latency, ms")
    names = [name_of(row) for row in rows]
    bottom = [0.0] * len(rows)
    for part, colour, hatch in zip(PARTS, COLOURS, HATCHES, strict=False):
        heights = [row[part] or 0 for row in rows]
        label = part.removesuffix("_ms")
        ax.bar(names, heights, bottom=bottom, color=colour, hatch=hatch, label=label)
        bottom = [below + height for below, height in zip(bottom, heights, strict=True)]
    ax.legend()
    split = []
    told = []
    for name, row in zip(names, rows, strict=True):
        parts = {part: row[part] or 0 for part in PARTS}
        split.append(with_setting(name, parts))
        queued = parts["queued_ms"]
        served = parts["service_ms"]
        told.append(f"{name}: {queued:.1f} ms queued, {served:.1f} ms served")
    show(figure, "; ".join(told), split, detail=True)


def with_setting(name: str, parts: dict[str, float]) -> dict[str, str | float]:
    """A setting's row of the data under a figure."""
    row = {"setting": name}
    row.update(parts)
    return row


def draw_over_time(
    row: dict, answered: pandas.DataFrame, thirds: Sequence[dict], beside: pandas.DataFrame
) -> None:
    """Every answer of a run over time, warm-up included, with its thirds and our share of the CPU.

    row: its setting's; thirds: of `stability.windows`; beside: the machine's samples, may be empty.
    """
    title = "Latency over time, the busiest setting"
    figure, ax = axes(title, "s from the start of measuring", "latency, ms")
    latency_ms = 1e3 * (answered.received - answered.scheduled)
    ax.plot(answered.received, latency_ms, ".", color=COLOURS[5], label="a request")
    for third in thirds:
        height = 1e3 * third["latency_s"]
        ax.hlines(height, third["from_s"], third["to_s"], color=COLOURS[0], linewidth=3)
    ax.axvline(0, color=LINE, linestyle="--")
    told = [f"{t['per_s']:.0f} requests/s at {1e3 * t['latency_s']:.1f} ms" for t in thirds]
    caption = f"{row['state']}: {row['reason'] or 'its thirds agree'}; {'; '.join(told)}"
    if len(beside):
        if len(answered):
            beside = beside[beside["at"] >= answered.received.min()]
        draw_cpu(ax.twinx(), beside)
        caption = f"{caption}; CPU {beside.cpu_percent.mean():.0f} %"
    figure.legend(loc="outside lower right", ncols=2)
    show(figure, caption, list(thirds), detail=True)


def draw_cpu(ax, samples: pandas.DataFrame) -> None:
    """Our share of all cores over time, on axes of its own."""
    label = "our share of the CPU"
    look = {"color": COLOURS[1], "marker": "x", "linestyle": ":"}
    ax.plot(samples["at"], samples.cpu_percent, label=label, **look)
    ax.set(ylim=(0, 105), ylabel="percent of all cores")
    ax.grid(False)


def draw_chart(rows: Sequence[dict], what: str, limit_ms: float) -> None:
    """The published chart: latency over settings. Hollow marks are settings that are not stable."""
    cells = pandas.DataFrame(rows)
    figure, ax = axes(f"Latency under load: {what}", GRID_X, "latency, ms")
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
    told = ", ".join(f"{setting} {ms:.1f} ms" for setting, ms in pairs)
    show(figure, f"{what}: p50 at {told}", cells[["setting", "state", *known]])


def draw_curve(
    rows: Sequence[dict], best: dict | None, target_ms: float, title: str, y: str, told: str
) -> None:
    """Latency against throughput, a line for each number of servers, and the setting to run.

    best: one of `rows`, None where none holds the target; y: the label of latency; told: the
    figure in words, to which its caption adds how to read it.
    """
    figure, ax = axes(title, "answers per second", y)
    cells = pandas.DataFrame(rows)
    for count, colour, marker in zip(cells.servers.unique(), COLOURS, MARKERS, strict=False):
        line = cells[cells.servers == count]
        label = f"servers: {count}"
        ax.plot(line.answers_per_s, line.latency_high_ms, marker=marker, color=colour, label=label)
    for row in cells[cells.latency_high_ms.notna()].itertuples():
        label = str(row.clients)
        if row.saturated:
            label = f"{label}*"
        place = (row.answers_per_s, row.latency_high_ms)
        ax.annotate(label, place, xytext=(4, 4), textcoords="offset points")
    ax.axhline(target_ms, color=LINE, linestyle="--", label=f"target {target_ms:g} ms")
    if best:
        point = [best["answers_per_s"]], [best["latency_high_ms"]]
        ax.plot(*point, "o", mfc="none", ms=16, color=LINE, label="run here")
    ax.set_yscale("log")
    # between decades only where there is room for it
    ax.yaxis.set_major_formatter(LogFormatter())
    ax.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
    ax.legend()
    kept = cells[["setting", "saturated", "answers_per_s", "latency_high_ms", "state"]]
    show(figure, f"{told}. Numbers at the points: clients; *: saturated", kept)
