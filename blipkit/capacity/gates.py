"""The gates of 10: is the machine calibrated, is every request counted, does a policy hold."""

from collections.abc import Sequence

from blipkit.capacity.rows import FORECAST, AnswerRow, CalibrationRow
from blipkit.records.gates import Gate, decide, invalid, judge, not_run

CALIBRATED = "fleet calibration"
CONSERVED = "fleet conservation"
HOLDS = "fleet target"
UNIT = "mean error, as a share"
LATE = "of the requests late"


def calibration_gate(rows: Sequence[CalibrationRow], mape: float | None, shared: bool) -> Gate:
    """PASS where every setting that was left out is met; else the simulation is not believed."""
    if not rows:
        advice = "add numbers of clients to concurrency.clients, and run 04_concurrency again"
        reason = "04 has no other number of clients on as many servers"
        return not_run(CALIBRATED, "timing", reason, advice)
    missed = [word for row in rows for word in _missed(row)]
    of = "of a single machine, the fleet is not calibrated"
    details = {"measured": mape, "limit": _allowed(rows), "unit": UNIT, "evidence": FORECAST}
    if not missed:
        reason = f"MAPE of {len(rows)} settings that were left out, {of}"
        return decide(CALIBRATED, "timing", holds=True, reason=reason, **details)
    reason = f"{'; '.join(missed)}; MAPE, {of}"
    advice = "measure 04 longer, on a quiet machine; do not size a fleet by this"
    return invalid(CALIBRATED, "timing", reason, shared=shared, next=advice, **details)


def _allowed(rows: Sequence[CalibrationRow]) -> str:
    """By how much each figure may be off: the least that any of them may."""
    known = [row.rate_allowed for row in rows]
    known += [row.latency_allowed for row in rows if row.latency_allowed is not None]
    return f"each within {min(known):.4g}"


def _missed(row: CalibrationRow) -> list[str]:
    """What a setting's simulation misses, in words."""
    pairs = {
        "requests/s": (row.rate_error, row.rate_allowed),
        "latency": (row.latency_error, row.latency_allowed),
    }
    found = []
    for what, (error, allowed) in pairs.items():
        if error is not None and error > allowed:
            found.append(
                f"{what} of {row.clients} clients is {error:.0%} off, {allowed:.0%} allowed"
            )
    return found


def conservation_gate(unaccounted: int, requests: int) -> Gate:
    """Every simulated request was answered, refused or failed, once; NOT-RUN without any."""
    if not requests:
        return not_run(CONSERVED, "answer", "no day of a policy that holds has a request")
    reason = f"of {requests:,} simulated requests, not counted exactly once"
    advice = "report it: this is the kit's own fault"
    details = {"evidence": FORECAST, "reason": reason, "next": advice}
    return judge(CONSERVED, "answer", unaccounted, 0, **details)


def target_gate(best: AnswerRow | None, late_share: float, zone_lost: bool) -> Gate:
    """Whether some policy that was tried holds the target; a finding, so at most WARN."""
    where = "in a day, and in one with a zone lost at its peak" if zone_lost else "in a day"
    if best is None:
        reason = f"no policy that was tried holds the target {where}"
        advice = "raise capacity.group.max_machines or capacity.queue_limit, or name other policies"
        details = {"limit": late_share, "evidence": FORECAST, "reason": reason, "next": advice}
        details["unit"] = LATE
        return decide(HOLDS, "timing", holds=False, tolerable=True, **details)
    reason = f"share of requests that are late with {best.policy}, {best.aims}; it holds {where}"
    reason += f", in every hour, {best.days} days drawn anew"
    details = {"unit": LATE, "evidence": FORECAST, "reason": reason}
    return judge(HOLDS, "timing", best.late.value, late_share, tolerable=True, **details)
