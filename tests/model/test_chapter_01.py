"""The chapter itself: what it does by hand is what transformers does, and what it predicts is what it measures."""

import pytest
from conftest import run_chapter, unpadded_scores

from blipkit.records.results import Results


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """01's names after its cells were run on two frames, and where its records are."""
    folder = tmp_path_factory.mktemp("results")
    names, _ = run_chapter("01_components", {"results": str(folder), "check_frames": 2})
    return names, Results(folder)


def test_the_scores_by_hand_are_transformers_own(chapter):
    """For every question with candidates about both frames, to the last bit but one."""
    names, _ = chapter
    study, frames = names["study"], names["frames"]
    for frame in frames:
        for question in study.questions:
            if question.candidates:
                by_hand = names["unpadded_scores"](frame.image, question)
                expected = unpadded_scores(study.checkpoint, frame.image, question)
                assert by_hand == pytest.approx(expected, abs=1e-6)


def test_what_was_predicted_is_what_came_out(chapter):
    """The number of image states; adapters equal to the bit; padding that changes no answer; gates that say so."""
    names, results = chapter
    assert names["steps"][0].output.shape[1] == names["predicted_states"]
    assert [row.max_difference for row in names["adapters"].rows] == [0.0, 0.0, 0.0]
    padding = names["padding"].padding
    assert (padding.frames, padding.questions, padding.wrong) == (2, 4, 0)
    gates = {gate.gate: gate.status for gate in results.gates()}
    assert gates == {"wrappers equal submodules": "PASS", "pipeline equals transformers": "PASS"}
    assert results.read("image_encoder_time")[0]["image_encoder_ms"] > 0
