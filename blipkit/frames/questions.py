"""Questions as people write them in a profile."""

from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.errors import BadInput


@dataclass(frozen=True)
class Question:
    """A text, and the answers to choose from; None for an open question."""

    text: str
    candidates: tuple[str, ...] | None = ("yes", "no")


# per question: its tokens, and those of each candidate
Tokenised = tuple[list[list[int]], list[list[list[int]]]]


def tokenise(questions: Sequence[Question], tokenizer, end: int) -> Tokenised:
    """Token ids of each question, and of each of its candidates.

    end: the token that the decoder must predict after a candidate.
    """
    options = [
        [[*tokenizer(text, add_special_tokens=False).input_ids, end] for text in q.candidates or ()]
        for q in questions
    ]
    return [tokenizer(q.text).input_ids for q in questions], options


def parse_questions(entries: Sequence) -> list[Question]:
    """Questions as a profile writes them: each a text, or {text, candidates: [...] | open}.

    BadInput for what is neither, and for one that stands twice; profiles refuse an empty list.
    """
    questions: list[Question] = []
    for entry in entries:
        question = _question_in(entry)
        if any(other.text == question.text for other in questions):
            problem = "stands twice in common.questions; ask it once"
            raise BadInput(f"question {question.text!r} {problem}")
        questions.append(question)
    return questions


def _question_in(item: object) -> Question:
    """One entry as a Question; a text alone is answered yes or no."""
    if isinstance(item, str):
        return Question(item)
    if (
        not isinstance(item, dict)
        or set(item) - {"text", "candidates"}
        or not isinstance(item.get("text"), str)
    ):
        expected = "a text, or {text: ..., candidates: [yes, no]} or {text: ..., candidates: open}"
        raise BadInput(f"question {item!r}: expected {expected}")
    text = item["text"]
    candidates = item.get("candidates", list(Question.candidates))
    if candidates == "open":
        return Question(text, None)
    _check_candidates(text, candidates)
    return Question(text, tuple(candidates))


def _check_candidates(text: str, candidates: object) -> None:
    """Refuse what is not two or more different texts."""
    is_list = isinstance(candidates, list) and len(candidates) > 1
    if not is_list or not all(isinstance(answer, str) for answer in candidates):
        expected = (
            "two or more quoted texts, or open (YAML reads bare yes and no as true and false)"
        )
        raise BadInput(f"question {text!r}: candidates are {candidates!r}; expected {expected}")
    if len(set(candidates)) < len(candidates):
        problem = f"a candidate stands twice in {candidates!r}; expected different ones"
        raise BadInput(f"question {text!r}: {problem}")
