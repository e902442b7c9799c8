"""A switch that is told of an API tier's requests and its shadow's pairs, and sets shares there."""

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping

from blipkit.parity.answers import unexcused_flips
from blipkit.service.ledger import LedgerLine
from blipkit.service.shadow import Pair
from blipkit.service.switch import Decision, Side, Switch

Send = Callable[[dict[str, float]], str]  # sets weights, percent; why they were not taken, or ""


class Feed:
    """A switch, with the shares that its candidate really had, and since when.

    excused_margin: nats, below which a flip is rounding; late_ms: above it an answer is late; unix:
    says the time, as the ledger's lines have it.
    """

    def __init__(
        self,
        switch: Switch,
        excused_margin: float,
        late_ms: float,
        unix: Callable[[], float] = time.time,
    ):
        self.switch = switch
        self.excused_margin = excused_margin
        self.late_ms = late_ms
        self.unix = unix
        self.percent = 0.0  # that the candidate has
        self.reason = ""  # of what was decided last
        self._since: list[float] = [0.0]  # Unix times of changes of shares
        self._shares: list[float] = [0.0]  # from then on

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
        now = self.unix()
        if not send(self.weights(percent)):
            self.given(percent, now)

    def given(self, percent: float, at_s: float) -> None:
        """The candidate has this share from a Unix time on."""
        self._since.append(at_s)
        self._shares.append(percent / 100)
        self.percent = percent

    def weights(self, percent: float) -> dict[str, float]:
        """The weights where the candidate gets so much."""
        plan = self.switch.plan
        return {plan.primary: 100.0 - percent, plan.candidate: float(percent)}

    def pair(self, pair: Pair) -> None:
        """One frame that both answered."""
        flips = unexcused_flips(pair.answer_pairs(), self.excused_margin)
        self.switch.watch.pair(bool(flips))

    def line(self, line: LedgerLine) -> None:
        """One request: who was asked first, and how that ended; none that neither was asked.

        What the callers do wrong, both sides reject alike: that one rejects more is its failure.
        """
        plan = self.switch.plan
        if line.backend not in (plan.primary, plan.candidate):
            return
        retried = line.attempt > 1
        by_candidate = (line.backend == plan.candidate) != retried
        failed = retried or line.outcome in ("failed", "rejected")
        late = not failed and (line.outcome == "refused" or line.latency_ms > self.late_ms)
        place = bisect_right(self._since, line.at_s - line.latency_ms / 1000) - 1
        self.switch.watch.request(self._shares[place], by_candidate, failed, late)
