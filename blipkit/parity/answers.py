"""Does any answer change? Answer by answer, a candidate against the reference, and the gates."""

import math
from collections.abc import Sequence
from itertools import zip_longest

from blipkit.frames.frames import Frame
from blipkit.frames.questions import Question
from blipkit.model.pipeline import Answer
from blipkit.records.gates import Gate, judge, not_run, warned
from blipkit.runners.arms import evidence_of
from blipkit.statistics import calibration_error, mcnemar, reliability, trials_needed, wilson

Answers = Sequence[Sequence[Answer]]  # [frame][question]


def decisions(
    arm: str,
    frames: Sequence[Frame],
    questions: Sequence[Question],
    reference: Answers,
    candidate: Answers,
) -> list[dict]:
    """One row per frame and question: both answers, margins and probabilities, flip and label.

    moved: how far the margin went, nats, through zero where the answer flipped. Open answers that
    differ have the first token that does, and on each side the gap of the two best logits there.
    """
    rows = []
    for frame, ours, theirs in zip(frames, reference, candidate, strict=True):
        for question, a, b in zip(questions, ours, theirs, strict=True):
            rows.append(_decision(arm, frame, question, a, b))
    return rows


def _decision(
    arm: str, frame: Frame, question: Question, reference: Answer, candidate: Answer
) -> dict:
    parted = _first_divergence(reference, candidate)
    flipped = candidate.text != reference.text or math.isnan(candidate.margin)
    if flipped:
        moved = abs(reference.margin + candidate.margin)
    else:
        moved = abs(reference.margin - candidate.margin)
    return {
        "arm": arm,
        "frame": frame.name,
        "question": question.text,
        "open": question.candidates is None,
        "label": frame.answers.get(question.text),
        "flipped": flipped,
        "moved": moved,
        "first_divergence": parted,
        "reference": reference.text,
        "reference_margin": reference.margin,
        "reference_probability": reference.probability,
        "reference_gap": _gap_at(reference, parted),
        "candidate": candidate.text,
        "candidate_margin": candidate.margin,
        "candidate_probability": candidate.probability,
        "candidate_gap": _gap_at(candidate, parted),
    }


def _first_divergence(reference: Answer, candidate: Answer) -> int | None:
    """The place of the first token that differs, or that only one of the two has."""
    tokens = zip_longest(reference.tokens, candidate.tokens)
    for place, (ours, theirs) in enumerate(tokens):
        if ours != theirs:
            return place
    return None


def _gap_at(answer: Answer, place: int | None) -> float | None:
    """The gap of the two best logits at a token's place."""
    if place is None:
        return None
    return answer.gaps[place]


def ranked(rows: Sequence[dict]) -> list[dict]:
    """Answers to questions with candidates: only these have one margin, and can be judged."""
    return [row for row in rows if not row["open"]]


def unexcused(rows: Sequence[dict], noise: float) -> list[dict]:
    """Flips at a margin of the reference wider than `noise`, nats: rounding reaches not so far.

    Nor is an answer that is not a number rounding.
    """
    return [
        row
        for row in ranked(rows)
        if row["flipped"]
        if not row["reference_margin"] < noise or math.isnan(row["candidate_margin"])
    ]


def summarise_decisions(rows: Sequence[dict], noise: float) -> dict:
    """One arm's row: flips of ranked answers, their rate, those beyond `noise`, and open ones."""
    judged = ranked(rows)
    opened = [row for row in rows if row["open"]]
    flips = sum(row["flipped"] for row in judged)
    rate = wilson(flips, len(judged))
    return {
        "arm": rows[0]["arm"],
        "ranked_answers": len(judged),
        "ranked_flips": flips,
        "flip_rate_low": rate.low,
        "flip_rate_high": rate.high,
        "unexcused_flips": len(unexcused(rows, noise)),
        "noise": noise,  # nats
        "open_answers": len(opened),
        "open_flips": sum(row["flipped"] for row in opened),
        "largest_movement": max((row["moved"] for row in judged), default=None),
    }


def between(ours: Sequence[dict], theirs: Sequence[dict]) -> dict:
    """Two arms' rows about the same answers: how often they differ, and who alone is right.

    mcnemar_p: of McNemar's test on the answers that one of the two alone has right.
    """
    pairs = list(zip(ranked(ours), ranked(theirs), strict=True))
    assert all(_asked(a) == _asked(b) for a, b in pairs)
    differ = sum(a["candidate"] != b["candidate"] for a, b in pairs)
    rate = wilson(differ, len(pairs))
    right = []  # of each labelled answer: is the first arm right, is the second one?
    for a, b in pairs:
        if _labelled(a):
            right.append((a["candidate"] == a["label"], b["candidate"] == a["label"]))
    first = right.count((True, False))
    second = right.count((False, True))
    chance = None
    if right:
        chance = mcnemar(first, second)
    return {
        "answers": len(pairs),
        "differ": differ,
        "rate_low": rate.low,
        "rate_high": rate.high,
        "labelled": len(right),
        "only_first_right": first,
        "only_second_right": second,
        "mcnemar_p": chance,
    }


