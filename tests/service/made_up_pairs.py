"""Requests answered by two, as the tests of this folder make them up."""

import random

from blipkit.service.shadow import Pair
from blipkit.service.wire import Answered

ASKED = ("is the dog barking?", "is the dog playing?", "is the dog chewing furniture?")
OTHER = {"yes": "no", "no": "yes"}


def said(question, text, margin=3.0) -> Answered:
    return Answered(question, text, 0.9, margin)


def pair_of(primary, candidate, name="r", camera="porch", at_s=0.0, margins=None, again=None):
    """A pair about the first questions, one text each; margins: of the primary's."""
    margins = margins or [3.0] * len(primary)
    sides = [
        tuple(said(q, t, m) for q, t, m in zip(ASKED, texts, margins, strict=False))
        for texts in (primary, candidate)
    ]
    third = None
    if again is not None:
        third = tuple(said(q, t) for q, t in zip(ASKED, again, strict=False))
    return Pair(name, camera, at_s, *sides, third)


def made_up_pairs(count, seed, differs=0.0, noise=0.0):
    """Three questions about each of `count` frames. differs: share of answers that are others; noise: nats that every margin moves at most, so that the smallest flip."""
    draw = random.Random(seed)
    for number in range(count):
        first, second = [], []
        for question in ASKED:
            margin, text = draw.expovariate(0.3), draw.choice(["yes", "no"])
            moved, other = margin + draw.uniform(-noise, noise), text
            if moved < 0:
                moved, other = -moved, OTHER[text]
            if draw.random() < differs:
                other = OTHER[other]
            first.append(said(question, text, margin))
            second.append(said(question, other, moved))
        yield Pair(f"r{number}", f"camera {number % 10}", number, tuple(first), tuple(second))
