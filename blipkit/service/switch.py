"""A switch from one backend to another, share by share: when it goes on, holds, or goes back.

It knows no clock, socket or thread: whoever has it says what is ready, how much is asked for and
what became of each request, and sends by the shares that it returns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from blipkit.errors import BadInput, shown
from blipkit.service.watch import Rules, Watch, requests_needed

HEADROOM = 1.2  # times the demand that a side has to be rated for before it gets it

Action = Literal["stepped", "held", "went back", "done"]


@dataclass(frozen=True)
class Side:
    """A backend, or all of one kind. ready: it may get traffic; rated_per_s: what its healthy
    machines hold, requests/s.
    """

    ready: bool
    rated_per_s: float


def no_room(name: str, rated_per_s: float, share_per_s: float, headroom: float = HEADROOM) -> str:
    """Why a backend is too small for its share of the demand, requests/s; "" where it is not."""
    wanted = headroom * share_per_s
    if rated_per_s >= wanted:
        return ""
    rated = f"{name} is rated for {rated_per_s:.4g} requests/s"
    return f"{rated}; expected {wanted:.4g}, {headroom:g} times its share"


@dataclass(frozen=True)
class Plan:
    """From which backend to which, and over which shares of the candidate's, 0-1.

    step_s: a share stays for so long at least.
    """

    primary: str
    candidate: str
    shares: tuple[float, ...] = (0.0, 0.05, 0.5, 1.0, 0.0)
    headroom: float = HEADROOM
    step_s: float = 0.0
    rules: Rules = Rules()

    def __post_init__(self):
        if self.primary == self.candidate:
            raise BadInput(f"both backends are {shown(self.primary)}; expected two")
        if not self.shares or self.shares[0] != 0:
            raise BadInput(f"shares {shown(list(self.shares))}; expected 0 first, then others")
        for share in self.shares:
            if not 0 <= share <= 1:
                raise BadInput(f"share {shown(share)}; expected one from 0 to 1")
            if share < 1 and not self._can_notice(share):
                problem = f"share {share}: with so few requests left to {self.primary}"
                raise BadInput(f"{problem} nothing can be noticed; take 1, or a smaller one")
        if self.headroom < 1:
            raise BadInput(f"headroom is {shown(self.headroom)}; expected at least 1")

    def _can_notice(self, share: float) -> bool:
        """Whether any number of requests at this share would show what has to be noticed."""
        return requests_needed(self.rules, share, self.rules.late_together) is not None


@dataclass(frozen=True)
class Decision:
    """What to do now.

    weights: backend -> its share of what comes next, adding up to 1; none where nobody may have
    any, so that requests are refused. reason: in words.
    """

    action: Action
    weights: Mapping[str, float]
    reason: str


class Switch:
    """One switch, from its first look to its end. `watch` is told of every request and pair."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.watch = Watch(plan.rules)
        self.place = 0  # in the plan's shares
        self.went_back = ""  # why, once it has
        self._is_done = False
        self._since_s: float | None = None  # when this share began

    @property
    def share(self) -> float:
        """The candidate's, as planned now; 0 once it went back."""
        if self.went_back:
            return 0.0
        return self.plan.shares[self.place]

    @property
    def is_over(self) -> bool:
        """Whether no further step will be taken, and the last share has been seen, too."""
        return bool(self.went_back) or self._is_done

    def look(self, now_s: float, sides: Mapping[str, Side], demand_per_s: float) -> Decision:
        """Decide by all that was seen. now_s: any clock that only goes on; sides: backend -> what
        is known of it; demand_per_s: what is asked of both together, requests/s.
        """
        primary, candidate = sides[self.plan.primary], sides[self.plan.candidate]
        if self._since_s is None:
            self._begin(now_s)
        if not self.went_back and self.watch.evidence().goes_back:
            self.went_back = self._why()
            return self._decide("went back", primary, candidate, self.went_back)
        reason = self._why_not(now_s, primary, candidate, demand_per_s)
        self._is_done = self._is_done or (self._is_last and not reason)
        if self.is_over:
            reason = self.went_back or "all steps were taken"
            return self._decide("done", primary, candidate, reason)
        if reason:
            return self._decide("held", primary, candidate, reason)
        self.place += 1
        self._begin(now_s)
        percent = f"{100 * self.share:g} %"
        return self._decide("stepped", primary, candidate, f"{self.plan.candidate} gets {percent}")

    @property
    def _is_last(self) -> bool:
        return self.place == len(self.plan.shares) - 1

    def _begin(self, now_s: float) -> None:
        self._since_s = now_s
        self.watch.begin_step(self.share)

    def _why(self) -> str:
        """Why it goes back."""
        evidence, watch = self.watch.evidence(), self.watch
        ours, theirs = watch.candidate, watch.primary
        counts = (
            f"failed {ours.failed} of {ours.requests}, beside {theirs.failed} of {theirs.requests}"
            f"; late {ours.late} beside {theirs.late}"
            f"; unexcused flips in {watch.flipped} of {watch.pairs} frames"
        )
        name = self.plan.candidate
        return f"{name} goes back: {evidence.worst}, p {evidence.p_value:.2g}; {counts}"

    def _why_not(self, now_s: float, primary: Side, candidate: Side, demand_per_s: float) -> str:
        """Why the next step is not taken yet, or the last share not left alone; "" where it may."""
        plan = self.plan
        if self._is_last:
            return self._unseen(now_s) if self.share else ""
        if not candidate.ready:
            return f"{plan.candidate} is not ready"
        following = plan.shares[self.place + 1]
        name, side, part = plan.candidate, candidate, following
        if following < self.share:
            name, side, part = plan.primary, primary, 1 - following
        if not side.ready:
            return f"{name} is not ready"
        if too_small := no_room(name, side.rated_per_s, part * demand_per_s, plan.headroom):
            return too_small
        if following == 1 and (lacking := self.watch.lacking_of_primary()):
            return f"too few seen: {lacking}"
        return self._unseen(now_s)

    def _unseen(self, now_s: float) -> str:
        """Why this share has not been seen enough; "" where it has."""
        if now_s - self._since_s < self.plan.step_s:
            return f"this share has been for {now_s - self._since_s:.3g} of {self.plan.step_s:g} s"
        if lacking := self.watch.lacking():
            return f"too few seen: {lacking}"
        return ""

    def _decide(self, action: Action, primary: Side, candidate: Side, reason: str) -> Decision:
        return Decision(action, self._weights(primary, candidate), reason)

    def _weights(self, primary: Side, candidate: Side) -> dict[str, float]:
        """The shares as planned; whoever is not ready gets none, and the other one all.

        A candidate that has no share, or went back, gets none however little is left.
        """
        names = (self.plan.primary, self.plan.candidate)
        if primary.ready and candidate.ready:
            return dict(zip(names, (1 - self.share, self.share), strict=True))
        if primary.ready:
            return dict(zip(names, (1.0, 0.0), strict=True))
        if candidate.ready and self.share > 0:
            return dict(zip(names, (0.0, 1.0), strict=True))
        return {}
