"""What a camera costs: machines for all of them, what moves that, and when a move has paid."""

from dataclasses import asdict, dataclass

from blipkit.cost import figures
from blipkit.cost.comparison import NEEDS_BOTH, Savings
from blipkit.cost.dollars import camera_year, fleet, payback, priced, sensitivity
from blipkit.cost.knobs import Cost
from blipkit.cost.pricing import Pricing, StudyPrices, say_not_recorded
from blipkit.display.sliders import explore
from blipkit.display.tables import show_table
from blipkit.load.recommend import best_setting
from blipkit.load.setting import name_of
from blipkit.study import Study

DEAREST_USD_PER_HOUR = 10.0  # where the slider of a price ends


@dataclass(frozen=True)
class Fleets:
    """Machines for the cameras of the knobs, at each operating point.

    rows: the records of kind `fleet`, none where no setting held the target or nothing is priced.
    """

    rows: list[dict]
    pricing: Pricing
    knobs: Cost

    def table(self) -> None:
        """Machines, USD a month, and USD per camera with its interval."""
        if not self.pricing.rows:
            return say_not_recorded("A camera")
        columns = ("arm", "instance", "events_per_s", "machines", "usd_per_month")
        columns += ("usd_per_camera_month", "usd_per_camera_year")
        columns += ("usd_per_camera_year_low", "usd_per_camera_year_high")
        asked = f"{self.knobs.cameras:,} cameras, {self.knobs.events_per_day:g} events a day each"
        about = f"{asked}, machines busy {self.knobs.utilisation:.0%}: assumptions"
        show_table([{name: row[name] for name in columns} for row in self.rows], about)

    def explore(self) -> None:
        """What other targets, prices and demands would cost: sliders where somebody is there."""
        if not self.pricing.rows:
            return say_not_recorded("What if")
        limit_ms = self.pricing.rows[0]["latency_limit_ms"]
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
        cost = priced(chosen, usd_per_hour, utilisation)
        system = dict(chosen)
        system.update(cost)
        sized = fleet(system, round(cameras), self.knobs.events_per_day, utilisation)
        row = {
            "setting": name_of(chosen),
            "usd_per_million": cost["usd_per_million"],
            "machines": sized["machines"],
            "usd_per_camera_year": sized["usd_per_camera_year"],
        }
        demand = f"busy {utilisation:.0%}, {round(cameras):,} cameras"
        show_table([row], f"Within {target_ms:g} ms at {usd_per_hour:g} USD/h, {demand}")


def size_fleet(study: Study, pricing: Pricing) -> Fleets:
    """Whole machines for the study's cameras at each operating point; recorded as `fleet`."""
    knobs = study.knobs
    rows = []
    for row in pricing.rows:
        if row["best"]:
            sized = asdict(pricing.basis)
            sized["arm"] = row["arm"]
            sized.update(fleet(row, knobs.cameras, knobs.events_per_day, knobs.utilisation))
            rows.append(sized)
    study.results.write("fleet", rows)
    return Fleets(rows, pricing, knobs)


@dataclass(frozen=True)
class Sensitivity:
    """What each knob alone does to a camera's cost. rows: the records of kind `sensitivity`."""

    rows: list[dict]

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
    rows = []
    if pricing.best:
        rows = _swings(study.knobs, prices, pricing, pricing.best)
    study.results.write("sensitivity", rows)
    return Sensitivity(rows)


def _swings(knobs: Cost, prices: StudyPrices, pricing: Pricing, best: dict) -> list[dict]:
    """Rows of `sensitivity` for a camera on the setting `best`."""
    offer = (pricing.basis.instance, pricing.basis.option)
    hourly = [one.usd_per_hour for one in prices.known if (one.instance, one.option) == offer]
    base = {
        "usd_per_hour": pricing.usd_per_hour,
        "utilisation": knobs.utilisation,
        "events_per_day": knobs.events_per_day,
        "requests_per_s": best["requests_per_s"],
    }
    # an interval that begins at zero would make a camera cost anything
    slowest = best["requests_per_s_low"] or best["requests_per_s"]
    ranges = {
        "usd_per_hour": (min(hourly), max(hourly)),
        "utilisation": (knobs.utilisation / 2, min(2 * knobs.utilisation, 1.0)),
        "events_per_day": (knobs.events_per_day / 2, 2 * knobs.events_per_day),
        "requests_per_s": (slowest, best["requests_per_s_high"]),
    }
    return sensitivity(camera_year, base, ranges)


@dataclass(frozen=True)
class Payback:
    """Months until a move has paid for itself. rows: the records of kind `payback`."""

    rows: list[dict]

    def table(self) -> None:
        """Months for each candidate against each incumbent, or why they are not known."""
        show_table(self.rows, "Payback, months")


def find_payback(study: Study, savings: Savings) -> Payback:
    """When the one-off costs of the knobs have come back, for each pair; recorded as `payback`."""
    knobs = study.knobs
    rows = []
    for ours, theirs in savings.pairs:
        new = fleet(ours, knobs.cameras, knobs.events_per_day, knobs.utilisation)
        old = fleet(theirs, knobs.cameras, knobs.events_per_day, knobs.incumbent_utilisation)
        row = {"candidate": ours["arm"], "incumbent": theirs["arm"]}
        row.update(payback(knobs.one_off, new, old))
        rows.append(row)
    if not rows:
        rows = [{"months": None, "reason": NEEDS_BOTH}]
    study.results.write("payback", rows)
    return Payback(rows)
