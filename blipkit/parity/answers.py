"""Does any answer change? Which flips a precision excuses, who is right, and how sure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.parity.answer_pairs import AnswerPair, reference_alone
from blipkit.records.gates import Gate, judge, not_run
from blipkit.records.typed import interval, interval_of
from blipkit.runners.arms import evidence_of
from blipkit.statistics import (
    Bin,
    Interval,
    calibration_error,
    mcnemar,
    reliability,
    wilson,
)

ACCURACY = "accuracy"  # the gate of the reference's right answers


@dataclass(frozen=True)
class FlipSummary:
    """What became of one arm's answers, as `decisions` has it.

    ranked_answers: to questions with candidates; flip_rate: of these, 0-1; unexcused_flips: those
    at a wider margin than noise, nats; open_answers: to questions without candidates; open_flips:
    those that differ by a word; largest_movement: of the margins of ranked answers, nats.
    """

    arm: str
    ranked_answers: int
    ranked_flips: int
    flip_rate: Interval = interval("flip_rate{}")
    unexcused_flips: int
    noise: float
    open_answers: int
    open_flips: int
    largest_movement: float | None
    evidence: str


@dataclass(frozen=True)
class ArmPair:
    """Two arms' answers to the same questions with candidates, as `pairs` has it.

    arm, against: the first and the second; differ: answers that are not the same; rate: their
    share, 0-1; labelled: answers that have a label; only_first_right, only_second_right: those that
    one of the two alone has right; mcnemar_p: of McNemar's test on them, None without labels.
    """

    arm: str
    evidence: str
    against: str
    answers: int
    differ: int
    rate: Interval = interval("rate{}")
    labelled: int
    only_first_right: int
    only_second_right: int
    mcnemar_p: float | None


@dataclass(frozen=True)
class LabelSummary:
    """One arm's answers against their labels, as `labels` has it.

    right: of so many labelled; accuracy: their share, 0-1; calibration_error: expected, 0-1.
    """

    arm: str
    evidence: str
    labelled: int
    right: int
    accuracy: Interval = interval_of("accuracy", "low", "high")
    calibration_error: float


def ranked(pairs: Sequence[AnswerPair]) -> list[AnswerPair]:
    """Answers to questions with candidates: only these have one margin, and can be judged."""
    return [pair for pair in pairs if not pair.is_open]


def flips_in(pairs: Sequence[AnswerPair]) -> list[AnswerPair]:
    """Those whose answer is not the reference's."""
    return [pair for pair in pairs if pair.flipped]


def unexcused_flips(pairs: Sequence[AnswerPair], excused_margin: float) -> list[AnswerPair]:
    """Ranked answers that flipped at a margin of the reference's which rounding does not reach.

    excused_margin: nats, how far it reaches. An answer that is not a number is never excused.
    """
    return [
        pair
        for pair in flips_in(ranked(pairs))
        if not pair.reference.margin < excused_margin or math.isnan(pair.candidate.margin)
    ]


def not_finite(pairs: Sequence[AnswerPair]) -> list[AnswerPair]:
    """Answers, open ones too, whose probability or margin is no number that the reference has."""
    return [pair for pair in pairs if not _is_number(pair)]


def _is_number(pair: AnswerPair) -> bool:
    """A margin may be infinite where the reference's is: it had no runner-up."""
    margin = pair.candidate.margin
    has_margin = math.isfinite(margin) or margin == pair.reference.margin
    return has_margin and math.isfinite(pair.candidate.probability)


def summarise_flips(pairs: Sequence[AnswerPair], excused_margin: float) -> FlipSummary:
    """One arm's flips, ranked answers and open ones apart."""
    judged = ranked(pairs)
    flips = len(flips_in(judged))
    opened = [pair for pair in pairs if pair.is_open]
    arm = pairs[0].arm
    return FlipSummary(
        arm=arm,
        ranked_answers=len(judged),
        ranked_flips=flips,
        flip_rate=wilson(flips, len(judged)),
        unexcused_flips=len(unexcused_flips(pairs, excused_margin)),
        noise=excused_margin,
        open_answers=len(opened),
        open_flips=len(flips_in(opened)),
        largest_movement=max((pair.movement for pair in judged), default=None),
        evidence=evidence_of(arm),
    )


