"""Questions as people write them in a profile."""

from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.errors import BadInput


@dataclass(frozen=True)
class Question:
    """A text, and the answers to choose from; None for an open question."""

    text: str
    candidates: tuple[str, ...] | None = ("yes", "no")


def parse_questions(given: Sequence) -> list[Question]:
    """Questions as a profile writes them: a text, or {text, candidates: [...] | open}."""
    questions = []
    for item in given:
        item = {"text": item} if isinstance(item, str) else item
        if not isinstance(item, dict) or set(item) - {"text", "candidates"} or not str(item.get("text", "")).strip():
            raise BadInput(
                f"question {item!r}: expected a text, or {{text: ..., candidates: [yes, no]}} or {{text: ..., candidates: open}}"
            )
        candidates = item.get("candidates", ("yes", "no"))
        if candidates != "open" and (
            isinstance(candidates, str) or len(candidates) < 2 or not all(isinstance(c, str) for c in candidates)
        ):
            raise BadInput(
                f"question {item['text']!r}: candidates are {candidates!r}; expected two or more quoted texts, or open (YAML reads bare yes and no as true and false)"
            )
        questions.append(Question(item["text"], None if candidates == "open" else tuple(candidates)))
    if not questions:
        raise BadInput("questions: the list is empty; expected at least one question")
    return questions
