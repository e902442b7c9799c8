"""What a baseline excuses: movements, flips and open answers, and the gate where there is more."""

from dataclasses import replace

import pytest
from parity_rows import ARM, open_pair, pair, pairs_of

from blipkit.model.pipeline import Answer
from blipkit.parity.answer_pairs import BriefAnswer
from blipkit.parity.excused import (
    ExcusedMargin,
    excused_by_baseline,
    excused_by_profile,
    judge_excused,
)
from blipkit.records.gates import Gate, not_run

PASSED = Gate("decisions", "answer", "PASS", 0.01, 0.02, reason="as it was")
EXCUSED = ExcusedMargin(ARM, "measured", "eager bfloat16", 0.1, 0.1, 48, 0)
ON_DEVICE = replace(EXCUSED, arm="neuron all bf16")


def opened(frame: str, text: str, gap: float = 1.0):
    """An open question: the reference says dog, and was so sure of its first word."""
    theirs = Answer("dog", 0.9, gap, tokens=(1, 9), gaps=(gap, 2.0))
    ours = theirs if text == "dog" else Answer(text, 0.9, 1.0, tokens=(2, 9), gaps=(1.0, 2.0))
    return replace(open_pair(theirs, ours), frame=frame)


def judged(pairs, excused=EXCUSED, gate=PASSED) -> Gate:
    return judge_excused(gate, pairs, excused, 0.02)


def test_what_a_baseline_explains_changes_nothing():
    """No flip, margins that moved as the baseline's, open answers that are the same."""
    pairs = [*pairs_of(0, 300, 1.0), *(opened(f"f{i}", "dog") for i in range(300))]
    assert judged(pairs) == PASSED


@pytest.mark.parametrize(("excused", "status"), [(EXCUSED, "FAIL"), (ON_DEVICE, "WARN")])
def test_one_margin_that_moved_too_far_is_named(excused, status):
    """0.35 nats where the baseline moved none by more than 0.1: no rounding, though no answer turned; a warning on a device that no record shows."""
    gate = judged([*pairs_of(0, 300, 1.0), pair(1.0, 1.35)], excused)
    assert gate.status == status
    assert gate.reason == "a margin moved by 0.35 nats, and rounding moves none by 0.3; as it was"
    assert judged([*pairs_of(0, 300, 1.0), pair(1.0, 1.25)], excused) == PASSED


def test_more_excused_flips_than_the_baseline_has_fail():
    """Each at a margin that rounding reaches; sixty of 300 frames where the baseline has none of 48."""
    gate = judged(pairs_of(60, 300, margin=0.05))
    assert gate.status == "FAIL"
    assert gate.reason.startswith("60 of 300 frames flipped, 0 of 48 with eager bfloat16")
    assert judged(pairs_of(10, 300, margin=0.05)) == PASSED
    assert judged(pairs_of(60, 300, margin=0.05), replace(EXCUSED, baseline_flips=10)) == PASSED


def test_garbage_in_open_answers_fails():
    """Where the reference was sure of its first word; the ranked answers are all right."""
    ranked = pairs_of(0, 300, 1.0)
    gate = judged([*ranked, *(opened(f"f{i}", "cat" if i < 292 else "dog") for i in range(300))])
    assert gate.status == "FAIL" and "open answers: 292 of 300 frames differ" in gate.reason
    close = [opened(f"f{i}", "cat", gap=0.05) for i in range(300)]
    assert judged([*ranked, *close]) == PASSED
    few = [opened(f"f{i}", "cat" if i < 1 else "dog") for i in range(300)]
    assert judged([*ranked, *few]) == PASSED


@pytest.mark.parametrize(
    ("flips", "frames", "status"), [(0, 300, "PASS"), (0, 20, "WARN"), (20, 300, "FAIL")]
)
def test_open_questions_alone_are_judged(flips, frames, status):
    """Where no question has candidates, the gate is of the open answers."""
    gate = judged(
        [opened(f"f{i}", "cat" if i < flips else "dog") for i in range(frames)],
        gate=not_run("decisions", "answer", "no question with candidates was asked"),
    )
    assert gate.status == status and f"{flips} of {frames} frames" in gate.reason
    assert bool(gate.next) == (status != "PASS")


def test_an_older_folder_says_nothing_of_open_answers():
    """Its record of margins has no gap and no counts: only what it has is judged."""
    older = ExcusedMargin(ARM, "measured", "eager bfloat16", 0.1)
    garbage = [opened(f"f{i}", "cat") for i in range(300)]
    assert judged([*pairs_of(0, 300, 1.0), *garbage], older) == PASSED


def test_a_baseline_shows_how_far_its_precision_reaches():
    """Its largest movement, the widest gap at which it took another word, and its flips by frame."""
    turned = pair(0.05, 0.03, candidate=BriefAnswer("no", 0.03, 0.5), arm="eager bfloat16")
    word = replace(opened("f", "cat", gap=0.2), arm="eager bfloat16")
    row = excused_by_baseline(ARM, [turned, word])
    assert (row.arm, row.baseline) == (ARM, "eager bfloat16")
    assert row.excused_margin == pytest.approx(0.08) and row.excused_gap == 0.2
    assert (row.baseline_frames, row.baseline_flips) == (1, 1)
    assert excused_by_profile(ARM, 1e-4).excused_gap == 1e-4
