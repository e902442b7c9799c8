"""What is looked at while traffic moves: panels and alarms, said once for CloudWatch and for the
chapter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from blipkit.service.metrics import backend_metric

Statistic = Literal["Sum", "Average", "Minimum", "Maximum", "p50", "p99"]
BACKENDS = ("gpu", "inf2")
API = (("Tier", "api"),)


@dataclass(frozen=True)
class Series:
    """A line of a panel. statistic: as CloudWatch names it; dimensions: whose metric it is."""

    label: str
    metric: str
    statistic: Statistic
    dimensions: tuple[tuple[str, str], ...] = API


@dataclass(frozen=True)
class Panel:
    """A picture over time. unit: of its axis; period_s: a point stands for so long."""

    title: str
    unit: str
    series: tuple[Series, ...]
    period_s: int = 60


@dataclass(frozen=True)
class Alarm:
    """A rule of CloudWatch. above: whether it is on above the threshold, or below; periods: in a
    row, of 60 s each; panel: whose title; over: the metric is divided by this one; why: in words.
    """

    name: str
    panel: str
    metric: str
    statistic: Statistic
    above: bool
    threshold: float
    periods: int
    why: str
    over: str = ""


LATENCY, ERRORS, READY = "Latency", "Errors, refusals, rejections", "Backends that are ready"
SHADOW = "Shadow"
SHADOWED = (
    Series("compared", "shadow_answers", "Sum"),
    Series("flipped", "shadow_flips", "Sum"),
    Series("flipped, not excused", "shadow_unexcused", "Sum"),
)


def panels(backends: Sequence[str] = BACKENDS) -> list[Panel]:
    """The panels, for backends of these names."""
    return [
        Panel("Requests", "requests a period", (Series("requests", "requests", "Sum"),)),
        Panel(
            LATENCY,
            "ms",
            (Series("p50", "latency_ms", "p50"), Series("p99", "latency_ms", "p99")),
        ),
        Panel(
            ERRORS,
            "requests a period",
            tuple(Series(name, name, "Sum") for name in ("errors", "refusals", "rejections")),
        ),
        Panel(
            "Requests by backend",
            "requests a period",
            tuple(Series(name, backend_metric("requests", name), "Sum") for name in backends),
        ),
        Panel("In flight, and waiting", "requests", tuple(_room(backends))),
        Panel(
            READY,
            "1: ready",
            tuple(Series(name, backend_metric("ready", name), "Minimum") for name in backends),
        ),
        Panel(SHADOW, "answers a period", SHADOWED),
        Panel(
            "Requests a target",
            "requests in 10 s",
            (Series("requests", "requests_per_target", "Maximum"),),
            period_s=10,
        ),
    ]


def _room(backends: Sequence[str]) -> list[Series]:
    """What is in flight at the API tier, and what waits at each inference tier."""
    waiting = [
        Series(
            f"waits, {name}",
            "queue_depth",
            "Maximum",
            (("Tier", "inference"), ("Backend", name)),
        )
        for name in backends
    ]
    return [Series("in flight", "in_flight", "Maximum"), *waiting]


def alarms(target_ms: float = 1000.0, backends: Sequence[str] = BACKENDS) -> list[Alarm]:
    """The alarms. target_ms: that p99 has to hold."""
    p99 = Alarm(
        name="p99",
        panel=LATENCY,
        metric="latency_ms",
        statistic="p99",
        above=True,
        threshold=target_ms,
        periods=3,
        why="one of a hundred callers waits longer than the target",
    )
    errors = Alarm(
        name="5xx",
        panel=ERRORS,
        metric="errors",
        statistic="Sum",
        above=True,
        threshold=0,
        periods=1,
        why="requests failed by an error of the service; a refusal (503) is none",
    )
    flips = Alarm(
        name="shadow-flips",
        panel=SHADOW,
        metric="shadow_unexcused",
        statistic="Sum",
        above=True,
        threshold=0.02,
        periods=3,
        why="of the compared questions, the candidate answers more than this share otherwise, "
        "at margins that no rounding reaches",
        over="shadow_answers",
    )
    return [p99, errors, *map(_unready, backends), flips]


def _unready(backend: str) -> Alarm:
    """Of one backend."""
    return Alarm(
        name=f"unready-{backend}",
        panel=READY,
        metric=backend_metric("ready", backend),
        statistic="Minimum",
        above=False,
        threshold=1,
        periods=2,
        why=f"{backend} is not ready: it gets no traffic, and the others get its share",
    )


def alarm_words(alarm: Alarm) -> str:
    """An alarm in one line."""
    side = "above" if alarm.above else "below"
    what = f"{alarm.statistic} of {alarm.metric}"
    if alarm.over:
        what += f" over that of {alarm.over}"
    minutes = "1 minute" if alarm.periods == 1 else f"{alarm.periods} minutes in a row"
    return f"{alarm.name}: {what} {side} {alarm.threshold:g} for {minutes}: {alarm.why}"
