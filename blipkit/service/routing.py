"""Which backend gets the next request: a share for each, exact over every hundred requests; and
which requests are among a sample.

Nothing here knows a clock, a socket, or what a backend is.
"""

import zlib
from collections.abc import Collection, Mapping

from blipkit.errors import BadInput, nearest, shown

WHOLE = 100.0  # of all weights together
TOLERANCE = 1e-6


def check_weights(weights: Mapping[str, object], known: Collection[str]) -> dict[str, float]:
    """Weights in percent by backend, those not named at 0.

    BadInput for a backend that is not known, a weight that is none, and where they are not 100 in
    all.
    """
    for name, weight in weights.items():
        if name not in known:
            raise BadInput(f"weights name {shown(name)}; {nearest(name, known)}")
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not is_number or not 0 <= weight <= WHOLE:
            raise BadInput(f"weight of {name} is {shown(weight)}; expected percent, 0 to 100")
    total = sum(weights.values())
    if abs(total - WHOLE) > TOLERANCE:
        said = ", ".join(f"{name}={weight:g}" for name, weight in weights.items()) or "none"
        raise BadInput(f"weights ({said}) are {total:g} in all; expected 100")
    return {name: float(weights.get(name, 0)) for name in known}


def first_alone(names: Collection[str]) -> dict[str, float]:
    """All of it for the first, none for the others: a candidate gets nothing unless it is said."""
    weights = dict.fromkeys(names, 0.0)
    weights[next(iter(names))] = WHOLE
    return weights


def is_sampled(name: str, share: float) -> bool:
    """Whether a request, or a camera, of this name is among the sample: always the same ones."""
    return sample_place(name) < share


def sample_place(name: str) -> float:
    """Where a name falls, 0 to below 1: any share of all names lies below that share."""
    return zlib.crc32(name.encode("utf-8", "backslashreplace")) / 2**32


class Router:
    """Chooses by smooth weighted round robin: no backend waits longer than its share asks for.

    A backend that cannot be chosen leaves its share to those that can, by their weights; one of
    weight 0 is never chosen, whoever else is gone.
    """

    def __init__(self, weights: Mapping[str, float]):
        self.weights: dict[str, float] = {}
        self._credit: dict[str, float] = {}
        self.set(weights)

    def set(self, weights: Mapping[str, float]) -> None:
        """Take other weights from the next request on."""
        self.weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0.0)

    def choose(self, eligible: Collection[str]) -> str | None:
        """The backend of the next request among the eligible; None where none has a weight."""
        taking = [name for name in self.weights if name in eligible and self.weights[name] > 0]
        if not taking:
            return None
        for name in taking:
            self._credit[name] += self.weights[name]
        chosen = max(taking, key=self._credit.__getitem__)
        self._credit[chosen] -= sum(self.weights[name] for name in taking)
        return chosen
