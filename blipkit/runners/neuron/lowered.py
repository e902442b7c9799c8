"""A study's components, lowered: what was predicted, which operations, what is in the way."""

from collections.abc import Mapping
from dataclasses import dataclass

from blipkit.display.figures import COLOURS, axes, show
from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, not_recorded
from blipkit.records.results import Results
from blipkit.records.typed import measure_typed, missing_keys, record_of, records_of, row_of
from blipkit.runners.neuron.lowering import (
    MAKE_STACK,
    Lowering,
    gate_name,
    lower,
    lowering_gate,
)
from blipkit.runners.neuron.operation_changes import OperationChange, changed_operations
from blipkit.study import Study

PRODUCT = "dot"  # a matrix product's name in HLO
# operations that are not more frequent in any component are left out of the picture
RARE_COUNT = 3


@dataclass(frozen=True)
class Lowered:
    """What each component lowers to in each bucket, and what changed since an earlier version.

    products: component -> matrix products that were predicted. rows: none where a replay's folder
    has no record of them.
    """

    components: tuple[str, ...]
    rows: list[Lowering]
    changes: list[OperationChange]
    products: Mapping[str, int]

    @property
    def was_lowered(self) -> bool:
        """Whether anything was: there may be no environment to do it in, or no record of it."""
        return any(row.operations for row in self.rows)

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
        shown = [
            {
                "component": row.component,
                "bucket": row.bucket,
                "status": row.status,
                "relative_l2": row.relative_l2,
                "seconds": row.seconds,
                "operations": row.operation_count,
                "on 64-bit integers": row.int64_operation_count,
                "products": row.operations.get(PRODUCT),
                "predicted": self.products.get(row.component),
            }
            for row in self.rows
        ]
        caption = "What each component lowers to (on inf2, 64-bit integers become 32-bit ones)"
        show_table(shown, caption)

    def counts(self) -> dict[str, dict[str, int]]:
        """Operation -> component -> how often, in its first bucket; the most frequent first."""
        first = {}
        for row in self.rows:
            first.setdefault(row.component, row.operations)
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
        drawn = [name for name in counts if max(counts[name].values()) > RARE_COUNT]
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
        totals = []
        for component in self.components:
            total = sum(row.get(component, 0) for row in counts.values())
            totals.append(f"{component} {total}")
        kinds = f"{len(counts)} kinds of operation, {drawn} of them drawn"
        return f"{kinds}; instructions by component, in its first bucket: {', '.join(totals)}."

    def findings(self) -> None:
        """Show what stands in the way of neuronx-cc, and what changed since the last lowering."""
        shown = [
            dict(component=row.component, **record_of(finding))
            for row in self.rows
            for finding in row.findings
        ]
        if not self.was_lowered and not shown:
            print(f"In the way: {self.why_not}")
            return
        if shown:
            show_table(shown, "In the way")
        if self.changes:
            show_table(records_of(self.changes), "Lowered before, with other versions")
        changed = sum(bool(change.added or change.removed) for change in self.changes)
        earlier = f"compared with an earlier version: {len(self.changes)}"
        print(f"in the way: {len(shown)}; {earlier}, of those changed: {changed}")

    def gates(self) -> list[Gate]:
        """One for each component."""
        if self.rows:
            return [lowering_gate(component, self.rows) for component in self.components]
        return [not_recorded(gate_name(component), kind="answer") for component in self.components]


def lower_components(study: Study, products: Mapping[str, int]) -> Lowered:
    """Lower every component in every bucket; products: component -> how many are predicted."""
    results = study.results
    before = earlier_lowerings(results)  # read before this run's rows take their place

    def measured() -> list[Lowering]:
        return lower(study.components, study.buckets, study.knobs.neuron_stack)

    def compared() -> list[OperationChange]:
        return changed_operations(rows, before)

    rows = measure_typed(results, "lowering", Lowering, measured)
    changes = measure_typed(results, "operation_changes", OperationChange, compared)
    names = tuple(component.name for component in study.components)
    return Lowered(names, rows, changes, products)


def earlier_lowerings(results: Results) -> list[Lowering]:
    """Rows of this profile and checkpoint from before this run; those of older kits that lack
    something are left out.
    """
    records = results.earlier("lowering")
    return [row_of(Lowering, row) for row in records if not missing_keys(Lowering, row)]
