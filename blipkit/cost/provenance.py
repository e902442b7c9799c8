"""Whether a folder's records are evidence of one system: all of one model on one machine, and each
condition recorded.
"""

from dataclasses import dataclass, field, fields
from typing import Any

from blipkit.cost.rows import Conditions, CostRow
from blipkit.records.results import Results
from blipkit.records.typed import row_of

PARITY = "03_parity"
LOAD = "04_concurrency"


@dataclass(frozen=True)
class Gap:
    """What keeps a system out of a verdict.

    notebook: that would settle it; "" for any. ruled_out: it was measured, and the system's answers
    are not the reference's, so that nobody would run it.
    """

    reason: str
    notebook: str
    ruled_out: bool = False


@dataclass(frozen=True)
class Stamp:
    """Of a record of any chapter, what it says of the model and machine that it is about."""

    machine: str = ""
    weights_digest: str | None = None
    pixel_digest: str | None = None
    versions: dict[str, Any] = field(default_factory=dict)

    def facts(self) -> dict[str, str | None]:
        """Under the names of `Conditions`, and the machine."""
        return {
            "machine": self.machine,
            "weights_digest": self.weights_digest,
            "pixel_digest": self.pixel_digest,
            "transformers": self.versions.get("transformers"),
        }


@dataclass(frozen=True)
class Limits:
    """A record of kind `limits_03_parity`: the knobs that say what passes, by name."""

    limits: dict[str, Any]


def read_parity_limits(results: Results) -> dict[str, Any] | None:
    """The knobs by which 03 judged, by name; None where the folder does not say."""
    rows = results.rows(f"limits_{PARITY}")
    if not rows:
        return None
    return row_of(Limits, rows[0]).limits


def gaps_in_evidence(results: Results, row: CostRow, machine: str) -> list[Gap]:
    """What is not recorded of a setting's conditions, and where 03 judged another model than the
    one under load.
    """
    conditions = row.conditions or Conditions()
    gaps = []
    for one in fields(Conditions):
        if getattr(conditions, one.name) is None:
            notebook = PARITY if one.name == "parity_limits" else LOAD
            gaps.append(Gap(f"not recorded: {in_words(one.name)}", notebook))
    under_load = {"machine": machine, **vars(conditions)}
    for name, judged in _judged(results).items():
        loaded = under_load[name]
        if judged != loaded and loaded is not None:
            what = f"{in_words(name)} {judged or 'not recorded'}, the load with {loaded}"
            gaps.append(Gap(f"the answers were judged with {what}", PARITY))
    return gaps


def _judged(results: Results) -> dict[str, str | None]:
    """The model and machine of 03's gates; nothing where 03 has not run."""
    rows = results.rows(f"gates_{PARITY}")
    if not rows:
        return {}
    return row_of(Stamp, rows[0]).facts()


def in_words(name: str) -> str:
    """A condition's name as a sentence has it."""
    return name.replace("_", " ")
