"""Answers against answers: which flipped, at which margin, and what a number format explains."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from blipkit.display.figures import show_frames
from blipkit.frames.frames import SYNTHETIC, Frame
from blipkit.parity import figures
from blipkit.parity.answers import (
    accuracy_gate,
    decision_gate,
    decision_gate_name,
    decisions,
    flip_bound,
    format_noise,
    summarise_decisions,
)
from blipkit.parity.lacking import NOT_RECORDED, not_recorded, show_rows
from blipkit.parity.panel import Panel
from blipkit.records.gates import Gate
from blipkit.runners.arms import REFERENCE, evidence_of

if TYPE_CHECKING:
    import pandas

SHOWN_FLIPS = 8  # frames
SHOWN_FRAMES = 4  # where nothing flipped
SHOWN_OPEN = 20  # rows
SUMMARY = (
    "arm",
    "ranked_answers",
    "ranked_flips",
    "flip_rate_high",
    "unexcused_flips",
    "open_answers",
    "open_flips",
)
OPENED = (
    "arm",
    "frame",
    "question",
    "reference",
    "candidate",
    "first_divergence",
    "reference_gap",
    "candidate_gap",
)


@dataclass(frozen=True)
class Flips:
    """Every answer of every arm beside the reference's.

    kept: a row of `decisions` for each arm, frame and question; noise_rows: each arm's margin,
    nats, below which a flip is its number format's own, as `parity_noise` has it.
    """

    panel: Panel
    kept: "pandas.DataFrame"
    noise_rows: Sequence[dict]

    @cached_property
    def rows(self) -> dict[str, list[dict]]:
        """Arm -> its rows, frame by frame; empty where a replay's folder has none."""
        if not len(self.kept):
            return {}
        rows = {}
        for arm in self.panel.arms:
            own = self.kept[self.kept.arm == arm]
            rows[arm] = own.to_dict("records")
        return rows

    @property
    def reference_rows(self) -> list[dict]:
        """Rows that hold all the reference's answers: those of the first arm."""
        return self.rows[self.panel.arms[0]]

    @cached_property
    def noise(self) -> dict[str, float]:
        """Arm -> the margin, nats, below which a flip is its number format's own."""
        return {row["arm"]: row["excused_margin"] for row in self.noise_rows}

    @cached_property
    def summary(self) -> list[dict]:
        """A row for each arm, as in `decisions`; none where samples or margins are lacking."""
        if not (self.rows and self.noise):
            return []
        summary = []
        for arm, rows in self.rows.items():
            row = summarise_decisions(rows, self.noise[arm])
            row["evidence"] = evidence_of(arm)
            summary.append(row)
        return summary

    @property
    def synthetic(self) -> bool:
        """Whether these are synthetic scenes whose labels are not the checkpoint's to answer."""
        study = self.panel.study
        return study.common.frames_from == SYNTHETIC and not study.checkpoint.trained_on_scenes

    def table(self) -> None:
        """What each number format explains, and what flipped."""
        rows = [
            {
                "arm": row["arm"],
                "baseline": row["baseline"] or "none: static margin",
                "excused_margin": row["excused_margin"],
            }
            for row in self.noise_rows
        ]
        show_rows(rows, "Margins, in nats, below which a flip is the format's own", NOT_RECORDED)
        caption = "Answers that flipped; flip_rate_high: upper 95 % bound"
        show_rows(self.summary, caption, NOT_RECORDED, SUMMARY)

    def figure(self) -> None:
        """Where the reference's margins lie, how far each arm moves them, and what flipped."""
        if self.rows and self.panel.ranked_questions:
            figures.show_margins(self.panel.arms, self.kept[~self.kept.open])

    @cached_property
    def flipped(self) -> dict[tuple[str, str], dict]:
        """Frame and question -> the row of an arm that answered otherwise than the reference."""
        rows = [row for of in self.rows.values() for row in of if row["flipped"]]
        return {(row["frame"], row["question"]): row for row in rows}

    @cached_property
    def by_question(self) -> dict[tuple[str, str], dict[str, dict]]:
        """Frame and question -> arm -> its row."""
        found: dict[tuple[str, str], dict[str, dict]] = {}
        for arm, rows in self.rows.items():
            for row in rows:
                found.setdefault((row["frame"], row["question"]), {})[arm] = row
        return found

    def flip_table(self) -> None:
        """Each answer that flipped in some arm: everybody's, with its margin in nats."""
        rows = []
        for (frame, question), seen in self.flipped.items():
            row = {"asked": f"{frame}: {question}", REFERENCE: said_by(seen, "reference")}
            for arm, theirs in self.by_question[frame, question].items():
                row[arm] = said_by(theirs, "candidate")
            rows.append(row)
        caption = "Where some arm flipped: each one's answer, and its margin in nats"
        otherwise = NOT_RECORDED
        if self.rows:
            otherwise = "no answer flipped"
        show_rows(rows, caption, otherwise)

    def frames(self) -> None:
        """The frames of what flipped, with the answers; where nothing did, the first frames."""
        if not self.rows:
            return
        shown = list(self.flipped)[:SHOWN_FLIPS]
        captions = [self._flip_caption(key) for key in shown]
        names = [frame for frame, _ in shown]
        if not shown:
            names = list(dict.fromkeys(frame for frame, _ in self.by_question))[:SHOWN_FRAMES]
            captions = [self._frame_caption(name) for name in names]
        here = {frame.name: frame for frame in self.panel.frames}
        show_frames([picture_of(here.get(name)) for name in names], captions)
        print(f"answers that flipped in some arm: {len(self.flipped)}; frames shown: {len(shown)}")

    def _flip_caption(self, key: tuple[str, str]) -> str:
        row = self.flipped[key]
        lines = [row["question"], f"{REFERENCE}: {said_by(row, 'reference')} nats"]
        for arm, theirs in self.by_question[key].items():
            if theirs["flipped"]:
                lines.append(f"{arm}: {said_by(theirs, 'candidate')} nats")
        return "\n".join(lines)

    def _frame_caption(self, name: str) -> str:
        """Each question about a frame, with the answers of the reference and of the first arm."""
        rows = [row for row in self.reference_rows if row["frame"] == name]
        lines = [f"{r['question']} {r['reference']}, {r['candidate']}" for r in rows]
        return "\n".join([f"{REFERENCE}, {self.panel.arms[0]}:", *lines])

    def open_table(self) -> None:
        """Open answers that are not the reference's word for word, and where they part."""
        if not self.rows:
            return
        opened = [row for rows in self.rows.values() for row in rows if row["open"]]
        parted = [row for row in opened if row["flipped"]]
        print(f"open answers: {len(opened)}, the same word for word: {len(opened) - len(parted)}")
        if parted:
            caption = f"Open answers that differ, at most {SHOWN_OPEN}; gaps in logits"
            show_rows(parted[:SHOWN_OPEN], caption, "", OPENED)

    def gates(self) -> list[Gate]:
        """Each candidate's decisions, and whether the reference itself is right often enough."""
        panel = self.panel
        names = [decision_gate_name(arm) for arm in panel.candidates]
        if not self.rows:
            return [not_recorded(name) for name in (*names, "accuracy")]
        floor = panel.study.knobs.accuracy_floor
        accuracy = accuracy_gate(self.reference_rows, floor, self.synthetic)
        if not self.noise:
            return [*(not_recorded(name) for name in names), accuracy]
        judged = [self._decision_gate(arm) for arm in panel.candidates]
        return [*judged, accuracy]

    def _decision_gate(self, arm: str) -> Gate:
        bound = None
        if arm != self.panel.incumbent:
            bound = self.incumbent_bound
        limit = self.panel.study.knobs.flip_limit
        return decision_gate(arm, self.rows[arm], limit, self.noise[arm], bound, self.synthetic)

    @cached_property
    def incumbent_bound(self) -> float | None:
        """The incumbent's own `flip_bound`; None where no incumbent is named."""
        name = self.panel.incumbent
        if not name:
            return None
        return flip_bound(self.rows[name], self.noise[name])


