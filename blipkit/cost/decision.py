"""Move, stay, or not enough evidence: weighed on what was measured; what else would have to be."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from blipkit.cost.dollars import Saving, compare_costs
from blipkit.cost.fleets import fleets_in_words
from blipkit.cost.knobs import Cost
from blipkit.cost.missing import (
    RERUN_H,
    EstimateHours,
    MissingStep,
    Reason,
    cost_as_used,
    first_run,
    half_precision,
    hours_taken,
    longer_load,
    same_conditions,
    stated_utilisation,
    step_for_gap,
    times_narrower,
    usable_price,
)
from blipkit.cost.missing_rate import finer_search, same_basis
from blipkit.cost.offers import Offers, choose_offers, contracted_saving, priced_alike
from blipkit.cost.prices import load_prices
from blipkit.cost.systems import System, systems_of
from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, decide, not_run
from blipkit.records.results import Results
from blipkit.records.typed import records_of, write_typed
from blipkit.study import Study

MOVE = "move"
STAY = "stay"
NOT_ENOUGH = "not enough evidence"
KINDS = {"candidate": "neuron", "incumbent": "cuda"}  # side -> the kind of machine that it is


def saving_gate_name(instance: str) -> str:
    """The gate of what moving to an instance saves."""
    return f"saving of {instance}"


@dataclass(frozen=True)
class Decision:
    """Whether to move, because of what, and which evidence is missing.

    answer: MOVE, STAY or NOT_ENOUGH. instance: that the model may move to. saving: what the answer
    rests on, against `incumbent`; None without both sides.
    """

    answer: str
    because: list[str]
    missing: list[MissingStep]
    instance: str
    saving: Saving | None = None
    incumbent: System | None = None

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.because)

    def table(self) -> None:
        """The answer with its reasons, then what is missing and what getting it takes."""
        print(f"{self.answer.upper()}: {self.reason}")
        if self.missing:
            show_table(records_of(self.missing), "Missing evidence")

    def gates(self) -> list[Gate]:
        """The saving that the answer rests on; NOT-RUN without enough evidence."""
        name = saving_gate_name(self.instance)
        if self.answer == NOT_ENOUGH:
            return [
                not_run(name, kind="answer", reason=self.reason, next="see the missing evidence")
            ]
        saving = self.saving.saving.value
        return [decide(name, kind="answer", holds=True, measured=saving, reason=self.reason)]


def decide_move(study: Study, folders: Sequence[Results]) -> Decision:
    """Weigh the systems of these results folders, the study's among them; recorded as `missing`."""
    decision = weigh_folders(folders, study.knobs)
    write_typed(study.results, "missing", decision.missing)
    return decision


def weigh_folders(folders: Sequence[Results], knobs: Cost) -> Decision:
    """The decision on the systems of these results folders, all priced alike."""

    def estimate_hours(folder: str | None, notebooks: Sequence[str]) -> float:
        if folder is None:
            return knobs.rental_hours
        return hours_taken(folder, notebooks) or knobs.rental_hours or RERUN_H

    offers = choose_offers(knobs, load_prices(knobs.own_prices))
    alike = priced_alike(systems_of(folders), offers.all())
    return weigh(alike, offers, knobs, estimate_hours)


@dataclass
class _Evidence:
    """What comes up on the way to a decision: the reasons, and what is missing."""

    instance: str
    because: list[str] = field(default_factory=list)
    missing: list[MissingStep] = field(default_factory=list)

    def lacks(self, reason: Reason, step: MissingStep) -> None:
        """Note a reason, and the step that would settle it."""
        if reason not in self.because:
            self.because.append(reason)
        self.missing.append(step)

    def decision(
        self, answer: str, saving: Saving | None = None, incumbent: System | None = None
    ) -> Decision:
        """The decision on what came up."""
        return Decision(answer, self.because, self.missing, self.instance, saving, incumbent)


def weigh(
    systems: Sequence[System],
    offers: Offers,
    knobs: Cost,
    estimate_hours: EstimateHours,
    today: date | None = None,
) -> Decision:
    """The decision on these systems, which are priced alike.

    The cheapest system of each side counts, those without gaps before others. One that is cheaper
    still and has gaps stands against a verdict in the other side's favour.
    """
    evidence = _Evidence(offers.candidate.instance)
    sides = {side: _of_side(side, systems, offers) for side in KINDS}
    chosen = {}
    for side, found in sides.items():
        if not found:
            evidence.lacks(*first_run(side, offers.likeliest(side), estimate_hours))
            continue
        best = chosen[side] = min(found, key=_best_first)
        for gap in best.gaps:
            evidence.lacks(*step_for_gap(best, gap, estimate_hours))
    if len(chosen) == len(KINDS):
        for compared in (same_conditions, same_basis):
            unlike = compared(chosen["candidate"], chosen["incumbent"], estimate_hours)
            if unlike:
                evidence.lacks(*unlike)
    _check_prices(evidence, sides, offers, knobs, today or date.today())
    if one_sided := stated_utilisation(knobs, chosen):
        evidence.lacks(*one_sided)
    if evidence.missing:
        return evidence.decision(NOT_ENOUGH)
    return _Weighing(evidence, chosen, sides, offers, knobs, estimate_hours).decide()


