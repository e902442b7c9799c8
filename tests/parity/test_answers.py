"""Flips and who is right, from made-up answers: what is excused, what a bound needs, what labels say."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity_rows import ARM, ASKED, answers, labelled, open_pair, pair, pairs_of

from blipkit.frames.frames import Frame
from blipkit.model.pipeline import Answer
from blipkit.parity.answer_pairs import BriefAnswer, pair_answers, reference_alone
from blipkit.parity.answers import (
    accuracy_gate,
    calibration,
    compare_arms,
    decision_gate,
    flip_bound,
    margin_noise,
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


def test_unexcused_flips_fail_and_excused_ones_do_not():
    """Wide-margin flips are faults; flips below what the format moves are not."""
    assert (
        decision_gate(ARM, pairs_of(20, 1000, margin=5.0), 0.005, excused_margin=0.1).status
        == "FAIL"
    )
    gate = decision_gate(ARM, pairs_of(20, 1000, margin=0.05), 0.005, excused_margin=0.1)
    assert (
        gate.status == "PASS"
        and "0 of 1000 answers; 20 flips in all; a flip at a margin below 0.1 nats" in gate.reason
    )


@given(st.integers(0, 30), st.integers(200, 2000), st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_more_noise_never_excuses_less(flips, n, noise, more):
    """The bound falls, or stays, as the format's noise grows."""
    pairs = [
        replace(pair, reference=BriefAnswer("yes", i / 20, 0.9))
        for i, pair in enumerate(pairs_of(flips, 40, margin=1.0))
    ] * (n // 40)
    assert flip_bound(pairs, noise + more) <= flip_bound(pairs, noise)


def test_a_format_explains_as_much_as_it_moves():
    """The largest movement of a margin by the same model in the same format; what is not finite explains nothing."""
    pairs = [pair(0.0, moved) for moved in (0.1, 0.4, math.nan, math.inf)]
    assert margin_noise([*pairs, pair(0.0, 9.0, is_open=True)]) == 0.4
    noise = margin_noise(pairs[2:])
    assert (
        math.isnan(noise)
        and decision_gate(ARM, pairs_of(20, 1000, margin=0.01), 0.005, noise).status == "FAIL"
    )


def test_too_few_answers_cannot_pass_and_say_how_many_can():
    """No flip in 80 answers does not bound the rate below 0.5 %; 765 do."""
    gate = decision_gate(ARM, pairs_of(0, 80, margin=5.0), 0.005, excused_margin=0.1)
    assert gate.status == "FAIL" and gate.measured == pytest.approx(0.0458, abs=1e-4)
    assert "765 answers without such a flip bound the rate by 0.005" in gate.next
    assert (
        decision_gate(ARM, pairs_of(0, 765, margin=5.0), 0.005, excused_margin=0.1).status == "PASS"
    )


def test_a_candidate_may_not_flip_more_than_what_answers_today():
    """Within the limit, and still above the incumbent's bound: FAIL, with both figures; equal is enough."""
    pairs, clean = pairs_of(3, 4000, margin=5.0), pairs_of(0, 4000, margin=5.0)
    assert decision_gate(ARM, pairs, 0.005, 0.1).status == "PASS"
    gate = decision_gate(ARM, pairs, 0.005, 0.1, incumbent_bound=flip_bound(clean, 0.1))
    assert gate.status == "FAIL" and gate.limit == wilson(0, 4000).high
    assert "the incumbent's bound is 0.00096" in gate.reason
    assert (
        decision_gate(ARM, pairs, 0.005, 0.1, incumbent_bound=flip_bound(pairs, 0.1)).status
        == "PASS"
    )
    assert decision_gate(ARM, pairs, 0.005, 0.1, incumbent_bound=1.0).limit == 0.005


def test_a_nan_margin_excuses_nothing():
    """A reference that is not a number is no excuse."""
    assert (
        decision_gate(ARM, pairs_of(100, 1000, margin=math.nan), 0.005, excused_margin=0.1).status
        == "FAIL"
    )


def test_open_questions_alone_are_not_judged():
    """Without a ranked question the gate is NOT-RUN."""
    pairs = [open_pair(Answer("dog", 0.9, 1.0), Answer("cat", 0.9, 1.0))]
    assert decision_gate(ARM, pairs, 0.005, 0.1).status == "NOT-RUN"


def test_scenes_that_a_checkpoint_never_saw_are_at_most_a_warning():
    """Decisions on synthetic scenes prove little about a checkpoint that never saw one; a failure stays one."""
    gate = decision_gate(ARM, pairs_of(0, 1000, margin=5.0), 0.005, 0.1, untrained_scenes=True)
    assert gate.status == "WARN" and gate.reason.startswith("synthetic scenes, not your cameras")
    assert "common.frames_from" in gate.next
    assert (
        decision_gate(ARM, pairs_of(20, 1000, margin=5.0), 0.005, 0.1, untrained_scenes=True).status
        == "FAIL"
    )


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
