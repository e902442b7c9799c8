"""What a tier counts and times, as CloudWatch (embedded metric format) and Prometheus read it.

A meter knows no clock, no file and no thread: whoever has it says when a period ends, and puts its
lines where a collector looks. docs/switching.md names the metrics.
"""

import math
import re
import uuid
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from blipkit.errors import BadInput, shown
from blipkit.records.writing import json_text

NAMESPACE = "blipkit"
# the format's limits, by Amazon CloudWatch's specification of it
VALUES, DEFINITIONS, DIMENSIONS, LONGEST = 100, 100, 30, 1024
LARGEST = 2.0**360  # of a value that CloudWatch takes
NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
LABEL = re.compile(r"[A-Z][A-Za-z0-9_]{0,99}")
RECORD_ID = "record_id"  # the key by which `read_lines` finds a line that is there twice
FINE = ("requests_per_target",)  # CloudWatch keeps it by the second, not by the minute
UNUSABLE = "unusable_values"  # counts what is no number that CloudWatch takes
TIMED = "_ms"  # ends the name of a time in milliseconds
Sample = tuple[str, Sequence[tuple[str, str]], float]
# upper ends of a histogram's buckets, ms
BUCKETS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


@dataclass
class Count:
    """Of something that happens: in this period, and ever."""

    period: float = 0.0
    total: float = 0.0


@dataclass
class Distribution:
    """Values of this period, and ever how many fell into each bucket, and their sum."""

    values: list[float] = field(default_factory=list)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_MS) + 1))
    total: float = 0.0


class Meter:
    """The metrics of one tier in one process.

    tier: api, inference, ...; dimensions: what else tells its metrics apart, name -> value; source:
    tells its lines from those of all other processes; by itself it is drawn at random. BadInput for
    a name or a dimension that CloudWatch or Prometheus would not take.
    """

    def __init__(self, tier: str, dimensions: Mapping[str, str], source: str = ""):
        self.dimensions = {"Tier": tier, **dimensions}
        _check_dimensions(self.dimensions)
        self.source = source or uuid.uuid4().hex
        self.counts: dict[str, Count] = {}
        self.values: dict[str, Distribution] = {}
        self.levels: dict[str, float] = {}
        self._lines = 0

    def add(self, name: str, amount: float = 1) -> None:
        """Something happened `amount` more times, such as requests."""
        count = self.counts.get(name)
        if count is None:
            count = self.counts[self._new(name)] = Count()
        if not _is_usable(amount):
            return self.add(UNUSABLE)
        count.period += amount
        count.total += amount

    def observe(self, name: str, value: float) -> None:
        """One of many values whose distribution is wanted, such as latency_ms."""
        known = self.values.get(name)
        if known is None:
            known = self.values[self._new(name)] = Distribution()
        if not _is_usable(value):
            return self.add(UNUSABLE)
        known.values.append(value)
        known.total += value
        known.buckets[bisect_left(BUCKETS_MS, value)] += 1

    def set(self, name: str, value: float) -> None:
        """What is so until it is set again, such as in_flight."""
        if name not in self.levels:
            self._new(name)
        if not _is_usable(value):
            return self.add(UNUSABLE)
        self.levels[name] = value

    def _new(self, name: str) -> str:
        """The name, if a metric can have it, and none of another type does."""
        if not NAME.fullmatch(name) or name == RECORD_ID:
            expected = "expected small letters, digits and _, such as latency_ms"
            raise BadInput(f"metric {shown(name)}; {expected}")
        if name in self.counts or name in self.values or name in self.levels:
            raise BadInput(f"metric {name} is of another type; use add, observe or set, not two")
        return name

    def lines(self, now_ms: int) -> list[str]:
        """The period's lines in the embedded metric format, without line ends; a new one begins.

        now_ms: when it ended, Unix time. Each line has at most 100 metrics of at most 100 values;
        what is more comes in further lines. A count that did not grow is there as 0.
        """
        return [self._line(part, now_ms) for part in self._parts()]

    def prometheus(self) -> str:
        """All that was counted since the process began, and what is so now, as Prometheus reads it.

        Text format 0.0.4. Times are seconds there, and counts end in _total, as its users expect.
        """
        labels = [(name.lower(), value) for name, value in self.dimensions.items()]
        lines = []
        for name, level in self.levels.items():
            lines += _family(name, "gauge", [("", labels, level)])
        for name, count in self.counts.items():
            lines += _family(f"{name}_total", "counter", [("", labels, count.total)])
        for name, known in self.values.items():
            lines += _family(*_histogram(name, known, labels))
        return "".join(line + "\n" for line in lines)

    def _parts(self) -> Iterator[Mapping[str, float | Sequence[float]]]:
        """The period's values by metric, at most so many as one line may have."""
        first: dict[str, float | Sequence[float]] = dict(self.levels)
        for name, count in self.counts.items():
            first[name] = count.period
            count.period = 0.0
        lines = [first]
        for name, known in self.values.items():
            for place, values in enumerate(_batches(known.values, VALUES)):
                if place == len(lines):
                    lines.append({})
                lines[place][name] = values
            known.values = []
        for part in lines:
            for names in _batches(list(part), DEFINITIONS):
                yield {name: part[name] for name in names}

    def _line(self, part: Mapping[str, float | Sequence[float]], now_ms: int) -> str:
        self._lines += 1
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [list(self.dimensions)],
            "Metrics": [_definition(name) for name in part],
        }
        line: dict[str, Any] = {
            "_aws": {"Timestamp": int(now_ms), "CloudWatchMetrics": [directive]},
            RECORD_ID: f"{self.source}-{self._lines}",
        }
        line.update(self.dimensions)
        line.update(part)
        return json_text(line)


