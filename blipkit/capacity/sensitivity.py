"""What each assumption alone does to the best policy's dollars, by the counts of a day alone."""

from dataclasses import dataclass, replace

from blipkit.capacity.candidates import Candidate, Carried, alike
from blipkit.capacity.comparison import Comparison
from blipkit.capacity.day import count_day
from blipkit.capacity.planned import Planned, scenario_of
from blipkit.capacity.rows import FORECAST
from blipkit.capacity.runs import usd_of
from blipkit.capacity.shapes import EVENING, HOLIDAY, NAMES
from blipkit.cost.dollars import Swing, sensitivity
from blipkit.display.tables import show_table
from blipkit.records.typed import part, records_of, write_typed
from blipkit.study import Study

PEAKS = (2.0, 4.0)  # of the evening over the mean
DELAYS_S = (0.0, 180.0)  # until a metric is seen
ZONES = (1.0, 3.0)
LATER = ("start_s", "metric_delay_s")
STILL = (
    "hardly any dollars, as a machine is paid for from its launch on, and what comes later goes"
    " later; who is late meanwhile is in the table of starts above"
)


@dataclass(frozen=True)
class SwingRow:
    """A record of `capacity_sensitivity`: USD a day of instances at both ends of a knob's range."""

    swing: Swing = part()
    evidence: str = FORECAST


@dataclass(frozen=True)
class Swings:
    """The knobs, the widest swing first; none where no policy holds. caption: whose figures."""

    rows: list[SwingRow]
    caption: str

    def table(self) -> None:
        """Each knob with its range, and USD a day at the ends."""
        if not self.rows:
            return
        title = "What moves USD a day, one at a time, by the requests of each minute alone"
        show_table(records_of(self.rows), f"{title}, in no queue; {self.caption}")
        if still := [row.swing.what for row in self.rows if is_still(row)]:
            print(f"{' and '.join(still)}: {STILL}")


def is_still(row: SwingRow) -> bool:
    """Whether one of the knobs that delay machines moves less than a thousandth of the dollars."""
    return row.swing.what in LATER and row.swing.swing < 1e-3 * row.swing.at_start


def vary_day(study: Study, comparison: Comparison) -> Swings:
    """The best policy where one assumption is another: demand, peak, start, the machine's rate,
    when metrics are seen, zones. Recorded as `capacity_sensitivity`.
    """
    best = comparison.best
    rows = []
    if best is not None:
        varied = _Varied(comparison.planned, comparison.chosen[best.family])
        rows = [SwingRow(one) for one in sensitivity(varied.usd, varied.base(), varied.ranges())]
    write_typed(study.results, "capacity_sensitivity", rows)
    return Swings(rows, comparison.caption)


@dataclass(frozen=True)
class _Varied:
    """A planned day and its policy, with one assumption changed."""

    planned: Planned
    candidate: Candidate

    def base(self) -> dict[str, float]:
        """What is assumed."""
        knobs = self.planned.knobs
        return {
            "events_per_day": knobs.events_per_day,
            "peak_ratio": knobs.peak_ratio,
            "start_s": max(knobs.start_s),
            "carried_per_s": self.planned.carried_per_s[0],
            "metric_delay_s": knobs.faults.get("metric_delay_s", 0.0),
            "zones": float(knobs.zones),
        }

    def ranges(self) -> dict[str, tuple[float, float]]:
        """From where to where each is varied."""
        knobs = self.planned.knobs
        measured = self.planned.machine.carried_per_s
        found = {
            "start_s": (min(knobs.start_s), max(knobs.start_s)),
            "metric_delay_s": DELAYS_S,
            "zones": ZONES,
        }
        if knobs.shape in (EVENING, HOLIDAY):
            found["peak_ratio"] = PEAKS
        if knobs.shape in NAMES:
            found["events_per_day"] = (knobs.events_per_day / 2, 2 * knobs.events_per_day)
        if measured.is_bounded:
            found["carried_per_s"] = (measured.low, measured.high)
        return found

    def usd(
        self,
        events_per_day: float,
        peak_ratio: float,
        start_s: float,
        carried_per_s: float,
        metric_delay_s: float,
        zones: float,
    ) -> float:
        """USD a day by counts, with a policy that aims as it does."""
        planned = self.planned
        faults = dict(planned.knobs.faults)
        faults["metric_delay_s"] = metric_delay_s
        knobs = replace(
            planned.knobs,
            events_per_day=events_per_day,
            peak_ratio=peak_ratio,
            start_s=[start_s],
            zones=round(zones),
            faults=faults,
        )
        scenario = scenario_of(knobs, planned.machine, planned.gpu)
        carried = Carried(carried_per_s, planned.carried_per_s[1])
        policy = alike(self.candidate, scenario, carried, knobs).policy
        return usd_of(planned, count_day(scenario, policy, carried.pair).billed_s)
