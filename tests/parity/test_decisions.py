"""The gate of an arm's answers, by frame: from made-up answers, and how often it errs, by simulation."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity_rows import ARM, open_pair, pair, pairs_of

from blipkit.model.pipeline import Answer
from blipkit.parity.answer_pairs import BriefAnswer
from blipkit.parity.decisions import decision_gate, flip_bound, flipped_frames
from blipkit.statistics import share_bound, trials_needed


def test_unexcused_flips_fail_and_excused_ones_do_not():
    """Wide-margin flips are faults; flips below what the format moves are not."""
    wide = decision_gate(ARM, pairs_of(20, 1000, margin=5.0), 0.005, excused_margin=0.1)
    assert wide.status == "FAIL" and "20 of 1000; 20 flips in all" in wide.reason
    narrow = decision_gate(ARM, either_way(10, 1000), 0.005, excused_margin=0.1)
    assert narrow.status == "PASS"
    assert "0 of 1000; 20 flips in all; a flip at a margin below 0.1 nats" in narrow.reason


def either_way(flips: int, n: int) -> list:
    """n frames, of which so many flipped to yes, and as many to no, at a margin of 0.05 nats."""
    pairs = pairs_of(2 * flips, n, margin=0.05)
    yes, no = BriefAnswer("yes", 0.05, 0.9), BriefAnswer("no", 0.05, 0.9)
    turned = [replace(one, reference=no, candidate=yes) for one in pairs[:flips]]
    return [*turned, *pairs[flips:]]


@given(st.integers(0, 30), st.integers(200, 2000), st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_more_noise_never_excuses_less(flips, n, noise, more):
    """The bound falls, or stays, as the format's noise grows."""
    pairs = [
        replace(pair, reference=BriefAnswer("yes", i / 20, 0.9))
        for i, pair in enumerate(pairs_of(flips, 40, margin=1.0))
    ] * (n // 40)
    assert flip_bound(pairs, noise + more) <= flip_bound(pairs, noise)


def test_a_baseline_that_is_no_number_excuses_nothing():
    """Where no movement is finite, a flip at any margin is a fault."""
    gate = decision_gate(ARM, pairs_of(20, 1000, margin=0.01), 0.005, math.nan)
    assert gate.status == "FAIL" and "20 of 1000" in gate.reason


def test_too_few_frames_are_a_warning_that_says_how_many_would_do():
    """No flip in 80 frames does not bound the share below 0.5 %, and is no fault; 598 do."""
    gate = decision_gate(ARM, pairs_of(0, 80, margin=5.0), 0.005, excused_margin=0.1)
    assert gate.status == "WARN" and gate.measured == pytest.approx(1 - 0.05 ** (1 / 80))
    assert "598 frames without such a flip bound the share by 0.005" in gate.next
    enough = pairs_of(0, 598, margin=5.0)
    assert decision_gate(ARM, enough, 0.005, excused_margin=0.1).status == "PASS"


def test_a_frame_counts_once_however_many_of_its_answers_flip():
    """Answers about one frame are not independent: more questions about it prove no more."""
    pairs = pairs_of(1, 400, margin=5.0)
    again = [replace(one, question="r?") for one in pairs]
    assert flip_bound([*pairs, *again], 0.1) == flip_bound(pairs, 0.1) == share_bound(1, 400)


@pytest.mark.parametrize("margin", [1.0, math.inf])
def test_one_answer_that_is_no_number_fails(margin):
    """One of 2000, below any limit on the share; an open one too."""
    opened = open_pair(Answer("dog", 0.9, margin), Answer("dog", 0.9, math.nan))
    for broken in (pair(margin, math.nan), opened):
        gate = decision_gate(ARM, [*pairs_of(0, 2000, 5.0), broken], 0.005, 0.1)
        assert (gate.status, gate.measured) == ("FAIL", 1)
        assert "1 answers are not numbers, first: f, " in gate.reason


def test_a_reference_that_is_no_number_is_no_excuse():
    """A margin that is NaN on both sides fails."""
    pairs = pairs_of(100, 1000, margin=math.nan)
    assert decision_gate(ARM, pairs, 0.005, excused_margin=0.1).status == "FAIL"


def test_excused_flips_that_all_go_one_way_are_a_warning():
    """Five of five at margins that rounding reaches say something pulls; four may be chance."""
    one_way = decision_gate(ARM, pairs_of(5, 1000, margin=0.05), 0.005, excused_margin=0.1)
    assert one_way.status == "WARN"
    assert one_way.reason.startswith("5 of 5 excused flips are to 'no': rounding goes either way")
    assert decision_gate(ARM, pairs_of(4, 1000, margin=0.05), 0.005, 0.1).status == "PASS"
    assert decision_gate(ARM, either_way(3, 1000), 0.005, 0.1).status == "PASS"


def beside(ours: int, theirs: int, shared: int = 0, n: int = 4000):
    """A gate: frames that flipped here alone, with the incumbent alone, and on both sides."""
    pairs = pairs_of(ours + shared, n, margin=5.0)
    incumbent = {f"f{i}" for i in range(ours, ours + shared + theirs)}
    return decision_gate(ARM, pairs, 0.02, 0.1, incumbent)


def test_a_candidate_may_not_flip_more_than_what_answers_today():
    """Shown to be worse is FAIL; the same frames, as many others, or chance, are not."""
    worse = beside(ours=6, theirs=0)
    assert worse.status == "FAIL"
    assert "here alone: 6, with the incumbent alone: 0" in worse.reason
    assert beside(ours=0, theirs=0, shared=6).status == "PASS"
    assert beside(ours=6, theirs=6).status == "PASS"
    assert beside(ours=0, theirs=6).status == "PASS"


def test_too_few_frames_to_compare_with_the_incumbent_are_a_warning():
    """Within the limit on its own, and not shown to be within half of it beside the incumbent."""
    few = beside(ours=0, theirs=0, n=200)
    assert few.status == "WARN" and few.reason.startswith("not shown to be within 0.01 of what")
    assert beside(ours=0, theirs=0, n=300).status == "PASS"


def test_open_questions_alone_are_not_judged():
    """Without a ranked question the gate is NOT-RUN."""
    pairs = [open_pair(Answer("dog", 0.9, 1.0), Answer("cat", 0.9, 1.0))]
    assert decision_gate(ARM, pairs, 0.005, 0.1).status == "NOT-RUN"


def test_scenes_that_a_checkpoint_never_saw_are_at_most_a_warning():
    """Decisions on synthetic scenes prove little about a checkpoint that never saw one; a failure stays one."""
    gate = decision_gate(ARM, pairs_of(0, 1000, margin=5.0), 0.005, 0.1, untrained_scenes=True)
    assert gate.status == "WARN" and gate.reason.startswith("synthetic scenes, not your cameras")
    assert "common.frames_from" in gate.next
    flipped = pairs_of(20, 1000, margin=5.0)
    assert decision_gate(ARM, flipped, 0.005, 0.1, untrained_scenes=True).status == "FAIL"


@pytest.mark.parametrize("correlation", [0.0, 0.14, 0.5, 1.0])
def test_an_arm_at_the_limit_seldom_passes(correlation):
    """At most one of twenty, whatever the correlation of a frame's answers, where the limit is a share of frames."""
    rng = np.random.default_rng(7)
    limit, frames, questions, trials = 0.02, 320, 4, 4000
    together = rng.random((trials, frames)) < correlation
    alone = 1 - (1 - limit) ** (1 / questions)  # each answer's, so that a frame's is the limit
    apart = (rng.random((trials, frames, questions)) < alone).any(axis=2)
    flipped = np.where(together, rng.random((trials, frames)) < limit, apart).sum(axis=1)
    allowed = max(k for k in range(20) if trials_needed(limit, k) <= frames)
    assert (flipped <= allowed).mean() <= 0.055


def test_flipped_frames_are_named():
    """The frames with a flip that nothing excuses."""
    assert flipped_frames(pairs_of(2, 9, margin=5.0), 0.1) == {"f0", "f1"}
