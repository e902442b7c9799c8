"""What is watched while a candidate takes over: failures, latency and answers, as one e-value."""

import functools
import math
from dataclasses import dataclass

from blipkit.errors import BadInput, shown
from blipkit.service.sequential import (
    LimitTest,
    RatioTest,
    mean_of_logs,
    needed_by_limit,
    needed_by_ratio,
)
from blipkit.statistics import share_bound, trials_needed

FAILURES, LATENESS, FLIPS = "failures", "lateness", "unexcused flips"
LARGEST_LOG = 700.0  # whose exponential is a number
LEAST_LIMIT = 0.001  # of failures, where the primary has had none


@dataclass(frozen=True)
class Rules:
    """When a candidate goes back, and what it has to have shown before it gets more.

    chance: of a rollback in a whole switch while nothing is wrong, at most; noticed: a share of
    failed requests, of late ones beside the primary's, or of flipped frames that must have had its
    chance to show before a step is taken, with the chance `surely`; flip_limit: the share of frames
    that may have an unexcused flip; late_together: late requests that come in one go, as behind a
    pause, and count as one: at least so many, and as many as the primary ever had; flips_together:
    the same of frames that flip, as those of one clip; compares: whether a shadow's answers are
    watched, too.
    """

    chance: float = 0.05
    noticed: float = 0.02
    noticed_late: float = 0.1
    surely: float = 0.95
    flip_limit: float = 0.005
    late_together: int = 5
    flips_together: int = 1
    compares: bool = True

    def __post_init__(self):
        for name in ("chance", "noticed", "noticed_late", "surely", "flip_limit"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise BadInput(f"{name} is {shown(value)}; expected a share between 0 and 1")
        if self.compares and self.flip_limit >= self.noticed:
            problem = f"flip_limit is {self.flip_limit} and noticed {self.noticed}"
            raise BadInput(f"{problem}; expected a smaller limit: what is allowed is not noticed")
        for name in ("late_together", "flips_together"):
            value = getattr(self, name)
            if value < 1:
                raise BadInput(f"{name} is {shown(value)}; expected at least 1")
        if self.compares and pairs_needed(self) is None:
            problem = f"flip_limit is {self.flip_limit} and noticed {self.noticed}"
            advice = "expected them apart"
            if self.flips_together > 1:
                problem = f"{problem}, and {self.flips_together} frames flip together"
                advice = f"{advice}, or fewer together"
            raise BadInput(f"{problem}: no number of frames would show it; {advice}")

    @property
    def signals(self) -> int:
        """How many signals share the chance of a false rollback."""
        return 3 if self.compares else 2

    @property
    def limit(self) -> float:
        """The e-value at which a candidate goes back; that of one signal alone is `signals` times
        as large.
        """
        return 1 / self.chance


@dataclass(frozen=True)
class Evidence:
    """How sure it is that the candidate is worse.

    e_value: the mean of the signals'; p_value: always valid, of the largest e-value so far; worst:
    the signal with most of it; goes_back: whether the limit was ever reached.
    """

    e_value: float
    p_value: float
    worst: str
    goes_back: bool


@dataclass
class Served:
    """Requests that one side was sent. late: refused, or answered above the target."""

    requests: int = 0
    failed: int = 0
    late: int = 0

    def add(self, failed: bool, late: bool) -> None:
        """Count one more."""
        self.requests += 1
        self.failed += failed
        self.late += late


class Watch:
    """What was seen of a candidate beside the primary since a switch began."""

    def __init__(self, rules: Rules):
        self.rules = rules
        self.primary, self.candidate = Served(), Served()
        self.pairs = self.flipped = 0
        self.share = 0.0
        self.together = rules.late_together
        self._run = 0  # late requests of the primary since one that was not
        self._at_step = 0  # requests that the candidate was sent at this step's share
        self._pairs_at_step = 0  # frames that were compared meanwhile
        self._failures = RatioTest()
        self._lateness = RatioTest(together=self.together)
        self._flips = LimitTest(rules.flip_limit, rules.flips_together)
        self._alone: dict[str, LimitTest] = {}  # where no primary is there to compare with
        self._most = 0.0  # the largest log e-value so far

    def begin_step(self, share: float) -> None:
        """The candidate's share is another from now on, 0-1."""
        self.share = share
        self._at_step = self._pairs_at_step = 0
        if share == 1 and not self._alone:
            self._alone = {
                FAILURES: LimitTest(self._primary_limit(self.primary.failed)),
                LATENESS: LimitTest(self._primary_limit(self.primary.late), self.together),
            }

    def _primary_limit(self, count: int) -> float:
        """How often it may happen to a candidate alone: as often as it may happen to the primary,
        by the upper 95 % bound of what was seen.
        """
        return min(max(share_bound(count, self.primary.requests), LEAST_LIMIT), 0.5)

    def request(self, share: float, by_candidate: bool, failed: bool, late: bool) -> None:
        """A request ended. share: the candidate's when it was sent; failed: at the side that it was
        sent to first, answered elsewhere or not; late: not answered in time, as what takes longer
        than the target, or is refused.
        """
        side = self.candidate if by_candidate else self.primary
        side.add(failed, late)
        self._at_step += by_candidate and math.isclose(share, self.share)
        if not by_candidate:
            self._note_run(late)
        if failed:
            self._failures.failed(share, by_candidate)
        if late:
            self._lateness.failed(share, by_candidate)
        if by_candidate and share == 1 and self._alone:
            self._alone[FAILURES].tried(failed)
            self._alone[LATENESS].tried(late)
        if failed or late:
            self._look()

    def _note_run(self, late: bool) -> None:
        """How many of the primary's requests are late in one go."""
        self._run = self._run + 1 if late else 0
        if self._run > self.together:
            self.together = self._run
            self._lateness.together = self._run

    def pair(self, flipped: bool) -> None:
        """A frame's answers were compared. flipped: any of them, and not excused."""
        self.pairs += 1
        self._pairs_at_step += 1
        self.flipped += flipped
        self._flips.tried(flipped)
        if flipped:
            self._look()

    def _logs(self) -> dict[str, float]:
        """Signal -> the logarithm of its e-value."""
        logs = {FAILURES: self._failures.log_e, LATENESS: self._lateness.log_e}
        for name, test in self._alone.items():
            logs[name] += test.log_e
        if self.rules.compares:
            logs[FLIPS] = self._flips.log_e
        return logs

    def _look(self) -> None:
        self._most = max(self._most, mean_of_logs(list(self._logs().values())))

    def evidence(self) -> Evidence:
        """What has been seen so far, however often one asks."""
        logs = self._logs()
        now = mean_of_logs(list(logs.values()))
        return Evidence(
            e_value=math.exp(min(now, LARGEST_LOG)),
            p_value=min(1.0, math.exp(-self._most)),
            worst=max(logs, key=logs.get),
            goes_back=self._most >= math.log(self.rules.limit),
        )

    def lacking(self) -> str:
        """What this step has not seen yet, in words; "" where it has seen enough."""
        needed = requests_needed(self.rules, self.share, self.together, self._alone_limits())
        if needed is None:
            return f"{self.together} late requests come in one go: no count would show more"
        if self._at_step < needed:
            return f"{self._at_step} of {needed} requests to the candidate at this share"
        return self._lacking_frames() if self.rules.compares else ""

    def _lacking_frames(self) -> str:
        """The same of compared frames: so many in all, and, where the primary answers beside the
        candidate, some at this share, too, as copies that stop coming say nothing any more.
        """
        needed = pairs_needed(self.rules)
        if self.pairs < needed:
            return f"{self.pairs} of {needed} frames compared"
        needed = pairs_needed_at(self.rules, self.share)
        if self._pairs_at_step < needed:
            return f"{self._pairs_at_step} of {needed} frames compared at this share"
        return ""

    def lacking_of_primary(self) -> str:
        """What has not been seen of the primary that a candidate with all traffic is held against,
        in words; "" where enough has. Enough bounds a share that is a quarter of what is noticed.
        """
        needed = trials_needed(self.rules.noticed / 4)
        if self.primary.requests >= needed:
            return ""
        return f"{self.primary.requests} of {needed} requests to the primary, to compare with"

    def _alone_limits(self) -> tuple[float, ...]:
        return tuple(test.limit for test in self._alone.values())


@functools.cache
def requests_needed(
    rules: Rules, share: float, together: int, alone: tuple[float, ...] = ()
) -> int | None:
    """How many of the candidate's requests a step has to see; None where no number of them would
    show what has to be noticed, as next to a primary that gets hardly any.

    together: late requests that count as one; alone: the limits of failures and of late ones,
    where the candidate serves all.
    """
    if share == 0:
        return 0
    limit = rules.limit * rules.signals
    if share < 1:
        found = [
            needed_by_ratio(rules.noticed, share, limit, rules.surely, 1),
            needed_by_ratio(rules.noticed_late, share, limit, rules.surely, together),
        ]
    else:
        failures, late = alone
        noticed = _noticed_beside(rules.noticed, failures)
        noticed_late = _noticed_beside(rules.noticed_late, late)
        found = [
            needed_by_limit(noticed, failures, limit, rules.surely),
            needed_by_limit(noticed_late, late, limit, rules.surely, together),
        ]
    if any(one.trials is None for one in found):
        return None
    return max(one.trials for one in found)


def _noticed_beside(rate: float, allowed: float) -> float:
    """The rate that has to be noticed where so much is allowed."""
    return max(rate, min(4 * allowed, 0.9))


@functools.cache
def pairs_needed(rules: Rules) -> int | None:
    """How many frames have to be compared before the first step; None where no number of them would
    show what has to be noticed.
    """
    limit = rules.limit * rules.signals
    noticed, allowed = rules.noticed, rules.flip_limit
    return needed_by_limit(noticed, allowed, limit, rules.surely, rules.flips_together).trials


@functools.cache
def pairs_needed_at(rules: Rules, share: float) -> int:
    """How many frames have to be compared at a later share: so many that flips as often as has to
    be noticed would have shown one; none at 1, where nobody answers beside the candidate.
    """
    if not 0 < share < 1:
        return 0
    return trials_needed(rules.noticed) * rules.flips_together
