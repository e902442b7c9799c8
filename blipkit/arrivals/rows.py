"""The rows of 08, as records keep them: what was offered, what came of it, and the rate found."""

from dataclasses import dataclass

from blipkit.load.conditions import Conditions
from blipkit.records.typed import part
from blipkit.statistics import Interval


@dataclass(frozen=True)
class RateRow:
    """A record of `rates`: the highest rate of requests that do not wait for each other's answers,
    within a latency target.

    conditions: what was asked, as 04's records say it; setting: its name; arm, call, placement,
    servers, batch_size: as in 04; pattern: how requests arrive, one of `schedule.PATTERNS`;
    percentile, limit_ms: the target; rate_per_s: requests/s, the figure by the fit, its ends the
    highest rate that held the target (last pass) and the lowest that did not (first fail), None
    for what was not found; latency_ms: the percentile at the last pass; edge: smooth, or cliff
    where a tenth more makes another fifth of requests late, "" where that was not tried; runs:
    that it took; closed_loop_per_s: requests/s at most, where clients wait for their answers;
    closed_loop_from: who measured that, in words; share_of_closed_loop: the rate's share of it;
    answers_per_request: answers per second are so many times `rate_per_s`; state: stable, unstable
    or INVALID, and reason says why.
    """

    conditions: Conditions = part()
    setting: str
    arm: str
    call: str
    placement: str
    servers: int
    batch_size: int
    pattern: str
    percentile: float
    limit_ms: float
    rate_per_s: Interval
    latency_ms: Interval
    edge: str
    runs: int
    closed_loop_per_s: float | None
    closed_loop_from: str
    share_of_closed_loop: float | None
    answers_per_request: int
    state: str
    reason: str

    @property
    def answers_per_s(self) -> Interval:
        """The rate in answers per second, as 04 has it."""
        return self.rate_per_s.times(self.answers_per_request)
