"""Against what answers today, and against labels: who alone is right, and how sure each one is."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from blipkit.parity import figures
from blipkit.parity.answers import between, calibration, summarise_labels
from blipkit.parity.flips import Flips
from blipkit.parity.golden import SOFTWARE_GATE, software_gate
from blipkit.parity.lacking import NOT_RECORDED, not_recorded, show_rows
from blipkit.parity.panel import Panel, lacking_ranked
from blipkit.paths import is_folder
from blipkit.records.gates import Gate
from blipkit.runners.arms import REFERENCE, evidence_of

SHOWN_LABELS = ("arm", "labelled", "right", "accuracy", "low", "high", "calibration_error")


@dataclass(frozen=True)
class Pairs:
    """Each arm against the reference, each candidate against the incumbent; rows: as in `pairs`.

    software: what of the libraries is not the same where the incumbent was recorded, as `incumbent`
    has it; no row where it answers here, or none is named.
    """

    panel: Panel
    rows: Sequence[dict]
    software: Sequence[dict]

    def table(self) -> None:
        """The pairs, and the incumbent's libraries."""
        named = self.panel.study.knobs.incumbent or "none named"
        rows = [
            {
                "arm": row["arm"],
                "against": row["against"],
                "differ": row["differ"],
                "only_first_right": row["only_first_right"],
                "only_second_right": row["only_second_right"],
                "mcnemar_p": row["mcnemar_p"],
                "rate, 95 %": f"{row['rate_low']:.2%} to {row['rate_high']:.2%}",
            }
            for row in self.rows
        ]
        answers = next((row["answers"] for row in self.rows), "no")
        caption = f"Pairs of arms, {answers} answers each; incumbent: {named}"
        show_rows(rows, caption, lacking_ranked(self.panel))
        otherwise = f"{named}; recorded nowhere else"
        if self.is_lacking:
            otherwise = NOT_RECORDED
        show_rows(self.software, "The incumbent", otherwise)

    @property
    def is_lacking(self) -> bool:
        """Whether the incumbent answers elsewhere, and the replay's folder lacks its libraries."""
        study = self.panel.study
        return is_folder(study.knobs.incumbent) and "incumbent" in study.results.lacking

    def gates(self) -> list[Gate]:
        """Where the incumbent was recorded elsewhere: are its libraries those of this machine?"""
        if self.is_lacking:
            return [not_recorded(SOFTWARE_GATE)]
        return [software_gate(row) for row in self.software]


def compare_pairs(panel: Panel, flips: Flips) -> Pairs:
    """Each arm against the reference, each candidate against the incumbent; its libraries."""
    rows = []
    if flips.rows and panel.ranked_questions:
        rows = pair_rows(panel, flips)
        panel.study.results.write("pairs", rows)
    software = panel.study.results.measure("incumbent", partial(compare_software, panel))
    return Pairs(panel, rows, software)


def pair_rows(panel: Panel, flips: Flips) -> list[dict]:
    """How often the two of each pair differ, and who of them alone is right."""
    pairs = [(arm, REFERENCE) for arm in panel.arms]
    if panel.incumbent:
        others = [arm for arm in panel.candidates if arm != panel.incumbent]
        pairs += [(arm, panel.incumbent) for arm in others]
    unchanged = [as_candidate(row) for row in flips.reference_rows]
    rows = []
    for arm, against in pairs:
        row = {"arm": arm, "evidence": evidence_of(arm), "against": against}
        row.update(between(flips.rows[arm], flips.rows.get(against, unchanged)))
        rows.append(row)
    return rows


def as_candidate(row: dict) -> dict:
    """The reference's own answer, as if an arm had given it."""
    copied = dict(row)
    copied["candidate"] = row["reference"]
    return copied


def compare_software(panel: Panel) -> list[dict]:
    """Libraries that differ where the incumbent was recorded; no row where it answers here."""
    if panel.bundle is None:
        return []
    return [panel.bundle.software()]


@dataclass(frozen=True)
class Labels:
    """Right answers, and whether probabilities mean what they say; rows: as in `labels`.

    No row where nothing is labelled, or where labels are of scenes that the checkpoint never saw.
    """

    flips: Flips
    rows: Sequence[dict]

    def table(self) -> None:
        """Each side's right answers."""
        otherwise = NOT_RECORDED
        if self.flips.rows:
            otherwise = "no labels that are this checkpoint's to answer"
        show_rows(self.rows, "Right answers, and calibration", otherwise, SHOWN_LABELS)

    def figure(self) -> None:
        """Of the answers given with some confidence, how many were right."""
        if self.rows:
            sides = sides_of(self.flips)
            bins = {arm: calibration(rows, side) for arm, (rows, side) in sides.items()}
            errors = {row["arm"]: row["calibration_error"] for row in self.rows}
            figures.show_reliability(bins, errors)


def compare_labels(flips: Flips) -> Labels:
    """The reference's answers, and each arm's, against the labels of the frames."""
    if not flips.rows:
        return Labels(flips, [])
    rows = []
    if not flips.synthetic:
        rows = label_rows(flips)
    flips.panel.study.results.write("labels", rows)
    return Labels(flips, rows)


def label_rows(flips: Flips) -> list[dict]:
    """A row of each side that has labelled answers."""
    rows = []
    for arm, (answers, side) in sides_of(flips).items():
        found = summarise_labels(answers, side)
        if found:
            row = {"arm": arm, "evidence": evidence_of(arm)}
            row.update(found)
            rows.append(row)
    return rows


def sides_of(flips: Flips) -> dict[str, tuple[list[dict], str]]:
    """Reference and arms -> the rows with their answers, and the side of a row where they stand."""
    sides = {REFERENCE: (flips.reference_rows, "reference")}
    for arm in flips.panel.arms:
        sides[arm] = (flips.rows[arm], "candidate")
    return sides
