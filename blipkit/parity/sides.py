"""Against what answers today, and against labels: who alone is right, and how sure each arm is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from blipkit.display.tables import show_table
from blipkit.parity import figures
from blipkit.parity.answer_pairs import AnswerPair, reference_alone
from blipkit.parity.answers import (
    ArmPair,
    LabelSummary,
    calibration,
    compare_arms,
    summarise_labels,
)
from blipkit.parity.flips import Flips
from blipkit.parity.golden import SOFTWARE_GATE, SoftwareDifference, software_gate
from blipkit.parity.lacking import NOT_RECORDED, show_nothing, show_rows
from blipkit.parity.panel import Panel, lacking_ranked
from blipkit.paths import is_folder
from blipkit.records.gates import Gate, not_recorded
from blipkit.records.typed import measure_typed, write_typed
from blipkit.runners.arms import REFERENCE

SHOWN_LABELS = ("arm", "labelled", "right", "accuracy", "low", "high", "calibration_error")


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
    sides = sides_of(flips)
    return [compare_arms(sides[arm], sides[against]) for arm, against in names]


def compare_software(panel: Panel) -> list[SoftwareDifference]:
    """Libraries that differ where the incumbent was recorded; no row where it answers here."""
    if panel.golden is None:
        return []
    return [panel.golden.software_difference()]


@dataclass(frozen=True)
class Labels:
    """Right answers, and whether probabilities mean what they say.

    No row where nothing is labelled, or where labels are of scenes that the checkpoint never saw.
    """

    flips: Flips
    rows: Sequence[LabelSummary]

    def table(self) -> None:
        """The right answers of the reference and of each arm."""
        otherwise = NOT_RECORDED
        if self.flips.by_arm:
            otherwise = "no labels that are this checkpoint's to answer"
        show_rows(self.rows, "Right answers, and calibration", otherwise, SHOWN_LABELS)

    def figure(self) -> None:
        """Of the answers given with some confidence, how many were right."""
        if self.rows:
            sides = sides_of(self.flips)
            bins = {arm: calibration(pairs) for arm, pairs in sides.items()}
            errors = {row.arm: row.calibration_error for row in self.rows}
            figures.show_reliability(bins, errors)


def compare_labels(flips: Flips) -> Labels:
    """The reference's answers, and each arm's, against the labels of the frames."""
    if not flips.by_arm:
        return Labels(flips, [])
    rows = []
    if not flips.untrained_scenes:
        summaries = [summarise_labels(pairs) for pairs in sides_of(flips).values()]
        rows = [summary for summary in summaries if summary]
    write_typed(flips.panel.study.results, "labels", rows)
    return Labels(flips, rows)


def sides_of(flips: Flips) -> dict[str, list[AnswerPair]]:
    """Reference and arms -> their answers, as candidates."""
    sides = {REFERENCE: reference_alone(flips.reference_pairs)}
    for arm in flips.panel.arms:
        sides[arm] = flips.by_arm[arm]
    return sides
