"""Questions as people write them in a profile."""

from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.errors import BadInput


@dataclass(frozen=True)
class Question:
    """A text, and the answers to choose from; None for an open question."""

    text: str
    candidates: tuple[str, ...] | None = ("yes", "no")


Tokenised = tuple[
    list[list[int]], list[list[list[int]]]
]  # per question: its tokens, and those of each candidate


def tokenise(questions: Sequence[Question], tokenizer, end: int) -> Tokenised:
    """Token ids of each question, and of each of its candidates with the end token that the decoder
    must predict.
    """
    options = [
        [[*tokenizer(text, add_special_tokens=False).input_ids, end] for text in q.candidates or ()]
        for q in questions
    ]
    return [tokenizer(q.text).input_ids for q in questions], options


def parse_questions(given: Sequence) -> list[Question]:
    """Questions as a profile writes them: a text, or {text, candidates: [...] | open}; `params`
    refused empty ones.
    """
    questions = []
    for item in given:
        item = {"text": item} if isinstance(item, str) else item
        if (
            not isinstance(item, dict)
            or set(item) - {"text", "candidates"}
            or not isinstance(item.get("text"), str)
        ):
            expected = (
                "a text, or {text: ..., candidates: [yes, no]} or {text: ..., candidates: open}"
            )
            raise BadInput(f"question {item!r}: expected {expected}")
        text, candidates = item["text"], item.get("candidates", list(Question.candidates))
        if candidates == "open":
            candidates = None
        elif not (
            isinstance(candidates, list)
            and len(candidates) > 1
            and all(isinstance(c, str) for c in candidates)
        ):
            expected = (
                "two or more quoted texts, or open (YAML reads bare yes and no as true and false)"
            )
            raise BadInput(f"question {text!r}: candidates are {candidates!r}; expected {expected}")
        elif len(set(candidates)) < len(candidates):
            raise BadInput(
                f"question {text!r}: a candidate stands twice in {candidates!r}; expected "
                "different ones"
            )
        if any(q.text == text for q in questions):
            raise BadInput(f"question {text!r} stands twice in common.questions; ask it once")
        questions.append(Question(text, tuple(candidates) if candidates else None))
    return questions
