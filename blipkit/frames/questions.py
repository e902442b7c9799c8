"""Questions as people write them in a profile."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.errors import BadInput, shown


@dataclass(frozen=True)
class Question:
    """A text, and the answers to choose from; None for an open question."""

    text: str
    candidates: tuple[str, ...] | None = ("yes", "no")


SHOWN = 5  # unknown words in one message

# per question: its tokens, and those of each candidate
Tokenised = tuple[list[list[int]], list[list[list[int]]]]


def tokenise(questions: Sequence[Question], tokenizer, end: int) -> Tokenised:
    """Token ids of each question, and of each of its candidates.

    end: the token that the decoder must predict after a candidate. BadInput for a text that is
    mostly unknown to the tokenizer, and for candidates that it cannot tell apart: each would be
    answered, and the answer mean nothing.
    """
    framing = tokenizer.num_special_tokens_to_add()  # the tokens around a question
    token_ids = []
    options = []
    for question in questions:
        ids = tokenizer(question.text).input_ids
        texts = question.candidates or ()
        each = [tokenizer(text, add_special_tokens=False).input_ids for text in texts]
        about = f"question {shown(question.text)}"
        _check_known(about, question.text, ids, len(ids) - framing, tokenizer)
        for text, candidate in zip(texts, each, strict=True):
            whose = f"{about}: its candidate {shown(text)}"
            _check_known(whose, text, candidate, len(candidate), tokenizer)
        _check_apart(about, texts, each, tokenizer)
        token_ids.append(ids)
        options.append([[*candidate, end] for candidate in each])
    return token_ids, options


def _check_known(about: str, text: str, ids: list[int], count: int, tokenizer) -> None:
    """Refuse a text without words, or of which more than half is unknown to a tokenizer.

    about: what messages call it; count: how many of the ids are of its words.
    """
    if count < 1:
        raise BadInput(f"{about} has no word that this checkpoint's tokenizer sees; expected words")
    unknown = ids.count(tokenizer.unk_token_id)
    if 2 * unknown > count:
        words = ", ".join(_unknown_words(text, tokenizer))
        seen = f"{unknown} of its {count} tokens are unknown to this checkpoint ({words})"
        advice = "use words of the language that it was trained on"
        raise BadInput(f"{about}: {seen}; {advice}")


def _check_apart(about: str, texts: Sequence[str], each: list[list[int]], tokenizer) -> None:
    """Refuse candidates that are the same tokens."""
    taken: dict[tuple[int, ...], str] = {}
    for text, ids in zip(texts, each, strict=True):
        other = taken.get(tuple(ids))
        if other is not None:
            tokens = " ".join(tokenizer.convert_ids_to_tokens(ids))
            pair = f"{shown(other)} and {shown(text)}"
            problem = f"its candidates {pair} are the same tokens to this checkpoint ({tokens})"
            raise BadInput(f"{about}: {problem}, so no answer tells them apart; keep one of them")
        taken[tuple(ids)] = text


def _unknown_words(text: str, tokenizer) -> list[str]:
    """The first words of a text that a tokenizer does not know; the text itself where it does not
    say.
    """
    if not tokenizer.is_fast:
        return [shown(text)]
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    places = zip(tokens.input_ids, tokens.offset_mapping, strict=True)
    unknown = [shown(text[a:b]) for id, (a, b) in places if id == tokenizer.unk_token_id]
    return list(dict.fromkeys(unknown))[:SHOWN]


def as_questions(asked: object, candidates: object = Question.candidates) -> list[Question]:
    """Questions as Python code writes them: one or several, each a Question, a text, or a mapping
    as in a profile.

    candidates: what texts may be answered with; None for open answers.
    """
    if isinstance(asked, str | Question | dict):
        asked = [asked]
    if not isinstance(asked, Sequence):
        raise BadInput(f"questions {shown(asked)}: expected a list of texts or of Questions")
    return [_as_question(one, candidates) for one in asked]


def _as_question(asked: object, candidates: object) -> Question:
    """One of `as_questions`."""
    if isinstance(asked, Question):
        return asked
    if not isinstance(asked, str):
        return _question_in(asked)
    if not candidates:
        return Question(asked, None)
    if isinstance(candidates, str) or not all(isinstance(one, str) for one in candidates):
        expected = "expected a list of texts, or None for open answers"
        raise BadInput(f"question {shown(asked)}: candidates are {shown(candidates)}; {expected}")
    return Question(asked, tuple(candidates))


def parse_questions(entries: Sequence) -> list[Question]:
    """Questions as a profile writes them: each a text, or {text, candidates: [...] | open}.

    Accents are composed (NFC), as in labels. BadInput for what is neither, and for one that stands
    twice; profiles refuse an empty list.
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
        return Question(_composed(item))
    if (
        not isinstance(item, dict)
        or set(item) - {"text", "candidates"}
        or not isinstance(item.get("text"), str)
    ):
        expected = "a text, or {text: ..., candidates: [yes, no]} or {text: ..., candidates: open}"
        raise BadInput(f"question {shown(item)}: expected {expected}")
    text = _composed(item["text"])
    candidates = item.get("candidates", list(Question.candidates))
    if candidates == "open":
        return Question(text, None)
    return Question(text, _candidates_in(text, candidates))


def _composed(text: str) -> str:
    """A text with each letter and its accents composed, whatever keyboard wrote it."""
    return unicodedata.normalize("NFC", text)


def _candidates_in(text: str, candidates: object) -> tuple[str, ...]:
    """The candidates of a question; BadInput for what is not two or more different texts."""
    is_list = isinstance(candidates, list | tuple) and len(candidates) > 1
    if not is_list or not all(isinstance(answer, str) for answer in candidates):
        expected = (
            "two or more quoted texts, or open (YAML reads bare yes and no as true and false)"
        )
        seen = f"candidates are {shown(candidates)}"
        raise BadInput(f"question {shown(text)}: {seen}; expected {expected}")
    texts = tuple(_composed(answer) for answer in candidates)
    if len(set(texts)) < len(texts):
        problem = f"a candidate stands twice in {shown(candidates)}; expected different ones"
        raise BadInput(f"question {shown(text)}: {problem}")
    return texts
