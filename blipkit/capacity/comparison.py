"""Policies side by side: the cheapest of each family that holds, in dollars and lateness."""

from dataclasses import dataclass, field, replace

from blipkit.capacity import figures, gates
from blipkit.capacity.beside import DAYS_PER_MONTH
from blipkit.capacity.candidates import Candidate
from blipkit.capacity.choosing import Chosen, choose, spread_days
from blipkit.capacity.day import Day
from blipkit.capacity.planned import Planned
from blipkit.capacity.rows import AnswerRow, StartRow, TriedRow
from blipkit.capacity.runs import Outcome, run_at_rate, run_at_start
from blipkit.cost.rows import PriceBasis
from blipkit.display.tables import show_table
from blipkit.records.gates import Gate
from blipkit.records.typed import records_of, write_typed
from blipkit.statistics import Interval, mean_interval
from blipkit.study import Study


@dataclass(frozen=True)
class Comparison:
    """rows: the cheapest of each family; tried: every policy that was simulated; days: of each
    family that holds, by its name; starts: the best policy by how long a machine takes to start.
    """

    planned: Planned
    rows: list[AnswerRow]
    tried: list[TriedRow]
    chosen: dict[str, Candidate]
    days: dict[str, Day]
    starts: list[StartRow] = field(default_factory=list)
    unaccounted: int = 0
    simulated: int = 0

    @property
    def best(self) -> AnswerRow | None:
        """The cheapest of all that hold."""
        return next((row for row in self.rows if row.best), None)

    @property
    def caption(self) -> str:
        """Whose figures these are."""
        return self.planned.machine.caption

    def table(self) -> None:
        """Each family's cheapest policy, in dollars and lateness."""
        columns = ("policy", "aims", "machine_hours", "usd_per_day", "usd_per_day_low")
        columns += ("usd_per_day_high", "usd_per_month", "usd_per_camera_month", "late", "refused")
        columns += ("late_minutes", "peak_machines", "holds", "best")
        title = f"The cheapest policy of each family; {self.caption}; instances alone"
        show_table(records_of(self.rows), title, columns)

    def table_of_starts(self) -> None:
        """The best policy, by how long a machine takes to start."""
        if self.starts:
            policy = f"{self.best.policy}, {self.best.aims}"
            title = f"{policy}, by how long a machine takes to start; {self.caption}"
            show_table(records_of(self.starts), title)

    def frontier(self) -> None:
        """Dollars against lateness, every policy that was simulated."""
        if self.tried:
            late_share = self.planned.scenario.late_share
            figures.draw_frontier(self.tried, self.best, late_share, self.caption)

    def gates(self) -> list[Gate]:
        """Is every simulated request counted once, and does a policy hold."""
        late_share = self.planned.scenario.late_share
        return [
            gates.conservation_gate(self.unaccounted, self.simulated),
            gates.target_gate(self.best, late_share, self.planned.knobs.zone_lost),
        ]


def compare_policies(study: Study, planned: Planned) -> Comparison:
    """The cheapest policy of each family; recorded as `capacity`, `capacity_tried` and
    `capacity_starts`.
    """
    chosen = choose(planned)
    rows = [_row(planned, one) for one in chosen]
    holding = {one.found.family: one for one in chosen if one.days}
    rows, starts = _with_best(planned, rows, holding)
    tried = [row for one in chosen for row in one.found.tried]
    outcomes = [run.outcome for one in chosen for run in one.days]
    write_typed(study.results, "capacity", rows)
    write_typed(study.results, "capacity_tried", tried)
    write_typed(study.results, "capacity_starts", starts)
    return Comparison(
        planned,
        rows,
        tried,
        {family: one.found.candidate for family, one in holding.items()},
        {family: one.days[0].day for family, one in holding.items()},
        starts,
        sum(one.unaccounted for one in outcomes),
        sum(one.requests for one in outcomes),
    )


