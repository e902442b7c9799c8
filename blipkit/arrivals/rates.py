"""The row for the rate that was found: its figures, and whether they may be believed."""

from collections.abc import Sequence

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.outcome import Outcome
from blipkit.arrivals.rows import RateRow
from blipkit.arrivals.search import Found
from blipkit.arrivals.session import NULL_SERVER, SEARCH
from blipkit.load.setting import name_of
from blipkit.load.summary import INVALID, STABLE, UNSTABLE
from blipkit.load.target import Target
from blipkit.statistics import UNKNOWN, Interval

ABOVE = 1.05  # of the closed loop's maximum: no servers sustain more, unless that was disturbed


def rate_row(
    basis: Basis, target: Target, found: Found, outcomes: Sequence[Outcome], questions: int
) -> RateRow:
    """What the search found. questions: that one request answers."""
    setting = basis.setting
    searched = [one for one in outcomes if one.purpose == SEARCH]
    share = None
    if found.per_s.value is not None:
        share = found.per_s.value / basis.closed_loop_per_s
    state, reason = rate_state(outcomes, found.per_s, share)
    return RateRow(
        conditions=basis.conditions,
        setting=name_of(setting),
        arm=setting.arm,
        call=setting.call,
        placement=setting.placement,
        servers=setting.servers,
        batch_size=setting.batch_size,
        pattern=searched[0].pattern,
        percentile=target.percentile,
        limit_ms=target.limit_ms,
        rate_per_s=found.per_s,
        latency_ms=latency_at(found.per_s.low, searched),
        edge=found.edge,
        runs=len(searched),
        closed_loop_per_s=basis.closed_loop_per_s,
        closed_loop_from=basis.source,
        share_of_closed_loop=share,
        answers_per_request=questions,
        state=state,
        reason=reason,
    )


def latency_at(per_s: float | None, searched: Sequence[Outcome]) -> Interval:
    """The percentile at a rate, by the last run there that has one."""
    known = [one.latency_ms for one in searched if one.rate_per_s == per_s]
    return next((one for one in reversed(known) if one.value is not None), UNKNOWN)


def rate_state(
    outcomes: Sequence[Outcome], per_s: Interval, share: float | None
) -> tuple[str, str]:
    """The state of the rate, and the first reason why it is not stable, the gravest first.

    per_s: that was found; share: its share of the closed loop's maximum.
    """
    judged = [one for one in outcomes if one.purpose in (SEARCH, NULL_SERVER)]
    for state in (INVALID, UNSTABLE):
        doubted = [one for one in judged if one.state == state]
        if doubted:
            first = doubted[0]
            where = f"{len(doubted)} of {len(judged)} runs are {state}"
            at = f"{first.purpose} at {first.rate_per_s:.1f} requests/s"
            return state, f"{where}; {at}: {first.reason}"
    if reason := contradiction(per_s):
        return UNSTABLE, reason
    if share is not None and share > ABOVE:
        cause = "the runs are too short to see the queue grow, or the closed loop was disturbed"
        return UNSTABLE, f"it is {share:.0%} of the closed loop's maximum: {cause}"
    return STABLE, ""


def contradiction(per_s: Interval) -> str:
    """That the fit ends beyond a rate that missed the target, in words; "" where it does not."""
    if per_s.value is None or per_s.high is None or per_s.value <= per_s.high:
        return ""
    seen = f"{per_s.high:.1f} requests/s missed the target, and higher rates held it"
    return (
        f"{seen}, by the fit up to {per_s.value:.1f}: something disturbed the runs of one of them"
    )
