"""The money of a fleet: what stands beside the instances, 05's formula, and the policy to paste."""

import json
import math
from dataclasses import dataclass, replace

from blipkit.capacity.beside import DAYS_PER_MONTH, Traffic, beside
from blipkit.capacity.candidates import Candidate, Carried, candidates
from blipkit.capacity.comparison import Comparison
from blipkit.capacity.day import Scenario, count_day
from blipkit.capacity.planned import Planned
from blipkit.capacity.policies import TargetTracking
from blipkit.capacity.policy_json import policy_document
from blipkit.capacity.rows import BesideRow, FormulaRow, PolicyRow
from blipkit.capacity.runs import usd_of
from blipkit.cost.dollars import DAY_H, HOUR_S
from blipkit.cost.prices import find_price, load_prices
from blipkit.display.sliders import explore
from blipkit.display.tables import show_table
from blipkit.records.typed import records_of, write_typed
from blipkit.study import Study


@dataclass(frozen=True)
class Beside:
    """What stands beside the instances. rows: a part each; caption: whose figures."""

    rows: list[BesideRow]
    caption: str

    def table(self) -> None:
        """Each part with what it is made of; what was not stated is not known."""
        if self.rows:
            show_table(records_of(self.rows), f"Beside the instances, USD a day; {self.caption}")


def price_beside(study: Study, comparison: Comparison) -> Beside:
    """Load balancer, CDN, logs, disks, the API tier, and the GPUs that still run while a migration
    lasts; recorded as `capacity_beside`.
    """
    best, planned = comparison.best, comparison.planned
    rows = []
    if best is not None:
        cost = study.profile.section("cost")
        api = None
        if instance := planned.knobs.instances.get("api_priced_as"):
            prices = load_prices(cost.own_prices)
            api = find_price(prices, instance, cost.region, cost.option).usd_per_hour
        traffic = Traffic(
            requests=planned.scenario.demand.requests,
            peak_per_s=float(planned.scenario.demand.per_minute().max() / 60),
            machines=best.machine_hours.value / DAY_H,
            zones=planned.knobs.zones,
            api_usd_per_hour=api,
        )
        days = cost.one_off.get("parallel_days")
        rows = [*beside(planned.knobs, traffic), migration(comparison, days)]
    write_typed(study.results, "capacity_beside", rows)
    return Beside(rows, comparison.caption)


def migration(comparison: Comparison, days: float | None) -> BesideRow:
    """The GPUs that are paid for beside the fleet while a migration lasts, by counts alone."""
    what = "GPUs while migrating"
    planned = comparison.planned
    stated = {"cost.one_off.parallel_days": days, "capacity.instances.gpu_results": planned.gpu}
    if missing := [name for name, value in stated.items() if not value]:
        return BesideRow(what, None, f"not stated: {', '.join(missing)}")
    usd = _gpu_usd_per_day(planned)
    both = days * (comparison.best.usd_per_day.value + usd)
    return BesideRow(what, usd, f"for {days:g} days, in which both fleets take {both:.2f} USD")


def _gpu_usd_per_day(planned: Planned) -> float:
    """A fleet of GPUs alone, by target tracking at 60 % of what one carries."""
    carried = planned.gpu.carried_per_s.value
    policy = TargetTracking(0.6 * carried * 60)
    counted = count_day(planned.scenario, policy, (carried, 0.0))
    return counted.billed_s[0] / HOUR_S * planned.gpu_price.usd_per_hour


@dataclass(frozen=True)
class Formula:
    """05's formula beside the simulation."""

    rows: list[FormulaRow]
    caption: str

    def table(self) -> None:
        """Machines and dollars by each."""
        show_table(records_of(self.rows), f"05's formula and the simulation; {self.caption}")


def compare_formula(study: Study, comparison: Comparison) -> Formula:
    """05's formula on this demand: if every machine were always busy, and at the mean load over the
    peak's; then the simulation, and how many times as much that is. Recorded as `capacity_formula`.
    """
    planned = comparison.planned
    mean = planned.scenario.demand.requests / DAY_H / HOUR_S
    peak = float(planned.scenario.demand.per_minute().max() / 60)
    rows = [
        _formula("05, if every machine were always busy", planned, mean),
        _formula(f"05, busy {mean / peak:.0%} of the time: the mean over the peak", planned, peak),
    ]
    if best := comparison.best:
        machines = best.machine_hours.value / DAY_H
        month = best.usd_per_month.value
        rows = [replace(row, simulated_over_it=month / row.usd_per_month) for row in rows]
        rows.append(FormulaRow(f"simulated, {best.policy}, {best.aims}", machines, month, 1.0))
    write_typed(study.results, "capacity_formula", rows)
    return Formula(rows, comparison.caption)


