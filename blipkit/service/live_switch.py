"""A switch at a running API tier, told by the files that the tier writes.

It reads what is new in them, asks the tier who is ready, sets its weights, and says what it does.
"""

import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from blipkit.errors import BadInput, BlipkitError, nearest, shown
from blipkit.reading.files import shown_path
from blipkit.service.feed import LEDGER, SYSTEM_CLOCK, Clock, Feed, Files
from blipkit.service.ledger import LedgerLine
from blipkit.service.route_client import (
    API,
    NoTier,
    Route,
    RouteClient,
    Routed,
    WeightsRefused,
    in_words,
)
from blipkit.service.switch import Decision, Plan, Side, Switch
from blipkit.service.wire import LEDGER_LINES, PAIR_LINES

LOOK_S = 0.5
SILENT_S = 10.0  # for which the API tier may give no answer
DEMAND_S = 10.0  # over which requests are counted
SAID_AGAIN_S = 60.0  # between two lines that say the same, but for their numbers
TOLERANCE = 1e-6  # of weights, percent


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


def check_start(route: Route, plan: Plan) -> None:
    """BadInput where a switch cannot begin as an API tier is."""
    primary, candidate = plan.primary, plan.candidate
    backends = route.backends
    for what, name in (("PRIMARY", primary), ("CANDIDATE", candidate)):
        if name not in backends:
            raise BadInput(f"{what} is {shown(name)}; {nearest(name, backends)}")
    for name in (primary, candidate):
        if not backends[name].ready:
            reason = backends[name].reason or "not asked yet"
            raise BadInput(f"{name} is not ready ({reason}); expected both to be: nothing was set")
    if abs(backends[primary].weight - 100) > TOLERANCE:
        advice = f"expected {primary}=100: blipkit route {primary}=100 {candidate}=0"
        raise BadInput(f"weights are {in_words(route.weights)}; {advice}")
    check_copies(route, plan)


def check_copies(route: Route, plan: Plan) -> None:
    """BadInput where answers are to be compared, and the candidate gets no copies."""
    candidate = plan.candidate
    if plan.rules.compares and route.backends[candidate].is_shadow is False:
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
        clock: Clock = SYSTEM_CLOCK,
    ):
        super().__init__(Switch(plan), files, bounds.excused_margin, bounds.late_ms, clock)
        self.tier = tier
        self.bounds = bounds
        self.say = say
        self._began_s = self._heard_s = clock.steady()
        self._known = self.weights(0.0)  # the weights as they were last heard of
        self._asked: tuple[float, float] | None = None  # percent and time of weights without reply
        self._refused = ""  # why weights were not taken
        self._ended: deque[float] = deque()  # when requests did, for the demand
        self._written = Written(files)
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
        self.read()
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

    def line(self, line: LedgerLine, ended_s: float) -> None:
        """The same; it counts for the demand, too."""
        self._ended.append(ended_s)
        super().line(line, ended_s)

    def _ask(self, now_s: float) -> Mapping[str, Routed] | None:
        """How the backends are; None where nobody says so, which may be for some seconds.

        BlipkitError where that takes too long, the weights are not those of this switch, or what
        the tier had to write is not in the files.
        """
        try:
            route = self.tier.route()
        except NoTier as error:
            if now_s - self._heard_s >= SILENT_S:
                raise
            self._say_once(f"{error}; asked again for {SILENT_S:g} s", now_s)
            return None
        self._heard_s = now_s
        self._known = route.weights
        if self._asked and has_weights(route, self.weights(self._asked[0])):
            self.given(*self._asked)  # they were taken, though no reply came
        self._asked = None
        if not has_weights(route, self.weights(self.percent)):
            expected = f"this switch had set {in_words(self.weights(self.percent))}"
            raise BlipkitError(f"somebody else has set weights, or restarted the tier: {expected}")
        self._written.check(route.lines)
        check_copies(route, self.switch.plan)  # whoever restarted the tier may have left them out
        return route.backends

    def _send(self, weights: dict[str, float]) -> str:
        """Set weights; why they were not taken."""
        self._refused = ""
        asked = (weights[self.switch.plan.candidate], self.clock.steady())
        try:
            self._known = self.tier.set(weights).weights
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
        now_s = self.clock.steady()
        seconds = min(DEMAND_S, max(1.0, now_s - self._began_s))
        while self._ended and self._ended[0] < now_s - seconds:
            self._ended.popleft()
        return len(self._ended) / seconds

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
            self._known = self.tier.route().weights
        except BlipkitError:
            what = "weights as last known"
        said = f"{what}: {in_words(self._known)}"
        if not self._known.get(self.switch.plan.candidate):
            return said
        where = "" if self.tier.base == API else f" --api {self.tier.base}"
        return f"{said}; to go back: blipkit route {in_words(self.weights(0.0))}{where}"


def has_weights(route: Route, weights: Mapping[str, float]) -> bool:
    """Whether backends have these weights, and others none."""
    is_so = [abs(had - weights.get(name, 0.0)) < TOLERANCE for name, had in route.weights.items()]
    return all(is_so) and weights.keys() <= route.weights.keys()


class Written:
    """Whether a tier's files have what the tier had to write: who does not see its requests would
    take none of them for a failure.
    """

    def __init__(self, files: Files):
        self._files = {LEDGER_LINES: files.ledger}
        if files.pairs:
            self._files[PAIR_LINES] = files.pairs
        self._first: dict[str, int] = {}  # lines that there had been before
        self._due: dict[str, int] = {}  # and at the last look

    def check(self, lines: Mapping[str, int]) -> None:
        """BlipkitError where a file that was just read lacks what was due at the look before.

        lines: as the tier counts them now; where these are fewer, it was started again. An older
        tier does not say.
        """
        for name, file in self._files.items():
            count = lines.get(name, 0)
            if count < self._due.get(name, math.inf):
                self._first[name] = count - file.lines
                self._due[name] = count
            absent = self._due[name] - self._first[name] - file.lines
            if absent > 0 and not file.is_behind:
                problem = f"{shown_path(file.path)} lacks {absent} lines that the tier had to write"
                raise BlipkitError(f"{problem}; {file.expected}, on a disk that has room")
            self._due[name] = count
