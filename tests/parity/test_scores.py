"""Whole pipelines' scores: which frames are asked in float64, and what all frames are set against."""

import math
from dataclasses import replace

import pytest
import torch
from parity_rows import ARM, calls_of, three

from blipkit.model.pipeline import Answer
from blipkit.parity.calls import PIPELINE, Limits, tensor_gate
from blipkit.parity.scores import furthest, set_against, subject_of
from blipkit.parity.tensors import compare


def rows_of(*scores: float) -> list[list[Answer]]:
    """A frame for each score, with one question of two candidates."""
    return [[Answer("yes", 0.9, 1.0, scores=(score, 0.0))] for score in scores]


@pytest.mark.parametrize(
    ("candidate", "count", "places"),
    [
        ((1.0, 2.0, 3.5, 4.1), 2, [2, 3]),
        ((1.0, 2.0, 3.0, 4.0), 2, [0, 1]),
        ((1.0, math.nan, 3.0, 9.0), 1, [1]),
        ((1.0, 2.0, 3.0, 4.0), 9, [0, 1, 2, 3]),
    ],
)
def test_the_furthest_frames_are_taken(candidate, count, places):
    """In the order of the frames; the first where none differs; what is no number before all."""
    assert furthest(rows_of(1.0, 2.0, 3.0, 4.0), rows_of(*candidate), count) == places


def test_a_frame_has_as_many_scores_as_its_questions_have_candidates():
    """Open answers have none."""
    rows = [[*rows_of(1.0)[0], Answer("running", 0.5, 1.0)], *rows_of(2.0)]
    assert subject_of(rows).frame_sizes == [2, 2]


def test_all_frames_are_set_against_the_baselines_error_about_some():
    """The ratio is of relative errors, so that it does not depend on how many frames there are."""
    a, c, b = three(ours=0.02, theirs=0.004)
    some, half = calls_of([compare(a, c, b, "bfloat16", [len(a) // 4] * 4)]), len(a) // 2
    (everything,) = calls_of([compare(a[:half], c[:half], None, "bfloat16")])
    comparison = set_against(everything, some[0])
    assert comparison.l2_ratio == pytest.approx(5, rel=0.05)
    assert len(comparison.baseline_by_frame) == 4


def test_scores_of_later_frames_are_judged_by_the_baselines_of_the_first():
    """An arm that is sound about the frames its baseline was asked about, and errs about the others by less than its format's limit."""
    a, c, b = three(ours=0.004, theirs=0.004)
    sizes = [len(a) // 8] * 8
    beside, _ = calls_of([compare(a, c, b, "bfloat16", sizes)] * 2, component=PIPELINE)
    late = torch.cat([c, a + 0.03 * torch.randn(len(a), dtype=a.dtype)])
    (everything,) = calls_of([compare(torch.cat([a, a]), late)], component=PIPELINE)
    everything = replace(everything, comparison=set_against(everything, beside))
    limits = Limits({"float32": 1e-4, "bfloat16": 0.05}, 1.0, 0.99)
    assert tensor_gate(ARM, PIPELINE, [beside], limits).status == "PASS"
    gate = tensor_gate(ARM, PIPELINE, [beside, everything], limits)
    assert gate.status == "FAIL" and gate.measured < 0.05


def test_a_baseline_without_an_error_says_nothing_about_all_frames():
    """Nothing can be set against zero."""
    a, c, _ = three()
    (beside,) = calls_of([compare(a, c, a.clone(), "bfloat16")])
    (everything,) = calls_of([compare(a, c, None, "bfloat16")])
    assert set_against(everything, beside) == everything.comparison
