"""A policy against a fleet that really ran: simulated instance counts beside those of CloudWatch.

The file is an export of yours: a line for each minute, with the sum of RequestCount and the group's
instances in service.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from blipkit.capacity.control import Controller, ScalingEvent
from blipkit.capacity.group import GroupRules
from blipkit.capacity.policies import TargetTracking
from blipkit.errors import BadInput, shown
from blipkit.reading.csv_text import csv_rows

COLUMNS = ["timestamp", "requests", "instances"]
EXPECTED = "expected the columns timestamp, requests and instances, a line for each minute"
PERIOD_S = 60


@dataclass(frozen=True)
class Metrics:
    """What CloudWatch has of a fleet, a figure for each minute. begins: in words."""

    begins: str
    requests: np.ndarray
    instances: np.ndarray


@dataclass(frozen=True)
class Backtest:
    """Simulated and actual instances in service, for each minute."""

    metrics: Metrics
    simulated: np.ndarray
    events: list[ScalingEvent]

    @property
    def error(self) -> float:
        """Mean absolute difference, instances."""
        return float(np.abs(self.simulated - self.metrics.instances).mean())

    @property
    def equal(self) -> float:
        """Share of the minutes in which both are equal."""
        return float((self.simulated == self.metrics.instances).mean())

    @property
    def hours(self) -> tuple[float, float]:
        """Instance-hours, simulated and actual."""
        return float(self.simulated.sum() / 60), float(self.metrics.instances.sum() / 60)

    def lines(self) -> list[str]:
        """What a terminal shows."""
        simulated, actual = self.hours
        minutes = len(self.simulated)
        return [
            f"{minutes} minutes from {self.metrics.begins}",
            f"instance-hours: {simulated:.1f} simulated, {actual:.1f} actual"
            f" ({simulated / actual - 1:+.1%})",
            f"equal in {self.equal:.1%} of the minutes; {self.error:.2f} instances off on average",
            f"changes: {len(self.events)} simulated, {changes(self.metrics.instances)} actual",
        ]

    def cells(self) -> list[list[str]]:
        """Hour by hour: first minute, requests, means of simulated and actual instances."""
        rows = []
        for first in range(0, len(self.simulated), 60):
            hour = slice(first, first + 60)
            means = (self.simulated[hour].mean(), self.metrics.instances[hour].mean())
            requests = int(self.metrics.requests[hour].sum())
            rows.append([str(first), f"{requests:,}", *(f"{mean:.2f}" for mean in means)])
        return rows


def changes(instances: np.ndarray) -> int:
    """How often a count is another than the minute before."""
    return int((np.diff(instances) != 0).sum())


def backtest(
    metrics: Metrics, policy: TargetTracking, rules: GroupRules, metric_delay_s: float = 0.0
) -> Backtest:
    """The policy on the requests that really came, from as many instances as there were at first.

    Its own instances take the requests, so that one difference does not hide the next. BadInput
    where the rules allow no such beginning.
    """
    begins = int(metrics.instances[0])
    if not rules.least <= begins <= rules.most:
        seen = f"{begins} instances in the first minute"
        raise BadInput(f"{seen}; --min {rules.least} and --max {rules.most} allow no such group")
    controller = Controller(policy, rules, metric_delay_s)
    controller.group.begin((begins, 0))
    simulated = np.zeros(len(metrics.requests), np.int64)
    for minute, requests in enumerate(metrics.requests):
        now = minute * PERIOD_S
        for machine in controller.edge(now).started:
            machine.slot = 0
        simulated[minute] = controller.group.ready()[0]
        controller.observe(now + PERIOD_S, requests, PERIOD_S)
    return Backtest(metrics, simulated, controller.events)


def read_metrics(path: Path) -> Metrics:
    """A CloudWatch export; BadInput names the line with a gap, a negative count or no number."""
    rows = csv_rows(path, EXPECTED)
    if not rows or rows[0][1] != COLUMNS:
        seen = shown(",".join(rows[0][1])) if rows else "an empty file"
        raise BadInput(f"{path}: the first line is {seen}; {EXPECTED}")
    if len(rows) < 3:
        raise BadInput(f"{path}: {len(rows) - 1} minutes; expected two at least")
    read = [_metric(cells, f"{path}, line {line}") for line, cells in rows[1:]]
    for (line, _), before, after in zip(rows[2:], read, read[1:], strict=False):
        gap_s = _seconds(before[0], after[0], f"{path}, line {line}")
        if gap_s != PERIOD_S:
            seen = f"{after[0]} comes {gap_s:g} s after the line before"
            expected = "expected every minute, in order, in UTC where clocks change"
            raise BadInput(f"{path}, line {line}: {seen}; {expected}")
    counts = np.array([one[1:] for one in read])
    if not counts[0, 1]:
        raise BadInput(f"{path}: no instance in the first minute; begin where the fleet serves")
    return Metrics(read[0][0].isoformat(" ", "minutes"), counts[:, 0], counts[:, 1].astype(int))


def _metric(cells: list[str], where: str) -> tuple[datetime, float, float]:
    """(when, requests, instances) of a line."""
    try:
        at, requests, instances = cells
        when, counts = datetime.fromisoformat(at), (float(requests), float(instances))
    except ValueError:
        expected = "expected a time such as 2026-11-28T20:00:00Z and two numbers"
        raise BadInput(f"{where}: saw {shown(','.join(cells))}; {expected}") from None
    for count in counts:
        if not (np.isfinite(count) and count >= 0):
            raise BadInput(f"{where}: a count of {count:g}; expected zero or more")
    if counts[1] % 1:
        raise BadInput(f"{where}: {counts[1]:g} instances; expected a whole number")
    return when, *counts


def _seconds(before: datetime, after: datetime, where: str) -> float:
    """Between two lines; BadInput where only one of them has a time zone."""
    try:
        return (after - before).total_seconds()
    except TypeError:
        raise BadInput(
            f"{where}: some times have a zone, others none; expected all alike"
        ) from None
