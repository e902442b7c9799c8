"""By how much clients who wait flatter: for each target, the rate's share of their maximum."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.plan import MULTIPLES
from blipkit.arrivals.search import Trial, judge_trials
from blipkit.load.target import Target
from blipkit.records.typed import interval
from blipkit.statistics import UNKNOWN, Interval


@dataclass(frozen=True)
class TargetShare:
    """A record of `target_shares`.

    times_service: the target, as a multiple of the time to serve a request that is alone, and
    limit_ms, in ms; percentile: of latency; rate_per_s: requests/s, as a `RateRow` has it, by the
    samples of the same runs; share_of_closed_loop: of its maximum, that the rate is, with its last
    pass and its first fail, 0-1; an older kit kept the last pass alone.
    """

    times_service: float
    limit_ms: float
    percentile: float
    rate_per_s: Interval
    share_of_closed_loop: Interval = interval("share_of_closed_loop{}", default=UNKNOWN)


def target_shares(trials: Sequence[Trial], target: Target, basis: Basis) -> list[TargetShare]:
    """A row for each multiple of the service time, at the target's percentile; none without a
    run.
    """
    if not trials:
        return []
    return [target_share(trials, target, basis, times) for times in MULTIPLES]


def target_share(
    trials: Sequence[Trial], target: Target, basis: Basis, times: float
) -> TargetShare:
    """What the runs say of one limit, whatever target they were made for."""
    limit_ms = times * basis.service_ms
    per_s = judge_trials(trials, replace(target, limit_ms=limit_ms)).per_s
    share = per_s.times(1 / basis.closed_loop_per_s)
    return TargetShare(times, limit_ms, target.percentile, per_s, share)
