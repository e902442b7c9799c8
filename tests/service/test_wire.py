"""The form of a request: what it may hold, and what it is told where it may not."""

import hypothesis
import pytest
from hypothesis import strategies as st
from made_up_tiers import picture

from blipkit.service import wire
from blipkit.service.wire import Problem, asked_of, picture_of

QUESTION = ("question", "is the dog barking?")
IMAGE = ("image", picture())


def test_a_form_is_read_as_it_was_meant():
    """Questions in their order, with the candidates given for all; yes and no, and the kind, by themselves."""
    asked = asked_of([IMAGE, QUESTION, ("question", "e\u0301te\u0301?")])
    assert [one.text for one in asked.questions] == ["is the dog barking?", "\u00e9t\u00e9?"]
    assert {one.candidates for one in asked.questions} == {("yes", "no")}
    assert (asked.kind, asked.image) == ("answers", IMAGE[1])
    colours = asked_of([QUESTION, ("candidates", "red"), ("candidates", "blue"), IMAGE])
    assert colours.questions[0].candidates == ("red", "blue")
    assert asked_of([IMAGE, QUESTION, ("candidates", "open")]).questions[0].candidates is None


REJECTED = [
    (
        [QUESTION],
        422,
        r"no image; expected a JPEG or a PNG in the field `image`, with curl: -F image=@dog.jpg",
    ),
    (
        [("image", "dog.jpg"), QUESTION],
        422,
        r"image is the text 'dog.jpg'; expected a file, with curl: -F image=@",
    ),
    ([("image", b""), QUESTION], 422, "no image"),
    ([IMAGE, IMAGE, QUESTION], 422, "image stands 2 times; expected it once"),
    ([("image", b"%PDF-1.7"), QUESTION], 415, "image is a PDF; expected a JPEG or a PNG"),
    (
        [("image", b"GIF89a"), QUESTION],
        415,
        "image is a GIF that cannot be read.*; expected a JPEG or a PNG",
    ),
    (
        [("image", b"hello"), QUESTION],
        415,
        "image is not an image of a format that is read here; expected",
    ),
    ([IMAGE], 422, "no question; expected at least one, with curl: -F question="),
    ([IMAGE, ("question", "  ")], 422, "no question"),
    ([IMAGE, ("question", b"text")], 422, "question is a file; expected text"),
    ([IMAGE, QUESTION, ("kind", "caption")], 422, "kind 'caption'; known: answers"),
    ([IMAGE, QUESTION, ("kind", "answer")], 422, "kind 'answer'; did you mean 'answers'?"),
    ([IMAGE, ("questions", "is it?")], 422, "unknown field 'questions'; did you mean 'question'?"),
    (
        [IMAGE, QUESTION, ("candidates", "yes")],
        422,
        r"candidates are \['yes'\]; expected two or more quoted texts, or open$",
    ),
    ([IMAGE, QUESTION, ("candidates", "a"), ("candidates", "a")], 422, "a candidate stands twice"),
]


@pytest.mark.parametrize(("fields", "status", "said"), REJECTED)
def test_what_is_no_request_is_rejected_with_the_reason(fields, status, said):
    """Each with its status: 415 for another format, 422 for what is missing, twice, or not known."""
    with pytest.raises(Problem, match=said) as caught:
        asked_of(fields)
    assert (caught.value.status, caught.value.outcome) == (status, "rejected")


def test_an_image_that_is_cut_is_rejected():
    """It begins as a PNG and is none: 422, with what its reader says."""
    with pytest.raises(Problem, match="image cannot be decoded") as caught:
        picture_of(picture(size=(64, 64))[:-40])
    assert caught.value.status == 422
    assert picture_of(picture()).size == (8, 8)


@hypothesis.given(
    st.lists(
        st.tuples(
            st.sampled_from([*wire.FIELDS, "other"]),
            st.one_of(st.text(max_size=20), st.binary(max_size=20), st.just(picture())),
        ),
        max_size=6,
    )
)
def test_any_form_is_read_or_rejected(fields):
    """Nothing but a request or a Problem comes out, whatever the fields hold."""
    try:
        asked = asked_of(fields)
    except Problem as problem:
        assert 400 <= problem.status < 500 and str(problem)
    else:
        assert asked.image and asked.questions


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "\u00e9", "a\nb", "../x"])
def test_an_id_that_is_none_is_rejected(given):
    """Only what every log can hold; where none is given, one is made."""
    with pytest.raises(Problem, match="X-Request-Id is .*; expected 1 to 128 of") as caught:
        wire.request_id_of({"X-Request-Id": given})
    assert caught.value.status == 400
    assert wire.request_id_of({"X-Request-Id": "camera-7:12"}) == "camera-7:12"
    assert wire.request_id_of({}) != wire.request_id_of({})


@pytest.mark.parametrize(
    ("given", "attempt"), [("2", 2), ("0", 1), ("12", 1), ("x", 1), ("\u0665", 1)]
)
def test_an_attempt_is_a_digit(given, attempt):
    """What is none counts as the first."""
    assert wire.attempt_of({"X-Attempt": given}) == attempt


def test_what_json_cannot_hold_is_null():
    """An open answer has no runner-up, so that its margin is infinite."""
    answered = wire.Answered("q", "barking", float("nan"), float("inf"))
    reply = wire.Reply("r1", [answered], wire.About("m", "a", "b"))
    body = wire.encoded(reply.as_json())
    assert b'"probability": null, "margin": null' in body and wire.texts_in(body) == ["barking"]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"answers": [1]}', b'{"answers": [{"text": 1}]}', b"\xff"]
)
def test_a_reply_of_another_form_has_no_answers(body):
    """What a proxy or a stranger says is not taken for answers."""
    assert wire.texts_in(body) is None
    assert wire.detail_in(body)
