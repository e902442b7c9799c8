"""What a camera costs: machines for all of them, what moves that, and when a move has paid."""

from dataclasses import dataclass, replace

from blipkit.cost import figures
from blipkit.cost.comparison import NEEDS_BOTH, Savings
from blipkit.cost.dollars import (
    Fleet,
    Payback,
    Swing,
    answer_cost,
    camera_year,
    fleet,
    payback,
    sensitivity,
)
from blipkit.cost.knobs import Cost
from blipkit.cost.pricing import Pricing, StudyPrices, say_not_recorded
from blipkit.cost.rows import CostRow, PriceBasis
from blipkit.display.sliders import explore
from blipkit.display.tables import show_table
from blipkit.load.recommend import best_setting
from blipkit.load.setting import name_of
from blipkit.records.typed import part, records_of, write_typed
from blipkit.study import Study

DEAREST_USD_PER_HOUR = 10.0  # where the slider of a price ends


@dataclass(frozen=True)
class FleetRow:
    """A record of kind `fleet`: the machines for all cameras at an arm's operating point."""

    arm: str
    price: PriceBasis = part()
    fleet: Fleet = part()


@dataclass(frozen=True)
class Fleets:
    """Machines for the cameras of the knobs, at each operating point.

    rows: none where no setting held the target or nothing is priced.
    """

    rows: list[FleetRow]
    pricing: Pricing
    knobs: Cost

    def table(self) -> None:
        """Machines, USD a month, and USD per camera with its interval."""
        if not self.pricing.rows:
            return say_not_recorded("A camera")
        columns = ("arm", "instance", "events_per_s", "machines", "usd_per_month")
        columns += ("usd_per_camera_month", "usd_per_camera_year")
        columns += ("usd_per_camera_year_low", "usd_per_camera_year_high")
        demand = f"{self.knobs.cameras:,} cameras, {self.knobs.events_per_day:g} events a day each"
        caption = f"{demand}, machines busy {self.knobs.utilisation:.0%}: assumptions"
        show_table(records_of(self.rows), caption, columns)

    def explore(self) -> None:
        """What other targets, prices and demands would cost: sliders where somebody is there."""
        if not self.pricing.rows:
            return say_not_recorded("What if")
        limit_ms = self.pricing.rows[0].latency_limit_ms
        explore(
            self.what_if,
            target_ms=(1.0, 4 * limit_ms, limit_ms),
            usd_per_hour=(0.05, DEAREST_USD_PER_HOUR, self.pricing.usd_per_hour),
            utilisation=(0.05, 1.0, self.knobs.utilisation),
            cameras=(1000.0, 1e6, float(self.knobs.cameras)),
        )

    def what_if(
        self,
        target_ms: float,
        usd_per_hour: float,
        utilisation: float,
        cameras: float,
    ) -> None:
        """The setting that 04 would recommend within another target, and what it would cost."""
        chosen = best_setting(self.pricing.rows, target_ms, self.pricing.shared)
        if chosen is None:
            print(f"no setting holds {target_ms:g} ms; see 04 for the fastest")
            return
        cost = answer_cost(chosen, usd_per_hour, utilisation)
        repriced = replace(chosen, cost=cost)
        sized = fleet(repriced, round(cameras), self.knobs.events_per_day, utilisation)
        cells = {
            "setting": name_of(chosen),
            "usd_per_million": cost.usd_per_million.value,
            "machines": sized.machines.value,
            "usd_per_camera_year": sized.usd_per_camera_year.value,
        }
        demand = f"busy {utilisation:.0%}, {round(cameras):,} cameras"
        show_table([cells], f"Within {target_ms:g} ms at {usd_per_hour:g} USD/h, {demand}")


def size_fleet(study: Study, pricing: Pricing) -> Fleets:
    """Whole machines for the study's cameras at each operating point; recorded as `fleet`."""
    knobs = study.knobs
    rows = []
    for row in pricing.rows:
        if row.best:
            sized = fleet(row, knobs.cameras, knobs.events_per_day, knobs.utilisation)
            rows.append(FleetRow(row.arm, pricing.basis, sized))
    write_typed(study.results, "fleet", rows)
    return Fleets(rows, pricing, knobs)


@dataclass(frozen=True)
class Sensitivity:
    """What each knob alone does to a camera's cost, the widest swing first."""

    rows: list[Swing]

    def figure(self) -> None:
        """A bar for each knob, the widest first, with the figures beneath it."""
        if not self.rows:
            print("no operating point, so nothing to vary")
            return
        figures.draw_sensitivity(self.rows)


def vary_knobs(study: Study, prices: StudyPrices, pricing: Pricing) -> Sensitivity:
    """A camera's cost per year at the ends of what it is made of; recorded as `sensitivity`.

    Throughput by its measured interval, price by the cheapest and the dearest region in the table,
    the two assumptions by half and twice.
    """
    swings = []
    if pricing.best:
        swings = _swings(study.knobs, prices, pricing, pricing.best)
    write_typed(study.results, "sensitivity", swings)
    return Sensitivity(swings)


def _swings(knobs: Cost, prices: StudyPrices, pricing: Pricing, best: CostRow) -> list[Swing]:
    """What moves the cost of a camera on the setting `best`."""
    offer = (pricing.basis.instance, pricing.basis.option)
    same_offer = [price for price in prices.known if (price.instance, price.option) == offer]
    hourly = [price.usd_per_hour for price in same_offer]
    throughput = best.requests_per_s
    base = {
        "usd_per_hour": pricing.usd_per_hour,
        "utilisation": knobs.utilisation,
        "events_per_day": knobs.events_per_day,
        "requests_per_s": throughput.value,
    }
    # an interval that begins at zero would make a camera cost anything
    slowest = throughput.low or throughput.value
    ranges = {
        "usd_per_hour": (min(hourly), max(hourly)),
        "utilisation": (knobs.utilisation / 2, min(2 * knobs.utilisation, 1.0)),
        "events_per_day": (knobs.events_per_day / 2, 2 * knobs.events_per_day),
        "requests_per_s": (slowest, throughput.high),
    }
    return sensitivity(camera_year, base, ranges)


@dataclass(frozen=True, kw_only=True)
class PaybackRow:
    """A record of kind `payback`, of two arms; None where a side was not measured."""

    candidate: str | None = None
    incumbent: str | None = None
    payback: Payback = part()


@dataclass(frozen=True)
class Paybacks:
    """Months until a move has paid for itself, for each candidate against each incumbent."""

    rows: list[PaybackRow]

    def table(self) -> None:
        """The months, or why they are not known."""
        columns = ("candidate", "incumbent", "one_off_usd", "months", "reason")
        if self.rows[0].candidate is None:
            columns = ("months", "reason")
        show_table(records_of(self.rows), "Payback, months", columns)


def find_payback(study: Study, savings: Savings) -> Paybacks:
    """When the one-off costs of the knobs have come back, for each pair; recorded as `payback`."""
    knobs = study.knobs
    rows = []
    for candidate, incumbent in savings.pairs:
        new = fleet(candidate.row, knobs.cameras, knobs.events_per_day, knobs.utilisation)
        old = fleet(incumbent.row, knobs.cameras, knobs.events_per_day, knobs.incumbent_utilisation)
        months = payback(knobs.one_off, new, old)
        rows.append(PaybackRow(candidate=candidate.arm, incumbent=incumbent.arm, payback=months))
    if not rows:
        rows = [PaybackRow(payback=Payback(reason=NEEDS_BOTH))]
    write_typed(study.results, "payback", rows)
    return Paybacks(rows)
