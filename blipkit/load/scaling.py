"""Where to run: how throughput grows with clients, where that ends, which setting holds the latency target, and the gates.

Scalability is Gunther's universal law (Guerrilla Capacity Planning, chapter 4): X(N) = a N / (1 + s (N - 1) + k N (N - 1)), with
a: throughput of one client, s: contention, k: coherency. As N / X is linear in 1, N - 1 and N (N - 1), its coefficients are a
least-squares problem without a start value.
"""

import math

import numpy as np

from blipkit.load.summary import INVALID, SETTLED
from blipkit.records.gates import Gate, judge, not_run

DRAWS = 500  # of throughputs within their intervals, for the law's own intervals
LONGER = "take a quiet machine, or raise concurrency.seconds"
FEEDING = 10.0  # percent of the host: more than this for clients and preprocessing is worth a warning


def fit_usl(rows: list[dict], seed: int = 0) -> dict | None:
    """The law's a, s and k with 95 % intervals, from settings that differ in clients; None where fewer than three do.

    peak: the clients at which throughput is highest, inf where it only levels off. misfit: the largest relative error.
    """
    clients = np.array([row["clients"] for row in rows], dtype=float)
    per_second = np.array([row["requests_per_s"] for row in rows])
    if len(set(clients)) < 3 or not (per_second > 0).all():
        return None
    spread = np.array([(row["requests_per_s_high"] - row["requests_per_s_low"]) / (2 * 1.96) for row in rows])
    drawn = np.random.default_rng(seed).normal(per_second, spread, (DRAWS, len(rows)))
    fits = np.array([_fit(clients, np.maximum(one, 1e-9)) for one in (per_second, *drawn)])
    found = {"misfit": float(np.abs(law(clients, *fits[0]) / per_second - 1).max())}
    for place, name in enumerate(("a", "s", "k")):
        low, high = np.percentile(fits[1:, place], [2.5, 97.5])
        found |= {name: float(fits[0, place]), f"{name}_low": float(low), f"{name}_high": float(high)}
    a, s, k = fits[0]
    return {**found, "peak": math.sqrt((1 - s) / k) if k and s < 1 else 1.0 if s >= 1 else math.inf}


def _fit(clients, per_second) -> tuple[float, float, float]:
    from scipy.optimize import nnls

    terms = np.stack([np.ones_like(clients), clients - 1, clients * (clients - 1)], axis=1)
    weights = (per_second / clients)[:, None]  # so that relative errors of X are what is small
    (one, contention, coherency), _ = nnls(terms * weights, np.ones(len(clients)))
    return 1 / one, contention / one, coherency / one


def law(clients, a: float, s: float, k: float):
    """Requests per second with so many clients."""
    return a * clients / (1 + s * (clients - 1) + k * clients * (clients - 1))


def best_cell(rows: list[dict], limit_ms: float, shared: bool = False) -> dict | None:
    """The setting with the most answers per second whose latency, its interval's upper end, is within the target.

    Only settled rows count; on a shared machine unsettled ones, too, which their state says.
    """
    believed = [r for r in rows if r["state"] == SETTLED or (shared and r["state"] != INVALID)]
    held = [r for r in believed if r["latency_high_ms"] is not None and r["latency_high_ms"] <= limit_ms]
    return max(held, key=lambda r: r["answers_per_s"], default=None)


def load_gates(rows: list[dict], limit_ms: float, shared: bool) -> list[Gate]:
    """Answers under load, what became of every request, steadiness, the latency target, the host's share, and its peace."""
    sent, astray = (sum(row[name] for row in rows) for name in ("sent", "unaccounted"))
    bad = sum(row["wrong"] + row["failed"] + row["lost"] for row in rows)
    if not sent:
        return [Gate("answers under load", "answer", INVALID, 0, 0, reason="no request was sent", next=LONGER)]
    other = f"requests of {sent} that failed, got lost, or got other answers than without load"
    twice = f"requests of {sent} that clients and servers count differently, or that were answered twice"
    doubted = [f"{name_of(row)} is {row['state']}: {row['reason']}" for row in rows if row["state"] != SETTLED]
    disturbed = [f"{name_of(row)}: {row['disturbed']}" for row in rows if row["disturbed"]]
    feeding = max(row["feeding_percent"] for row in rows)
    fed, apart = "percent of the host's CPU for clients and preprocessing", "preprocess elsewhere, or take more vCPUs"
    steady = _noted("steady load", len(doubted), 0, "; ".join(doubted[:3]) or "every setting settled", LONGER)
    if len(doubted) == len(rows) and not shared:
        steady.status = INVALID
    return [
        judge("answers under load", "answer", bad, 0, reason=other, next="see each row's reason, and samples/requests"),
        judge("requests conserved", "answer", astray, 0, reason=twice, next="report it: this is the kit's own fault"),
        steady,
        target_gate(rows, limit_ms, shared),
        _noted("host share", feeding, FEEDING, fed, apart),
        _noted("quiet machine", len(disturbed), 0, "; ".join(disturbed[:3]) or "nothing disturbed it", LONGER),
    ]


def _noted(name: str, measured: float, limit: float, reason: str, next: str) -> Gate:
    """A timing gate that warns where it does not hold, on any machine."""
    gate = judge(name, "timing", measured, limit, reason=reason, next=next)
    gate.status = "WARN" if gate.status == "FAIL" else gate.status
    return gate


def target_gate(rows: list[dict], limit_ms: float, shared: bool) -> Gate:
    """Does some setting hold the latency target? A target below the service time is a finding; an unsteady system, no answer."""
    known = [r for r in rows if r["latency_high_ms"] is not None and r["state"] != INVALID]
    settled, percent = [r for r in known if r["state"] == SETTLED or shared], f"p{rows[0]['percentile']:g}"
    if not settled:
        few = f"at most {max(r['requests'] for r in rows)} requests a setting are too few for {percent}"
        why = f"no setting settled, first: {known[0]['reason']}" if known else few
        advice = LONGER if known else f"{LONGER}, or lower concurrency.percentile"
        return Gate("latency target", "timing", "WARN" if shared else INVALID, None, limit_ms, reason=why, next=advice)
    shown = best_cell(rows, limit_ms, shared) or min(settled, key=lambda r: r["latency_high_ms"])
    said, high_ms = f"{percent} of {name_of(shown)}, upper end of its 95 % interval, ms", shown["latency_high_ms"]
    advice = f"not reachable here; fastest is {high_ms:.0f} ms at {name_of(shown)}"
    return judge("latency target", "timing", high_ms, limit_ms, shared=shared, reason=said, next=advice)


def admission_gate(row: dict | None, limit_ms: float, shared: bool) -> Gate:
    """With twice the clients and a limit on what is inside, the latency of those admitted is within the target."""
    name = "admission control"
    if row is None or row["latency_high_ms"] is None:
        return not_run(name, "timing", "no setting to limit, or too few requests", "see latency target")
    about = f"p{row['percentile']:g} of those admitted, ms"
    reason = f"{row['refused']} of {row['sent']} requests were refused at once; {about}"
    advice = "lower the limit, or take the next smaller setting"
    return judge(name, "timing", row["latency_high_ms"], limit_ms, shared=shared, reason=reason, next=advice)


def name_of(row: dict) -> str:
    """How a setting is called: #servers-#clients, and where its servers are if not in threads."""
    return f"{row['servers']}-{row['clients']}" + ("" if row["placement"] == "threads" else f" {row['placement']}")
