"""Systems side by side, at one price list, and where a saving between two of them comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from blipkit.cost import figures
from blipkit.cost.decision import priced_alike
from blipkit.cost.dollars import savings
from blipkit.cost.pricing import Pricing, StudyPrices
from blipkit.cost.systems import find_results, systems, unlike
from blipkit.display.tables import show_table
from blipkit.paths import PUBLISHED
from blipkit.records.results import Results
from blipkit.study import Study

NEEDS_BOTH = "NOT-RUN: it takes a measured candidate and a measured incumbent"


@dataclass(frozen=True)
class Systems:
    """This machine and others, each at its best setting.

    rows: those of `blipkit.cost.systems.systems`, with `weighed` (whether a verdict may rest on it)
    and `unlike` (what it was not asked alike with this machine). folders: of those weighed.
    """

    rows: list[dict]
    folders: list[Results]

    @property
    def weighed(self) -> list[dict]:
        return [row for row in self.rows if row["weighed"]]

    def table(self) -> None:
        """What each does, at what price, and what keeps it out of a verdict."""
        columns = ("machine", "arm", "setting", "answers_per_s", "latency", "instance", "region")
        columns += ("option", "price_as_of", "usd_per_million", "evidence", "weighed", "gap")
        columns += ("unlike",)
        rows = [{name: row[name] for name in columns} for row in self.rows]
        show_table(rows, "Systems side by side, each at its best setting", columns)

    def figure(self) -> None:
        """What a million good answers cost on each, with intervals."""
        if self.rows:
            figures.draw_costs(self.rows)


def compare_systems(study: Study, pricing: Pricing) -> Systems:
    """This study, those `beside` it, and what the repository publishes, which is never weighed."""
    named = [Results(find_results(name)) for name in study.knobs.beside]
    folders = [study.results, *named]
    here = next(iter(pricing.rows), None)
    rows = _shown(systems(folders), here, weighed=True)
    others = _published() - {one.folder for one in named}
    published = systems(map(Results, sorted(others)))
    # older kits did not say what was asked
    known = [row for row in published if "like" in row]
    return Systems([*rows, *_shown(known, here, weighed=False)], folders)


def _published() -> set[Path]:
    """The folders with costs that the repository holds."""
    return {path.parents[1] for path in PUBLISHED.glob("*/*/records/cost.jsonl")}


def _shown(found: Iterable[dict], here: dict | None, weighed: bool) -> list[dict]:
    """Rows of `systems` with what they were not asked alike with this machine's records."""
    rows = []
    for row in found:
        differs = "not recorded here"
        if here is not None:
            differs = ", ".join(unlike(row, here))
        rows.append(dict(row, weighed=weighed, unlike=differs))
    return rows


@dataclass(frozen=True)
class Savings:
    """Every measured candidate against every measured incumbent.

    rows: the records of kind `savings`, none where a side was not measured. pairs: the two systems
    of each row, priced alike. utilisation: of candidate and incumbent.
    """

    rows: list[dict]
    pairs: list[tuple[dict, dict]]
    utilisation: tuple[float, float]

    def table(self) -> None:
        """The three effects of each saving, and its interval."""
        busy, once_busy = self.utilisation
        times = f"the candidate busy {busy:.0%} of the time, the incumbent {once_busy:.0%}"
        show_table(self.rows or [{"saving": NEEDS_BOTH}], f"Saving with {times}")


def explain_savings(study: Study, prices: StudyPrices, found: Systems) -> Savings:
    """Where the savings of candidates against incumbents come from; recorded as `savings`.

    Whatever a system was priced at in its own folder, here region and purchase option are one.
    """
    knobs = study.knobs
    alike = priced_alike(found.weighed, list(prices.used.values()))
    ours = [row for row in alike if row["kind"] == "neuron"]
    theirs = [row for row in alike if row["kind"] == "cuda"]
    pairs = [(one, other) for one in ours for other in theirs]
    utilisation = (knobs.utilisation, knobs.incumbent_utilisation)
    rows = [_saving_record(one, other, utilisation) for one, other in pairs]
    records = []
    for row in rows:
        record = {"region": knobs.region, "option": knobs.option}
        record.update(row)
        records.append(record)
    study.results.write("savings", records)
    return Savings(rows, pairs, utilisation)


def _saving_record(ours: dict, theirs: dict, utilisation: tuple[float, float]) -> dict:
    """One candidate against one incumbent, and whether the two may be compared."""
    record = {
        "candidate": f"{ours['instance']}, {ours['arm']}",
        "incumbent": f"{theirs['instance']}, {theirs['arm']}",
    }
    record.update(savings(ours, theirs, utilisation))
    record["comparable"] = not (ours["gaps"] or theirs["gaps"] or unlike(ours, theirs))
    return record
