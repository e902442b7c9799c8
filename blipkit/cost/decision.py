"""Move, stay, or not enough evidence: weighed on what was measured; what else would have to be."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from blipkit.cost.dollars import Saving, answer_cost, compare_costs
from blipkit.cost.knobs import Cost
from blipkit.cost.missing import (
    EstimateHours,
    MissingStep,
    Reason,
    first_run,
    hours_taken,
    longer_load,
    same_conditions,
    step_for_gap,
)
from blipkit.cost.prices import Price, find_price, load_prices
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
    table = load_prices(knobs.own_prices)

    def price(name: str) -> Price:
        return find_price(table, name, knobs.region, knobs.option)

    def estimate_hours(folder: str | None, notebooks: Sequence[str]) -> float:
        return hours_taken(folder, notebooks) or knobs.rental_hours

    prices = {
        "candidate": [price(knobs.candidate)],
        "incumbent": [price(name) for name in knobs.incumbents],
    }
    alike = priced_alike(systems_of(folders), [*prices["candidate"], *prices["incumbent"]])
    return weigh(alike, prices, estimate_hours)


def priced_alike(systems: Sequence[System], prices: Sequence[Price]) -> list[System]:
    """The systems of these instances, at these prices, whatever they were priced at.

    Those of older kits, which did not say under which conditions they measured, are left out.
    """
    hourly = {price.instance: price.usd_per_hour for price in prices}
    alike = []
    for system in systems:
        if system.instance in hourly and system.row.conditions:
            cost = answer_cost(system.row, hourly[system.instance])
            alike.append(replace(system, row=replace(system.row, cost=cost)))
    return alike


@dataclass
class _Evidence:
    """What comes up on the way to a decision: the reasons, and what is missing."""

    instance: str
    because: list[str] = field(default_factory=list)
    missing: list[MissingStep] = field(default_factory=list)

    def lacks(self, reason: Reason, step: MissingStep) -> None:
        """Note a reason, and the step that would settle it."""
        self.because.append(reason)
        self.missing.append(step)

    def decision(self, answer: str, saving: Saving | None, incumbent: System | None) -> Decision:
        """The decision on what came up."""
        return Decision(answer, self.because, self.missing, self.instance, saving, incumbent)


def weigh(
    systems: Sequence[System], prices: dict[str, list[Price]], estimate_hours: EstimateHours
) -> Decision:
    """The decision on these systems, which are priced alike.

    prices: of the instances that each side may be, likeliest first. The cheapest system of each
    side counts, those without gaps before others.
    """
    evidence = _Evidence(prices["candidate"][0].instance)
    chosen = {}
    for side in KINDS:
        best = _best_of(side, systems, prices[side])
        if best is None:
            evidence.lacks(*first_run(side, prices[side][0], estimate_hours))
            continue
        for gap in best.gaps:
            evidence.lacks(*step_for_gap(best, gap, estimate_hours))
        chosen[side] = best
    if len(chosen) == len(KINDS):
        different = same_conditions(chosen["candidate"], chosen["incumbent"], estimate_hours)
        if different:
            evidence.lacks(*different)
    if evidence.missing:
        return evidence.decision(NOT_ENOUGH, None, None)
    return _weigh_both(evidence, chosen["candidate"], chosen["incumbent"])


def _best_of(side: str, systems: Sequence[System], prices: Sequence[Price]) -> System | None:
    """The cheapest system of a side, those without gaps first; None where none has a cost."""
    names = [price.instance for price in prices]
    of_side = [one for one in systems if one.kind == KINDS[side] and one.instance in names]
    priced = [system for system in of_side if system.cost.usd_per_million.value]

    def order(system: System) -> tuple[int, float, str, str]:
        usd = system.cost.usd_per_million.value
        return len(system.gaps), usd, system.machine, system.arm

    return min(priced, key=order, default=None)


def _weigh_both(evidence: _Evidence, candidate: System, incumbent: System) -> Decision:
    """The decision on two systems without gaps, measured under the same conditions."""
    saving = compare_costs(candidate.cost, incumbent.cost)
    evidence.because.append(_saving_in_words(candidate, incumbent, saving))
    interval = saving.saving
    if interval.is_bounded and interval.low > 0:
        return evidence.decision(MOVE, saving, incumbent)
    if interval.is_bounded and interval.high < 0:
        return evidence.decision(STAY, saving, incumbent)
    for system in (candidate, incumbent):
        evidence.lacks(*longer_load(system, candidate, incumbent))
    evidence.because = list(dict.fromkeys(evidence.because))  # both ask for the same reason
    return evidence.decision(NOT_ENOUGH, saving, incumbent)


def _saving_in_words(candidate: System, incumbent: System, saving: Saving) -> str:
    """How much less a good answer costs, on what, against what, how sure."""
    share = saving.saving
    interval = "not known"
    if share.is_bounded:
        interval = f"{share.low:.0%} to {share.high:.0%}"
    less_or_more = "less" if share.value > 0 else "more"
    here, there = (f"{system.instance} ({system.arm})" for system in (candidate, incumbent))
    costs = f"costs {abs(share.value):.0%} {less_or_more} on {here} than on {there}"
    return f"a good answer {costs}; 95 % interval of the saving {interval}"
