"""Where to run: the setting with the most answers per second that holds the latency target."""

from collections.abc import Sequence

from blipkit.load.summary import INVALID, STABLE
from blipkit.records.typed import record_of


def best_setting(rows: Sequence[dict], limit_ms: float, shared: bool = False) -> dict | None:
    """The row with the most answers per second whose latency is within the target.

    Its interval's upper end is what counts. Only stable rows are believed; on a shared machine
    unstable ones, too, which their state says. None where none is left.
    """
    if rows and not isinstance(rows[0], dict):
        return _best_typed(rows, limit_ms, shared)
    held = [row for row in rows if believed(row, shared) and holds(row, limit_ms)]
    return max(held, key=answers_per_s, default=None)


def _best_typed(rows: Sequence, limit_ms: float, shared: bool):
    """The same of rows with types."""
    records = [record_of(row) for row in rows]
    best = best_setting(records, limit_ms, shared)
    if best is None:
        return None
    return rows[next(place for place, record in enumerate(records) if record is best)]


def believed(row: dict, shared: bool) -> bool:
    """Whether a row may be recommended."""
    return row["state"] == STABLE or (shared and row["state"] != INVALID)


def holds(row: dict, limit_ms: float) -> bool:
    """Whether a row's latency is known, and within the target."""
    high_ms = row["latency_high_ms"]
    return high_ms is not None and high_ms <= limit_ms


def answers_per_s(row: dict) -> float:
    """What is to be as large as possible."""
    return row["answers_per_s"]


def in_words(best: dict | None, rows: Sequence[dict], target_ms: float) -> str:
    """Where to run, how far below the target that is, and what the next more clients would cost.

    best: one of `rows`, None where none holds the target.
    """
    if best is None:
        return f"no setting holds {target_ms:g} ms"
    below = 1 - best["latency_high_ms"] / target_ms
    run = f"run {best['servers']} servers for {best['clients']} clients"
    told = f"{run}: {best['answers_per_s']:.0f} answers/s"
    told = f"{told}, {below:.0%} below the target of {target_ms:g} ms"
    more = next_more_clients(best, rows)
    if more is None:
        return told
    gain = more["answers_per_s"] / best["answers_per_s"] - 1
    wait = more["mean_ms"] / best["mean_ms"] - 1
    return f"{told}; {more['clients']} clients: {gain:+.0%} throughput, {wait:+.0%} latency"


def next_more_clients(best: dict, rows: Sequence[dict]) -> dict | None:
    """The next setting of as many servers, placed as these, that answered anything."""
    same = ("arm", "placement", "servers")
    alike = [row for row in rows if all(row[key] == best[key] for key in same)]
    for row in alike:
        if row["clients"] > best["clients"] and row["requests"]:
            return row
    return None
