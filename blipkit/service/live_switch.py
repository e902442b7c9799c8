"""A switch at a running API tier, told by the files that the tier writes.

It reads what is new in them, asks the tier who is ready, sets its weights, and says what it does.
"""

import math
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from blipkit.errors import BadInput, BlipkitError, nearest, shown
from blipkit.service.feed import Feed
from blipkit.service.following import Followed
from blipkit.service.ledger import line_in
from blipkit.service.pairs import pair_in
from blipkit.service.route_client import (
    API,
    NoTier,
    RouteClient,
    Routed,
    WeightsRefused,
    in_words,
    weights_of,
)
from blipkit.service.switch import Decision, Plan, Side, Switch

LOOK_S = 0.5
SILENT_S = 10.0  # for which the API tier may give no answer
DEMAND_S = 10.0  # over which requests are counted
SAID_AGAIN_S = 60.0  # between two lines that say the same, but for their numbers
LEDGER = "expected what this tier's `blipkit api --ledger` writes, which only grows"
PAIRS = "expected what `blipkit api --shadow CANDIDATE --pairs` writes, which only grows"
TOLERANCE = 1e-6  # of weights, percent


@dataclass(frozen=True)
class Files:
    """What the API tier writes. pairs: None where answers are not watched."""

    ledger: Followed
    pairs: Followed | None


@dataclass(frozen=True)
class Bounds:
    """What requests and machines are held against.

    excused_margin: nats, below which a flip is rounding; late_ms: above it an answer is late;
    rated_per_s: what backends hold, requests/s; most_s: that the whole switch may take.
    """

    excused_margin: float
    late_ms: float
    rated_per_s: Mapping[str, float]
    most_s: float = math.inf


@dataclass(frozen=True)
class Clock:
    """unix: as ledgers have the time; steady: only goes on; sleep: takes seconds."""

    unix: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def check_start(route: Mapping[str, Routed], plan: Plan, compares: bool) -> None:
    """BadInput where a switch cannot begin as an API tier is. compares: answers are watched."""
    primary, candidate = plan.primary, plan.candidate
    for what, name in (("PRIMARY", primary), ("CANDIDATE", candidate)):
        if name not in route:
            raise BadInput(f"{what} is {shown(name)}; {nearest(name, route)}")
    for name in (primary, candidate):
        if not route[name].ready:
            reason = route[name].reason or "not asked yet"
            raise BadInput(f"{name} is not ready ({reason}); expected both to be: nothing was set")
    if abs(route[primary].weight - 100) > TOLERANCE:
        advice = f"expected {primary}=100: blipkit route {primary}=100 {candidate}=0"
        raise BadInput(f"weights are {in_words(weights_of(route))}; {advice}")
    if compares and route[candidate].is_shadow is False:
        advice = f"expected the tier to run with --shadow {candidate} --pairs FILE"
        raise BadInput(f"{candidate} is no shadow of the API tier: no answers come; {advice}")


