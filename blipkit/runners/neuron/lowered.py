"""A study's components, lowered: what was predicted, which operations, what is in the way."""

from collections.abc import Mapping
from dataclasses import dataclass

from blipkit.display.figures import COLOURS, axes, show
from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, not_recorded
from blipkit.runners.neuron.lowering import MAKE_STACK, changed_operations, lower, lowering_gate
from blipkit.study import Study

# keys that are read of a record
FIGURES = ("operations", "int64", "relative_l2", "seconds")
NEEDED = ("component", "bucket", "status", "findings", *FIGURES)
PRODUCT = "dot"  # a matrix product's name in HLO
RARE = 3  # operations that are not more frequent in any component are left out of the picture


@dataclass(frozen=True)
class Lowered:
    """What `lower` says of each component and bucket, and what changed since an earlier version.

    products: component -> matrix products that were predicted. rows: none where a replay's folder
    has no record of them.
    """

    components: tuple[str, ...]
    rows: list[dict]
    changes: list[dict]
    products: Mapping[str, int]

    @property
    def was_lowered(self) -> bool:
        """Whether anything was: there may be no environment to do it in, or no record of it."""
        return any(row["operations"] for row in self.rows)

    @property
    def why_not(self) -> str:
        """Why nothing was lowered."""
        if not self.rows:
            return "not recorded"
        return f"NOT-RUN: {MAKE_STACK}"

    def table(self) -> None:
        """Show a row for each component and bucket, its products beside those predicted."""
        if not self.rows:
            print("What each component lowers to: not recorded")
            return
        shown = []
        for row in self.rows:
            counted = row["operations"]
            whole_numbers = None
            if counted:
                whole_numbers = sum(row["int64"].values())
            shown.append(
                {
                    "component": row["component"],
                    "bucket": row["bucket"],
                    "status": row["status"],
                    "relative_l2": row["relative_l2"],
                    "seconds": row["seconds"],
                    "operations": sum(counted.values()) or None,
                    "on 64-bit integers": whole_numbers,
                    "products": counted.get(PRODUCT),
                    "predicted": self.products.get(row["component"]),
                }
            )
        caption = "What each component lowers to (on inf2, 64-bit integers become 32-bit ones)"
        show_table(shown, caption)

    def counts(self) -> dict[str, dict[str, int]]:
        """Operation -> component -> how often, in its first bucket; the most frequent first."""
        first = {}
        for row in self.rows:
            first.setdefault(row["component"], row["operations"])
        names = {name for operations in first.values() for name in operations}
        table = {name: {} for name in names}
        for component, operations in first.items():
            for name in names:
                table[name][component] = operations.get(name, 0)
        ordered = sorted(table, key=lambda name: (-sum(table[name].values()), name))
        return {name: table[name] for name in ordered}

    def figure(self) -> None:
        """Draw how often each operation stands in each component; all counts are in its table."""
        if not self.was_lowered:
            print(f"Operations that each component lowers to: {self.why_not}")
            return
        counts = self.counts()
        drawn = [name for name in counts if max(counts[name].values()) > RARE]
        size = (7.2, 1.2 + 0.24 * len(drawn))
        figure, ax = axes("Operations that each component lowers to", "how often", "", size)
        ends = [0] * len(drawn)
        for place, component in enumerate(self.components):
            widths = [counts[name].get(component, 0) for name in drawn]
            ax.barh(drawn, widths, left=ends, color=COLOURS[place], label=component)
            ends = [end + width for end, width in zip(ends, widths, strict=True)]
        ax.invert_yaxis()
        figure.legend(loc="outside lower center", ncols=len(self.components))
        rows = [dict(operation=name, **counts[name]) for name in counts]
        show(figure, self._caption(counts, len(drawn)), rows, detail=True)

    def _caption(self, counts: dict[str, dict[str, int]], drawn: int) -> str:
        said = []
        for component in self.components:
            total = sum(row.get(component, 0) for row in counts.values())
            said.append(f"{component} {total}")
        kinds = f"{len(counts)} kinds of operation, {drawn} of them drawn"
        return f"{kinds}; instructions by component, in its first bucket: {', '.join(said)}."

    def findings(self) -> None:
        """Show what stands in the way of neuronx-cc, and what changed since the last lowering."""
        if not self.was_lowered and not any(row["findings"] for row in self.rows):
            print(f"In the way: {self.why_not}")
            return
        found = []
        for row in self.rows:
            found += [dict(component=row["component"], **finding) for finding in row["findings"]]
        if found:
            show_table(found, "In the way")
        if self.changes:
            show_table(self.changes, "Lowered before, with other versions")
        changed = sum(bool(row["added"] or row["removed"]) for row in self.changes)
        earlier = f"compared with an earlier version: {len(self.changes)}"
        print(f"in the way: {len(found)}; {earlier}, of those changed: {changed}")

    def gates(self) -> list[Gate]:
        """One for each component."""
        if self.rows:
            return [lowering_gate(component, self.rows) for component in self.components]
        return [not_recorded(f"lowering {component}", "answer") for component in self.components]


def lower_components(study: Study, products: Mapping[str, int]) -> Lowered:
    """Lower every component in every bucket; products: component -> how many are predicted."""
    before = study.results.earlier("lowering")  # read before this run's rows take their place

    def measured() -> list[dict]:
        return lower(study.components, study.buckets, study.knobs.neuron_stack)

    def compared() -> list[dict]:
        return changed_operations(rows, before)

    rows = study.results.measure("lowering", measured, needs=NEEDED)
    changes = study.results.measure("operation_changes", compared)
    names = tuple(component.name for component in study.components)
    return Lowered(names, rows, changes, products)
