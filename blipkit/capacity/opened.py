"""A day opened: minute by minute, one ramp by hand, and the minutes in which too many were late."""

from dataclasses import dataclass

import numpy as np
import pandas

from blipkit.capacity import figures
from blipkit.capacity.comparison import Comparison
from blipkit.capacity.control import ScalingEvent
from blipkit.capacity.day import Day
from blipkit.capacity.planned import Planned
from blipkit.capacity.policies import Policy
from blipkit.capacity.rows import RampRow, SpellRow
from blipkit.capacity.runs import spells_of
from blipkit.display.tables import show_table
from blipkit.records.typed import records_of, write_typed
from blipkit.study import Study

BEFORE, AFTER = 4, 3  # minutes shown of a ramp: before the alarm, and after capacity came
MOST = 60  # minutes of a ramp, where capacity is long in coming


@dataclass(frozen=True)
class OpenedDay:
    """day, policy: of the cheapest policy that holds, None where none does; ramp_day, ramp_policy:
    of target tracking where that was compared, whose alarms a ramp shows.
    """

    planned: Planned
    caption: str
    day: Day | None = None
    policy: Policy | None = None
    ramp_day: Day | None = None
    ramp_policy: Policy | None = None

    def figure(self) -> None:
        """Requests, capacity, late and machines over 24 hours."""
        if self.day is None:
            print("no policy holds, so no day is shown")
            return
        late = self.day.share_not_in_time
        events = len(self.day.events)
        words = f"{self.policy.name}: {late:.2%} of {self.day.sent.sum():,} requests not in time"
        caption = f"{words}, {events} changes of the fleet; {self.caption}"
        figures.draw_day(minutes_of(self.planned, self.day), "A day of the fleet", caption)

    def ramp(self) -> None:
        """The first time that machines were added: the alarm, capacity, and who was late."""
        event = first_out(self.ramp_day)
        if event is None:
            print("the fleet never grew in this day, so there is no ramp to open")
            return
        cells = ramp_of(self.ramp_day, self.ramp_policy, event)
        minute = int(event.at_s // 60)
        grown = f"{sum(event.before)} to {sum(event.after)} machines"
        came = came_at(self.ramp_day, event)
        words = f"wanted at minute {minute}, {grown} ({event.why}); in service from {came} on"
        show_table(cells, f"A ramp of {self.ramp_policy.name}: {words}; {self.caption}")

    def spells(self) -> None:
        """The minutes in which too many were late, one after another."""
        rows = [] if self.day is None else spell_rows(self.planned, self.day)
        if not rows:
            print("in no minute more than the target allows were late")
            return
        show_table(records_of(rows), f"Minutes late, one after another; {self.caption}")


def open_day(study: Study, comparison: Comparison) -> OpenedDay:
    """The day of the cheapest policy; its minutes are kept as samples `capacity`, the late ones as
    records of `capacity_late`.
    """
    planned = comparison.planned
    best = comparison.best
    if best is None:
        write_typed(study.results, "capacity_late", [])
        return OpenedDay(planned, comparison.caption)
    day = comparison.days[best.family]
    study.results.write_samples("capacity", minutes_of(planned, day))
    write_typed(study.results, "capacity_late", spell_rows(planned, day))
    ramp = "tracking" if "tracking" in comparison.days else best.family
    return OpenedDay(
        planned,
        comparison.caption,
        day,
        comparison.chosen[best.family].policy,
        comparison.days[ramp],
        comparison.chosen[ramp].policy,
    )


def minutes_of(planned: Planned, day: Day) -> pandas.DataFrame:
    """A row for each minute of a day, as its figure and its samples have it."""
    own, gpu = planned.carried_per_s
    return pandas.DataFrame(
        {
            "hour": [minute / 60 for minute in range(len(day.sent))],
            "requests_per_s": day.sent / 60,
            "capacity_per_s": day.ready[:, 0] * own + day.ready[:, 1] * gpu,
            "late_per_s": day.not_in_time / 60,
            "in_service": day.ready.sum(axis=1),
            "machines": day.running.sum(axis=1),
        }
    )


def first_out(day: Day | None) -> ScalingEvent | None:
    """The first event that wanted more machines, of those after the day's first hour."""
    events = day.events if day else []
    grown = [one for one in events if sum(one.after) > sum(one.before)]
    return next((one for one in grown if one.at_s >= 3600), next(iter(grown), None))


def came_at(day: Day, event: ScalingEvent) -> int:
    """The minute from which more machines were in service than when they were wanted; the day's
    last where none came.
    """
    serving = day.ready.sum(axis=1)
    first = min(int(event.at_s // 60), len(serving) - 1)
    more = np.flatnonzero(serving[first:] > serving[max(0, first - 1)])
    return first + int(more[0]) if len(more) else len(serving) - 1


def ramp_of(day: Day, policy: Policy, event: ScalingEvent) -> list[RampRow]:
    """Minute by minute: the metric, its target, machines and who was late."""
    tracking = getattr(policy, "reactive", policy)
    first = int(event.at_s // 60)
    last = min(came_at(day, event) + AFTER, first + MOST)
    rows = []
    for minute in range(max(0, first - BEFORE), min(last, len(day.sent) - 1) + 1):
        serving = int(day.ready[minute].sum())
        row = RampRow(
            minute=minute,
            requests=int(day.sent[minute]),
            requests_per_target=round(day.sent[minute] / max(1, serving)),
            target=getattr(tracking, "target", None),
            in_service=serving,
            paid_for=int(day.running[minute].sum()),
            late=int(day.not_in_time[minute]),
        )
        rows.append(row)
    return rows


def spell_rows(planned: Planned, day: Day) -> list[SpellRow]:
    """The minutes in which too many were late, as rows."""
    rows = []
    for first, length in spells_of(day.late_minutes(planned.scenario.late_share)):
        part = slice(first, first + length)
        last = min(first + length, len(day.sent) - 1)
        rows.append(
            SpellRow(
                from_minute=first,
                minutes=length,
                requests=int(day.sent[part].sum()),
                late=int(day.not_in_time[part].sum()),
                machines=int(day.ready[first].sum()),
                wanted=int(day.running[last].sum()),
            )
        )
    return rows
