"""What an answer costs: as busy as stated, at the operating point, at saturation."""

from dataclasses import dataclass

from blipkit.cost import figures
from blipkit.cost.dollars import answer_cost
from blipkit.cost.pricing import Pricing, say_not_recorded
from blipkit.cost.rows import CLIENTS_WAIT, AnswerCost, CostRow, PriceBasis
from blipkit.display.tables import show_table
from blipkit.records.typed import part, records_of, write_typed
from blipkit.study import Study


@dataclass(frozen=True)
class Point:
    """A record of kind `points`: what a setting costs on machines that are busy part of the time.

    at: which of the three points; within_target: as a `MeasuredSetting` has it; basis: of the
    throughput, in words.
    """

    at: str
    servers: int
    clients: int
    within_target: float | None
    price: PriceBasis = part()
    cost: AnswerCost = part()
    basis: str = CLIENTS_WAIT


@dataclass(frozen=True)
class Points:
    """The cost at three points; no rows without settings."""

    rows: list[Point]
    pricing: Pricing

    def table(self) -> None:
        """Each point with its cost, its interval, and the load that would narrow it."""
        if not self.rows:
            return say_not_recorded("Three points")
        columns = (
            "at",
            "servers",
            "clients",
            "basis",
            "price_as_of",
            "within_target",
            "usd_per_hour",
        )
        columns += ("good_per_s", "usd_per_million", "usd_per_million_low")
        columns += ("usd_per_million_high", "half_width", "minutes_more")
        place = f"{self.pricing.basis.option}, {self.pricing.basis.region}"
        caption = f"USD per million good answers, {self.pricing.title}, {place}"
        show_table(records_of(self.rows), caption, columns)

    def figure(self) -> None:
        """The formula as a line, every setting on it, and the points."""
        if self.rows:
            figures.draw_points(self.pricing.rows, self.rows)


def price_points(study: Study, pricing: Pricing) -> Points:
    """The operating point on machines that are as busy as stated, then at full use, and saturation.

    Recorded as `points`. The first needs a stated utilisation; where no setting held the target
    there is saturation alone.
    """
    busy = study.knobs.utilisation
    best = pricing.best
    candidates = [
        ("operating point", best, 1.0),
        ("saturation", pricing.peak, 1.0),
    ]
    if busy:
        candidates.insert(0, (f"busy {busy:.0%} of the time", best, busy))
    points = []
    for name, row, utilisation in candidates:
        if row is not None:
            points.append(_point(name, row, utilisation, pricing))
    write_typed(study.results, "points", points)
    return Points(points, pricing)


def _point(name: str, row: CostRow, utilisation: float, pricing: Pricing) -> Point:
    """A setting on machines that are busy this share of the time."""
    cost = answer_cost(row, pricing.usd_per_hour, utilisation)
    return Point(
        at=name,
        servers=row.servers,
        clients=row.clients,
        within_target=row.within_target,
        price=pricing.basis,
        cost=cost,
        basis=row.basis,
    )
