"""Flips and who is right, from made-up answers: what is excused, what a bound needs, what labels say."""

import math

import pytest
from parity_rows import ARM, ASKED, answers, labelled, open_pair, pair, pairs_of

from blipkit.frames.frames import Frame
from blipkit.model.pipeline import Answer
from blipkit.parity.answer_pairs import pair_answers, reference_alone
from blipkit.parity.answers import (
    accuracy_gate,
    calibration,
    compare_arms,
    margin_noise,
    not_finite,
    summarise_flips,
    summarise_labels,
    unexcused_flips,
)
from blipkit.statistics import wilson


def test_an_answer_that_is_not_a_number_is_a_flip_that_nothing_excuses():
    """A candidate whose scores are NaN may name the right text by chance."""
    broken = pair(reference_margin=0.01, candidate_margin=math.nan)
    assert broken.flipped and unexcused_flips([broken], excused_margin=1.0) == [broken]


def test_the_summary_counts_ranked_and_open_apart():
    """An open answer that changed is no flip of a decision; the rate has its Wilson interval."""
    pairs = [
        *pairs_of(2, 10, margin=1.0),
        open_pair(Answer("dog", 0.9, 1.0), Answer("cat", 0.9, 1.0)),
    ]
    summary = summarise_flips(pairs, excused_margin=0.5)
    assert (summary.ranked_answers, summary.ranked_flips) == (10, 2)
    assert (summary.open_answers, summary.open_flips) == (1, 1)
    assert summary.flip_rate == wilson(2, 10)
    assert summary.unexcused_flips == 2
    assert summarise_flips(pairs, excused_margin=1.5).unexcused_flips == 0
    assert summary.largest_movement == 2.0


def test_what_is_no_number_is_found_in_open_answers_too():
    """NaN or an infinity that the reference has not; a margin that is infinite on both sides is one with no runner-up."""
    lone = pair(math.inf, math.inf)
    opened = open_pair(Answer("dog", 0.9, 1.0), Answer("dog", math.nan, 1.0))
    broken = [pair(1.0, math.nan), pair(1.0, math.inf), opened]
    assert not_finite([lone, pair(), *broken]) == broken


def test_a_format_explains_as_much_as_it_moves():
    """The largest movement of a margin by the same model in the same format; what is not finite explains nothing."""
    pairs = [pair(0.0, moved) for moved in (0.1, 0.4, math.nan, math.inf)]
    assert margin_noise([*pairs, pair(0.0, 9.0, is_open=True)]) == 0.4
    assert math.isnan(margin_noise(pairs[2:]))


def test_pairs_count_who_alone_is_right():
    """Differences with their interval, and McNemar's test on the answers that one of the two has right."""
    ours = labelled(*[("yes", "yes")] * 20, *[("yes", "no")] * 9, ("no", "yes"))
    both = compare_arms(ours, reference_alone(ours))
    assert (both.arm, both.against) == (ARM, "eager float32")
    assert (both.answers, both.differ) == (30, 10)
    assert (both.only_first_right, both.only_second_right) == (1, 9)
    assert both.mcnemar_p == pytest.approx(2 * 11 / 2**10)
    assert both.rate == wilson(10, 30)
    # nobody labelled these
    assert compare_arms(pairs_of(0, 3, 1.0), pairs_of(1, 3, 1.0)).mcnemar_p is None


def test_pairs_are_of_the_same_answers():
    """Pairs about other frames are not compared by accident."""
    with pytest.raises(AssertionError):
        compare_arms(pairs_of(0, 3, 1.0), list(reversed(pairs_of(0, 3, 1.0))))


def test_each_side_is_as_right_and_as_sure_as_it_is():
    """Nine in ten right at a confidence of 0.9 is calibrated; at 0.99 it is off by 0.09."""
    pairs = labelled(*[("yes", "yes")] * 9, ("yes", "no"))
    candidate, reference = summarise_labels(pairs), summarise_labels(reference_alone(pairs))
    assert (candidate.right, candidate.accuracy.value, candidate.labelled) == (9, 0.9, 10)
    assert candidate.calibration_error == pytest.approx(0, abs=1e-12)
    assert reference.accuracy.value == 1
    assert reference.calibration_error == pytest.approx(0.1)
    surer = summarise_labels(labelled(*[("yes", "yes")] * 9, ("yes", "no"), probability=0.99))
    assert surer.calibration_error == pytest.approx(0.09)
    assert summarise_labels(pairs_of(0, 5, 1.0)) is None and calibration(pairs_of(0, 5, 1.0)) == []


def test_accuracy_counts_labelled_answers_only():
    """Right and wrong are counted against labels; without labels, or with those of synthetic scenes, it is NOT-RUN."""
    frames = [
        Frame("a", None, {"q?": "yes"}),
        Frame("b", None, {"q?": "yes"}),
        Frame("c", None, {}),
    ]
    answered = [answers((t, 1.0))[0] for t in ("yes", "no", "yes")]
    pairs = pair_answers(ARM, frames, ASKED, answered, answered)
    gate = accuracy_gate(pairs, floor=0.6)
    assert gate.measured == 0.5 and gate.status == "FAIL" and "1 of 2 right" in gate.reason
    assert accuracy_gate(pairs, 0.6, untrained_scenes=True).status == "NOT-RUN"
    assert (
        accuracy_gate(pairs[2:], 0.6).status == "NOT-RUN"
        and "labels.csv" in accuracy_gate(pairs[2:], 0.6).next
    )