def compare_arms(first: Sequence[AnswerPair], second: Sequence[AnswerPair]) -> ArmPair:
    """How often two arms differ about the same frames and questions, and who alone is right."""
    both = list(zip(ranked(first), ranked(second), strict=True))
    assert all(_asked(a) == _asked(b) for a, b in both)
    differ = sum(a.candidate.text != b.candidate.text for a, b in both)
    right = [(a.is_right, b.is_right) for a, b in both if a.label is not None]
    first_alone = right.count((True, False))
    second_alone = right.count((False, True))
    chance = None
    if right:
        chance = mcnemar(first_alone, second_alone)
    return ArmPair(
        arm=first[0].arm,
        evidence=evidence_of(first[0].arm),
        against=second[0].arm,
        answers=len(both),
        differ=differ,
        rate=wilson(differ, len(both)),
        labelled=len(right),
        only_first_right=first_alone,
        only_second_right=second_alone,
        mcnemar_p=chance,
    )


def _asked(pair: AnswerPair) -> tuple[str, str]:
    return pair.frame, pair.question


def calibration(pairs: Sequence[AnswerPair]) -> list[Bin]:
    """`statistics.reliability` of an arm's labelled answers; empty without labels."""
    labelled = [pair for pair in ranked(pairs) if pair.label is not None]
    confidence = [pair.candidate.probability for pair in labelled]
    return reliability(confidence, [pair.is_right for pair in labelled])


def summarise_labels(pairs: Sequence[AnswerPair]) -> LabelSummary | None:
    """How many of an arm's labelled answers are right, and how sure it was; None without labels."""
    bins = calibration(pairs)
    if not bins:
        return None
    n = sum(part.n for part in bins)
    right = round(sum(part.n * part.right.value for part in bins))
    arm = pairs[0].arm
    return LabelSummary(
        arm=arm,
        evidence=evidence_of(arm),
        labelled=n,
        right=right,
        accuracy=wilson(right, n),
        calibration_error=calibration_error(bins),
    )


def margin_noise(pairs: Sequence[AnswerPair]) -> float:
    """How far a same-precision baseline moved any margin, nats: what rounding can flip.

    NaN, which excuses nothing, where no movement is finite.
    """
    movements = [pair.movement for pair in ranked(pairs) if math.isfinite(pair.movement)]
    return max(movements, default=math.nan)


def accuracy_gate(
    pairs: Sequence[AnswerPair], floor: float, untrained_scenes: bool = False
) -> Gate:
    """Whether enough of the reference's labelled answers to questions with candidates are right.

    pairs: of any one arm; floor: the share, 0-1; untrained_scenes: as in `decision_gate`; their
    labels are not this checkpoint's to answer.
    """
    if untrained_scenes:
        reason = "the synthetic scenes' labels are not this checkpoint's to answer"
        advice = "ask about labelled frames of your own: common.frames_from, labels.csv"
        return not_run(ACCURACY, "answer", reason, advice)
    labels = summarise_labels(reference_alone(pairs))
    if labels is None:
        reason = "no labels for these frames and questions"
        advice = "put labels.csv (file, question, answer) beside the images"
        return not_run(ACCURACY, "answer", reason, advice)
    share = labels.accuracy
    right = f"{labels.right} of {labels.labelled} right"
    reason = f"{right}, 95 % interval {share.low:.3f} to {share.high:.3f}"
    advice = "is this the checkpoint you meant, and are the labels right?"
    details = {"unit": "of the answers right", "reason": reason, "next": advice}
    return judge(ACCURACY, "answer", share.value, floor, at_least=True, **details)
