"""What the runs of 08 say together: the rate, its tables, its picture, its gates."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.figures import draw_search
from blipkit.arrivals.gates import arrival_gates, arrivals_not_run
from blipkit.arrivals.outcome import (
    ArrivalRow,
    Outcome,
    outcome_of,
    problem_of,
    trial_of,
)
from blipkit.arrivals.rates import rate_row
from blipkit.arrivals.rows import RateRow
from blipkit.arrivals.search import Found, Trial, judge_trials
from blipkit.arrivals.session import BESIDE, SEARCH, TIGHTER, Sent
from blipkit.arrivals.shares import TargetShare, target_shares
from blipkit.display.tables import show_table
from blipkit.load.setting import name_of
from blipkit.load.summary import STABLE
from blipkit.load.target import Target
from blipkit.records.gates import Gate
from blipkit.records.typed import records_of, write_typed
from blipkit.study import Study

SHOWN = (
    "purpose",
    "pattern",
    "rate_per_s",
    "sent",
    "late",
    "late_low",
    "late_high",
    "latency_ms",
    "queued_ms",
    "service_ms",
    "never_answered",
    "achieved",
    "lag_ms",
    "state",
    "reason",
)
OF_PATTERNS = ("pattern", "rate_per_s", "seconds", "sent")
OF_PATTERNS += ("late", "latency_ms", "mean_ms", "queued_ms")


@dataclass(frozen=True)
class RateSearch:
    """Every run of a study, and what they say together.

    basis: the setting that was asked; sent: the runs with their requests, in order, and outcomes,
    what came of each; found: what the search's runs say; rate: its row; shares: by target; lacks:
    what a recorded folder lacks, in words: all else is empty then.
    """

    target: Target
    basis: Basis | None = None
    sent: list[Sent] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    found: Found | None = None
    rate: RateRow | None = None
    shares: list[TargetShare] = field(default_factory=list)
    lacks: str = ""

    @cached_property
    def last_pass(self) -> Sent | None:
        """The search's last run at the highest rate that held the target, or else at the lowest."""
        runs = [one for one in self.sent if one.row.purpose == SEARCH]
        if not runs:
            return None
        per_s = self.found.per_s.low
        if per_s is None:
            per_s = min(one.row.offer.rate_per_s for one in runs)
        return [one for one in runs if one.row.offer.rate_per_s == per_s][-1]

    def table(self) -> None:
        """Every run: what was offered, what came of it, and what would make it doubtful."""
        caption = "Every run; late: share of its requests; achieved, lag_ms: of the generator"
        self._show(self.outcomes, caption, SHOWN)

    def figure(self) -> None:
        """The rates that were tried, what was late there, the fit, and the interval."""
        if self.found and self.found.rates:
            searched = [one for one in self.outcomes if one.purpose == SEARCH]
            doubted = {one.rate_per_s for one in searched if one.state != STABLE}
            most_per_s = self.basis.closed_loop_per_s
            draw_search(self.found, self.target, most_per_s, doubted, str(self))

    def patterns_table(self) -> None:
        """Each pattern at the highest rate that held the target."""
        rows = []
        if self.last_pass:
            per_s = self.last_pass.row.offer.rate_per_s
            tried = [one for one in self.outcomes if one.purpose in (SEARCH, BESIDE)]
            rows = [one for one in tried if one.rate_per_s == per_s]
        self._show(rows, "Patterns at the same mean rate", OF_PATTERNS)

    def shares_table(self) -> None:
        """For each target the rate and its ends, as shares of the closed loop's."""
        caption = f"Share of the closed-loop maximum, by target of p{self.target.percentile:g}"
        self._show(self.shares, caption)

    def _show(self, rows: Sequence, caption: str, columns: Sequence[str] | None = None) -> None:
        if self.lacks:
            show_table([{"runs": self.lacks}], caption)
            return
        show_table(records_of(rows), caption, columns)

    def gates(self) -> list[Gate]:
        """Does the rate hold, and did the generator keep up?"""
        if self.lacks:
            return arrivals_not_run(self.lacks)
        return arrival_gates(self.rate, self.found, self.outcomes, self.target)

    def __str__(self) -> str:
        if self.lacks:
            return self.lacks
        return in_words(self.rate, self.target)


def judged(study: Study, basis: Basis, target: Target, sent: Sequence[Sent]) -> RateSearch:
    """What runs say together; it writes records of `arrivals`, `rates` and `target_shares`."""
    outcomes = [outcome_of(one, target) for one in sent]
    trials = trials_for(sent, SEARCH)
    found = judge_trials(trials, target)
    questions = len(study.common.questions)
    rate = rate_row(basis, target, found, outcomes, questions)
    shares = target_shares([*trials, *trials_for(sent, TIGHTER)], target, basis)
    write_typed(study.results, "arrivals", [arrival_row(basis, target, one) for one in outcomes])
    write_typed(study.results, "rates", [rate])
    write_typed(study.results, "target_shares", shares)
    return RateSearch(target, basis, list(sent), outcomes, found, rate, shares)


def trials_for(sent: Sequence[Sent], purpose: str) -> list[Trial]:
    """The runs for a purpose, but for those that went wrong."""
    return [trial_of(one) for one in sent if one.row.purpose == purpose and not problem_of(one)]


def arrival_row(basis: Basis, target: Target, outcome: Outcome) -> ArrivalRow:
    """The record of a run."""
    setting = name_of(basis.setting)
    return ArrivalRow(basis.conditions, setting, target.percentile, target.limit_ms, outcome)


def in_words(rate: RateRow, target: Target) -> str:
    """What was found, in a sentence."""
    per_s = rate.rate_per_s
    if per_s.low is None:
        none = f"no rate that was tried is sure to hold {target}"
        return "; ".join(filter(None, [none, rate.reason]))
    answers_per_s = per_s.low * rate.answers_per_request
    parts = [f"{target} is held at {per_s.low:.1f} requests/s, {answers_per_s:.0f} answers/s"]
    if per_s.high is None:
        parts.append("no rate that was tried is sure to miss it")
    else:
        parts.append(f"missed at {per_s.high:.1f}")
    if per_s.value is not None:
        share = f"{rate.share_of_closed_loop:.0%} of what clients who wait reach"
        parts.append(f"by the fit up to {per_s.value:.1f} ({share})")
    if rate.edge:
        parts.append(f"a {rate.edge} edge")
    if rate.state != STABLE:
        parts.append(f"{rate.state}: {rate.reason}")
    return "; ".join(parts)
