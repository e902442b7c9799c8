"""What counts as the right answer under load: what 03 judged, not what the served pipeline says of itself."""

from types import SimpleNamespace

import pytest

from blipkit import Question
from blipkit.frames.frames import Frame
from blipkit.load.judged import right_digests
from blipkit.model.pipeline import Answer
from blipkit.parity.answer_pairs import frame_of, pair_answers
from blipkit.records.results import Results
from blipkit.serving.protocol import digest

ARM = "torchscript bfloat16"
ASKED = [Question("is it?"), Question("was it?")]
FRAMES = [Frame(f"f{i}", None) for i in range(3)]
CHECKPOINT = {"checkpoint": "mine", "weights_digest": "abc"}


def answers(*texts: str) -> list[list[Answer]]:
    """The same answer to both questions about each frame."""
    return [[Answer(text, 0.9, 1.0)] * 2 for text in texts]


def both(text: str) -> int:
    return digest([text] * 2)


@pytest.fixture
def study(tmp_path):
    """03 has judged the arm: it flipped at the last of three frames."""
    results = Results(tmp_path)
    pairs = pair_answers(
        ARM, FRAMES, ASKED, answers("yes", "no", "yes"), answers("yes", "no", "no")
    )
    results.write_samples("decisions", frame_of(pairs))
    results.write("decisions", [{"arm": ARM, "seed": 3, **CHECKPOINT, "evidence": "measured"}])
    return SimpleNamespace(
        results=results,
        replay="",
        questions=ASKED,
        common=SimpleNamespace(seed=3),
        checkpoint=SimpleNamespace(provenance=lambda: dict(CHECKPOINT)),
        frames=lambda count: FRAMES[:count],
    )


def test_an_answer_that_03_saw_is_right(study):
    """The arm's own flip, too, which 03 has judged already."""
    alone = [both("yes"), both("no"), both("no")]
    assert right_digests(study, ARM, "pipeline", alone) == alone


def test_an_answer_that_nobody_gave_in_03_is_wrong(study):
    """However often the pipeline repeats it: the reference's is expected."""
    alone = [both("yes"), both("yes"), both("never")]
    right = right_digests(study, ARM, "pipeline", alone)
    assert right == [both("yes"), both("no"), both("yes")]


@pytest.mark.parametrize(
    "change",
    [
        {"replay": "there"},
        {"common": SimpleNamespace(seed=4)},
        {"questions": ASKED[:1]},
        {"checkpoint": SimpleNamespace(provenance=lambda: CHECKPOINT | {"weights_digest": "d"})},
    ],
)
def test_what_03_did_not_judge_is_taken_as_it_is(study, change):
    """A replay, other frames, other questions, other weights."""
    vars(study).update(change)
    alone = [both("never")] * 3
    assert right_digests(study, ARM, "pipeline", alone) == alone


@pytest.mark.parametrize(("arm", "call"), [("null float32", "pipeline"), (ARM, "generate")])
def test_another_arm_or_call_is_taken_as_it_is(study, arm, call):
    """03 asked neither."""
    alone = [both("never")] * 3
    assert right_digests(study, arm, call, alone) == alone


def test_without_03_there_is_nothing_to_compare_with(study, tmp_path):
    """A folder in which 03 has not run."""
    study.results = Results(tmp_path / "empty")
    assert right_digests(study, ARM, "pipeline", [1, 2, 3]) == [1, 2, 3]
