"""The cheapest policy of a family that holds the target: counted first, then simulated.

The counts of a day alone say what each candidate costs, and which lack the capacity. The others are
simulated, from the cheapest on in growing strides, then between the one that held and the ones that
did not. All of this is of one day, which a policy may have been lucky in: `choosing` draws others.
"""

from dataclasses import dataclass, field, replace

from blipkit.capacity.candidates import Candidate, Carried, candidates
from blipkit.capacity.day import Scenario, count_day
from blipkit.capacity.planned import Planned
from blipkit.capacity.rows import TriedRow
from blipkit.capacity.runs import judged, usd_of

STRIDE = 1.03  # after one that did not hold, the next tried costs so much more, then twice that


@dataclass(frozen=True)
class Costed:
    """A candidate with what a day of it costs by its counts, and whether it has the capacity."""

    usd: float
    candidate: Candidate
    may_hold: bool


@dataclass(frozen=True)
class Found:
    """A family's candidate that holds in the day that was searched, None where none does.

    tried: every one that was simulated; dearer: the candidates that cost more, the cheapest first;
    is_leanest: whether there is no leaner one, so that what would not hold is not known.
    """

    family: str
    candidate: Candidate | None = None
    tried: list[TriedRow] = field(default_factory=list)
    dearer: list[Costed] = field(default_factory=list)
    is_leanest: bool = False


def search(planned: Planned, family: str) -> Found:
    """The cheapest candidate of a family that holds the target, as far as one day shows it."""
    return _Search(planned, family, _costed(planned, family)).found()


def search_on(planned: Planned, refuted: Found) -> Found:
    """The next dearer candidate that holds, where another day has shown that this one does not."""
    found = _Search(planned, refuted.family, refuted.dearer).found()
    words = refuted.candidate.words
    before = [replace(row, holds=row.holds and row.aims != words) for row in refuted.tried]
    return replace(found, tried=[*before, *found.tried], is_leanest=False)


class _Search:
    """The candidates of a family, the cheapest first, and those that were simulated so far."""

    def __init__(self, planned: Planned, family: str, ordered: list[Costed]):
        self._planned = planned
        self._family = family
        self._ordered = ordered
        self._tried: dict[int, TriedRow] = {}

    def found(self) -> Found:
        """The cheapest that holds, with the next leaner one, which does not, simulated as well."""
        place = self._first()
        if place is None:
            return Found(self._family, tried=list(self._tried.values()))
        leaner = self._failing_below(place)
        while place - leaner > 1:
            middle = (place + leaner) // 2
            if self._holds(middle):
                place = middle
            else:
                leaner = middle
        while leaner >= 0 and self._holds(leaner):  # one that the counts alone ruled out
            place, leaner = leaner, leaner - 1
        chosen = self._ordered[place].candidate
        tried = [self._tried[one] for one in sorted(self._tried)]
        dearer = self._ordered[place + 1 :]
        return Found(self._family, chosen, tried, dearer, is_leanest=place == 0)

    def _first(self) -> int | None:
        """The place of one that holds, from the cheapest on of those with capacity enough; at last
        the dearest of them.
        """
        able = [place for place, one in enumerate(self._ordered) if one.may_hold]
        stride, least_usd = STRIDE, 0.0
        for place in able:
            usd = self._ordered[place].usd
            if usd < least_usd and place != able[-1]:
                continue
            if self._holds(place):
                return place
            least_usd = usd * stride
            stride **= 2
        return None

    def _failing_below(self, place: int) -> int:
        """The dearest below a place that was tried, or lacks the capacity; -1 where none is."""
        below = range(place - 1, -1, -1)
        return next(
            (one for one in below if one in self._tried or not self._ordered[one].may_hold), -1
        )

    def _holds(self, place: int) -> bool:
        """Whether a candidate holds, by simulation of one day."""
        if place not in self._tried:
            candidate = self._ordered[place].candidate
            run = judged(self._planned, self._planned.scenario, candidate, seed=0).outcome
            self._tried[place] = TriedRow(
                self._family, candidate.words, run.usd_per_day, run.late, run.holds
            )
        return self._tried[place].holds


def _costed(planned: Planned, family: str) -> list[Costed]:
    """The candidates of a family, the cheapest first."""
    scenario = hardest_day(planned)
    carried = Carried(*planned.carried_per_s)
    found = []
    for candidate in candidates(family, scenario, carried, planned.knobs):
        counted = count_day(scenario, candidate.policy, planned.carried_per_s)
        usd = usd_of(planned, counted.billed_s)
        found.append(Costed(usd, candidate, counted.may_hold(scenario.late_share)))
    return sorted(found, key=lambda one: one.usd)


def hardest_day(planned: Planned) -> Scenario:
    """The day that takes the most capacity: where a zone is to be lost, with that."""
    if planned.knobs.zone_lost:
        return planned.scenario.with_zone_lost()
    return planned.scenario
