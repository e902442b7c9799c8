"""The cheapest policy of a family that holds the target: counted first, then simulated.

The counts of a day alone say what each candidate costs, and which lack the capacity. The others are
simulated from the cheapest on, and the first that holds is taken.
"""

from dataclasses import dataclass, replace

from blipkit.capacity.candidates import Candidate, Carried, candidates
from blipkit.capacity.day import Day, Scenario, count_day, simulate
from blipkit.capacity.planned import Planned
from blipkit.capacity.rows import TriedRow

STEP = 1.03  # after one that did not hold, the next that costs so many times as much is tried
MOST_TRIES = 12


@dataclass(frozen=True)
class Found:
    """A family's candidate that holds, None where none does; every one that was simulated."""

    family: str
    candidate: Candidate | None
    tried: list[TriedRow]


def usd_of(planned: Planned, billed_s: tuple[float, float]) -> float:
    """USD of machine-seconds of both kinds."""
    own, gpu = planned.usd_per_hour
    return (billed_s[0] * own + billed_s[1] * gpu) / 3600


def judged_day(planned: Planned) -> Scenario:
    """The day that a policy has to hold: where a zone is to be lost, with that."""
    if planned.knobs.zone_lost:
        return planned.scenario.with_zone_lost()
    return planned.scenario


@dataclass(frozen=True)
class Costed:
    """A candidate with what a day of it costs by its counts, and whether it has the capacity."""

    usd: float
    candidate: Candidate
    may_hold: bool


def search(planned: Planned, family: str) -> Found:
    """The cheapest candidate of a family that holds the target, by simulation of one day each.

    From the first that holds on, leaner ones are tried until one does not, which shows that what is
    found is the cheapest.
    """
    ordered = _costed(planned, family)
    tried: dict[int, TriedRow] = {}
    place = _first_that_holds(planned, family, ordered, tried)
    if place is None:
        return Found(family, None, list(tried.values()))
    while place:
        leaner = place - 1
        if leaner not in tried:
            tried[leaner] = _try(planned, family, ordered[leaner].candidate)
        if not tried[leaner].holds:
            break
        place = leaner
    return Found(family, ordered[place].candidate, list(tried.values()))


def _first_that_holds(
    planned: Planned, family: str, ordered: list[Costed], tried: dict[int, TriedRow]
) -> int | None:
    """The place of the first candidate that holds, from the cheapest on of those with capacity
    enough; what is tried on the way goes into `tried`.
    """
    failed_usd = 0.0
    for place, one in enumerate(ordered):
        if not one.may_hold or one.usd < failed_usd * STEP:
            continue
        tried[place] = _try(planned, family, one.candidate)
        if tried[place].holds:
            return place
        if len(tried) == MOST_TRIES:
            break
        failed_usd = one.usd
    return None


def _try(planned: Planned, family: str, candidate: Candidate) -> TriedRow:
    """A day of a candidate, simulated."""
    scenario = judged_day(planned)
    day = simulate(scenario, candidate.policy)
    usd = usd_of(planned, day.billed_s)
    holds = day.holds(scenario.late_share)
    return TriedRow(family, candidate.words, usd, day.share_not_in_time, holds)


def _costed(planned: Planned, family: str) -> list[Costed]:
    """The candidates of a family, the cheapest first."""
    scenario = judged_day(planned)
    carried = Carried(*planned.carried_per_s)
    found = []
    for candidate in candidates(family, scenario, carried, planned.knobs):
        counted = count_day(scenario, candidate.policy, planned.carried_per_s)
        usd = usd_of(planned, counted.billed_s)
        found.append(Costed(usd, candidate, counted.may_hold(scenario.late_share)))
    return sorted(found, key=lambda one: one.usd)


@dataclass(frozen=True)
class Outcome:
    """A simulated day in a few figures; see AnswerRow."""

    machine_hours: float
    usd_per_day: float
    late: float
    refused: float
    late_minutes: int
    longest_late_minutes: int
    peak_machines: int
    requests: int
    unaccounted: int
    holds: bool


def outcome_of(planned: Planned, day: Day) -> Outcome:
    """The figures of a day."""
    minutes = day.late_minutes(planned.scenario.late_share)
    spells = spells_of(minutes)
    return Outcome(
        machine_hours=sum(day.billed_s) / 3600,
        usd_per_day=usd_of(planned, day.billed_s),
        late=day.share_not_in_time,
        refused=day.share_refused,
        late_minutes=len(minutes),
        longest_late_minutes=max((length for _, length in spells), default=0),
        peak_machines=int(day.running.sum(axis=1).max()),
        requests=int(day.sent.sum()),
        unaccounted=day.unaccounted,
        holds=day.holds(planned.scenario.late_share),
    )


def spells_of(minutes) -> list[tuple[int, int]]:
    """(first, how many) of each run of minutes one after another."""
    spells: list[tuple[int, int]] = []
    for minute in map(int, minutes):
        if spells and minute == sum(spells[-1]):
            spells[-1] = (spells[-1][0], spells[-1][1] + 1)
        else:
            spells.append((minute, 1))
    return spells


@dataclass(frozen=True)
class Simulated:
    """A simulated day in figures; day: all of it, None where it is one of several."""

    outcome: Outcome
    day: Day | None = None


def run_seed(planned: Planned, candidate: Candidate, seed: int) -> Simulated:
    """A day of a policy, its requests drawn from this seed; the whole day of the first."""
    day = simulate(planned.scenario, candidate.policy, seed)
    return Simulated(outcome_of(planned, day), day if seed == 0 else None)


def run_at_rate(planned: Planned, candidate: Candidate, per_s: float) -> Simulated:
    """A day where a machine carries so many requests per second, and the policy knows it."""
    slower = replace(planned, scenario=planned.as_slow_as(per_s))
    ratio = per_s / planned.machine.carried_per_s.value
    policy = scaled(candidate.policy, ratio)
    return Simulated(outcome_of(slower, simulate(slower.scenario, policy)))


def run_at_start(planned: Planned, candidate: Candidate, start_s: float) -> Simulated:
    """A day where a machine takes so long to start."""
    policy = with_lead(candidate.policy, start_s)
    return Simulated(outcome_of(planned, simulate(planned.with_start(start_s), policy)))


def scaled(policy, ratio: float):
    """The policy for machines that carry so many times as much; a count of machines stays."""
    if hasattr(policy, "target"):
        return replace(policy, target=policy.target * ratio)
    if hasattr(policy, "reactive"):
        return replace(policy, reactive=scaled(policy.reactive, ratio))
    return policy


def with_lead(policy, start_s: float):
    """The policy where machines take so long to start."""
    if hasattr(policy, "lead_s"):
        return replace(policy, lead_s=start_s)
    return policy
