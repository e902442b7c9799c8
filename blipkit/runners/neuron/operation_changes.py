"""Which operations a component lowers to now and did not before, or the other way round."""

import collections
from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.runners.neuron.lowering import Lowering


@dataclass(frozen=True)
class OperationChange:
    """How a component's operations changed since an earlier lowering in the same bucket.

    bucket: as text. between: the versions that differ, in words. added, removed: HLO operation ->
    by how many.
    """

    component: str
    bucket: str
    between: str
    added: dict[str, int]
    removed: dict[str, int]


def changed_operations(
    rows: Sequence[Lowering], before: Sequence[Lowering]
) -> list[OperationChange]:
    """Which operations came and went since an earlier lowering; no row where neither the stack's
    versions nor the operations differ.

    before: earlier rows. Of several of one component and bucket, the first with operations counts.
    """
    earlier = {}
    for row in before:
        if row.operations:
            earlier.setdefault((row.component, row.bucket), row)
    pairs = [(earlier.get((row.component, row.bucket)), row) for row in rows if row.operations]
    return [_change(past, row) for past, row in pairs if past and _differ(past, row)]


def _differ(past: Lowering, row: Lowering) -> bool:
    """Whether versions or operations did."""
    return past.stack != row.stack or past.operations != row.operations


def _change(past: Lowering, row: Lowering) -> OperationChange:
    """What came and went from an earlier row to this one."""
    before = collections.Counter(past.operations)
    after = collections.Counter(row.operations)
    return OperationChange(
        component=row.component,
        bucket=row.bucket,
        between=_changed_versions(past.stack, row.stack),
        added=dict(after - before),
        removed=dict(before - after),
    )


def _changed_versions(before: dict[str, str], after: dict[str, str]) -> str:
    """Which versions differ between two environments, in words."""
    changes = [
        f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return ", ".join(changes) or "the same versions"
