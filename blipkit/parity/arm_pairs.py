"""Against what answers today: how often two arms differ, and who alone is right."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from blipkit.display.tables import show_table
from blipkit.parity.answers import ArmPair, compare_arms
from blipkit.parity.flips import Flips
from blipkit.parity.golden import SOFTWARE_GATE, SoftwareDifference, software_gate
from blipkit.parity.lacking import NOT_RECORDED, show_nothing, show_rows
from blipkit.parity.panel import Panel, lacking_ranked
from blipkit.paths import is_folder
from blipkit.records.gates import Gate, not_recorded
from blipkit.records.typed import measure_typed, write_typed
from blipkit.runners.arms import REFERENCE


@dataclass(frozen=True)
class Pairs:
    """Each arm against the reference, and each candidate against the incumbent.

    software: what of the libraries is not the same where the incumbent was recorded; no row where
    it answers here, or none is named.
    """

    panel: Panel
    rows: Sequence[ArmPair]
    software: Sequence[SoftwareDifference]

    def table(self) -> None:
        """The pairs, and the incumbent's libraries."""
        incumbent = self.panel.study.knobs.incumbent or "none named"
        self._pairs_table(incumbent)
        otherwise = f"{incumbent}; recorded nowhere else"
        if self.is_lacking:
            otherwise = NOT_RECORDED
        show_rows(self.software, "The incumbent", otherwise)

    def _pairs_table(self, incumbent: str) -> None:
        """A line for each pair; incumbent: as the caption calls it."""
        if not self.rows:
            caption = f"Pairs of arms, no answers each; incumbent: {incumbent}"
            show_nothing(caption, lacking_ranked(self.panel))
            return
        rows = [
            {
                "arm": pair.arm,
                "against": pair.against,
                "differ": pair.differ,
                "only_first_right": pair.only_first_right,
                "only_second_right": pair.only_second_right,
                "mcnemar_p": pair.mcnemar_p,
                "rate, 95 %": f"{pair.rate.low:.2%} to {pair.rate.high:.2%}",
            }
            for pair in self.rows
        ]
        answers = self.rows[0].answers
        show_table(rows, f"Pairs of arms, {answers} answers each; incumbent: {incumbent}")

    @property
    def is_lacking(self) -> bool:
        """Whether the incumbent answers elsewhere, and the replay's folder lacks its libraries."""
        study = self.panel.study
        return is_folder(study.knobs.incumbent) and "incumbent" in study.results.lacking

    def gates(self) -> list[Gate]:
        """Where the incumbent was recorded elsewhere: are its libraries those of this machine?"""
        if self.is_lacking:
            return [not_recorded(SOFTWARE_GATE, "answer")]
        return [software_gate(row) for row in self.software]


def compare_pairs(panel: Panel, flips: Flips) -> Pairs:
    """Each arm against the reference, each candidate against the incumbent; its libraries."""
    results = panel.study.results
    rows = []
    if flips.by_arm and panel.ranked_questions:
        rows = arm_pairs(panel, flips)
        write_typed(results, "pairs", rows)
    measure = partial(compare_software, panel)
    return Pairs(panel, rows, measure_typed(results, "incumbent", SoftwareDifference, measure))


def arm_pairs(panel: Panel, flips: Flips) -> list[ArmPair]:
    """How often the two of each pair differ, and who of them alone is right."""
    names = [(arm, REFERENCE) for arm in panel.arms]
    if panel.incumbent:
        others = [arm for arm in panel.candidates if arm != panel.incumbent]
        names += [(arm, panel.incumbent) for arm in others]
    answers = flips.with_reference
    return [compare_arms(answers[arm], answers[against]) for arm, against in names]


def compare_software(panel: Panel) -> list[SoftwareDifference]:
    """Libraries that differ where the incumbent was recorded; no row where it answers here."""
    if panel.golden is None:
        return []
    return [panel.golden.software_difference()]
