import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_pairs import ASKED, pair_of

from blipkit.errors import BadInput
from blipkit.service.alerts import AlertRule, compare_alerts, parse_rule

RULE = AlertRule("yes", 2, 5)


def series(primary, candidate, camera="porch"):
    """A pair for each letter: y or n."""
    words = {"y": "yes", "n": "no"}
    return [
        pair_of([words[a]], [words[b]], f"{camera} {n}", camera, float(n))
        for n, (a, b) in enumerate(zip(primary, candidate, strict=True))
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("yes in 2 of 5 frames of a camera", RULE),
        ("  yes   in 2 of 5 frames ", RULE),
        ("yes in 1 of 1 frame", AlertRule("yes", 1, 1)),
        ("a dog in 2 of 3 frames", AlertRule("a dog", 2, 3)),
        (
            "yes to 'is it in 1 of 2 beds?' in 2 of 5 frames of a camera",
            AlertRule("yes", 2, 5, "is it in 1 of 2 beds?"),
        ),
    ],
)
def test_a_rule_is_read_and_written(text, rule):
    """As people write it, with one question or for each."""
    assert parse_rule(text) == rule and parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    "text", ["", "yes", "yes in two of 5 frames", "in 2 of 5 frames", "yes 2/5"]
)
def test_what_is_no_rule_is_refused(text):
    """With how one is written."""
    with pytest.raises(BadInput, match="expected such as: yes in 2 of 5 frames of a camera"):
        parse_rule(text)


@pytest.mark.parametrize("counts", ["0 of 5", "6 of 5", "0 of 0"])
def test_a_rule_that_cannot_hold_is_refused(counts):
    """None, or more frames than there are."""
    with pytest.raises(BadInput, match=f"{counts} frames; expected at least 1, and no more than"):
        parse_rule(f"yes in {counts} frames")


def test_an_alert_begins_once():
    """Where two of five have it, and again only after they had not."""
    answers = ["yes", "no", "yes", "yes", *["no"] * 5, "yes", "yes"]
    assert RULE.alerts_in(answers) == [2, 10]
    assert RULE.alerts_in([]) == [] and AlertRule("yes", 1, 1).alerts_in(["yes"] * 3) == [0]


def test_lost_and_added_are_counted():
    """One alert of the primary's that the candidate lacks, one that it has alone, one of both, a frame later."""
    quiet = "n" * 10
    pairs = series("yy" + quiet + "nn" + quiet + "yyn", "nn" + quiet + "yy" + quiet + "nyy")
    change = compare_alerts(RULE, pairs)
    assert (change.cameras, change.alerts, change.candidate_alerts) == (1, 2, 2)
    assert (change.lost, change.added) == (1, 1)
    assert change.lost_per_1000.value == 500 and change.lost_per_1000.high < 1000


def test_a_flipped_frame_need_not_cost_an_alert():
    """Frames differ, and the rule holds all the same: that is what a viewer sees."""
    change = compare_alerts(RULE, series("yyyy" + "n" * 6, "ynyy" + "n" * 6))
    assert (change.alerts, change.lost, change.added) == (1, 0, 0)


def test_frames_count_by_camera_and_in_order_of_time():
    """Two cameras with one yes each raise nothing together; a log may be in any order."""
    one, two = series("ynn", "ynn", "porch"), series("ynn", "ynn", "garden")
    assert compare_alerts(RULE, [*one, *two]).alerts == 0
    shuffled = series("ynnnny", "ynnnny")
    assert compare_alerts(RULE, shuffled[::-1]).alerts == 0


texts = st.lists(st.sampled_from(["yn", "yy", "nn", "ny"]), max_size=40)


@given(texts, st.integers(1, 4), st.integers(0, 4))
def test_no_alert_is_made_up(frames, hits, more):
    """The same answers lose and add nothing; kept ones are alerts of both; with the sides changed, lost is added."""
    rule = AlertRule("yes", hits, hits + more)
    first, second = "".join(a for a, _ in frames), "".join(b for _, b in frames)
    if not frames:
        return
    same = compare_alerts(rule, series(first, first))
    assert same.lost == same.added == 0 and same.alerts == same.candidate_alerts
    there = compare_alerts(rule, series(first, second))
    back = compare_alerts(rule, series(second, first))
    assert there.alerts - there.lost == there.candidate_alerts - there.added >= 0
    assert (there.lost, there.added) == (back.added, back.lost)


def test_without_cameras_or_the_question_it_is_refused():
    """It says what to do, and what was asked."""
    with pytest.raises(BadInput, match="no frame says which camera it is of; put each camera's"):
        compare_alerts(RULE, [pair_of(["yes"], ["yes"], camera="")])
    with pytest.raises(BadInput, match=f"that was not asked, but .*{ASKED[0][:-1]}"):
        compare_alerts(AlertRule("yes", 1, 1, "is it?"), [pair_of(["yes"], ["yes"])])
