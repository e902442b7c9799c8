"""An API tier's weights, asked for and set over `/v1/route`."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blipkit.errors import BadInput, BlipkitError
from blipkit.reading.json_text import parse_object

if TYPE_CHECKING:
    from blipkit.service.asking import Said

API = "http://127.0.0.1:8000"  # where `blipkit api` listens
TIMEOUT_S = 10.0  # that a whole reply may take


class NoTier(BlipkitError):
    """Nobody answers where the API tier should be."""


class WeightsRefused(BlipkitError):
    """The API tier did not take weights, and why."""


@dataclass(frozen=True)
class Routed:
    """A backend of an API tier. weight: percent; reason: why it is not ready, "" where it is;
    is_shadow: whether it gets copies, which an older tier does not say.
    """

    weight: float
    url: str
    ready: bool
    reason: str
    is_shadow: bool | None = None


@dataclass(frozen=True)
class Route:
    """How an API tier is. backends: by name; lines: that ledger and pairs should have had since it
    began, which an older tier does not say.
    """

    backends: Mapping[str, Routed]
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def weights(self) -> dict[str, float]:
        """Percent by backend."""
        return {name: one.weight for name, one in self.backends.items()}


class RouteClient:
    """What asks an API tier of its weights. url: the tier's, as --api says it."""

    def __init__(self, url: str):
        from blipkit.service.asking import trusted
        from blipkit.service.endpoints import check_url

        self.base = check_url(url, "--api")
        self._trusted = trusted()

    def route(self) -> Route:
        """What the tier says of itself; BlipkitError where it is none."""
        return self._ask("GET")

    def set(self, weights: Mapping[str, float]) -> Route:
        """Set weights, percent, and return how all are then; WeightsRefused where it does not take
        them.
        """
        return self._ask("PUT", {"weights": dict(weights)})

    def _ask(self, method: str, body: dict[str, Any] | None = None) -> Route:
        import httpx

        from blipkit.service.asking import TooLarge, in_words
        from blipkit.service.wire import ROUTE_PATH, detail_in

        url = self.base + ROUTE_PATH
        try:
            said = asyncio.run(self._said(method, url, body))
        except (httpx.HTTPError, TimeoutError, TooLarge) as error:
            seen = in_words(error)
            if isinstance(error, TimeoutError):
                seen = f"no whole reply in {TIMEOUT_S:g} s"
            expected = "expected the API tier there: blipkit api, or --api"
            raise NoTier(f"{url}: {seen}; {expected}") from None
        if said.status == 422:
            raise BadInput(f"{url}: {detail_in(said.content)}")
        if said.status in (403, 409):
            raise WeightsRefused(f"{url}: {detail_in(said.content)}: nothing was set")
        try:
            if said.status != 200:
                raise ValueError(f"status {said.status}: {detail_in(said.content)}")
            return route_in(parse_object(said.content))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BlipkitError(f"{url}: {error}; expected what `blipkit api` says") from None

    async def _said(self, method: str, url: str, body: dict[str, Any] | None) -> "Said":
        """The tier's whole reply, over a connection of its own."""
        import httpx

        from blipkit.service.asking import whole_reply

        how = {"timeout": TIMEOUT_S, "trust_env": False, "verify": self._trusted}
        async with httpx.AsyncClient(**how) as client:
            return await whole_reply(client, method, url, TIMEOUT_S, json=body)


def route_in(answer: dict[str, Any]) -> Route:
    """What an API tier says of itself; KeyError, TypeError, ValueError or AttributeError where it
    is none.
    """
    found = {}
    for name, weight in answer["weights"].items():
        state = answer["backends"][name]
        is_shadow = state.get("is_shadow")
        found[name] = Routed(
            float(weight), state["url"], bool(state["ready"]), state["reason"], is_shadow
        )
    lines = {name: int(count) for name, count in answer.get("lines", {}).items()}
    return Route(found, lines)


def in_words(weights: Mapping[str, float]) -> str:
    """Weights as they are typed."""
    return " ".join(f"{name}={weight:g}" for name, weight in weights.items())
