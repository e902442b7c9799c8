"""The panels as a CloudWatch dashboard, and as the chapter's pictures from the metric lines."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from blipkit.display.figures import COLOURS, MARKERS, STYLES, axes, show
from blipkit.service.metric_lines import MetricLine
from blipkit.service.metrics import NAMESPACE
from blipkit.service.panels import (
    BACKENDS,
    Alarm,
    Panel,
    Series,
    alarm_words,
    alarms,
    panels,
)

WIDTH, HEIGHT, ACROSS = 12, 6, 2  # of a widget, in CloudWatch's grid of 24 columns
MARKED = 30  # points of a line, up to which each is marked

STATISTICS = {"Sum": np.sum, "Average": np.mean, "Minimum": np.min, "Maximum": np.max}
Point = tuple[float, float]  # s since the first line, value


def dashboard_body(
    region: str, backends: Sequence[str] = BACKENDS, target_ms: float = 1000.0
) -> dict[str, Any]:
    """What `aws cloudwatch put-dashboard` takes as its body."""
    rules = alarms(target_ms, backends)
    widgets = [
        _metric_widget(panel, place, region, rules) for place, panel in enumerate(panels(backends))
    ]
    below = HEIGHT * -(-len(widgets) // ACROSS)
    return {"start": "-PT3H", "widgets": [*widgets, _text_widget(rules, below)]}


def _metric_widget(panel: Panel, place: int, region: str, rules: Sequence[Alarm]) -> dict[str, Any]:
    lines = [
        {"label": one.why, "value": one.threshold}
        for one in rules
        if one.panel == panel.title and not one.over
    ]
    properties = {
        "title": panel.title,
        "region": region,
        "view": "timeSeries",
        "stacked": False,
        "period": panel.period_s,
        "metrics": [_metric(one) for one in panel.series],
        "yAxis": {"left": {"label": panel.unit, "min": 0, "showUnits": False}},
    }
    if lines:
        properties["annotations"] = {"horizontal": lines[:1]}
    return {
        "type": "metric",
        "x": WIDTH * (place % ACROSS),
        "y": HEIGHT * (place // ACROSS),
        "width": WIDTH,
        "height": HEIGHT,
        "properties": properties,
    }


def _metric(series: Series) -> list[Any]:
    """A line as CloudWatch writes it: namespace, metric, dimensions, how it is shown."""
    dimensions = [word for pair in series.dimensions for word in pair]
    shown_as = {"stat": series.statistic, "label": series.label}
    return [NAMESPACE, series.metric, *dimensions, shown_as]


def _text_widget(rules: Sequence[Alarm], y: int) -> dict[str, Any]:
    """The alarms in words."""
    text = "\n".join(["## Alarms", *(f"- {alarm_words(one)}" for one in rules)])
    properties = {"markdown": text}
    width = WIDTH * ACROSS
    return {
        "type": "text",
        "x": 0,
        "y": y,
        "width": width,
        "height": HEIGHT,
        "properties": properties,
    }


def points_of(lines: Sequence[MetricLine], series: Series, period_s: float) -> list[Point]:
    """A line's points from the metric lines: one a period in which there was a value.

    Periods count from the first of all lines. As CloudWatch does, a statistic is over all values of
    a period, whichever line they stand in.
    """
    if not lines:
        return []
    start_ms = min(line.at_ms for line in lines)
    by_period: dict[int, list[float]] = defaultdict(list)
    wanted = dict(series.dimensions)
    for line in lines:
        if line.dimensions == wanted:
            period = int((line.at_ms - start_ms) / 1000 // period_s)
            by_period[period] += line.values.get(series.metric, ())
    return [
        (period * period_s, statistic_of(values, series.statistic))
        for period, values in sorted(by_period.items())
        if values
    ]


def statistic_of(values: Sequence[float], statistic: str) -> float:
    """A statistic by CloudWatch's name of it; a percentile is one of the values."""
    if statistic.startswith("p"):
        share = float(statistic[1:])
        return float(np.percentile(values, share, method="inverted_cdf"))
    return float(STATISTICS[statistic](values))


def show_panels(
    lines: Sequence[MetricLine],
    backends: Sequence[str] = BACKENDS,
    titles: Sequence[str] = (),
    period_s: float | None = None,
) -> None:
    """Draw the panels, or those of these titles. period_s: of all points; default: the panel's."""
    for panel in panels(backends):
        if not titles or panel.title in titles:
            draw_panel(lines, panel, period_s or panel.period_s)


def draw_panel(lines: Sequence[MetricLine], panel: Panel, period_s: float) -> None:
    """One panel over the seconds since the first line."""
    unit = panel.unit.replace("a period", f"in {period_s:g} s")
    figure, ax = axes(panel.title, "s since the first line", unit)
    rows, words = [], []
    for place, series in enumerate(panel.series):
        points = points_of(lines, series, period_s)
        words.append(f"{series.label}: {_in_words(points)}")
        rows += [{"line": series.label, "s": at, unit: value} for at, value in points]
        look = {"color": COLOURS[place], "linestyle": ["-", *STYLES][place]}
        if len(points) <= MARKED:
            look["marker"] = MARKERS[place]
        times, values = [at for at, _ in points], [value for _, value in points]
        ax.plot(times, values, label=series.label, **look)
    ax.set_ylim(bottom=0)
    ax.legend()
    show(figure, f"{panel.title}, {unit}: {'; '.join(words)}", rows)


def _in_words(points: Sequence[Point]) -> str:
    """From where to where a line goes."""
    if not points:
        return "no values"
    values = [value for _, value in points]
    return f"{min(values):.4g} to {max(values):.4g}"
