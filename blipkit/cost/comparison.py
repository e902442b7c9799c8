"""Systems side by side, at one price list, and where a saving between two of them comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from blipkit.cost import figures
from blipkit.cost.dollars import Saving, compare_costs
from blipkit.cost.knobs import Cost
from blipkit.cost.offers import contracted_saving, priced_alike
from blipkit.cost.pricing import Pricing, StudyPrices
from blipkit.cost.rows import Conditions
from blipkit.cost.systems import (
    System,
    differing_conditions,
    find_results,
    side_by_side,
    systems_of,
)
from blipkit.display.tables import show_table
from blipkit.paths import PUBLISHED
from blipkit.records.results import Results
from blipkit.records.typed import part, records_of, write_typed
from blipkit.study import Study

# kind of machine -> what may make a system there faster, and no arm of this kit does yet
NOT_TRIED = {"cuda": "CUDA graphs, TensorRT", "neuron": "PyTorch Native (TorchNeuron)"}
NEEDS_BOTH = "NOT-RUN: it takes a measured candidate and a measured incumbent"


@dataclass(frozen=True, kw_only=True)
class ComparedSystem:
    """A system beside this machine.

    weighed: whether a verdict may rest on it; unlike: the conditions in which it differs from this
    machine's, as text.
    """

    system: System = part()
    weighed: bool
    unlike: str

    @property
    def machine(self) -> str:
        """Its name, and whether others published its figures."""
        if self.weighed:
            return self.system.machine
        return f"{self.system.machine}, published"

    @property
    def standing(self) -> str:
        """What it is to this machine, as `figures.COST_LOOKS` shows it."""
        if self.weighed:
            return "weighed"
        if "weights_digest" in self.unlike:
            return "published, another model"
        return "published"


@dataclass(frozen=True)
class Systems:
    """This machine and others, each at its best setting. folders: of those that are weighed."""

    rows: list[ComparedSystem]
    folders: list[Results]

    @property
    def weighed(self) -> list[System]:
        """Those that a verdict may rest on."""
        return [row.system for row in self.rows if row.weighed]

    def table(self) -> None:
        """What each does, at what price, and what keeps it out of a verdict."""
        cells = []
        for row in self.rows:
            cells.append(side_by_side(row.system))
            cells[-1].update(weighed=row.weighed, unlike=row.unlike)
        show_table(cells, "Systems side by side, each at its best setting")
        print(self.choices_in_words())

    def choices_in_words(self) -> str:
        """A line for each system: what it chose for itself, and what nobody tried there."""
        lines = []
        for row in self.rows:
            system = row.system
            line = f"{system.arm} on {row.machine}: {system.choices}"
            if system.kind in NOT_TRIED:
                line += f"; not tried: {NOT_TRIED[system.kind]}"
            lines.append(line)
        return "\n".join(lines)

    def figure(self) -> None:
        """What a million good answers cost on each, with intervals."""
        if self.rows:
            figures.draw_costs(self.rows)


def compare_systems(study: Study, pricing: Pricing) -> Systems:
    """This study, those `beside` it, and what the repository publishes, which is never weighed."""
    named = [Results(find_results(name)) for name in study.knobs.beside]
    folders = [study.results, *named]
    here = next((row.conditions for row in pricing.rows), None)
    rows = _compared(systems_of(folders), here, weighed=True)
    others = _published() - {results.folder for results in named}
    published = systems_of(map(Results, sorted(others)))
    known = [system for system in published if system.row.conditions]  # older kits did not say
    return Systems([*rows, *_compared(known, here, weighed=False)], folders)


def _published() -> set[Path]:
    """The folders with costs that the repository holds."""
    return {path.parents[1] for path in PUBLISHED.glob("*/*/records/cost.jsonl")}


def _compared(
    systems: Iterable[System], here: Conditions | None, weighed: bool
) -> list[ComparedSystem]:
    """The systems, and in what they differ from this machine's records."""
    rows = []
    for system in systems:
        differs = "not recorded here"
        if here is not None:
            differs = ", ".join(differing_conditions(system.row.conditions or Conditions(), here))
        rows.append(ComparedSystem(system=system, weighed=weighed, unlike=differs))
    return rows


@dataclass(frozen=True, kw_only=True)
class SavingRow:
    """A record of kind `savings`: a candidate against an incumbent, each an instance and an arm.

    option: the purchase option of both, or what each side pays as contracted. comparable: whether
    both are whole evidence, measured under the same conditions.
    """

    region: str
    option: str
    candidate: str
    incumbent: str
    saving: Saving = part()
    comparable: bool


@dataclass(frozen=True)
class Savings:
    """Every measured candidate against every measured incumbent.

    rows: at list prices, and as contracted where somebody is; none where a side was not measured.
    pairs: candidate and incumbent, priced alike. use: how busy both are taken to be, in words.
    """

    rows: list[SavingRow]
    pairs: list[tuple[System, System]]
    use: str

    def at_list_prices(self) -> list[Saving]:
        """The savings of both sides by the same purchase option."""
        return [row.saving for row in self.rows if row.saving.contract_effect == 1]

    def table(self) -> None:
        """The effects of each saving, and its interval."""
        caption = f"Saving, {self.use}"
        if not self.rows:
            return show_table([{"saving": NEEDS_BOTH}], caption)
        columns = ("candidate", "incumbent", "option", "price_effect", "contract_effect")
        columns += ("throughput_effect", "utilisation_effect", "saving", "saving_low")
        columns += ("saving_high", "comparable")
        show_table(records_of(self.rows), caption, columns)


def explain_savings(study: Study, prices: StudyPrices, systems: Systems) -> Savings:
    """Where the savings of candidates against incumbents come from; recorded as `savings`.

    Whatever a system was priced at in its own folder, here region and purchase option are one.
    """
    knobs = study.knobs
    alike = priced_alike(systems.weighed, list(prices.used.values()))
    candidates = [system for system in alike if system.kind == "neuron"]
    incumbents = [system for system in alike if system.kind == "cuda"]
    pairs = [(candidate, incumbent) for candidate in candidates for incumbent in incumbents]
    rows = []
    for candidate, incumbent in pairs:
        listed = compare_costs(candidate.cost, incumbent.cost, knobs.busy)
        rows.append(_saving_row(knobs, knobs.option, candidate, incumbent, listed))
        contracted = contracted_saving(candidate, incumbent, prices.offers, knobs)
        if contracted:
            terms, paid = contracted.terms, contracted.saving
            rows.append(_saving_row(knobs, terms, candidate, incumbent, paid))
    write_typed(study.results, "savings", rows)
    return Savings(rows, pairs, knobs.busy_in_words())


def _saving_row(
    knobs: Cost, option: str, candidate: System, incumbent: System, saving: Saving
) -> SavingRow:
    """A saving between two systems, at the prices of an option or of contracts."""
    return SavingRow(
        region=knobs.region,
        option=option,
        candidate=candidate.title,
        incumbent=incumbent.title,
        saving=saving,
        comparable=_is_comparable(candidate, incumbent),
    )


def _is_comparable(candidate: System, incumbent: System) -> bool:
    """Whether both are whole evidence, measured under the same conditions."""
    has_gaps = candidate.gaps or incumbent.gaps
    return not (
        has_gaps or differing_conditions(candidate.row.conditions, incumbent.row.conditions)
    )
