"""A setting's row: what its requests say, and whether that may be believed.

A row is settled, unsettled (its figures drift or differ from window to window) or INVALID (the measurement itself cannot be
trusted), with the reason in words. docs/load.md has each formula with its source.
"""

import math

from blipkit.load.stability import unsettled
from blipkit.statistics import mean_interval, percentile, rate, samples_needed

PERCENTILES, ENDS = (50, 90, 99), ("", "_low", "_high")
SHARES = ["clients_percent", "host_percent", "neighbours_percent", "steal_percent", "gpu_percent", "memory_gib"]
LAG_SHARE, LAG_S = 0.1, 1e-3  # of the latency's p99, or in s, whichever is larger: what the generator may be late
LITTLE = 0.05  # by which N = X R may miss
ANSWERED = ("answered", "wrong")
SPENT = {"mean": ("scheduled", "received"), "queued": ("sent", "dequeued"), "service": ("started", "finished")}
SETTLED, UNSETTLED, INVALID = "settled", "unsettled", "INVALID"


def summarise(
    requests, runs: list[dict], questions: int, clients: int, percent: float, think_s=0.0, limit_ms=math.inf
) -> dict:
    """requests: the pandas frame of all runs, with a column `run`; runs: what was counted in each, `Measured.counts`.

    Throughput in requests and answers per second with 95 % intervals, over runs where there are several; latency
    percentiles in ms with theirs, None where n is too small for one; latency_ms: that one which the target is about;
    within_target: the share of those answered that came within limit_ms, and right.
    """
    import pandas

    seconds, counts = runs[0]["seconds"], pandas.DataFrame(runs)
    asked = requests[(requests.scheduled >= 0) & (requests.scheduled < seconds)]
    answered = asked[asked.status.isin(ANSWERED)]
    in_time = requests[requests.status.isin(ANSWERED) & requests.received.between(0, seconds)]
    in_time = [own for _, own in in_time.groupby("run")] or [in_time]
    several = [len(own) / seconds for own in in_time] + [0.0] * (len(runs) - len(in_time))  # a run may have none
    per_second = mean_interval(several) if len(runs) > 1 else rate(in_time[0].received, seconds)
    row = {"requests": len(answered), "runs": len(runs)}
    row |= {f"requests_per_s{end}": r for end, r in zip(ENDS, per_second, strict=True)}
    row |= {f"answers_per_s{end}": questions * r for end, r in zip(ENDS, per_second, strict=True)}
    latency = (answered.received - answered.scheduled) * 1e3
    by_run = [own for _, own in latency.groupby(answered.run)]
    for q in sorted({*PERCENTILES, percent}):
        row |= {f"p{q:g}{end}_ms": value for end, value in zip(ENDS, _percentile(latency, by_run, q), strict=True)}
    row |= {f"latency{end}_ms": row[f"p{percent:g}{end}_ms"] for end in ENDS}
    row["percentile"] = percent
    row["within_target"] = ((latency <= limit_ms) & (answered.status == "answered")).mean()
    row |= {f"{name}_ms": 1e3 * (answered[end] - answered[begin]).mean() for name, (begin, end) in SPENT.items()}
    row["overhead_ms"] = row["mean_ms"] - row["queued_ms"] - row["service_ms"]
    row["lag_ms"] = 1e3 * (asked.sent - asked.scheduled).quantile(0.99)
    row["little"] = per_second[0] * (row["mean_ms"] / 1e3 + think_s) / clients
    row |= counts[["sent", "answered", "wrong", "refused", "failed", "lost"]].sum().to_dict()
    row["unaccounted"] = sum(map(unaccounted, runs))
    counts["clients_percent"] = 100 * counts.clients_cpu_s / counts.seconds / counts.cores
    row |= counts.reindex(columns=SHARES).astype(float).mean().to_dict()
    row["disturbed"] = "; ".join(dict.fromkeys(filter(None, counts.disturbed)))
    state, reason = _state(row, asked, in_time, runs, clients, think_s)
    known = {name: value if isinstance(value, str) or math.isfinite(value) else None for name, value in row.items()}
    return {**known, "state": state, "reason": reason}


def unaccounted(run: dict) -> int:
    """Requests that were not counted just once: by the clients, by the server, and, unless something died, by both alike."""
    kept = run["answered"] + run["wrong"]
    here = abs(run["sent"] - kept - run["refused"] - run["failed"] - run["lost"]) + run["twice"]
    ends = ("answered", "refused", "failed", "dropped")
    there = abs(run["server_received"] - sum(run[f"server_{name}"] for name in ends))
    pairs = (("sent", "received"), ("refused", "refused"), ("failed", "failed"))
    between = abs(kept - run["server_answered"]) + sum(abs(run[ours] - run[f"server_{its}"]) for ours, its in pairs)
    return here + there + (0 if run["problem"] else between)


def _state(row: dict, asked, in_time: list, runs: list[dict], clients: int, think_s: float) -> tuple[str, str]:
    """Whether a row may be believed, and if not, why: the first reason, the gravest first."""
    problems = [run["problem"] for run in runs if run["problem"]]
    if problems or not row["requests"]:
        return INVALID, "; ".join(problems) or "no request was answered in the measured time"
    n, mean_s, p99 = row["requests"], row["mean_ms"] / 1e3, 1e3 * (asked.received - asked.scheduled).quantile(0.99)
    allowed = max(LAG_SHARE * p99, 1e3 * LAG_S)
    if row["lag_ms"] > allowed:
        return INVALID, f"the clients sent up to {row['lag_ms']:.2g} ms late (p99), limit {allowed:.2g} ms"
    thought = think_s / (mean_s + think_s)
    # the requests that the edges of a run cut, and chance in what was thought
    may_miss = max(LITTLE, clients * row["runs"] / n) + 3 * thought / math.sqrt(n)
    if not row["refused"] and abs(row["little"] - 1) > may_miss:
        return INVALID, f"throughput times latency is {row['little']:.2f} times the {clients} clients (Little's law)"
    reasons = (unsettled(own.received, own.received - own.scheduled) for own in in_time)
    reason = next(filter(None, reasons), "")
    return UNSETTLED if reason else SETTLED, reason


def _percentile(latency, by_run: list, q: float) -> tuple[float, float, float]:
    """With its interval, which holds what changes from run to run, too; nan where n is too small to say."""
    if len(latency) < samples_needed(q):
        return math.nan, math.nan, math.nan
    value, low, high = percentile(latency, q)
    if len(by_run) > 1:
        _, least, most = mean_interval([percentile(own, q)[0] for own in by_run])
        low, high = min(low, least), max(high, most)
    return value, low, high