def picture_of(frame: Frame | None):
    """A frame's picture; None where there is no such frame here."""
    if frame is None:
        return None
    return frame.image


def said_by(row: dict, side: str) -> str:
    """An answer, and its margin in nats."""
    return f"{row[side]} by {row[f'{side}_margin']:.3f}"


def compare_answers(panel: Panel) -> Flips:
    """Every frame, every question, by the reference and by each arm; samples and records of it."""
    results = panel.study.results
    kept = results.measure_samples("decisions", partial(ask_everybody, panel))
    noise = results.measure("parity_noise", partial(measure_noise, panel))
    found = Flips(panel, kept, noise)
    if found.summary:
        results.write("decisions", found.summary)
    return found


def ask_everybody(panel: Panel) -> "pandas.DataFrame":
    """The rows of `decisions` of every arm."""
    import pandas

    return pandas.DataFrame([row for arm in panel.arms for row in decide(panel, arm)])


def decide(panel: Panel, name: str) -> list[dict]:
    """One arm's answers beside the reference's, about the frames that it was asked about."""
    given = panel.answers[name]
    count = len(given)
    reference = panel.answers[REFERENCE][:count]
    return decisions(name, panel.frames[:count], panel.study.questions, reference, given)


def measure_noise(panel: Panel) -> list[dict]:
    """How far each format alone moves a margin, nats; the profile's, where torch cannot say."""
    rows = []
    for arm, model in panel.formats.items():
        row = {"arm": arm, "evidence": evidence_of(arm), "baseline": model}
        row["excused_margin"] = margin_of(panel, arm, model)
        rows.append(row)
    return rows


def margin_of(panel: Panel, arm: str, model: str | None) -> float:
    """How far an arm's number format moves a margin: the model in it by torch says, else a knob."""
    if not model:
        return panel.study.knobs.excused_margin[panel.precision(arm)]
    return format_noise(decide(panel, model))
