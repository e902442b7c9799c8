"""By how much clients who wait flatter: for each target, the rate's share of their maximum."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.plan import MULTIPLES
from blipkit.arrivals.search import Trial, judge_trials
from blipkit.load.target import Target
from blipkit.statistics import Interval


@dataclass(frozen=True)
class TargetShare:
    """A record of `target_shares`.

    times_service: the target, as a multiple of the time to serve a request that is alone, and
    limit_ms, in ms; percentile: of latency; rate_per_s: requests/s, as a `RateRow` has it, by the
    samples of the same runs; share: of the closed loop's maximum, that the highest rate is which
    held, None where none did.
    """

    times_service: float
    limit_ms: float
    percentile: float
    rate_per_s: Interval
    share: float | None


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
    share = None
    if per_s.low is not None:
        share = per_s.low / basis.closed_loop_per_s
    return TargetShare(times, limit_ms, target.percentile, per_s, share)
