"""The gates of 04: answers under load, what became of each request, is the target held."""

from collections.abc import Sequence
from operator import itemgetter

from blipkit.load.recommend import best_setting
from blipkit.load.setting import name_of
from blipkit.load.summary import INVALID, STABLE
from blipkit.records.gates import Gate, invalid, judge, not_run

LONGER = "take a quiet machine, or raise concurrency.seconds"
FEEDING = 10.0  # percent of the host: more for clients and preprocessing is worth a warning
SHOWN = 3  # settings named in one reason
# the gates of a grid, with their kinds, in their order
OF_GRID = {
    "answers under load": "answer",
    "requests conserved": "answer",
    "stable load": "timing",
    "latency target": "timing",
    "host share": "timing",
    "quiet machine": "timing",
}


def load_gates(rows: Sequence[dict], limit_ms: float, shared: bool) -> list[Gate]:
    """The gates of a grid, from the rows of its settings with a model."""
    if not sum(row["sent"] for row in rows):
        reason = "no request was sent"
        about = {"measured": 0, "limit": 0, "next": LONGER}
        return [invalid("answers under load", "answer", reason, **about)]
    return [
        answers_gate(rows),
        conserved_gate(rows),
        steady_gate(rows, shared),
        target_gate(rows, limit_ms, shared),
        host_gate(rows),
        quiet_gate(rows),
    ]


def grid_not_run(reason: str) -> list[Gate]:
    """The gates of a grid whose requests nobody has."""
    advice = "record 04_concurrency there again"
    return [not_run(name, kind, reason, advice) for name, kind in OF_GRID.items()]


def answers_gate(rows: Sequence[dict]) -> Gate:
    """No request failed, got lost, or got another answer than without load."""
    sent = sum(row["sent"] for row in rows)
    bad = sum(row["wrong"] + row["failed"] + row["lost"] for row in rows)
    said = f"requests of {sent} that failed, got lost, or got other answers than without load"
    advice = "see each row's reason, and samples/requests"
    return judge("answers under load", "answer", bad, 0, reason=said, next=advice)


def conserved_gate(rows: Sequence[dict]) -> Gate:
    """Every request was counted once, by clients and servers alike."""
    sent = sum(row["sent"] for row in rows)
    astray = sum(row["unaccounted"] for row in rows)
    counted = "that clients and servers count differently, or that were answered twice"
    said = f"requests of {sent} {counted}"
    advice = "report it: this is the kit's own fault"
    return judge("requests conserved", "answer", astray, 0, reason=said, next=advice)


def steady_gate(rows: Sequence[dict], shared: bool) -> Gate:
    """Every setting has one throughput and one latency; where none has, nothing can be said."""
    doubted = [row for row in rows if row["state"] != STABLE]
    said = [f"{name_of(row)} is {row['state']}: {row['reason']}" for row in doubted]
    reason = "; ".join(said[:SHOWN]) or "every setting is stable"
    about = {"limit": 0, "next": LONGER}
    if len(doubted) == len(rows):
        return invalid(
            "stable load", "timing", reason, shared=shared, measured=len(doubted), **about
        )
    return _noted("stable load", len(doubted), 0, reason, LONGER)


def host_gate(rows: Sequence[dict]) -> Gate:
    """Clients and preprocessing leave the host's CPU to others."""
    feeding = max(row["feeding_percent"] for row in rows)
    said = "percent of the host's CPU for clients and preprocessing"
    advice = "preprocess elsewhere, or take more vCPUs"
    return _noted("host share", feeding, FEEDING, said, advice)


def quiet_gate(rows: Sequence[dict]) -> Gate:
    """Nothing besides what was measured changed its times."""
    disturbed = [f"{name_of(row)}: {row['disturbed']}" for row in rows if row["disturbed"]]
    reason = "; ".join(disturbed[:SHOWN]) or "nothing disturbed it"
    return _noted("quiet machine", len(disturbed), 0, reason, LONGER)


def _noted(name: str, measured: float, limit: float, reason: str, advice: str) -> Gate:
    """A timing gate that warns where it does not hold, on any machine."""
    return judge(name, "timing", measured, limit, tolerable=True, reason=reason, next=advice)


def target_gate(rows: Sequence[dict], limit_ms: float, shared: bool) -> Gate:
    """Does some setting hold the latency target?

    A target below the service time is a finding; an unsteady system gives no answer.
    """
    known = [r for r in rows if r["latency_high_ms"] is not None and r["state"] != INVALID]
    trusted = [row for row in known if row["state"] == STABLE or shared]
    if not trusted:
        return no_verdict(rows, known, limit_ms, shared)
    shown = best_setting(rows, limit_ms, shared)
    if shown is None:
        shown = min(trusted, key=itemgetter("latency_high_ms"))
    high_ms = shown["latency_high_ms"]
    name = name_of(shown)
    said = f"p{shown['percentile']:g} of {name}, upper end of its 95 % interval, ms"
    advice = f"not reachable here; fastest is {high_ms:.0f} ms at {name}"
    about = {"reason": said, "next": advice}
    return judge("latency target", "timing", high_ms, limit_ms, shared=shared, **about)


def no_verdict(rows: Sequence[dict], known: Sequence[dict], limit_ms: float, shared: bool) -> Gate:
    """The latency target where no setting may be held against it.

    known: the rows with a percentile.
    """
    if known:
        reason = f"no setting is stable, first: {known[0]['reason']}"
        advice = LONGER
    else:
        most = max(row["requests"] for row in rows)
        few = f"at most {most} requests a setting are too few"
        reason = f"{few} for p{rows[0]['percentile']:g}"
        advice = f"{LONGER}, or lower concurrency.percentile"
    about = {"limit": limit_ms, "next": advice}
    return invalid("latency target", "timing", reason, shared=shared, **about)


def admission_gate(row: dict | None, limit_ms: float, shared: bool) -> Gate:
    """With twice the clients and a limit, those admitted are within the target."""
    name = "admission control"
    if row is None or row["latency_high_ms"] is None:
        reason = "no setting to limit, or too few requests"
        return not_run(name, "timing", reason, "see latency target")
    refused = f"{row['refused']} of {row['sent']} requests were refused at once"
    reason = f"{refused}; p{row['percentile']:g} of those admitted, ms"
    advice = "lower the limit, or take the next smaller setting"
    high_ms = row["latency_high_ms"]
    if row["state"] == INVALID:
        about = {"limit": limit_ms, "next": LONGER}
        return invalid(name, "timing", row["reason"], shared=shared, **about)
    return judge(name, "timing", high_ms, limit_ms, shared=shared, reason=reason, next=advice)