def _formula(how: str, planned: Planned, per_s: float) -> FormulaRow:
    """Whole machines for a rate, around the clock."""
    machines = -(-per_s // planned.carried_per_s[0])
    usd = machines * planned.usd_per_hour[0] * DAY_H * DAYS_PER_MONTH
    return FormulaRow(how, machines, usd)


@dataclass(frozen=True)
class Paste:
    """The policy to paste; None where none holds. caption: whose figures it rests on."""

    row: PolicyRow | None
    caption: str

    def show(self) -> None:
        """The document, and whose rate its target is."""
        if self.row is None:
            print("no policy holds, so there is none to paste")
            return
        rate = f"its rate is from {self.row.derived_from}"
        print(f"{self.row.family.replace('_', ' ')}; {rate}; {self.caption}")
        print(json.dumps(self.row.document, indent=1))


def paste_policy(study: Study, comparison: Comparison) -> Paste:
    """The cheapest policy as AWS's command line takes it; recorded as `capacity_policy`."""
    best, planned = comparison.best, comparison.planned
    rows = []
    if best is not None:
        rules = planned.scenario.rules
        most = min(rules.most, best.peak_machines + -(-best.peak_machines // rules.zones))
        document = policy_document(comparison.chosen[best.family].policy, rules, most)
        rows.append(PolicyRow(best.family, planned.machine.carried_from, document))
    write_typed(study.results, "capacity_policy", rows)
    return Paste(rows[0] if rows else None, comparison.caption)


@dataclass(frozen=True)
class WhatIf:
    """Sliders over cameras and policies, by the counts of a day alone; the cheapest that holds
    comes first.
    """

    comparison: Comparison

    @property
    def planned(self) -> Planned:
        """The day."""
        return self.comparison.planned

    def explore(self) -> None:
        """With sliders where somebody is there to move them."""
        cameras = float(self.planned.knobs.cameras)
        last = len(self.planned.knobs.policies) - 1
        policy, generosity = self._chosen()
        explore(
            self.show,
            cameras=(cameras / 10, 4 * cameras, cameras),
            policy=(0.0, float(max(1, last)), policy),
            generosity=(0.0, 1.0, generosity),
        )

    def _chosen(self) -> tuple[float, float]:
        """Where the sliders have the cheapest policy that holds; of none, the first, half-way."""
        best, planned = self.comparison.best, self.planned
        if best is None:
            return 0.0, 0.5
        aim = self.comparison.chosen[best.family].aim
        tried = self._tried(best.family, planned.scenario)
        place = min(range(len(tried)), key=lambda one: math.dist(tried[one].aim, aim))
        return float(planned.knobs.policies.index(best.family)), place / max(1, len(tried) - 1)

    def _tried(self, family: str, scenario: Scenario) -> list[Candidate]:
        """A family's policies for a day, the leanest first."""
        planned = self.planned
        return candidates(family, scenario, Carried(*planned.carried_per_s), planned.knobs)

    def show(self, cameras: float, policy: float, generosity: float) -> None:
        """What so many cameras would take, by one of the policies.

        policy: its place among capacity.policies; generosity: 0 the leanest that is tried, 1 the
        most generous.
        """
        planned = self.planned
        factor = cameras / planned.knobs.cameras
        families = planned.knobs.policies
        family = families[min(round(policy), len(families) - 1)]
        scenario = replace(planned.scenario, demand=planned.scenario.demand.times(factor))
        tried = self._tried(family, scenario)
        chosen = tried[round(generosity * (len(tried) - 1))]
        counted = count_day(scenario, chosen.policy, planned.carried_per_s)
        usd = usd_of(planned, counted.billed_s)
        cells = {
            "policy": chosen.policy.name,
            "aims": chosen.words,
            "machine_hours": sum(counted.billed_s) / HOUR_S,
            "usd_per_day": usd,
            "usd_per_camera_month": usd * DAYS_PER_MONTH / cameras,
            "has_the_capacity": counted.may_hold(scenario.late_share),
        }
        title = f"{round(cameras):,} cameras, by the requests of each minute alone, in no queue"
        show_table([cells], f"{title}; {planned.machine.caption}")
