import pytest

from blipkit import Question
from blipkit.errors import BadInput
from blipkit.frames.questions import parse_questions


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