def _of_side(side: str, systems: Sequence[System], offers: Offers) -> list[System]:
    """The systems of a side that have a cost."""
    names = [price.instance for price in offers.of(side)]
    return [
        one
        for one in systems
        if one.kind == KINDS[side] and one.instance in names and one.cost.usd_per_million.value
    ]


def _best_first(system: System) -> tuple[bool, int, bool, float, str, str]:
    """What a side is represented by: without gaps, then by the rate that 08 found, with which what
    clients who wait reach is not compared, then cheap; what is ruled out comes last.
    """
    by_closed_loop = not system.row.is_by_arrivals
    usd = system.cost.usd_per_million.value
    order = (system.is_ruled_out, len(system.gaps), by_closed_loop, usd)
    return (*order, system.machine, system.arm)


def _check_prices(
    evidence: _Evidence,
    sides: dict[str, list[System]],
    offers: Offers,
    knobs: Cost,
    today: date,
) -> None:
    """Note the prices of measured systems that no verdict may rest on."""
    measured = {system.instance for found in sides.values() for system in found}
    for price in offers.all():
        unusable = usable_price(price, knobs.oldest_price_days, today)
        if unusable and price.instance in measured:
            evidence.lacks(*unusable)


@dataclass(frozen=True)
class _Weighing:
    """Two systems without gaps, measured under the same conditions, and what stands beside them."""

    evidence: _Evidence
    chosen: dict[str, System]
    sides: dict[str, list[System]]
    offers: Offers
    knobs: Cost
    estimate_hours: EstimateHours

    def decide(self) -> Decision:
        """The decision on the two costs, and on what could still turn it."""
        candidate, incumbent = self.chosen["candidate"], self.chosen["incumbent"]
        saving = compare_costs(candidate.cost, incumbent.cost, self.knobs.busy)
        self.evidence.because.append(_saving_in_words(candidate, incumbent, saving, self.knobs))
        answer = _answer_of(saving)
        if answer == NOT_ENOUGH:
            for system in (candidate, incumbent):
                self.evidence.lacks(*self._narrower(system))
        else:
            self._note_what_could_turn(answer)
        if self.evidence.missing:
            return self.evidence.decision(NOT_ENOUGH, saving, incumbent)
        self.evidence.because += self._beside(candidate, incumbent)
        return self.evidence.decision(answer, saving, incumbent)

    def _narrower(self, system: System) -> tuple[Reason, MissingStep]:
        """What would narrow a system's throughput enough to tell both costs apart."""
        candidate, incumbent = self.chosen["candidate"], self.chosen["incumbent"]
        here, there = self.knobs.busy
        times = times_narrower(cost_as_used(candidate, here), cost_as_used(incumbent, there))
        if system.row.is_by_arrivals:
            return finer_search(system, times, self.estimate_hours)
        return longer_load(system, times)

    def _note_what_could_turn(self, answer: str) -> None:
        """Note what is missing of the side that would lose."""
        loser = "incumbent" if answer == MOVE else "candidate"
        usd = self.chosen[loser].cost.usd_per_million.value
        for system in sorted(self.sides[loser], key=_best_first):
            cheaper = system.cost.usd_per_million.value < usd
            if cheaper and not system.is_ruled_out:
                for gap in system.gaps:
                    reason, step = step_for_gap(system, gap, self.estimate_hours)
                    self.evidence.lacks(f"{system.title} may be cheaper: {reason}", step)
        if answer == MOVE:
            full = half_precision(self.sides["incumbent"], self.estimate_hours)
            if full:
                self.evidence.lacks(*full)

    def _beside(self, candidate: System, incumbent: System) -> list[str]:
        """What a verdict says beside the rate: whole machines, and what the contracts come to."""
        said = [fleets_in_words(candidate, incumbent, self.knobs)]
        contracted = contracted_saving(candidate, incumbent, self.offers, self.knobs)
        if contracted:
            said.append(contracted.in_words())
        return list(filter(None, said))


def _answer_of(saving: Saving) -> str:
    """MOVE or STAY where the saving's interval does not hold zero."""
    interval = saving.saving
    if interval.is_bounded and interval.low > 0:
        return MOVE
    if interval.is_bounded and interval.high < 0:
        return STAY
    return NOT_ENOUGH


def _saving_in_words(candidate: System, incumbent: System, saving: Saving, knobs: Cost) -> str:
    """How much less a good answer costs, on what, against what, how sure, at which utilisation."""
    share = saving.saving
    interval = "not known"
    if share.is_bounded:
        interval = f"{share.low:.0%} to {share.high:.0%}"
    less_or_more = "less" if share.value > 0 else "more"
    here, there = (f"{system.instance} ({system.arm})" for system in (candidate, incumbent))
    costs = f"costs {abs(share.value):.0%} {less_or_more} on {here} than on {there}"
    sure = f"interval of the saving {interval}"
    return f"a good answer {costs}; {sure}; {knobs.busy_in_words()}; {candidate.row.basis}"
