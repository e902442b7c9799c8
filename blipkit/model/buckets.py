"""Buckets: the static shapes that components are compiled for. No torch here, so that a profile is
checked at once.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from blipkit.errors import BadInput
from blipkit.frames.questions import Question, Tokenised
from blipkit.profiles.knobs import check_fields

# of one bucket: more is a slip, and no memory would hold their states
MOST_FRAMES = 10_000
MOST_TOKENS = 10**7


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
        answers = self.frames * self.questions * self.candidates
        tokens = answers * max(self.tokens, self.answer_tokens)
        if tokens > MOST_TOKENS or self.frames > MOST_FRAMES:
            most = f"{MOST_FRAMES:,} frames and {MOST_TOKENS:,} tokens of answers"
            problem = f"asks for {self.frames:,} frames and {tokens:,} tokens at once"
            raise BadInput(f"bucket {self} {problem}; expected at most {most}")

    def __str__(self) -> str:
        question = f"{self.frames}f-{self.questions}q-{self.tokens}t"
        return f"{question}-{self.candidates}c-{self.answer_tokens}a"


def parse_buckets(entries: Sequence[dict]) -> list[Bucket]:
    """The buckets of a profile, which writes each as a mapping of sizes; a size that is not named
    keeps its default.
    """
    for sizes in entries:
        check_fields(Bucket, sizes, f"bucket {sizes!r}")
    return [Bucket(**sizes) for sizes in entries]


def choose_bucket(
    buckets: Sequence[Bucket], frames: int, questions: Sequence[Question], tokenised: Tokenised
) -> Bucket:
    """The bucket that fits the request with the fewest calls, then with the least padding.

    BadInput where none fits; it says which sizes to add.
    """
    token_ids, options = tokenised
    lengths = [len(ids) for ids in token_ids]
    tokens = max(lengths)
    candidates = max(1, *map(len, options))
    length = max((len(ids) for option in options for ids in option), default=1)

    def fits(bucket: Bucket) -> bool:
        has_tokens = bucket.tokens >= tokens and bucket.answer_tokens >= length
        return has_tokens and bucket.candidates >= candidates

    def effort(bucket: Bucket) -> tuple[int, int]:
        calls = math.ceil(frames / bucket.frames) * math.ceil(len(questions) / bucket.questions)
        tokens_each = bucket.tokens + bucket.candidates * bucket.answer_tokens
        return calls, bucket.frames * bucket.questions * tokens_each

    fitting = [bucket for bucket in buckets if fits(bucket)]
    if not fitting:
        needed = Bucket(
            frames=max((bucket.frames for bucket in buckets), default=1),
            questions=len(questions),
            tokens=tokens,
            candidates=candidates,
            answer_tokens=length,
        )
        longest = questions[lengths.index(tokens)].text
        raise BadInput(none_fits(buckets, needed, longest))
    return min(fitting, key=effort)


def none_fits(buckets: Sequence[Bucket], needed: Bucket, longest: str) -> str:
    """That no bucket fits, and which would; longest: the question with the most tokens."""
    problem = f"the longest question ({longest!r}) has {needed.tokens} tokens"
    answers = f"{needed.candidates} candidates of up to {needed.answer_tokens} tokens"
    known = ", ".join(map(str, buckets))
    least = f"tokens >= {needed.tokens}, candidates >= {needed.candidates}"
    least = f"{least}, answer_tokens >= {needed.answer_tokens}"
    advice = f"Add one with {least} to common.buckets and run 02_trace again"
    sizes = ", ".join(f"{name}: {size}" for name, size in asdict(needed).items())
    setting = f"or take one that fits: --set 'common.buckets=[{{{sizes}}}]'"
    return f"no bucket fits: {problem}, with {answers}; there are {known}. {advice}, {setting}"