def _row(planned: Planned, chosen: Chosen) -> AnswerRow:
    """A family's answer; without days, that none holds."""
    knobs, found = planned.knobs, chosen.found
    record = planned.machine.record
    price = planned.price
    basis = PriceBasis(price.region, price.option, "forecast", price.instance, price.as_of)
    nothing = "none that was tried has the capacity, within the group's most machines"
    if found.tried:
        nothing = f"none of {len(found.tried)} that were simulated holds"
    row = AnswerRow(
        family=found.family,
        policy=found.family.replace("_", " "),
        aims=nothing,
        holds=False,
        start_s=planned.scenario.rules.start_s,
        cameras=knobs.cameras,
        events_per_day=planned.events_per_day,
        requests=round(planned.scenario.demand.requests),
        days=len(chosen.days),
        measured_on=planned.machine.title,
        checkpoint=record.checkpoint,
        carried_from=planned.machine.carried_from,
        price=basis,
    )
    if not chosen.days:
        return row
    outcomes = [one.outcome for one in chosen.days]
    row = _with_figures(planned, row, found.candidate, outcomes)
    if found.is_leanest:
        row = replace(row, aims=f"{row.aims}, the leanest that is tried")
    return row


def _with_figures(
    planned: Planned, row: AnswerRow, candidate: Candidate, outcomes: list[Outcome]
) -> AnswerRow:
    """The row with what its days came to."""
    late = over_days([one.late for one in outcomes])
    usd = over_days([one.usd_per_day for one in outcomes])
    tracking = getattr(candidate.policy, "reactive", candidate.policy)
    return replace(
        priced(row, usd, planned.knobs.cameras),
        policy=candidate.policy.name,
        aims=candidate.words,
        holds=True,
        machine_hours=over_days([one.machine_hours for one in outcomes]),
        late=late,
        refused=sum(one.refused for one in outcomes) / len(outcomes),
        late_minutes=sum(one.late_minutes for one in outcomes) / len(outcomes),
        longest_late_minutes=max(one.longest_late_minutes for one in outcomes),
        peak_machines=max(one.peak_machines for one in outcomes),
        requests_per_target_minute=getattr(tracking, "target", None),
    )


def priced(row: AnswerRow, usd: Interval, cameras: int) -> AnswerRow:
    """The row at so many USD a day."""
    month = usd.times(DAYS_PER_MONTH)
    return replace(
        row,
        usd_per_day=usd,
        usd_per_month=month,
        usd_per_camera_month=month.times(1 / cameras),
    )


def over_days(figures: list[float]) -> Interval:
    """The mean, and the t-interval of days drawn anew where there are several."""
    if len(figures) == 1:
        return Interval(figures[0])
    return mean_interval(figures)


def _with_best(
    planned: Planned, rows: list[AnswerRow], holding: dict[str, Chosen]
) -> tuple[list[AnswerRow], list[StartRow]]:
    """The rows with the cheapest marked, its interval as wide as what 04 measured makes it; and the
    same policy at every start, in the same day.
    """
    able = [row for row in rows if row.holds]
    best = min(able, key=lambda row: row.usd_per_day.value, default=None)
    if best is None:
        return rows, []
    chosen = holding[best.family]
    candidate = chosen.found.candidate
    measured = planned.machine.carried_per_s
    rates = [rate for rate in (measured.low, measured.high) if rate]
    others = sorted(set(planned.knobs.start_s) - {best.start_s})
    calls = [(run_at_rate, (planned, candidate, rate)) for rate in rates]
    calls += [(run_at_start, (planned, candidate, start_s)) for start_s in others]
    outcomes = [one.outcome for one in spread_days(planned, calls)]
    widened = as_wide_as(best, outcomes[: len(rates)], planned.knobs.cameras)
    marked = [replace(widened, best=True) if row is best else row for row in rows]
    at_starts = dict(zip(others, outcomes[len(rates) :], strict=True))
    at_starts[best.start_s] = chosen.days[0].outcome
    return marked, [_start_row(start_s, at_starts[start_s]) for start_s in sorted(at_starts)]


def _start_row(start_s: float, day: Outcome) -> StartRow:
    """The best policy's day where a machine takes so long to start."""
    return StartRow(start_s, day.usd_per_day, day.late, day.late_minutes, day.holds)


def as_wide_as(best: AnswerRow, ends: list[Outcome], cameras: int) -> AnswerRow:
    """The row with the days at the ends of what 04 measured within its intervals."""
    usd = wider(best.usd_per_day, [one.usd_per_day for one in ends])
    hours = wider(best.machine_hours, [one.machine_hours for one in ends])
    return replace(priced(best, usd, cameras), machine_hours=hours)


def wider(days: Interval, ends: list[float]) -> Interval:
    """The interval of the days, out to what the ends of 04's come to."""
    known = [figure for figure in (days.low, days.value, days.high, *ends) if figure is not None]
    return Interval(days.value, min(known), max(known))
