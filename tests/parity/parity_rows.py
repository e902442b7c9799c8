"""Pairs of answers and calls as a test needs them, without asking anybody."""

from collections.abc import Sequence

import torch
from torch import Tensor

from blipkit import Question
from blipkit.frames.frames import Frame
from blipkit.model.pipeline import Answer
from blipkit.parity.answer_pairs import AnswerPair, BriefAnswer, pair_answers
from blipkit.parity.calls import Call
from blipkit.parity.tensors import Comparison

ARM = "torchscript bfloat16"
ASKED = [Question("q?")]


def answers(*texts_and_margins: tuple[str, float]) -> list[list[Answer]]:
    """Of one frame: a text and its margin for each question."""
    return [[Answer(text, 0.9, margin) for text, margin in texts_and_margins]]


def pair(reference_margin: float = 1.0, candidate_margin: float = 1.0, **fields) -> AnswerPair:
    """One question with candidates about one frame; both sides say yes."""
    values = {
        "arm": ARM,
        "frame": "f",
        "question": "q?",
        "is_open": False,
        "label": None,
        "reference": BriefAnswer("yes", reference_margin, 0.9),
        "candidate": BriefAnswer("yes", candidate_margin, 0.9),
    }
    return AnswerPair(**{**values, **fields})


def pairs_of(flips: int, n: int, margin: float, arm: str = ARM) -> list[AnswerPair]:
    """n frames, of which the first ones flipped, all at one margin."""
    pairs = []
    for i in range(n):
        text = "no" if i < flips else "yes"
        frame = [Frame(f"f{i}", None)]
        pairs += pair_answers(arm, frame, ASKED, answers(("yes", margin)), answers((text, margin)))
    return pairs


def open_pair(reference: Answer, candidate: Answer) -> AnswerPair:
    """An open question about one frame."""
    asked = [Question("what?", None)]
    (pair,) = pair_answers(ARM, [Frame("f", None)], asked, [[reference]], [[candidate]])
    return pair


def labelled(
    *texts: tuple[str, str], label: str = "yes", probability: float = 0.9
) -> list[AnswerPair]:
    """Frames that are all `label`, with what the reference answered, and the candidate."""
    pairs = []
    for i, both in enumerate(texts):
        reference, candidate = ([[Answer(text, probability, 1.0)]] for text in both)
        frame = [Frame(f"f{i}", None, {"q?": label})]
        pairs += pair_answers(ARM, frame, ASKED, reference, candidate)
    return pairs


def call_of(
    comparison: Comparison,
    arm: str = ARM,
    precision: str = "bfloat16",
    baseline: str | None = "eager bfloat16",
    component: str = "text_decoder",
) -> Call:
    """A comparison as 03 records it; without a baseline where it was compared with none."""
    if comparison.sigma_ratio is None:
        baseline = None
    return Call(arm, "measured", component, "logits", precision, baseline, comparison)


def calls_of(comparisons: Sequence[Comparison], **fields) -> list[Call]:
    return [call_of(comparison, **fields) for comparison in comparisons]


def three(
    seed: int = 0, n: int = 20_000, ours: float = 0.004, theirs: float = 0.004
) -> tuple[Tensor, Tensor, Tensor]:
    """Reference, candidate and baseline: a tensor, and two with noise of their own."""
    rng = torch.Generator().manual_seed(seed)
    a = torch.randn(n, generator=rng, dtype=torch.float64)
    return a, a + ours * torch.randn(n, generator=rng), a + theirs * torch.randn(n, generator=rng)
