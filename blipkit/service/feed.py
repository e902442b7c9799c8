"""A switch that is told of an API tier's requests and its shadow's pairs by the files that the tier
writes, and sets shares there.
"""

import math
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from blipkit.errors import BadInput, shown
from blipkit.parity.answers import unexcused_flips
from blipkit.service.following import Followed
from blipkit.service.ledger import LedgerLine, line_in
from blipkit.service.pairs import pair_in
from blipkit.service.shadow import Pair
from blipkit.service.switch import Decision, Side, Switch

LEDGER = "expected what this tier's `blipkit api --ledger` writes, which only grows"
PAIRS = "expected what `blipkit api --shadow CANDIDATE --pairs` writes, which only grows"
Send = Callable[[dict[str, float]], str]  # sets weights, percent; why they were not taken, or ""


@dataclass(frozen=True)
class Files:
    """What the API tier writes. pairs: None where answers are not watched."""

    ledger: Followed
    pairs: Followed | None


@dataclass(frozen=True)
class Clock:
    """unix: as ledgers have the time, which may be set meanwhile; steady: only goes on; sleep:
    takes seconds.
    """

    unix: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


SYSTEM_CLOCK = Clock()


class Feed:
    """A switch, with the shares that its candidate really had, and since when.

    excused_margin: nats, below which a flip is rounding; late_ms: above it an answer is late.
    """

    def __init__(
        self,
        switch: Switch,
        files: Files,
        excused_margin: float,
        late_ms: float,
        clock: Clock = SYSTEM_CLOCK,
    ):
        self.switch = switch
        self.files = files
        self.excused_margin = excused_margin
        self.late_ms = late_ms
        self.clock = clock
        self.percent = 0.0  # that the candidate has
        self.reason = ""  # of what was decided last
        self._since: list[float] = [-math.inf]  # steady times of changes of shares
        self._shares: list[float] = [0.0]  # from then on
        self._read_s = clock.steady()  # until then, all that had ended was read

    def read(self) -> None:
        """Tell the switch of the pairs and the requests that were not in the files before.

        A request ended since all of them were read, whatever its line says: somebody may have set
        the clock.
        """
        now_s = self.clock.steady()
        ahead_s = self.clock.unix() - now_s
        for place, record in self.files.pairs.new() if self.files.pairs else []:
            self._pair_in(place, record)
        for place, record in self.files.ledger.new():
            line = line_in(place, record)
            if line.tier != "api":
                raise BadInput(f"{place}: tier is {shown(line.tier)}; {LEDGER}")
            self.line(line, min(max(line.at_s - ahead_s, self._read_s), now_s))
        if not self.files.ledger.is_behind:
            self._read_s = now_s

    def _pair_in(self, place: str, record: dict) -> None:
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

    def pair(self, pair: Pair) -> None:
        """One frame that both answered."""
        flips = unexcused_flips(pair.answer_pairs(), self.excused_margin)
        self.switch.watch.pair(bool(flips))

    def line(self, line: LedgerLine, ended_s: float) -> None:
        """One request: who was asked first, and how that ended; none that neither was asked.

        What the callers do wrong, both sides reject alike: that one rejects more is its failure.
        ended_s: by the steady clock.
        """
        plan = self.switch.plan
        if line.backend not in (plan.primary, plan.candidate):
            return
        retried = line.attempt > 1
        by_candidate = (line.backend == plan.candidate) != retried
        failed = retried or line.outcome in ("failed", "rejected")
        late = not failed and (line.outcome == "refused" or line.latency_ms > self.late_ms)
        place = bisect_right(self._since, ended_s - line.latency_ms / 1000) - 1
        self.switch.watch.request(self._shares[place], by_candidate, failed, late)

    def decide(
        self, now_s: float, sides: Mapping[str, Side], demand_per_s: float, send: Send
    ) -> Decision:
        """What the switch decides now, which is done; where it is refused, the next look tries
        again. The first three as `Switch.look` takes them.
        """
        decision = self.switch.look(now_s, sides, demand_per_s)
        self.reason = decision.reason
        percent = 100 * decision.weights.get(self.switch.plan.candidate, 0.0)
        if decision.weights and percent != self.percent:
            self.give(percent, send)
        return decision

    def give(self, percent: float, send: Send) -> None:
        """Set the candidate's share, which stays as it is where that is refused."""
        now_s = self.clock.steady()
        if not send(self.weights(percent)):
            self.given(percent, now_s)

    def given(self, percent: float, at_s: float) -> None:
        """The candidate has this share from a time of the steady clock on."""
        self._since.append(at_s)
        self._shares.append(percent / 100)
        self.percent = percent

    def weights(self, percent: float) -> dict[str, float]:
        """The weights where the candidate gets so much."""
        plan = self.switch.plan
        return {plan.primary: 100.0 - percent, plan.candidate: float(percent)}
