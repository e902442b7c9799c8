"""What a camera costs: machines for all of them, what moves that, and when a move has paid."""

from dataclasses import dataclass, replace

from blipkit.cost import figures
from blipkit.cost.comparison import NEEDS_BOTH, Savings
from blipkit.cost.dollars import (
    Fleet,
    Payback,
    Swing,
    answer_cost,
    fleet,
    payback,
    sensitivity,
    usd_per_million,
)
from blipkit.cost.fleets import both_fleets, demand_in_words, why_not_sized
from blipkit.cost.knobs import Cost
from blipkit.cost.pricing import Pricing, StudyPrices, say_not_recorded
from blipkit.cost.rows import CLIENTS_WAIT, CostRow, PriceBasis
from blipkit.display.sliders import explore
from blipkit.display.tables import show_table
from blipkit.load.recommend import best_setting
from blipkit.load.setting import name_of
from blipkit.records.typed import part, records_of, write_typed
from blipkit.study import Study

DEAREST_USD_PER_HOUR = 10.0  # where the slider of a price ends


@dataclass(frozen=True)
class FleetRow:
    """A record of kind `fleet`: the machines for all cameras at an arm's operating point.

    basis: of its throughput, in words.
    """

    arm: str
    price: PriceBasis = part()
    fleet: Fleet = part()
    basis: str = CLIENTS_WAIT


@dataclass(frozen=True)
class Fleets:
    """Machines for the cameras of the knobs, at each operating point.

    rows: none where no setting held the target or nothing is priced. reason: why no fleet is sized,
    in words, "" where one may be.
    """

    rows: list[FleetRow]
    pricing: Pricing
    knobs: Cost
    reason: str

    def table(self) -> None:
        """Machines, USD a month, and USD per camera with its interval."""
        if not self.pricing.rows:
            return say_not_recorded("A camera")
        if self.reason:
            print(self.reason)
            return
        columns = ("arm", "basis", "instance", "events_per_s", "machines", "usd_per_month")
        columns += ("usd_per_camera_month", "usd_per_camera_year")
        columns += ("usd_per_camera_year_low", "usd_per_camera_year_high")
        use = f"{self.knobs.utilisation:.0%} of the time, around the clock"
        busy = f"if each machine were busy {use}"
        caption = f"{demand_in_words(self.knobs)}, {busy}: as stated"
        show_table(records_of(self.rows), caption, columns)

    def explore(self) -> None:
        """What other targets, prices and demands would cost: sliders where somebody is there."""
        if not self.pricing.rows:
            return say_not_recorded("What if")
        limit_ms = self.pricing.rows[0].latency_limit_ms
        cameras = {}
        if not self.reason:
            cameras["cameras"] = (1000.0, 1e6, float(self.knobs.cameras))
        explore(
            self.what_if,
            target_ms=(1.0, 4 * limit_ms, limit_ms),
            usd_per_hour=(0.05, DEAREST_USD_PER_HOUR, self.pricing.usd_per_hour),
            utilisation=(0.05, 1.0, self.knobs.utilisation or 1.0),
            **cameras,
        )

    def what_if(
        self,
        target_ms: float,
        usd_per_hour: float,
        utilisation: float,
        cameras: float = 0.0,
    ) -> None:
        """The setting that 04 would recommend within another target, and what it would cost.

        cameras: 0 where no fleet is sized.
        """
        chosen = best_setting(self.pricing.closed_loop, target_ms, self.pricing.shared)
        if chosen is None:
            print(f"no setting holds {target_ms:g} ms; see 04 for the fastest")
            return
        cost = answer_cost(chosen, usd_per_hour, utilisation)
        cells = {"arm": chosen.arm, "setting": name_of(chosen), "basis": chosen.basis}
        cells["usd_per_million"] = cost.usd_per_million.value
        caption = f"Within {target_ms:g} ms at {usd_per_hour:g} USD/h, busy {utilisation:.0%}"
        if cameras:
            repriced = replace(chosen, cost=cost)
            sized = fleet(repriced, round(cameras), self.knobs.events_per_day, utilisation)
            cells["machines"] = sized.machines.value
            cells["usd_per_camera_year"] = sized.usd_per_camera_year.value
            caption += f", {round(cameras):,} cameras"
        show_table([cells], caption)


def size_fleet(study: Study, pricing: Pricing) -> Fleets:
    """Whole machines for the study's cameras at each operating point, that of the arm to go by
    first; recorded as `fleet`.

    None where the demand is not stated, or a demonstration model was measured.
    """
    knobs = study.knobs
    reason = why_not_sized(knobs, pricing.checkpoint)
    best = pricing.best
    points = []
    if not reason:
        points = [row for row in pricing.rows if row.best]
        points.sort(key=lambda row: row is not best)
    rows = []
    for row in points:
        sized = fleet(row, knobs.cameras, knobs.events_per_day, knobs.utilisation)
        rows.append(FleetRow(row.arm, pricing.basis, sized, row.basis))
    write_typed(study.results, "fleet", rows)
    return Fleets(rows, pricing, knobs, reason)


@dataclass(frozen=True)
class Sensitivity:
    """What each knob alone does to the cost of an answer, the widest swing first."""

    rows: list[Swing]

    def figure(self) -> None:
        """A bar for each knob, the widest first, with the figures beneath it."""
        if not self.rows:
            print("no operating point, so nothing to vary")
            return
        figures.draw_sensitivity(self.rows)


def vary_knobs(study: Study, prices: StudyPrices, pricing: Pricing) -> Sensitivity:
    """USD per million good answers at the ends of what they are made of; recorded as `sensitivity`.

    Throughput by its measured interval, price by the cheapest and the dearest region in the table,
    a stated utilisation by half and twice.
    """
    swings = []
    if pricing.best:
        swings = _swings(study.knobs, prices, pricing, pricing.best)
    write_typed(study.results, "sensitivity", swings)
    return Sensitivity(swings)


def _swings(knobs: Cost, prices: StudyPrices, pricing: Pricing, best: CostRow) -> list[Swing]:
    """What moves the cost of an answer at the setting `best`."""
    offer = (pricing.basis.instance, pricing.basis.option)
    same_offer = [price for price in prices.known if (price.instance, price.option) == offer]
    hourly = [price.usd_per_hour for price in same_offer]
    good = best.cost.good_per_s
    base = {"usd_per_hour": pricing.usd_per_hour, "answers_per_s": good.value}
    # an end that is not known says nothing; from zero on, an answer would cost anything
    slowest = good.low or good.value
    fastest = good.high or good.value
    ranges = {
        "usd_per_hour": (min(hourly), max(hourly)),
        "answers_per_s": (slowest, fastest),
    }
    if knobs.utilisation:
        base["utilisation"] = knobs.utilisation
        ranges["utilisation"] = (knobs.utilisation / 2, min(2 * knobs.utilisation, 1.0))
    return sensitivity(usd_per_million, base, ranges)


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
        checkpoint = candidate.row.checkpoint
        months = Payback(reason=why_not_sized(knobs, checkpoint, both_sides=True))
        if not months.reason:
            months = payback(knobs.one_off, *both_fleets(candidate, incumbent, knobs))
        rows.append(PaybackRow(candidate=candidate.arm, incumbent=incumbent.arm, payback=months))
    if not rows:
        rows = [PaybackRow(payback=Payback(reason=NEEDS_BOTH))]
    write_typed(study.results, "payback", rows)
    return Paybacks(rows)
