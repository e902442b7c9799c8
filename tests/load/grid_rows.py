"""Made-up rows of a grid."""

from blipkit.load.summary import STABLE


def cell(
    servers: int, clients: int, rate: float, target_ms: float | None, state: str = STABLE, **more
) -> dict:
    """A row with this throughput in requests/s, and this upper end of its latency's interval."""
    return {
        "arm": "torchscript float32",
        "call": "pipeline",
        "placement": "threads",
        "servers": servers,
        "clients": clients,
        **dict.fromkeys(("wrong", "failed", "lost", "refused", "unaccounted"), 0),
        "requests_per_s": rate,
        "requests_per_s_low": 0.99 * rate,
        "requests_per_s_high": 1.01 * rate,
        "answers_per_s": 4 * rate,
        "latency_high_ms": target_ms,
        "mean_ms": 1e3 * clients / max(rate, 1),
        "percentile": 99,
        "state": state,
        "reason": "" if state == STABLE else "it drifts",
        "sent": 500,
        "requests": 500,
        "disturbed": "",
        "feeding_percent": 5.0,
        **more,
    }


GRID = [
    cell(1, 1, 90, 13),
    cell(1, 2, 100, 25),
    cell(1, 4, 101, 50),
    cell(2, 2, 180, 15),
    cell(2, 4, 190, 30),
]
