"""Buckets: the static shapes that components are compiled for. No torch here, so that a profile is
checked at once.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from blipkit.errors import BadInput
from blipkit.frames.questions import Question, Tokenised
from blipkit.profiles.knobs import check_fields


@dataclass(frozen=True, order=True)
class Bucket:
    """One static shape: frames, questions per frame, tokens per question, candidates per question,
    answer tokens.
    """

    frames: int = 1
    questions: int = 1
    tokens: int = 8
    candidates: int = 2
    answer_tokens: int = 20

    def __post_init__(self):
        check_fields(Bucket, asdict(self), "bucket")

    def __str__(self) -> str:
        asked = f"{self.frames}f-{self.questions}q-{self.tokens}t"
        return f"{asked}-{self.candidates}c-{self.answer_tokens}a"


def parse_buckets(given: Sequence[dict]) -> list[Bucket]:
    """Buckets as a profile writes them, one mapping of sizes each; sizes not named keep their
    defaults.
    """
    for sizes in given:
        check_fields(Bucket, sizes, f"bucket {sizes!r}")
    return [Bucket(**sizes) for sizes in given]


def choose_bucket(
    buckets: Sequence[Bucket], frames: int, questions: Sequence[Question], tokenised: Tokenised
) -> Bucket:
    """The bucket that fits with the fewest calls, then the least padding; BadInput names the one to
    add.
    """
    token_ids, options = tokenised
    lengths = [len(ids) for ids in token_ids]
    tokens = max(lengths)
    candidates = max(1, *map(len, options))
    length = max((len(ids) for option in options for ids in option), default=1)

    def fits(one: Bucket) -> bool:
        has_tokens = one.tokens >= tokens and one.answer_tokens >= length
        return has_tokens and one.candidates >= candidates

    def effort(one: Bucket) -> tuple[int, int]:
        calls = math.ceil(frames / one.frames) * math.ceil(len(questions) / one.questions)
        places = one.tokens + one.candidates * one.answer_tokens
        return calls, one.frames * one.questions * places

    fitting = [one for one in buckets if fits(one)]
    if not fitting:
        longest = questions[lengths.index(tokens)].text
        seen = f"the longest question ({longest!r}) has {tokens} tokens"
        answers = f"{candidates} candidates of up to {length} tokens"
        needed = f"tokens >= {tokens}, candidates >= {candidates}, answer_tokens >= {length}"
        advice = f"Add one with {needed} to common.buckets and run 02_trace again"
        there = ", ".join(map(str, buckets))
        raise BadInput(f"no bucket fits: {seen}, with {answers}; there are {there}. {advice}")
    return min(fitting, key=effort)