def _asked(row: dict) -> tuple[str, str]:
    return row["frame"], row["question"]


def _labelled(row: dict) -> bool:
    return isinstance(row["label"], str)  # parquet gives NaN for none


def calibration(rows: Sequence[dict], side: str = "candidate") -> list[dict]:
    """`statistics.reliability` of one side's labelled answers; empty without labels."""
    judged = [row for row in ranked(rows) if _labelled(row)]
    right = [row[side] == row["label"] for row in judged]
    return reliability([row[f"{side}_probability"] for row in judged], right)


def summarise_labels(rows: Sequence[dict], side: str = "candidate") -> dict | None:
    """Right answers, their share with its 95 % interval, calibration error; None without labels."""
    bins = calibration(rows, side)
    if not bins:
        return None
    n = sum(one.n for one in bins)
    right = round(sum(one.n * one.right.value for one in bins))
    accuracy = wilson(right, n)
    return {
        "labelled": n,
        "right": right,
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "calibration_error": calibration_error(bins),
    }


def decision_gate_name(arm: str) -> str:
    """The gate of one arm's answers."""
    return f"decisions {arm}"


def decision_gate(
    arm: str,
    rows: Sequence[dict],
    limit: float,
    noise: float,
    incumbent: float | None = None,
    synthetic: bool = False,
) -> Gate:
    """PASS where the upper 95 % bound of unexcused flips is within limit and incumbent's own.

    noise: nats, what the format explains; incumbent: the same bound of what answers today.
    synthetic: the frames are synthetic scenes that the checkpoint was not trained on, so that
    margins there say little: at most WARN.
    """
    name = decision_gate_name(arm)
    judged = ranked(rows)
    if not judged:
        reason = "no question with candidates was asked"
        return not_run(name, "answer", reason, "add one to common.questions")
    beyond = len(unexcused(rows, noise))
    flips = sum(row["flipped"] for row in judged)
    bound = limit
    reason = f"upper 95 % bound of the rate of unexcused flips: {beyond} of {len(judged)} answers"
    reason += f"; {flips} flips in all"
    reason += f"; a flip at a margin below {noise:.2g} nats is its format's rounding"
    if incumbent is not None:
        bound = min(limit, incumbent)
        reason += f"; the incumbent's bound is {incumbent:.2g}"
    advice = "look at the flips in 03_parity: at such margins it is no rounding"
    if not beyond:
        needed = f"{trials_needed(bound)} answers without such a flip"
        advice = f"ask more frames: {needed} bound the rate by {bound:.2g}"
    about = {"evidence": evidence_of(arm), "reason": reason, "next": advice}
    gate = judge(name, "answer", flip_bound(rows, noise), bound, **about)
    if not synthetic:
        return gate
    own = "ask about frames of your own: common.frames_from"
    return warned(gate, "synthetic scenes, not your cameras", own)


def flip_bound(rows: Sequence[dict], noise: float) -> float:
    """Upper 95 % bound of the rate of unexcused flips."""
    return wilson(len(unexcused(rows, noise)), len(ranked(rows))).high


def format_noise(rows: Sequence[dict]) -> float:
    """How far B moved a margin of the reference, nats: what rounding can flip."""
    moved = [row["moved"] for row in ranked(rows) if math.isfinite(row["moved"])]
    return max(moved, default=math.nan)


def accuracy_gate(rows: Sequence[dict], floor: float, synthetic: bool = False) -> Gate:
    """Share of the reference's labelled answers with candidates that are right; one arm's rows.

    synthetic: as in `decision_gate`; the scenes' labels are then not this checkpoint's to answer.
    """
    if synthetic:
        reason = "the synthetic scenes' labels are not this checkpoint's to answer"
        advice = "ask about labelled frames of your own: common.frames_from, labels.csv"
        return not_run("accuracy", "answer", reason, advice)
    found = summarise_labels(rows, "reference")
    if found is None:
        reason = "no labels for these frames and questions"
        advice = "put labels.csv (file, question, answer) beside the images"
        return not_run("accuracy", "answer", reason, advice)
    right = f"{found['right']} of {found['labelled']} right"
    reason = f"{right}, 95 % interval {found['low']:.3f} to {found['high']:.3f}"
    advice = "is this the checkpoint you meant, and are the labels right?"
    about = {"reason": reason, "next": advice}
    return judge("accuracy", "answer", found["accuracy"], floor, at_least=True, **about)
