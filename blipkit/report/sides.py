"""What a results folder holds that can be compared: gates, times under load and costs, each with
the terms under which it stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blipkit.arrivals.rows import RateRow
from blipkit.cost.rows import CostRow
from blipkit.display.tables import number
from blipkit.load.summary import INVALID
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.typed import Row, interval, read_typed
from blipkit.runners.arms import has_model
from blipkit.statistics import UNKNOWN, Interval

# the less the better; what is not here was not measured
RANK = {"PASS": 0, "WARN": 1, "FAIL": 2, "INVALID": 3}


@dataclass(frozen=True)
class LoadRow:
    """Of a record of 04, what is compared: latency in ms and answers/s, with their intervals."""

    arm: str
    servers: int
    clients: int
    placement: str = "threads"
    evidence: str | None = None
    state: str = ""
    p50_ms: Interval = interval("p50{}_ms", default=UNKNOWN)
    p90_ms: Interval = interval("p90{}_ms", default=UNKNOWN)
    p99_ms: Interval = interval("p99{}_ms", default=UNKNOWN)
    answers_per_s: Interval = UNKNOWN


@dataclass(frozen=True)
class Quantity:
    """What is compared; judged: whether its change counts in the exit status."""

    name: str
    unit: str
    more_is_better: bool = False
    judged: bool = True


GATE = Quantity("gate", "")
TIMING_GATE = Quantity("gate", "", judged=False)
P50 = Quantity("p50", "ms", judged=False)
P90 = Quantity("p90", "ms")
P99 = Quantity("p99", "ms")
THROUGHPUT = Quantity("throughput", "answers/s", more_is_better=True, judged=False)
RATE = Quantity("rate of arrivals", "requests/s", more_is_better=True, judged=False)
COST = Quantity("cost", "USD per million good answers")


# a field of `Terms` -> how it is called where two sides differ in it
WORDS = {
    "limit": "limit",
    "instance": "priced as",
    "region": "region",
    "option": "option",
    "price_as_of": "prices of",
    "basis": "throughput by",
    "evidence": "evidence",
}


@dataclass(frozen=True)
class Terms:
    """Under which terms a figure stands; None for what it does not say."""

    limit: float | str | None = None
    instance: str | None = None
    region: str | None = None
    option: str | None = None
    price_as_of: str | None = None
    basis: str | None = None
    evidence: str | None = None

    def differing(self, other: "Terms") -> list[str]:
        """The names of those that both say, and say otherwise."""
        known = [name for name in WORDS if None not in (getattr(self, name), getattr(other, name))]
        return [name for name in known if getattr(self, name) != getattr(other, name)]


PRICED_BY = {"instance", "region", "option"}


@dataclass(frozen=True)
class Side:
    """A figure in one of the folders, as it is shown, and under which terms.

    figure: its value is None where it was not measured, an end where n cannot bound it.
    """

    quantity: Quantity | None = None
    shown: str = "-"
    figure: Interval = UNKNOWN
    terms: Terms = Terms()

    @property
    def is_measured(self) -> bool:
        """Whether there is a figure."""
        return self.figure.value is not None

    @property
    def has_interval(self) -> bool:
        """Whether an end of its interval is known."""
        return (self.figure.low, self.figure.high) != (None, None)


def sides_of(folder: Path, ended: Sequence[Gate]) -> dict[str, Side]:
    """Every gate and figure of a folder by its name; `ended`: gates beside those recorded."""
    results = Results(folder)
    sides = {gate.gate: _gate_side(gate) for gate in (*results.gates(), *ended)}
    for row in _rows_of_models(results, "concurrency", LoadRow):
        if row.state == INVALID:  # figures that say nothing
            continue
        terms = Terms(evidence=row.evidence)
        quantities = (P50, P90, P99, THROUGHPUT)
        figures = (row.p50_ms, row.p90_ms, row.p99_ms, row.answers_per_s)
        for quantity, figure in zip(quantities, figures, strict=True):
            sides[f"{_setting(row)}: {quantity.name}"] = _figure_side(quantity, figure, terms)
    for row in read_typed(results, "rates", RateRow):
        if row.state == INVALID:
            continue
        target = f"{row.pattern}, p{row.percentile:g} <= {row.limit_ms:g} ms"
        sides[f"{_servers(row)}: {RATE.name}, {target}"] = _figure_side(
            RATE, row.rate_per_s, Terms()
        )
    for row in _rows_of_models(results, "cost", CostRow):
        if row.state == INVALID:
            continue
        terms = Terms(basis=row.basis, **vars(row.price))
        usd = row.cost.usd_per_million
        sides[f"{_setting(row)}: {COST.name}"] = _figure_side(COST, usd, terms)
    return sides


def _rows_of_models(results: Results, kind: str, row: type[Row]) -> list[Row]:
    """The rows of a kind without those of the arm that has no model."""
    rows = read_typed(results, kind, row)
    return [one for one in rows if has_model(one.arm)]


def _setting(row: LoadRow | CostRow) -> str:
    """A row's arm, placement if it is not threads, servers and clients in words."""
    return f"{_servers(row)}, clients {row.clients}"


def _servers(row: LoadRow | CostRow | RateRow) -> str:
    """The same without clients, as where requests do not come from any."""
    system = row.arm
    if row.placement != "threads":
        system = f"{row.arm}, {row.placement}"
    return f"{system}, servers {row.servers}"


def _gate_side(gate: Gate) -> Side:
    """A gate's status with what it measured."""
    rank = RANK.get(gate.status)
    quantity = TIMING_GATE if gate.kind == "timing" else GATE
    shown = gate.status
    if gate.measured is not None:
        shown = f"{shown} ({number(gate.measured)})"
    terms = Terms(limit=gate.limit, evidence=gate.evidence)
    return Side(quantity, shown, Interval(rank, rank, rank), terms)


def _figure_side(quantity: Quantity, figure: Interval, terms: Terms) -> Side:
    """A figure with its interval, a question mark where an end is not known."""
    side = Side(quantity, number(figure.finite().value), figure.finite(), terms)
    if not side.has_interval:
        return side
    low, high = (_end(end) for end in (side.figure.low, side.figure.high))
    return Side(quantity, f"{side.shown} ({low} to {high})", side.figure, terms)


def _end(value: float | None) -> str:
    """An end of an interval, as it is shown."""
    return "?" if value is None else number(value)
