import json

import pytest

from blipkit.errors import BadInput
from blipkit.service.replies import answers_in, join_logs

ANSWER = {"question": "is it?", "text": "yes", "probability": 0.9, "margin": 2.2}


def line(request_id="a", answers=(ANSWER,), **more) -> str:
    return json.dumps({"request_id": request_id, "answers": list(answers), **more})


@pytest.fixture
def logs(tmp_path):
    """Writes two logs of these lines; the candidate's are the primary's unless said."""

    def write(primary, candidate=None):
        paths = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
        for path, lines in zip(paths, (primary, candidate or primary), strict=True):
            path.write_text("\n".join(lines))
        return paths

    return write


def test_logs_are_joined_by_request_id(logs):
    """In the primary's order, with its camera and time; what stands in one alone is counted."""
    first = [line("a", camera="porch", at_s=5), line("b"), line("c")]
    other = [line("x"), line("b", [dict(ANSWER, text="no", margin=None)]), line("a"), line("y")]
    joined = join_logs(*logs(first, other))
    assert [(p.request_id, p.camera, p.at_s) for p in joined.pairs] == [
        ("a", "porch", 5),
        ("b", "", 1),
    ]
    assert joined.pairs[1].candidate[0].text == "no" and joined.pairs[1].candidate[0].margin is None
    assert (joined.alone_in_primary, joined.alone_in_candidate) == (1, 2)


def test_a_camera_has_times_in_all_of_its_lines_or_in_none(logs):
    """A time since 1970 beside a place in the log is no order, by which alerts begin; cameras may differ."""
    timed, untimed = line("a", camera="porch", at_s=1.7e9), line("b", camera="porch")
    words = "a.jsonl: camera 'porch' has lines with at_s and lines without, such as request 'b'"
    with pytest.raises(BadInput, match=words):
        join_logs(*logs([timed, untimed]))
    with pytest.raises(BadInput, match="such as request 'a'; expected all with, or all without"):
        join_logs(*logs([untimed, timed], [untimed]))
    assert len(join_logs(*logs([timed, line("b", camera="garden")])).pairs) == 2
    assert len(join_logs(*logs([timed], [line("a")])).pairs) == 1


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("hello", "line 2: Expecting value"),
        ("[1]", r"line 2: is \[1\], no JSON object"),
        ("{}", "line 2: request_id is None; expected a text"),
        (line(""), "line 2: request_id is ''"),
        (line("b", []), r"line 2: answers is \[\]; expected a list of at least one"),
        (line("b", ["yes"]), "line 2: an answer is 'yes'; expected an object"),
        (line("b", [dict(ANSWER, text=3)]), "line 2: text is 3; expected a valid string"),
        (line("b", [dict(ANSWER, margin="2")]), "line 2: margin is '2'; expected a number or null"),
        (line("b", [dict(ANSWER, margin=True)]), "line 2: margin is True"),
        (line("b", camera=3), "line 2: camera is 3"),
        (line("b", at_s="now"), "line 2: at_s is 'now'"),
        (line("b", at_s=float("nan")), "line 2: at_s is nan"),
        (line("b", [dict(ANSWER, margin=-2.2)]), "line 2: margin is -2.2; expected nats by which"),
        (line("a"), "line 2: request 'a' stands here again, first in line 1"),
        (line("b")[:30], "line 2: "),
    ],
)
def test_an_ill_formed_line_is_named(logs, spoilt, said):
    """File, line, what was seen; and how a line has to look, or that an id stands once."""
    with pytest.raises(BadInput, match=f"a.jsonl, {said}.*; expected"):
        join_logs(*logs([line("a"), spoilt]))


def test_logs_of_different_requests_are_refused(logs):
    """With an example of each, and what was expected."""
    with pytest.raises(BadInput, match="no request id in common, such as 'a' and 'b'; expected"):
        join_logs(*logs([line("a")], [line("b")]))
    with pytest.raises(BadInput, match="b.jsonl has no line; expected a line such as"):
        join_logs(*logs([line("a")], [""]))
    with pytest.raises(BadInput, match="request 'a': candidate answered .*is he"):
        join_logs(*logs([line("a")], [line("a", [dict(ANSWER, question="is he?")])]))


def test_margins_stand_in_both_logs_or_in_neither(logs):
    """Left out of one alone, all of its answers would be no numbers; null is one that is none."""
    bare = {name: ANSWER[name] for name in ("question", "text")}
    null = dict(bare, margin=None)
    for first, second in ((ANSWER, bare), (bare, ANSWER), (bare, null)):
        with pytest.raises(BadInput, match="request 'a': one log alone has a margin; expected it"):
            join_logs(*logs([line("a", [first])], [line("a", [second])]))
    for first, second in ((bare, bare), (ANSWER, null)):
        assert len(join_logs(*logs([line("a", [first])], [line("a", [second])])).pairs) == 1


def test_a_log_is_not_compared_with_itself(logs):
    """The same file twice agrees, and says nothing."""
    first, _ = logs([line("a")])
    with pytest.raises(BadInput, match="both logs are .*a.jsonl; expected the primary's"):
        join_logs(first, first.parent / "." / first.name)


def test_a_file_that_is_none_is_named(tmp_path):
    """Not there, or a folder."""
    with pytest.raises(BadInput, match="gone.jsonl: No such file.*expected a line such as"):
        join_logs(tmp_path / "gone.jsonl", tmp_path / "gone.jsonl")


def test_answers_without_margins_are_read():
    """Somebody else's endpoint need not know them."""
    (answer,) = answers_in({"answers": [{"question": "q", "text": "a dog"}]})
    assert answer.margin is None and answer.probability is None