class LiveSwitch(Feed):
    """A switch of an API tier's weights. say: takes each line of what happens."""

    def __init__(
        self,
        plan: Plan,
        tier: RouteClient,
        files: Files,
        bounds: Bounds,
        say: Callable[[str], None],
        clock: Clock = Clock(),
    ):
        super().__init__(Switch(plan), bounds.excused_margin, bounds.late_ms, clock.unix)
        self.tier = tier
        self.files = files
        self.bounds = bounds
        self.say = say
        self.clock = clock
        self._began_s = self._heard_s = clock.steady()
        self._known = self.weights(0.0)  # the weights as they were last heard of
        self._asked: tuple[float, float] | None = None  # percent and time of weights without reply
        self._refused = ""  # why weights were not taken
        self._sent: deque[float] = deque()  # Unix times of requests, for the demand
        self._said_percent = 0.0
        self._said, self._said_s = "", -math.inf  # what it holds for, as it was said last

    def run(self) -> int:
        """Look again and again until it is over; the exit status. Weights stay as they are where it
        is broken off.
        """
        try:
            self.begin()
            while (status := self.look()) is None:
                self.clock.sleep(LOOK_S)
        except BlipkitError as error:
            return self._stop(str(error))
        return status

    def begin(self) -> None:
        """Set the weights that are, which says at once whether they can be set from here."""
        self.give(0.0, self._send)
        if self._refused:
            raise BlipkitError(self._refused)

    def look(self) -> int | None:
        """Read what is new, ask the tier, and do what is decided; the exit status once it is
        over.
        """
        self._read()
        now_s = self.clock.steady()
        route = self._ask(now_s)
        self._refused = ""
        if route is not None and self._is_blind:
            why = f"no request of its backends came to {self.files.ledger.path} yet; {LEDGER}"
            self._say_once(f"holds at {self.percent:g} %: {why}", now_s)
        elif route is not None:
            decision = self.decide(now_s, self._sides(route), self._demand(), self._send)
            status = self._tell(decision, route, now_s)
            if status is not None:
                return status
        if now_s - self._began_s >= self.bounds.most_s:
            why = self.reason or f"no request came to {self.files.ledger.path}"
            return self._stop(f"--most-s {self.bounds.most_s:g} is over: {why}")
        return None

    @property
    def _is_blind(self) -> bool:
        """Whether nothing says that the ledger is this tier's; a switch would step unwatched."""
        watch = self.switch.watch
        return not watch.primary.requests and not watch.evidence().goes_back

    def _read(self) -> None:
        """Hand on the pairs and the ledger's lines that were not there before."""
        for place, record in self.files.pairs.new() if self.files.pairs else []:
            self._read_pair(place, record)
        for place, record in self.files.ledger.new():
            line = line_in(place, record)
            if line.tier != "api":
                raise BadInput(f"{place}: tier is {shown(line.tier)}; {LEDGER}")
            self._sent.append(line.at_s)
            self.line(line)

    def _read_pair(self, place: str, record: dict) -> None:
        """A reply of the candidate's that cannot be compared is no better than a flip."""
        try:
            pair = pair_in(record, self.switch.plan.candidate)
        except (KeyError, TypeError, AttributeError):
            raise BadInput(f"{place} is no pair; {PAIRS}") from None
        except (ValueError, BadInput):
            self.switch.watch.pair(flipped=True)
            return
        if pair:
            self.pair(pair)

    def _ask(self, now_s: float) -> dict[str, Routed] | None:
        """How the backends are; None where nobody says so, which may be for some seconds.

        BlipkitError where that takes too long, or the weights are not those of this switch.
        """
        try:
            route = self.tier.route()
        except NoTier as error:
            if now_s - self._heard_s >= SILENT_S:
                raise
            self._say_once(f"{error}; asked again for {SILENT_S:g} s", now_s)
            return None
        self._heard_s = now_s
        self._known = weights_of(route)
        if self._asked and has_weights(route, self.weights(self._asked[0])):
            self.given(*self._asked)  # they were taken, though no reply came
        self._asked = None
        if not has_weights(route, self.weights(self.percent)):
            expected = f"this switch had set {in_words(self.weights(self.percent))}"
            raise BlipkitError(f"somebody else has set weights, or restarted the tier: {expected}")
        return route

    def _send(self, weights: dict[str, float]) -> str:
        """Set weights; why they were not taken."""
        self._refused = ""
        asked = (weights[self.switch.plan.candidate], self.unix())
        try:
            self._known = weights_of(self.tier.set(weights))
        except WeightsRefused as error:
            self._refused = str(error)
        except NoTier as error:
            self._refused = str(error)
            self._asked = asked
        return self._refused

    def _sides(self, route: Mapping[str, Routed]) -> dict[str, Side]:
        """What is known of both."""
        plan, rated = self.switch.plan, self.bounds.rated_per_s
        return {
            name: Side(route[name].ready, rated.get(name, math.inf))
            for name in (plan.primary, plan.candidate)
        }

    def _demand(self) -> float:
        """Requests/s that the tier's callers sent of late."""
        seconds = min(DEMAND_S, max(1.0, self.clock.steady() - self._began_s))
        while self._sent and self._sent[0] < self.unix() - seconds:
            self._sent.popleft()
        return len(self._sent) / seconds

    def _tell(self, decision: Decision, route: Mapping[str, Routed], now_s: float) -> int | None:
        """Say what was done, or what it holds for; the exit status once it is over."""
        why_not = self._refused or self._not_ready(route)
        if decision.action in ("stepped", "went back"):
            self.say("; ".join(filter(None, [decision.reason, self._weights_text, self._refused])))
        elif self.percent != self._said_percent:
            self.say("; ".join(filter(None, [self._weights_text, why_not])))
        if decision.action == "stepped" or self.percent != self._said_percent:
            self._said = ""  # what it holds for at another share is news
        self._said_percent = self.percent
        if self.switch.is_over and self.percent == 100 * self.switch.share:
            if self.switch.went_back:
                return 1
            self.say(f"done: all steps were taken; {self._weights_text}")
            return 0
        if decision.action != "stepped":
            watch = self.switch.watch
            seen = watch.primary.requests + watch.candidate.requests
            reason = f"holds at {self.percent:g} %: {why_not or decision.reason}"
            self._say_once(f"{reason} ({seen} requests and {watch.pairs} pairs so far)", now_s)
        return None

    def _not_ready(self, route: Mapping[str, Routed]) -> str:
        """Who of both is not ready, and why."""
        gone = [name for name in self.weights(0.0) if not route[name].ready]
        return "; ".join(f"{name} is not ready: {route[name].reason}" for name in gone)

    @property
    def _weights_text(self) -> str:
        return f"weights: {in_words(self._known)}"

    def _say_once(self, words: str, now_s: float) -> None:
        """Say what was not said last, but for its numbers, or not for long."""
        plain = re.sub(r"[\d.]+", "", words)
        if plain == self._said and now_s - self._said_s < SAID_AGAIN_S:
            return
        self._said, self._said_s = plain, now_s
        self.say(words)

    def _stop(self, why: str) -> int:
        """Leave the weights as they are, and say so."""
        self.say(f"{why}; {self.standing()}")
        return 1

    def standing(self) -> str:
        """How the weights are, and how to go back, as it is typed."""
        what = "weights stay as they are"
        try:
            self._known = weights_of(self.tier.route())
        except BlipkitError:
            what = "weights as last known"
        said = f"{what}: {in_words(self._known)}"
        if not self._known.get(self.switch.plan.candidate):
            return said
        where = "" if self.tier.base == API else f" --api {self.tier.base}"
        return f"{said}; to go back: blipkit route {in_words(self.weights(0.0))}{where}"


def has_weights(route: Mapping[str, Routed], weights: Mapping[str, float]) -> bool:
    """Whether backends have these weights, and others none."""
    is_so = [abs(one.weight - weights.get(name, 0.0)) < TOLERANCE for name, one in route.items()]
    return all(is_so) and weights.keys() <= route.keys()
