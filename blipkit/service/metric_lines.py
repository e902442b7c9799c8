"""The metric lines that tiers wrote, read again: each once, however often a collector sent it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blipkit.errors import BadInput, shown
from blipkit.service.json_lines import read_json_lines
from blipkit.service.metrics import RECORD_ID

AGAIN = "expected lines of the embedded metric format, as `blipkit api` and `blipkit serve` write"


@dataclass(frozen=True)
class MetricLine:
    """What one line says of a period of one tier in one process.

    record_id: no other line has it; at_ms: when the period ended, Unix time; dimensions: name ->
    value, Tier among them; values: metric -> its values.
    """

    record_id: str
    at_ms: int
    dimensions: dict[str, str]
    values: dict[str, tuple[float, ...]]

    @property
    def tier(self) -> str:
        """Which tier wrote it."""
        return self.dimensions.get("Tier", "")


def read_lines(paths: Iterable[Path]) -> list[MetricLine]:
    """The metric lines of several files in order of time, each record id once.

    An unfinished last line of a file, as of a process that was killed, is left out. BadInput names
    the line that is no metric line.
    """
    found: dict[str, MetricLine] = {}
    for path in paths:
        for place, line in read_json_lines(path, AGAIN, may_be_cut=True):
            try:
                one = _metric_line(line)
            except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
                said = f"{type(error).__name__} {shown(str(error))}"
                raise BadInput(f"{place}: is no metric line ({said}); {AGAIN}") from None
            found.setdefault(one.record_id, one)
    return sorted(found.values(), key=lambda line: line.at_ms)


def _metric_line(line: dict[str, Any]) -> MetricLine:
    """What a line's own directive says is a metric, or a dimension."""
    about = line["_aws"]
    (directive,) = about["CloudWatchMetrics"]
    (names,) = directive["Dimensions"]
    metrics = [one["Name"] for one in directive["Metrics"]]
    return MetricLine(
        record_id=str(line[RECORD_ID]),
        at_ms=int(about["Timestamp"]),
        dimensions={name: str(line[name]) for name in names},
        values={name: _numbers(line[name]) for name in metrics},
    )


def _numbers(value: Any) -> tuple[float, ...]:
    """A metric's one value, or its many."""
    several = value if isinstance(value, list) else [value]
    return tuple(float(one) for one in several)


def values_of(lines: Sequence[MetricLine], name: str, tier: str = "") -> list[float]:
    """All values of a metric, of one tier or of all; its counts add up to how often it happened."""
    return [
        value for line in lines if tier in ("", line.tier) for value in line.values.get(name, ())
    ]
