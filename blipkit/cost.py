"""Dollars per million answers, what it would take to save a given share of them, and which evidence is missing."""

from collections.abc import Sequence

from blipkit.prices import Price

HOUR_S = 3600


def usd_per_million(usd_per_hour: float, answers_per_s: float) -> float:
    """USD for a million answers on a machine that is always as busy as it was measured."""
    return usd_per_hour / HOUR_S / answers_per_s * 1e6


def saving(candidate_usd: float, incumbent_usd: float) -> float:
    """Share saved by moving, 0.83 for 83 %; negative where the candidate costs more."""
    return 1 - candidate_usd / incumbent_usd


def needed_throughput_ratio(candidate: Price, incumbent: Price, target: float) -> float:
    """How many times the incumbent's throughput the candidate must have to save `target` at these prices."""
    return candidate.usd_per_hour / incumbent.usd_per_hour / (1 - target)


def needed_incumbent_price(candidate: Price, target: float) -> float:
    """USD per hour that the incumbent must cost for the candidate to save `target` at equal throughput."""
    return candidate.usd_per_hour / (1 - target)


def priced(row: dict, usd_per_hour: float) -> dict:
    """Cost of a setting's answers; the ends of its interval are those of the throughput, the other way round."""
    ends = {"": "", "_low": "_high", "_high": "_low"}
    rates = {end: row[f"answers_per_s{other}"] for end, other in ends.items()}
    return {f"usd_per_million{end}": usd_per_million(usd_per_hour, r) if r > 0 else None for end, r in rates.items()}


def missing_evidence(seen: Sequence[str], wanted: dict[str, tuple[Price, str]], hours: float) -> list[dict]:
    """What each kind of machine in `wanted` (kind -> its price, and the command) would take that no folder was measured on."""
    rows = []
    for kind, (price, command) in wanted.items():
        if kind not in seen:
            about = {"what": f"a measured run on {price.instance}", "kind": kind, "command": command}
            rows.append({**about, "hours": hours, "usd": hours * price.usd_per_hour})
    return rows
