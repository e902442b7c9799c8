"""`GET` and `PUT /v1/route`: the weights of the API tier's backends, as they are and as they are
set.
"""

from collections.abc import Mapping
from typing import Any

from blipkit.errors import BadInput
from blipkit.reading.json_text import parse_object
from blipkit.service.backends import Backend
from blipkit.service.routing import check_weights
from blipkit.service.wire import rejected

HERE = ("127.0.0.1", "::1")


def route_json(
    weights: Mapping[str, float],
    backends: Mapping[str, Backend],
    shadow: Backend | None,
    lines: Mapping[str, int],
) -> dict[str, Any]:
    """The weights, and how the backends are. shadow: which one gets copies, if any does; lines:
    that ledger and pairs should have had since the tier began.
    """
    states = {}
    for name, backend in backends.items():
        states[name] = {
            "url": backend.url,
            "ready": backend.ready,
            "was_ready": backend.was_ready,
            "reason": backend.reason,
            "in_flight": backend.in_flight,
            "is_shadow": backend is shadow,
        }
    return {"weights": dict(weights), "backends": states, "lines": dict(lines)}


def check_caller(host: str) -> None:
    """Refuse to be routed from another machine: who reaches the tier is not who runs it."""
    if host not in HERE:
        advice = "run blipkit route on the machine of the API tier"
        raise rejected(403, f"weights are set from this machine alone, not from {host}; {advice}")


def weights_in(body: bytes, backends: Mapping[str, Backend]) -> dict[str, float]:
    """The weights that a request sets; Problem says why they are not taken."""
    try:
        given = parse_object(body).get("weights")
        if not isinstance(given, dict):
            raise BadInput('no weights; expected {"weights": {"gpu": 90, "inf2": 10}}')
        weights = check_weights(given, backends)
    except (ValueError, BadInput) as error:
        raise rejected(422, str(error)) from None
    for name, weight in weights.items():
        backend = backends[name]
        if weight > 0 and not backend.was_ready:
            problem = f"{name} was never ready ({backend.reason}), so it gets no traffic"
            raise rejected(409, f"{problem}; see {backend.url}/readyz")
    if not any(weight > 0 and backends[name].ready for name, weight in weights.items()):
        reasons = "; ".join(f"{name}: {backends[name].reason or 'ready'}" for name in backends)
        raise rejected(
            409, f"no backend with a weight would be ready ({reasons}); the old ones hold"
        )
    return weights
