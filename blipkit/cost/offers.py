"""The prices that a comparison uses, and systems at them: list prices of one purchase option for
all, and beside them what each side pays by its own contract.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from blipkit.cost.dollars import Saving, answer_cost, compare_costs
from blipkit.cost.knobs import Cost
from blipkit.cost.prices import Price, find_price
from blipkit.cost.rows import AnswerCost
from blipkit.cost.systems import System


@dataclass(frozen=True)
class Offers:
    """Prices of one region and purchase option, and those of contracts.

    incumbents: the likeliest first; left_out: those that have no price there; contracted: side ->
    its prices by contract, none for a side without one.
    """

    candidate: Price
    incumbents: list[Price]
    left_out: list[str] = field(default_factory=list)
    contracted: dict[str, list[Price]] = field(default_factory=dict)

    def of(self, side: str) -> list[Price]:
        """The list prices of a side, "candidate" or "incumbent"."""
        if side == "candidate":
            return [self.candidate]
        return self.incumbents

    def likeliest(self, side: str) -> Price:
        """What a side is taken to be before it was measured."""
        return self.of(side)[0]

    def all(self) -> list[Price]:
        """The list prices of both sides."""
        return [self.candidate, *self.incumbents]

    def contract_for(self, side: str, instance: str) -> Price | None:
        """What a side pays for an instance by contract; None where it has none."""
        offers = self.contracted.get(side, [])
        return next((price for price in offers if price.instance == instance), None)


def choose_offers(knobs: Cost, known: list[Price]) -> Offers:
    """The prices that a study's knobs ask for, of all that are known.

    An incumbent without a price in the region is left out. BadInput where none has one, or a
    contract names no price of its side.
    """
    candidate = find_price(known, knobs.candidate, knobs.region, knobs.option)
    incumbents = _prices_of(known, knobs.incumbents, knobs.region, knobs.option)
    named = {price.instance for price in incumbents}
    left_out = [name for name in knobs.incumbents if name not in named]
    contracted = {}
    instances = {"candidate": [knobs.candidate], "incumbent": knobs.incumbents}
    for side, option in knobs.contracted.items():
        contracted[side] = _prices_of(known, instances[side], knobs.region, option)
    return Offers(candidate, incumbents, left_out, contracted)


def _prices_of(
    known: list[Price], instances: Sequence[str], region: str, option: str
) -> list[Price]:
    """The prices of those instances that have one there; BadInput where none has."""
    offered = {
        price.instance: price for price in known if (price.region, price.option) == (region, option)
    }
    prices = [offered[name] for name in instances if name in offered]
    return prices or [find_price(known, instances[-1], region, option)]


def priced_alike(systems: Sequence[System], prices: Sequence[Price]) -> list[System]:
    """The systems of these instances, at these prices, whatever they were priced at.

    Those of older kits, which did not say under which conditions they measured, are left out.
    """
    offers = {price.instance: price for price in prices}
    alike = []
    for system in systems:
        price = offers.get(system.instance)
        if price and system.row.conditions:
            cost = cost_at(system, price)
            alike.append(replace(system, row=replace(system.row, cost=cost)))
    return alike


def cost_at(system: System, price: Price) -> AnswerCost:
    """What a system's answers cost at a price; where that has a range, the interval holds it."""
    cost = answer_cost(system.row, price.usd_per_hour)
    usd = cost.usd_per_million
    low, high = price.range
    if usd.is_bounded:
        usd = replace(
            usd,
            low=usd.low * low / price.usd_per_hour,
            high=usd.high * high / price.usd_per_hour,
        )
    return replace(cost, usd_per_million=usd)


@dataclass(frozen=True)
class ContractedSaving:
    """A saving at what both sides really pay. options: of candidate and incumbent."""

    saving: Saving
    options: tuple[str, str]

    @property
    def terms(self) -> str:
        """Both purchase options, in words."""
        here, there = self.options
        return f"as contracted: {here} against {there}"

    def in_words(self) -> str:
        """The saving, its terms and its interval."""
        share = self.saving.saving
        interval = ""
        if share.is_bounded:
            interval = f" ({share.low:.0%} to {share.high:.0%})"
        return f"{self.terms}, it saves {share.value:.0%}{interval}, which the verdict does not use"


def contracted_saving(
    candidate: System, incumbent: System, offers: Offers, knobs: Cost
) -> ContractedSaving | None:
    """The saving between two systems as contracted; None where neither side has a contract."""
    sides = {"candidate": candidate, "incumbent": incumbent}
    options = []
    factors = []
    for side, system in sides.items():
        contract = offers.contract_for(side, system.instance)
        if contract is None:
            options.append(f"{knobs.option}, the list price,")
            factors.append(1.0)
        else:
            options.append(contract.option)
            factors.append(contract.usd_per_hour / system.cost.usd_per_hour)
    if not offers.contracted or factors == [1.0, 1.0]:
        return None
    here, there = factors
    saving = compare_costs(candidate.cost, incumbent.cost, knobs.busy, (here, there))
    return ContractedSaving(saving, (options[0], options[1]))
