"""Flips and who is right, from made-up answers: what is excused, what a bound needs, what labels say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit import Question
from blipkit.frames.frames import Frame
from blipkit.model.pipeline import Answer
from blipkit.parity.answers import (
    accuracy_gate,
    between,
    calibration,
    decision_gate,
    decisions,
    flip_bound,
    format_noise,
    summarise_decisions,
    summarise_labels,
    unexcused,
)
from blipkit.statistics import Interval, wilson

ASKED = [Question("q?")]
ARM = "torchscript bfloat16"


def answers(*texts_and_margins):
    return [[Answer(text, 0.9, margin) for text, margin in texts_and_margins]]


def rows_of(flips: int, n: int, margin: float, arm: str = ARM) -> list[dict]:
    out = []
    for i in range(n):
        said = "no" if i < flips else "yes"
        frame = [Frame(f"f{i}", None)]
        out += decisions(arm, frame, ASKED, answers(("yes", margin)), answers((said, margin)))
    return out


def open_row(reference: Answer, candidate: Answer) -> dict:
    return decisions(
        ARM, [Frame("f", None)], [Question("what?", None)], [[reference]], [[candidate]]
    )[0]


def test_a_flip_is_a_changed_text_and_moves_through_zero():
    """How far a margin moved counts through zero where the answer flipped."""
    question = [Question("a?"), Question("b?")]
    same, flipped = decisions(
        ARM,
        [Frame("f", None)],
        question,
        answers(("yes", 2.0), ("yes", 0.5)),
        answers(("yes", 1.5), ("no", 0.25)),
    )
    assert not same["flipped"] and same["moved"] == 0.5
    assert flipped["flipped"] and flipped["moved"] == 0.75


def test_an_answer_that_is_not_a_number_is_a_flip_that_nothing_excuses():
    """A candidate whose scores are NaN may name the right text by chance."""
    (row,) = decisions(
        ARM, [Frame("f", None)], ASKED, answers(("yes", 0.01)), answers(("yes", math.nan))
    )
    assert row["flipped"] and unexcused([row], noise=1.0) == [row]


def test_the_summary_counts_ranked_and_open_apart():
    """An open answer that changed is no flip of a decision; the rate has its Wilson interval."""
    rows = [*rows_of(2, 10, margin=1.0), open_row(Answer("dog", 0.9, 1.0), Answer("cat", 0.9, 1.0))]
    found = summarise_decisions(rows, noise=0.5)
    assert (
        found["ranked_answers"],
        found["ranked_flips"],
        found["open_answers"],
        found["open_flips"],
    ) == (10, 2, 1, 1)
    assert Interval(0.2, found["flip_rate_low"], found["flip_rate_high"]) == wilson(2, 10)
    assert (
        found["unexcused_flips"] == 2
        and summarise_decisions(rows, noise=1.5)["unexcused_flips"] == 0
    )
    assert found["largest_movement"] == 2.0


def test_the_first_token_that_differs_is_found_with_its_gaps():
    """The place, and on each side how far the two best logits were apart there."""
    ours = Answer("a dog", 0.9, 0.1, tokens=(5, 6, 2), gaps=(3.0, 0.1, 4.0))
    theirs = Answer("a cat", 0.9, 0.2, tokens=(5, 7, 2), gaps=(3.1, 0.2, 4.1))
    row = open_row(ours, theirs)
    assert (row["first_divergence"], row["reference_gap"], row["candidate_gap"]) == (1, 0.1, 0.2)
    same = open_row(ours, ours)
    assert not same["flipped"] and same["first_divergence"] is same["reference_gap"] is None


def test_an_answer_that_ends_sooner_differs_where_it_ends():
    """The end is a token, too."""
    ours = Answer("a", 0.9, 0.1, tokens=(5, 2), gaps=(3.0, 0.5))
    longer = Answer("a dog", 0.9, 0.1, tokens=(5, 6, 2), gaps=(3.0, 0.4, 9.0))
    assert (
        open_row(ours, longer)["first_divergence"] == 1
        and open_row(ours, longer)["reference_gap"] == 0.5
    )


def test_unexcused_flips_fail_and_excused_ones_do_not():
    """Wide-margin flips are faults; flips below what the format moves are not."""
    assert decision_gate(ARM, rows_of(20, 1000, margin=5.0), 0.005, noise=0.1).status == "FAIL"
    gate = decision_gate(ARM, rows_of(20, 1000, margin=0.05), 0.005, noise=0.1)
    assert (
        gate.status == "PASS"
        and "0 of 1000 answers; 20 flips in all; a flip at a margin below 0.1 nats" in gate.reason
    )


@given(st.integers(0, 30), st.integers(200, 2000), st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_more_noise_never_excuses_less(flips, n, noise, more):
    """The bound falls, or stays, as the format's noise grows."""
    rows = [
        dict(row, reference_margin=i / 20) for i, row in enumerate(rows_of(flips, 40, margin=1.0))
    ] * (n // 40)
    assert flip_bound(rows, noise + more) <= flip_bound(rows, noise)


def test_a_format_explains_as_much_as_it_moves():
    """The largest movement of a margin by the same model in the same format; what is not finite explains nothing."""
    rows = [{"open": False, "moved": moved} for moved in (0.1, 0.4, math.nan, math.inf)]
    assert format_noise([*rows, {"open": True, "moved": 9.0}]) == 0.4
    noise = format_noise(rows[2:])
    assert (
        math.isnan(noise)
        and decision_gate(ARM, rows_of(20, 1000, margin=0.01), 0.005, noise).status == "FAIL"
    )


def test_too_few_answers_cannot_pass_and_say_how_many_can():
    """No flip in 80 answers does not bound the rate below 0.5 %; 765 do."""
    gate = decision_gate(ARM, rows_of(0, 80, margin=5.0), 0.005, noise=0.1)
    assert gate.status == "FAIL" and gate.measured == pytest.approx(0.0458, abs=1e-4)
    assert "765 answers without such a flip bound the rate by 0.005" in gate.next
    assert decision_gate(ARM, rows_of(0, 765, margin=5.0), 0.005, noise=0.1).status == "PASS"


def test_a_candidate_may_not_flip_more_than_what_answers_today():
    """Within the limit, and still above the incumbent's bound: FAIL, with both figures; equal is enough."""
    rows, clean = rows_of(3, 4000, margin=5.0), rows_of(0, 4000, margin=5.0)
    assert decision_gate(ARM, rows, 0.005, 0.1).status == "PASS"
    gate = decision_gate(ARM, rows, 0.005, 0.1, incumbent=flip_bound(clean, 0.1))
    assert gate.status == "FAIL" and gate.limit == wilson(0, 4000).high
    assert "the incumbent's bound is 0.00096" in gate.reason
    assert decision_gate(ARM, rows, 0.005, 0.1, incumbent=flip_bound(rows, 0.1)).status == "PASS"
    assert decision_gate(ARM, rows, 0.005, 0.1, incumbent=1.0).limit == 0.005


def test_a_nan_margin_excuses_nothing():
    """A reference that is not a number is no excuse."""
    assert (
        decision_gate(ARM, rows_of(100, 1000, margin=math.nan), 0.005, noise=0.1).status == "FAIL"
    )


def test_open_questions_alone_are_not_judged():
    """Without a ranked question the gate is NOT-RUN."""
    rows = [open_row(Answer("dog", 0.9, 1.0), Answer("cat", 0.9, 1.0))]
    assert decision_gate(ARM, rows, 0.005, 0.1).status == "NOT-RUN"


def test_drawings_are_at_most_a_warning():
    """Decisions on synthetic scenes prove little about a checkpoint that never saw one; a failure stays one."""
    gate = decision_gate(ARM, rows_of(0, 1000, margin=5.0), 0.005, 0.1, synthetic=True)
    assert gate.status == "WARN" and gate.reason.startswith("synthetic scenes, not your cameras")
    assert "common.frames_from" in gate.next
    assert (
        decision_gate(ARM, rows_of(20, 1000, margin=5.0), 0.005, 0.1, synthetic=True).status
        == "FAIL"
    )


def labelled(*said, label="yes", probability=0.9) -> list[dict]:
    """Rows about frames that are all `label`: what the reference said, and the candidate."""
    out = []
    for i, (ours, theirs) in enumerate(said):
        given = [[[Answer(text, probability, 1.0)]] for text in (ours, theirs)]
        out += decisions(ARM, [Frame(f"f{i}", None, {"q?": label})], ASKED, *given)
    return out


def test_pairs_count_who_alone_is_right():
    """Differences with their interval, and McNemar's test on the answers that one of the two has right."""
    ours = labelled(*[("yes", "yes")] * 20, *[("yes", "no")] * 9, ("no", "yes"))
    reference = [{**row, "candidate": row["reference"]} for row in ours]
    found = between(ours, reference)
    assert (
        found["answers"],
        found["differ"],
        found["only_first_right"],
        found["only_second_right"],
    ) == (30, 10, 1, 9)
    assert found["mcnemar_p"] == pytest.approx(2 * 11 / 2**10)
    assert Interval(1 / 3, found["rate_low"], found["rate_high"]) == wilson(10, 30)
    # nobody labelled these
    assert between(rows_of(0, 3, 1.0), rows_of(1, 3, 1.0))["mcnemar_p"] is None


def test_pairs_are_of_the_same_answers():
    """Rows about other frames are not compared by accident."""
    with pytest.raises(AssertionError):
        between(rows_of(0, 3, 1.0), list(reversed(rows_of(0, 3, 1.0))))


def test_each_side_is_as_right_and_as_sure_as_it_is():
    """Nine in ten right at a confidence of 0.9 is calibrated; at 0.99 it is off by 0.09."""
    rows = labelled(*[("yes", "yes")] * 9, ("yes", "no"))
    candidate, reference = summarise_labels(rows), summarise_labels(rows, "reference")
    assert (candidate["right"], candidate["accuracy"], candidate["labelled"]) == (9, 0.9, 10)
    assert candidate["calibration_error"] == pytest.approx(0, abs=1e-12)
    assert reference["accuracy"] == 1 and reference["calibration_error"] == pytest.approx(0.1)
    surer = summarise_labels(labelled(*[("yes", "yes")] * 9, ("yes", "no"), probability=0.99))
    assert surer["calibration_error"] == pytest.approx(0.09)
    assert summarise_labels(rows_of(0, 5, 1.0)) is None and calibration(rows_of(0, 5, 1.0)) == []


def test_accuracy_counts_labelled_answers_only():
    """Right and wrong are counted against labels; without labels, or with those of synthetic scenes, it is NOT-RUN."""
    frames = [
        Frame("a", None, {"q?": "yes"}),
        Frame("b", None, {"q?": "yes"}),
        Frame("c", None, {}),
    ]
    said = [answers((t, 1.0))[0] for t in ("yes", "no", "yes")]
    kept = decisions(ARM, frames, ASKED, said, said)
    gate = accuracy_gate(kept, floor=0.6)
    assert gate.measured == 0.5 and gate.status == "FAIL" and "1 of 2 right" in gate.reason
    assert accuracy_gate(kept, 0.6, synthetic=True).status == "NOT-RUN"
    assert (
        accuracy_gate(kept[2:], 0.6).status == "NOT-RUN"
        and "labels.csv" in accuracy_gate(kept[2:], 0.6).next
    )
