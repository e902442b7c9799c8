"""Each answer of an arm beside the reference's, and the samples `decisions` that keep them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from blipkit.frames.frames import Frame
from blipkit.frames.questions import Question
from blipkit.records.samples import COUNTS, FLAGS, NUMBERS, TEXTS, TEXTS_OR_NONE
from blipkit.runners.arms import REFERENCE

if TYPE_CHECKING:
    import pandas

    from blipkit.model.pipeline import Answer

# of the samples `decisions`: what a pair is made of
COLUMNS = {
    "arm": TEXTS,
    "frame": TEXTS,
    "question": TEXTS,
    "open": FLAGS,
    "label": TEXTS_OR_NONE,
    "first_divergence": COUNTS,
}
for side in ("reference", "candidate"):
    COLUMNS[side] = TEXTS
    COLUMNS.update({f"{side}_{name}": NUMBERS for name in ("margin", "probability", "gap")})
Answers = Sequence[Sequence["Answer"]]  # [frame][question]


@dataclass(frozen=True)
class BriefAnswer:
    """What samples keep of an answer.

    margin: to the runner-up, nats; probability: 0-1; gap: between the two best logits at the first
    token that differs from the other side's, None where none does.
    """

    text: str
    margin: float
    probability: float
    gap: float | None = None

    def __str__(self) -> str:
        """The answer, and its margin in nats."""
        return f"{self.text} by {self.margin:.3f}"


@dataclass(frozen=True)
class AnswerPair:
    """What the reference and an arm, the candidate, answered to a question about a frame.

    is_open: the question has no candidates to choose from; label: the right answer, None where
    nobody gave one; first_divergence: place of the first token that differs, or that only one side
    has; None where all are the same, and for answers that were chosen.
    """

    arm: str
    frame: str
    question: str
    is_open: bool
    label: str | None
    reference: BriefAnswer
    candidate: BriefAnswer
    first_divergence: int | None = None

    @property
    def flipped(self) -> bool:
        """Whether the candidate's answer is another, or not a number."""
        return self.candidate.text != self.reference.text or math.isnan(self.candidate.margin)

    @property
    def movement(self) -> float:
        """How far the margin moved, nats; through zero where the answer flipped."""
        if self.flipped:
            return abs(self.reference.margin + self.candidate.margin)
        return abs(self.reference.margin - self.candidate.margin)

    @property
    def is_right(self) -> bool:
        """Whether the candidate's answer is the label."""
        return self.candidate.text == self.label


def pair_answers(
    arm: str,
    frames: Sequence[Frame],
    questions: Sequence[Question],
    reference: Answers,
    candidate: Answers,
) -> list[AnswerPair]:
    """A pair for each frame and question, frame by frame."""
    pairs = []
    for frame, expected, answered in zip(frames, reference, candidate, strict=True):
        for question, first, second in zip(questions, expected, answered, strict=True):
            pairs.append(_pair(arm, frame, question, first, second))
    return pairs


def _pair(
    arm: str, frame: Frame, question: Question, reference: "Answer", candidate: "Answer"
) -> AnswerPair:
    place = _first_divergence(reference, candidate)
    return AnswerPair(
        arm=arm,
        frame=frame.name,
        question=question.text,
        is_open=question.candidates is None,
        label=frame.answers.get(question.text),
        reference=_in_brief(reference, place),
        candidate=_in_brief(candidate, place),
        first_divergence=place,
    )


def _first_divergence(reference: "Answer", candidate: "Answer") -> int | None:
    """The place of the first token that differs, or that only one of the two has."""
    tokens = zip_longest(reference.tokens, candidate.tokens)
    for place, (expected, answered) in enumerate(tokens):
        if expected != answered:
            return place
    return None


def _in_brief(answer: "Answer", place: int | None) -> BriefAnswer:
    """What samples keep of an answer; place: of the token whose gap is kept."""
    gap = None
    if place is not None:
        gap = answer.gaps[place]
    return BriefAnswer(answer.text, answer.margin, answer.probability, gap)


def reference_alone(pairs: Iterable[AnswerPair]) -> list[AnswerPair]:
    """The reference's answers beside themselves, so that it is judged as any arm is."""
    return [replace(pair, arm=REFERENCE, candidate=pair.reference) for pair in pairs]


def frame_of(pairs: Iterable[AnswerPair]) -> "pandas.DataFrame":
    """Pairs as the samples `decisions` keep them."""
    import pandas

    return pandas.DataFrame([_columns(pair) for pair in pairs])


def _columns(pair: AnswerPair) -> dict[str, Any]:
    """A pair as a row of a table."""
    return {
        "arm": pair.arm,
        "frame": pair.frame,
        "question": pair.question,
        "open": pair.is_open,
        "label": pair.label,
        "flipped": pair.flipped,
        "moved": pair.movement,
        "first_divergence": pair.first_divergence,
        "reference": pair.reference.text,
        "reference_margin": pair.reference.margin,
        "reference_probability": pair.reference.probability,
        "reference_gap": pair.reference.gap,
        "candidate": pair.candidate.text,
        "candidate_margin": pair.candidate.margin,
        "candidate_probability": pair.candidate.probability,
        "candidate_gap": pair.candidate.gap,
    }


def pairs_in(samples: "pandas.DataFrame") -> list[AnswerPair]:
    """The pairs that samples keep; none where a replay's folder has no samples."""
    return [_pair_in(row) for row in samples.to_dict("records")]


def _pair_in(row: dict[str, Any]) -> AnswerPair:
    """A row of a table as a pair."""
    place = _known(row["first_divergence"])
    if place is not None:
        place = int(place)
    return AnswerPair(
        arm=row["arm"],
        frame=row["frame"],
        question=row["question"],
        is_open=row["open"],
        label=_known(row["label"]),
        reference=_side_in(row, "reference"),
        candidate=_side_in(row, "candidate"),
        first_divergence=place,
    )


def _side_in(row: dict[str, Any], side: str) -> BriefAnswer:
    """One side of a row, `reference` or `candidate`, as its columns are called."""
    return BriefAnswer(
        row[side], row[f"{side}_margin"], row[f"{side}_probability"], _known(row[f"{side}_gap"])
    )


def _known(value: Any) -> Any:
    """None for the NaN that pandas has in its place."""
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
