"""Days of a policy in a few figures: drawn anew, on slower machines, with slower starts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blipkit.capacity.candidates import Candidate, Carried, alike
from blipkit.capacity.day import Day, Scenario, simulate
from blipkit.capacity.planned import Planned

ANEW = 1  # seed of the first day drawn anew; policies are looked for in the day of seed 0


@dataclass(frozen=True)
class Outcome:
    """A day in a few figures; see AnswerRow.

    requests, unaccounted: of all that was simulated to judge it, the same day with a zone lost
    among it; holds: in both.
    """

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


@dataclass(frozen=True)
class Simulated:
    """A simulated day in figures; day: all of it, None where it is one of several."""

    outcome: Outcome
    day: Day | None = None


def usd_of(planned: Planned, billed_s: tuple[float, float]) -> float:
    """USD of machine-seconds of both kinds."""
    own, gpu = planned.usd_per_hour
    return (billed_s[0] * own + billed_s[1] * gpu) / 3600


def judged(planned: Planned, scenario: Scenario, candidate: Candidate, seed: int) -> Simulated:
    """A day of a policy, and whether it holds: in that day, and where a zone is to be lost, in the
    same day with a zone lost, which is simulated only where the first one holds.
    """
    day = simulate(scenario, candidate.policy, seed)
    outcome = outcome_of(planned, day)
    if not (outcome.holds and planned.knobs.zone_lost):
        return Simulated(outcome, day)
    lost = simulate(scenario.with_zone_lost(), candidate.policy, seed)
    both = replace(
        outcome,
        requests=outcome.requests + int(lost.sent.sum()),
        unaccounted=outcome.unaccounted + lost.unaccounted,
        holds=lost.holds(scenario.late_share),
    )
    return Simulated(both, day)


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


def spells_of(minutes: Sequence[int]) -> list[tuple[int, int]]:
    """(first, how many) of each run of minutes one after another."""
    spells: list[tuple[int, int]] = []
    for minute in map(int, minutes):
        if spells and minute == sum(spells[-1]):
            spells[-1] = (spells[-1][0], spells[-1][1] + 1)
        else:
            spells.append((minute, 1))
    return spells


def run_seed(planned: Planned, candidate: Candidate, seed: int) -> Simulated:
    """A day whose requests are drawn from this seed; all of the first that is drawn anew."""
    run = judged(planned, planned.scenario, candidate, seed)
    return run if seed == ANEW else Simulated(run.outcome)


def run_at_rate(planned: Planned, candidate: Candidate, per_s: float) -> Simulated:
    """A day where a machine carries so many requests per second, and the policy knows it; what it
    costs, as it is judged without a zone lost.
    """
    scenario = planned.as_slow_as(per_s)
    carried = Carried(per_s, planned.carried_per_s[1])
    knowing = alike(candidate, scenario, carried, planned.knobs)
    return Simulated(outcome_of(planned, simulate(scenario, knowing.policy, ANEW)))


def run_at_start(planned: Planned, candidate: Candidate, start_s: float) -> Simulated:
    """A day where a machine takes so long to start, and the policy knows it."""
    scenario = planned.with_start(start_s)
    carried = Carried(*planned.carried_per_s)
    knowing = alike(candidate, scenario, carried, planned.knobs)
    return Simulated(judged(planned, scenario, knowing, ANEW).outcome)
