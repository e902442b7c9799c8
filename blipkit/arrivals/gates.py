"""The gates of 08: does a rate hold the target, and did the generator keep up?"""

from collections.abc import Sequence

from blipkit.arrivals.outcome import Outcome
from blipkit.arrivals.rows import RateRow
from blipkit.arrivals.search import Found
from blipkit.arrivals.session import NULL_SERVER
from blipkit.arrivals.validity import ACHIEVED, LAG_SHARE, late_generator
from blipkit.load.summary import INVALID, STABLE, UNSTABLE
from blipkit.load.target import Target
from blipkit.records.gates import Gate, decide, invalid, judge, not_run

HOLDS = "rate holds target"
KEPT_UP = "generator kept up"
GATES = (HOLDS, KEPT_UP)
QUIET = "take a quiet machine, a core for the generator, or raise the target"
LONGER = "raise arrivals.length or arrivals.most_runs"
FASTER = "raise concurrency.latency_limit_ms, or take faster servers"
DIED = "take away the cause, and run 08_arrivals again"
DOUBTED = "raise arrivals.length, or measure 04_concurrency again on a quiet machine"
SHOWN = 3  # runs named in one reason
LAG = "ms late to send, p99"


def arrivals_not_run(reason: str) -> list[Gate]:
    """The gates where nothing was recorded."""
    return [not_run(name, "timing", reason, "record 08_arrivals there") for name in GATES]


def arrival_gates(
    rate: RateRow, found: Found, outcomes: Sequence[Outcome], target: Target
) -> list[Gate]:
    """The gates of the runs of a study."""
    advice = advice_on(outcomes, target)
    return [rate_gate(rate, found, target, advice), generator_gate(outcomes, target)]


def advice_on(outcomes: Sequence[Outcome], target: Target) -> str:
    """What to do about a rate that cannot be believed, by the gravest that its runs failed at."""
    doubted = [one for one in outcomes if one.state != STABLE]
    if not doubted:
        return DOUBTED
    late = [late_generator(one.generator, target.limit_ms) for one in doubted]
    if any(one.state == INVALID and one.reason not in late for one in doubted):
        return DIED
    return QUIET


def rate_gate(rate: RateRow, found: Found, target: Target, advice: str) -> Gate:
    """Some rate is sure to hold the target: the share late, upper end, is within what is allowed.

    That none does is a finding; a generator that was late, or a server that died, gives no answer:
    advice says what to do then.
    """
    shared = target.shared
    limit = target.allowed
    unit = "of the requests late"
    if rate.state == INVALID or (rate.state == UNSTABLE and not shared):
        words = {"limit": limit, "unit": unit, "next": advice}
        return invalid(HOLDS, "timing", rate.reason, shared=shared, **words)
    lowest = found.rates[0]
    shown = next((one for one in found.rates if one.per_s == found.per_s.low), lowest)
    words = f"share of requests at {shown.per_s:.1f} requests/s beyond {target.limit_ms:g} ms"
    reason = f"{words}, upper end of its interval"
    what_helps = FASTER if shown.holds is False else LONGER
    none = f"no rate down to {shown.per_s:.1f} requests/s is sure to hold {target}; {what_helps}"
    figures = {"measured": shown.share.high, "limit": limit, "unit": unit}
    words = {"reason": reason, "next": none}
    return decide(HOLDS, "timing", found.per_s.low is not None, shared=shared, **figures, **words)


def generator_gate(outcomes: Sequence[Outcome], target: Target) -> Gate:
    """What was scheduled was sent in time, in every run, and at twice the highest rate, too."""
    shared = target.shared
    allowed_ms = LAG_SHARE * target.limit_ms
    late = [one for one in outcomes if late_generator(one.generator, target.limit_ms)]
    worst_ms = max((one.generator.lag_ms or 0.0 for one in outcomes), default=0.0)
    figures = {"measured": worst_ms, "limit": allowed_ms, "unit": LAG}
    if not any(one.purpose == NULL_SERVER for one in outcomes):
        reason = "servers that do nothing were not asked, so that its own limit is not known"
        return invalid(KEPT_UP, "timing", reason, shared=shared, next=QUIET, **figures)
    if late:
        reasons = [reason_of(one, target) for one in late[:SHOWN]]
        count = f"late in {len(late)} of {len(outcomes)} runs"
        reason = f"{count}: {'; '.join(reasons)}"
        return invalid(KEPT_UP, "timing", reason, shared=shared, next=QUIET, **figures)
    sent = f"at least {ACHIEVED:.0%} of every rate was sent"
    reason = f"ms late to send, p99 of the worst run; {sent}"
    return judge(KEPT_UP, "timing", worst_ms, allowed_ms, unit=LAG, reason=reason)


def reason_of(outcome: Outcome, target: Target) -> str:
    """Why the generator of a run cannot be trusted, and of which run."""
    late = late_generator(outcome.generator, target.limit_ms)
    return f"{outcome.purpose} at {outcome.rate_per_s:.1f} requests/s: {late}"
