import unicodedata

import pytest

from blipkit import Question
from blipkit.errors import BadInput
from blipkit.frames.questions import as_questions, parse_questions, tokenise
from blipkit.model.builtin import word_tokenizer
from blipkit.model.checks import check_buckets


def test_a_text_is_answered_yes_or_no():
    """Plain texts, candidates and open questions are read as a profile writes them."""
    given = [
        "a?",
        {"text": "b?", "candidates": ["cat", "dog"]},
        {"text": "c?", "candidates": "open"},
    ]
    assert parse_questions(given) == [
        Question("a?", ("yes", "no")),
        Question("b?", ("cat", "dog")),
        Question("c?", None),
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([3], "expected a text"),
        ([{"candidates": "open"}], "expected a text"),
        ([{"text": "dog", "answers": ["a"]}], "expected a text"),
        (
            [{"text": "dog", "candidates": [True, False]}],
            "YAML reads bare yes and no as true and false",
        ),
        ([{"text": "dog", "candidates": ["yes"]}], "two or more"),
        ([{"text": "dog", "candidates": "yes"}], "two or more"),
        ([{"text": "dog", "candidates": ["yes", "yes"]}], "a candidate stands twice"),
        (["dog", "dog"], "stands twice in common.questions"),
    ],
)
def test_bad_questions_are_named(given, message):
    """A question that cannot be asked is refused with what was seen."""
    with pytest.raises(BadInput, match=message):
        parse_questions(given)


def test_accents_are_composed_whatever_keyboard_wrote_them():
    """A question and its candidates are the same texts in either form, and twice the same is refused."""
    apart = unicodedata.normalize("NFD", "café?")
    (question,) = parse_questions([{"text": apart, "candidates": [apart, "no"]}])
    assert question == Question("café?", ("café?", "no"))
    with pytest.raises(BadInput, match="stands twice in common.questions"):
        parse_questions([apart, "café?"])
    with pytest.raises(BadInput, match="a candidate stands twice"):
        parse_questions([{"text": "a?", "candidates": [apart, "café?"]}])


@pytest.fixture(scope="module")
def tokenizer():
    return word_tokenizer()


SAME = {
    ("Yes", "yes"): r"'Yes' and 'yes' are the same tokens to this checkpoint \(yes\)",
    ("no", "yes", "YES"): r"'yes' and 'YES' are the same tokens",
    ("cafe", "café"): r"'cafe' and 'café' are the same tokens",
    (" yes", "yes"): r"' yes' and 'yes' are the same tokens",
    ("yes", "yes"): r"'yes' and 'yes' are the same tokens",
}


@pytest.mark.parametrize("candidates", SAME)
def test_candidates_of_the_same_tokens_are_refused(tokenizer, candidates):
    """The first would be every answer, with the probability of a coin."""
    with pytest.raises(BadInput, match=f"question 'is it\\?': its candidates {SAME[candidates]}"):
        tokenise([Question("is it?", candidates)], tokenizer, 3)


@pytest.mark.parametrize("candidates", [("😀", "😢"), ("猫", "犬"), ("yes", "猫"), ("ж", "no")])
def test_candidates_that_are_unknown_are_refused(tokenizer, candidates):
    """What is one unknown token could be any other word as well; it is shown."""
    message = r"its candidate '.' .*1 of its 1 tokens are unknown to this checkpoint \('.'\)"
    with pytest.raises(BadInput, match=message.replace(" .*", ": ")):
        tokenise([Question("is it?", candidates)], tokenizer, 3)


def test_a_question_that_is_mostly_unknown_is_refused_with_its_words(tokenizer):
    """Its answer would be to another question."""
    message = (
        r"'есть собака\?': 2 of its 3 tokens are unknown to this checkpoint \('есть', 'собака'\)"
    )
    with pytest.raises(BadInput, match=message):
        tokenise([Question("есть собака?")], tokenizer, 3)
    tokenise([Question("is the 犬 barking?")], tokenizer, 3)


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "\0"])
def test_a_text_without_words_is_refused(tokenizer, text):
    """Neither as a question nor as a candidate."""
    for question in (Question(text), Question("is it?", ("yes", text))):
        with pytest.raises(BadInput, match="has no word that this checkpoint's tokenizer sees"):
            tokenise([question], tokenizer, 3)


def test_what_cannot_be_told_apart_is_found_before_a_run(small):
    """Where the checkpoint and the questions are known, the tokens are."""
    with pytest.raises(BadInput, match="are the same tokens"):
        check_buckets(small, [Question("is it?", ("Yes", "yes"))], [])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("is it?", [Question("is it?")]),
        (["is it?", "what?"], [Question("is it?"), Question("what?")]),
        (("is it?",), [Question("is it?")]),
        (Question("what?", None), [Question("what?", None)]),
        ({"text": "what?", "candidates": "open"}, [Question("what?", None)]),
        ([{"text": "a?", "candidates": ["b", "c"]}], [Question("a?", ("b", "c"))]),
        ([{"text": "a?", "candidates": ("b", "c")}], [Question("a?", ("b", "c"))]),
        ([], []),
    ],
)
def test_python_code_may_ask_as_it_likes(asked, expected):
    """A text is one question, not its letters; mappings are read as in a profile."""
    assert as_questions(asked) == expected


def test_texts_are_answered_with_the_candidates_that_are_passed():
    """None means open answers."""
    assert as_questions("is it?", ["a", "b"]) == [Question("is it?", ("a", "b"))]
    assert as_questions(["is it?"], None) == [Question("is it?", None)]


@pytest.mark.parametrize(
    ("asked", "candidates", "message"),
    [
        (7, None, "questions 7: expected a list of texts or of Questions"),
        ([7], None, "question 7: expected a text"),
        ([{"question": "a?"}], None, "expected a text, or {text:"),
        ("is it?", "yes", "candidates are 'yes'; expected a list of texts, or None for open"),
        ("is it?", [True, False], r"candidates are \[True, False\]; expected a list of texts"),
    ],
)
def test_what_is_no_question_is_refused_in_python_too(asked, candidates, message):
    """What was passed is shown, with what would do; the message stays short."""
    with pytest.raises(BadInput, match=message):
        as_questions(asked, candidates)
    with pytest.raises(BadInput) as error:
        as_questions([["a"] * 10_000])
    assert len(str(error.value)) < 500