def _batches(values: list, size: int) -> list[list]:
    """The values in order, `size` of them at a time."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def _definition(name: str) -> dict[str, Any]:
    """What CloudWatch is told about a metric."""
    unit = "Milliseconds" if name.endswith(TIMED) else "Count"
    definition: dict[str, Any] = {"Name": name, "Unit": unit}
    if name in FINE:
        definition["StorageResolution"] = 1
    return definition


def _is_usable(value: float) -> bool:
    """Whether CloudWatch takes a value: a finite number below 2^360."""
    return math.isfinite(value) and -LARGEST <= value <= LARGEST


def _check_dimensions(dimensions: Mapping[str, str]) -> None:
    """Refuse what CloudWatch drops, or Prometheus cannot have as a label."""
    if len(dimensions) > DIMENSIONS:
        raise BadInput(f"{len(dimensions)} dimensions; expected at most {DIMENSIONS}")
    for name, value in dimensions.items():
        if not LABEL.fullmatch(name):
            raise BadInput(
                f"dimension {shown(name)}; expected letters, digits and _, the first a capital"
            )
        is_ascii = value.isascii() and value.isprintable() and value.strip()
        if not is_ascii or value.startswith(":") or len(value) > LONGEST:
            expected = f"expected 1 to {LONGEST} printable ASCII characters, the first not ':'"
            raise BadInput(f"dimension {name} is {shown(value)}; {expected}")


def _family(name: str, kind: str, samples: Sequence[Sample]) -> list[str]:
    """The lines of one metric. samples: what its name ends in, labels, value."""
    full = f"{NAMESPACE}_{name}"
    lines = [f"# TYPE {full} {kind}"]
    for end, labels, value in samples:
        pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        lines.append(f"{full}{end}{{{pairs}}} {float(value)!r}")
    return lines


def _histogram(
    name: str, known: Distribution, labels: Sequence[tuple[str, str]]
) -> tuple[str, str, list[Sample]]:
    """The arguments of `_family` for a distribution; each bucket counts those below it, too."""
    unit = 1
    if name.endswith(TIMED):
        name, unit = f"{name.removesuffix(TIMED)}_seconds", 1000
    ends = [repr(end / unit) for end in BUCKETS_MS] + ["+Inf"]
    counts = list(accumulate(known.buckets))
    samples: list[Sample] = [
        ("_bucket", [*labels, ("le", end)], count) for end, count in zip(ends, counts, strict=True)
    ]
    samples += [("_sum", labels, known.total / unit), ("_count", labels, counts[-1])]
    return name, "histogram", samples


def _escaped(text: str) -> str:
    """A label's value between its quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def backend_metric(name: str, backend: str) -> str:
    """The name of a metric of one backend, such as share_gpu."""
    return f"{name}_{re.sub('[^a-z0-9]+', '_', backend.lower())}"
