"""Do two arms agree? In numbers, tensor by tensor; and in decisions, answer by answer."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import torch

from blipkit.arms import evidence_of
from blipkit.frames import Frame
from blipkit.pipeline import Answer
from blipkit.questions import Question
from blipkit.records import Gate, judge, not_run
from blipkit.statistics import wilson


@dataclass(frozen=True)
class Comparison:
    """How far a candidate's tensor is from the reference's. Relative figures are against the whole reference tensor."""

    compared: int  # elements
    max_abs: float
    mean_abs: float
    relative_l2: float  # |candidate - reference| / |reference|
    relative_max: float  # max |candidate - reference| / max |reference|: per-element ratios explode near zero
    cosine: float
    not_finite: int  # NaN or inf in the candidate

    def row(self) -> dict:
        return asdict(self)


def compare(reference: torch.Tensor, candidate: torch.Tensor) -> Comparison:
    """Compare in float64. A shape that differs, or nothing to compare, gives NaN figures, which pass no gate."""
    if reference.shape != candidate.shape or reference.numel() == 0:
        nan = float("nan")
        return Comparison(0, nan, nan, nan, nan, nan, 0)
    a, b = reference.detach().cpu().double().flatten(), candidate.detach().cpu().double().flatten()
    error = (b - a).abs()
    return Comparison(
        compared=a.numel(),
        max_abs=error.max().item(),
        mean_abs=error.mean().item(),
        relative_l2=(error.norm() / a.norm()).item(),
        relative_max=(error.max() / a.abs().max()).item(),
        cosine=torch.nn.functional.cosine_similarity(a, b, 0).item(),
        not_finite=int((~b.isfinite()).sum()),
    )


def tensor_gate(arm: str, component: str, found: Sequence[dict], limit: float) -> Gate:
    """PASS where the worst relative L2 error is within the limit; what was measured is also the limit that would do.

    found: rows of Comparison, as recorded; those of this arm and component are judged.
    """
    name, evidence = f"parity {arm} {component}", evidence_of(arm)
    found = [
        Comparison(**{f.name: row[f.name] for f in fields(Comparison)})
        for row in found
        if (row["arm"], row["component"]) == (arm, component)
    ]
    if not found:
        reason = "nothing was compared: no request called this component"
        return Gate(name, "answer", "INVALID", None, limit, evidence, reason, "let the pipeline call it")
    if any(one.compared == 0 for one in found):
        reason = "nothing was compared: shapes differ or are empty"
        return Gate(name, "answer", "INVALID", None, limit, evidence, reason, "run 02_trace again")
    measured = max((one.relative_l2 for one in found), key=lambda error: math.inf if math.isnan(error) else error)
    numbers, bad = sum(one.compared for one in found), sum(one.not_finite for one in found)
    reason = f"worst relative L2 error; calls: {len(found)}, numbers: {numbers}, not finite: {bad}"
    advice = "compile with a wider number format, or look for the first component that fails"
    return judge(name, "answer", measured, limit, evidence=evidence, reason=reason, next=advice)


def decisions(arm: str, frames: Sequence[Frame], questions: Sequence[Question], reference, candidate) -> list[dict]:
    """One row per frame and question: both answers, both margins, whether the answer flipped, and the label, if any."""
    rows = []
    for frame, ours, theirs in zip(frames, reference, candidate, strict=True):
        for question, a, b in zip(questions, ours, theirs, strict=True):
            rows.append(_decision(arm, frame, question, a, b))
    return rows


def _decision(arm: str, frame: Frame, question: Question, reference: Answer, candidate: Answer) -> dict:
    return {
        "arm": arm,
        "frame": frame.name,
        "question": question.text,
        "open": question.candidates is None,
        "label": frame.answers.get(question.text),
        "reference": reference.text,
        "reference_margin": reference.margin,
        "candidate": candidate.text,
        "candidate_margin": candidate.margin,
        "flipped": (flipped := candidate.text != reference.text),
        "moved": abs(reference.margin + candidate.margin) if flipped else abs(reference.margin - candidate.margin),
    }


def summarise_decisions(rows: Sequence[dict]) -> dict:
    """One arm's row: answers and flips, of ranked and open questions; the largest movement of a margin, nats."""
    ranked = [row for row in rows if not row["open"]]
    return {
        "arm": rows[0]["arm"],
        "ranked_answers": len(ranked),
        "ranked_flips": sum(row["flipped"] for row in ranked),
        "open_answers": len(rows) - len(ranked),
        "open_flips": sum(row["flipped"] for row in rows) - sum(row["flipped"] for row in ranked),
        "largest_movement": max((row["moved"] for row in ranked), default=None),
    }


def decision_gate(arm: str, rows: Sequence[dict], limit: float, excused_margin: float, drawings: bool = False) -> Gate:
    """PASS where the upper 95 % bound of unexcused flips is within the limit; at most WARN on drawings.

    drawings: the frames are drawn scenes and the checkpoint was not trained on them, so its margins there say little.
    A flip is excused where the reference's own margin is below `excused_margin`: the format's rounding can do that.
    Only questions with candidates are counted; an open answer has no single margin.
    """
    ranked = [row for row in rows if not row["open"]]
    if not ranked:
        return not_run(
            f"decisions {arm}", "answer", "no question with candidates was asked", "add one to common.questions"
        )
    flips = [row for row in ranked if row["flipped"]]
    unexcused = [row for row in flips if not row["reference_margin"] < excused_margin]
    upper = wilson(len(unexcused), len(ranked))[1]
    reason = f"upper 95 % bound of the rate of unexcused flips: {len(unexcused)} of {len(ranked)} answers; {len(flips)} flips in all"
    advice = "look at the flips in 03_parity, or ask more frames for a tighter bound"
    gate = judge(f"decisions {arm}", "answer", upper, limit, evidence=evidence_of(arm), reason=reason, next=advice)
    if drawings and gate.status == "PASS":
        gate.status, gate.reason = "WARN", f"drawings, not your cameras; {reason}"
        gate.next = "ask about frames of your own: common.frames_from"
    return gate


def accuracy_gate(rows: Sequence[dict], floor: float, drawings: bool = False) -> Gate:
    """Share of the reference's answers that are right, among labelled questions with candidates; one arm's rows.

    drawings: as in `decision_gate`; the scenes' labels are then not this checkpoint's to answer.
    """
    if drawings:
        reason = "the drawn scenes' labels are not this checkpoint's to answer"
        return not_run(
            "accuracy", "answer", reason, "ask about labelled frames of your own: common.frames_from, labels.csv"
        )
    right = [row["label"] == row["reference"] for row in rows if not row["open"] and isinstance(row["label"], str)]
    if not right:
        reason = "no labels for these frames and questions"
        return not_run("accuracy", "answer", reason, "put labels.csv (file, question, answer) beside the images")
    low, high = wilson(sum(right), len(right))
    reason = f"{sum(right)} of {len(right)} right, 95 % interval {low:.3f} to {high:.3f}"
    advice = "is this the checkpoint you meant, and are the labels right?"
    return judge("accuracy", "answer", sum(right) / len(right), floor, at_least=True, reason=reason, next=advice)
