"""The reference in float64: what it makes of a step's tensors, and how a float32 arm is judged by it."""

import pytest
import torch
from conftest import run_chapter

from blipkit.parity import compare_components
from blipkit.parity.exact import exact_outputs, exact_pipeline
from blipkit.parity.numbers import frame_sizes, what_is_read
from blipkit.parity.quartets import Quartet, Subject, compare_quartet
from blipkit.parity.scores import scores_in
from blipkit.runners.arms import REFERENCE

ARM = "torchscript float32"
KNOBS = {"frames": 9, "frame_flip_limit": 0.3, "compared_frames": 3}


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """A panel of one float32 arm, that was asked already."""
    results = str(tmp_path_factory.mktemp("results"))
    return run_chapter("03_parity", KNOBS | {"results": results}, {"arms": [ARM]})[0]["panel"]


@pytest.fixture(scope="module")
def steps(panel):
    return panel.engine.walk(panel.followed)


def test_float64_is_as_far_from_the_reference_as_float32_rounds(panel, steps):
    """A few 2^-24, and not none: the reference rounds."""
    for step, exact in zip(steps, exact_outputs(panel.engine.components, steps), strict=True):
        error = (step.output.double() - exact).norm() / exact.norm()
        assert exact.dtype == torch.float64 and 1e-8 < error < 2e-6, step.component


def test_a_pipeline_in_float64_answers_as_the_reference_does(panel):
    """The same texts; scores that differ by rounding alone."""
    exact = exact_pipeline(panel.engine.reference, panel.engine.components)
    answered = exact.answer([frame.image for frame in panel.frames], panel.study.questions)
    expected = panel.answers[REFERENCE]
    assert [[a.text for a in row] for row in answered] == [
        [a.text for a in row] for row in expected
    ]
    error = (scores_in(answered) - scores_in(expected)).norm() / scores_in(expected).norm()
    assert 0 < error < 2e-6


def test_the_reference_itself_passes_as_a_float32_arm(panel):
    """Its error is the baseline's: every ratio is one."""
    rows = [call for call in compare_components(panel).rows if call.arm == ARM]
    assert rows and {call.baseline for call in rows} == {REFERENCE}
    assert {call.comparison.l2_ratio for call in rows} == {1.0}


def test_without_float64_the_reference_is_what_a_float32_arm_is_compared_with(panel):
    """As a folder of golden outputs is, whose machine had none."""
    numbers = torch.arange(6.0)
    call = compare_quartet(panel, ARM, Subject("pipeline", "scores"), Quartet(numbers, numbers))
    assert call.baseline is None and call.comparison.relative_l2 == 0


def test_only_states_of_words_are_read(steps):
    """Those behind a question's last token are left out; of other components all is read."""
    for step in steps:
        read = what_is_read(step, step.output)
        assert sum(frame_sizes(step)) == read.numel()
        if step.component == "text_encoder":
            words = int(step.inputs[1].sum())
            assert read.numel() == words * step.output.shape[-1] < step.output.numel()
        else:
            assert read.shape == step.output.shape


def test_what_has_another_shape_is_compared_whole(steps):
    """So that the gate can say both shapes."""
    step = next(step for step in steps if step.component == "text_encoder")
    assert what_is_read(step, step.output[:-1]).shape == step.output[:-1].shape
