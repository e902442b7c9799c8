"""Against labels: how many answers are right, and how sure the reference and each arm were."""

from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.parity import figures
from blipkit.parity.answers import LabelSummary, calibration, summarise_labels
from blipkit.parity.flips import Flips
from blipkit.parity.lacking import NOT_RECORDED, show_rows
from blipkit.records.typed import write_typed

SHOWN = ("arm", "labelled", "right", "accuracy", "low", "high", "calibration_error")


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
        show_rows(self.rows, "Right answers, and calibration", otherwise, SHOWN)

    def figure(self) -> None:
        """Of the answers given with some confidence, how many were right."""
        if self.rows:
            answers = self.flips.with_reference
            bins = {arm: calibration(pairs) for arm, pairs in answers.items()}
            errors = {row.arm: row.calibration_error for row in self.rows}
            figures.show_reliability(bins, errors)


def compare_labels(flips: Flips) -> Labels:
    """The reference's answers, and each arm's, against the labels of the frames."""
    if not flips.by_arm:
        return Labels(flips, [])
    rows = []
    if not flips.untrained_scenes:
        summaries = [summarise_labels(pairs) for pairs in flips.with_reference.values()]
        rows = [summary for summary in summaries if summary]
    write_typed(flips.panel.study.results, "labels", rows)
    return Labels(flips, rows)
