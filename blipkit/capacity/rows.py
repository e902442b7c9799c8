"""The rows of 10, as records keep them; every figure is a forecast from what 04 measured."""

from dataclasses import dataclass, field

from blipkit.cost.rows import PriceBasis
from blipkit.model.checkpoints import is_demonstration
from blipkit.records.typed import part
from blipkit.statistics import UNKNOWN, Interval

FORECAST = "forecast"


@dataclass(frozen=True, kw_only=True)
class AnswerRow:
    """A record of `capacity`: the cheapest policy of a family that holds the target, and its day.

    policy: in words, and its knob in `aims`; holds: in every hour of every day drawn anew, and,
    where a zone is to be lost, in the same days with a zone lost; start_s: of a machine;
    machine_hours, usd_per_day to usd_per_camera_month: of instances alone, of all cameras or of
    one, with intervals from what 04 measured and from the days, with no zone lost; late, refused:
    shares of the requests, late ones those that were refused among them; late_minutes: in which
    more than the target allows were late, at most longest_late_minutes one after another;
    peak_machines: paid for at once; requests: of the day; events_per_day: of a camera, as they are
    in the day; requests_per_target_minute: what it aims at, None for a policy without a target.
    measured_on, checkpoint, carried_from: whose figures it rests on. best: the cheapest of all.
    """

    family: str
    policy: str
    aims: str
    holds: bool
    start_s: float
    cameras: int
    events_per_day: float
    requests: int
    days: int
    machine_hours: Interval = UNKNOWN
    usd_per_day: Interval = UNKNOWN
    usd_per_month: Interval = UNKNOWN
    usd_per_camera_month: Interval = UNKNOWN
    late: Interval = UNKNOWN
    refused: float | None = None
    late_minutes: float | None = None
    longest_late_minutes: int | None = None
    peak_machines: int | None = None
    requests_per_target_minute: float | None = None
    measured_on: str = ""
    checkpoint: str = ""
    carried_from: str = ""
    price: PriceBasis = part()
    best: bool = False
    evidence: str = FORECAST

    @property
    def is_demonstration(self) -> bool:
        """Whether it rests on a model of the project's own, which nobody serves."""
        return is_demonstration(self.checkpoint)


@dataclass(frozen=True)
class TriedRow:
    """A record of `capacity_tried`: a policy that was simulated on the way to the cheapest.

    usd_per_day: of instances; late: share of the requests, both of the day that was searched, with
    no zone lost; holds: as in `capacity`, in that day, and where it was the cheapest, in others.
    """

    family: str
    aims: str
    usd_per_day: float
    late: float
    holds: bool
    evidence: str = FORECAST


@dataclass(frozen=True)
class StartRow:
    """A record of `capacity_starts`: the best policy where machines take start_s to start, each in
    the same day.

    late: share of the requests; late_minutes, holds: as in `capacity`, None of an older kit.
    """

    start_s: float
    usd_per_day: float
    late: float
    late_minutes: float
    holds: bool | None = None
    evidence: str = FORECAST


@dataclass(frozen=True)
class CalibrationRow:
    """A record of `capacity_calibration`: a setting of 04 that was left out, simulated.

    measured: requests per second, and the profile's percentile in ms, with their intervals;
    error: |simulated - measured| / measured; allowed: the larger of 10 % and the interval's half.
    """

    clients: int
    requests_per_s: Interval
    simulated_per_s: float
    rate_error: float
    rate_allowed: float
    latency_ms: Interval
    simulated_ms: float
    latency_error: float | None
    latency_allowed: float | None
    evidence: str = FORECAST


@dataclass(frozen=True)
class RampRow:
    """A minute of a ramp. requests_per_target: by the machines in service; target: of the policy,
    None where it has none; paid_for: machines, those that start among them; late: requests.
    """

    minute: int
    requests: int
    requests_per_target: int
    target: float | None
    in_service: int
    paid_for: int
    late: int


@dataclass(frozen=True)
class SpellRow:
    """A record of `capacity_late`: minutes one after another in which too many were late.

    from_minute: of the day; machines: in service then; wanted: paid for in the minute after it,
    those that were still starting among them.
    """

    from_minute: int
    minutes: int
    requests: int
    late: int
    machines: int
    wanted: int
    evidence: str = FORECAST


@dataclass(frozen=True)
class BesideRow:
    """A record of `capacity_beside`: what stands beside the instances, USD a day.

    usd_per_day: None where a rate was not stated; because: how it is made up, or what is missing.
    """

    what: str
    usd_per_day: float | None
    because: str
    evidence: str = FORECAST


@dataclass(frozen=True)
class FormulaRow:
    """A record of `capacity_formula`: 05's formula beside the simulation, instances alone.

    how: which of them; machines: on average; usd_per_month: of all cameras; simulated_over_it: how
    many times as much the simulation takes, None where no policy holds.
    """

    how: str
    machines: float
    usd_per_month: float
    simulated_over_it: float | None = None
    evidence: str = FORECAST


@dataclass(frozen=True)
class PolicyRow:
    """A record of `capacity_policy`: the policy as AWS's command line takes it.

    derived_from: whose rate its target is; document: what to paste, by the name of its command.
    """

    family: str
    derived_from: str
    document: dict[str, object] = field(default_factory=dict)
    evidence: str = FORECAST
