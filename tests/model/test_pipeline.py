import numpy as np
import pytest
import torch
from conftest import unpadded_scores

from blipkit import Bucket, Question, assemble, isolate, trace
from blipkit.errors import BadInput, BlipkitError
from blipkit.frames.frames import Images, images, synthetic_frames
from blipkit.model.pipeline import Pipeline, ranked_answer

BUCKETS = [Bucket(1, 1, 8, 2, 3), Bucket(2, 3, 16, 3, 6)]
QUESTIONS = [
    *(
        Question("dog " * words) for words in range(1, 15)
    ),  # every length from 3 tokens to the largest bucket's 16
    Question("is the dog barking?"),
    Question("is the dog chewing furniture?", ("yes", "no", "sleeping")),
    Question("what is the dog doing is the dog doing is the dog the?", ("chewing furniture", "no")),
]
SURE = 1e-5  # below this margin, the reference itself is undecided


@pytest.fixture(scope="module")
def pipeline(checkpoint, artifact_root) -> Pipeline:
    return assemble(checkpoint, trace(isolate(checkpoint), artifact_root, "eager", shapes=BUCKETS))


@pytest.mark.parametrize("batch", [1, 3])
def test_ranked_answers_are_the_unpadded_argmax(checkpoint, pipeline, batch):
    """Padding to a bucket changes no ranked answer, at any question length, alone or in a batch."""
    lengths = [len(checkpoint.processor.tokenizer(q.text).input_ids) for q in QUESTIONS]
    assert set(lengths) == set(range(3, max(b.tokens for b in BUCKETS) + 1))
    frames = images(synthetic_frames(batch, seed=5))
    answers = pipeline.answer(frames, QUESTIONS)
    for frame, row in zip(frames, answers, strict=True):
        for question, answer in zip(QUESTIONS, row, strict=True):
            truth = ranked_answer(
                question, torch.tensor(unpadded_scores(checkpoint, frame, question))
            )
            assert answer.scores == pytest.approx(truth.scores, abs=1e-4)
            assert answer.text == truth.text or truth.margin < SURE


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("text", ["dog", "what is the dog doing?", QUESTIONS[-1].text])
def test_open_answers_are_unpadded_generate(checkpoint, pipeline, unpadded_generate, batch, text):
    """An open answer has the very tokens of unpadded `generate`, unless the reference itself is undecided."""
    frames = images(synthetic_frames(batch, seed=6))
    for frame, (answer,) in zip(
        frames, pipeline.answer(frames, [text], candidates=None), strict=True
    ):
        bucket = 0 if len(checkpoint.processor.tokenizer(text).input_ids) <= 8 and batch == 1 else 1
        tokens, gap = unpadded_generate(checkpoint, frame, text, BUCKETS[bucket].answer_tokens)
        assert list(answer.tokens) == tokens or gap < SURE
        assert answer.margin == pytest.approx(gap, abs=1e-3)


def test_a_question_that_fits_no_bucket_is_refused_by_name(pipeline):
    """The message names the question, its tokens and the bucket to add."""
    with pytest.raises(
        BadInput, match=r"'is the dog is the dog .* has 20 tokens.*Add one with tokens >= 20"
    ):
        pipeline.answer(images(synthetic_frames(1, seed=1)), ["is the dog " * 6])


def test_open_and_ranked_questions_share_one_call(pipeline):
    """Questions of both kinds in one request give what each gives alone."""
    frames = images(synthetic_frames(2, seed=9))
    mixed = pipeline.answer(
        frames, [QUESTIONS[14], Question("what is the dog doing?", None), QUESTIONS[0]]
    )
    alone = [
        pipeline.answer(frames, [q])
        for q in (QUESTIONS[14], Question("what is the dog doing?", None), QUESTIONS[0])
    ]
    assert [[a.text for a in row] for row in mixed] == [
        [one[f][0].text for one in alone] for f in range(2)
    ]


def test_no_question_and_no_frame_are_no_answers(pipeline):
    """Empty requests are answered with nothing."""
    assert pipeline.answer([], ["dog"]) == []
    assert pipeline.answer(images(synthetic_frames(2, seed=1)), []) == [[], []]


def test_pixels_answer_like_the_pictures_they_are_of(pipeline):
    """So that many arms can share what one of them made of a frame."""
    frames = images(synthetic_frames(4, seed=3))
    assert pipeline.answer(pipeline.preprocess(frames), ["is the dog barking?"]) == pipeline.answer(
        frames, ["is the dog barking?"]
    )


def test_a_text_is_one_question_and_a_picture_one_frame(pipeline, tmp_path):
    """Neither is taken for its letters or its rows; files, arrays and mappings are taken as they are."""
    (picture,) = images(synthetic_frames(1, seed=3))
    picture.save(tmp_path / "a.png")
    expected = pipeline.answer([picture], [Question("is the dog barking?")])
    assert len(expected) == len(expected[0]) == 1
    for frames in (picture, str(tmp_path / "a.png"), [tmp_path / "a.png"], np.asarray(picture)):
        assert pipeline.answer(frames, "is the dog barking?") == expected
    assert pipeline.answer(picture, {"text": "is the dog barking?"}) == expected


def test_candidates_of_the_same_tokens_are_not_answered(pipeline):
    """Nor is a question that the checkpoint cannot read."""
    frames = images(synthetic_frames(1, seed=3))
    with pytest.raises(BadInput, match="'Yes' and 'yes' are the same tokens"):
        pipeline.answer(frames, "is the dog barking?", candidates=["Yes", "yes"])
    with pytest.raises(BadInput, match="2 of its 2 tokens are unknown"):
        pipeline.answer(frames, "犬 猫")


def test_frames_are_decoded_block_by_block(pipeline):
    """No more images are decoded at a time than a bucket holds, each once, and none where nothing is asked."""
    decoded = []

    class Counted(Images):
        def __getitem__(self, index):
            pictures = super().__getitem__(index)
            decoded.append(len(pictures))
            return pictures

    frames = synthetic_frames(5, seed=4)
    assert pipeline.answer(Counted(frames), []) == [[]] * 5 and not decoded
    assert pipeline.answer(Counted(frames), QUESTIONS[:2]) == pipeline.answer(
        list(images(frames)), QUESTIONS[:2]
    )
    assert decoded == [2, 2, 1]


def test_a_pipeline_has_one_arm(checkpoint, artifact_root):
    """Artifacts of two arms are not mixed."""
    from blipkit.runners.artifacts import Artifacts

    eager, null = (
        trace(isolate(checkpoint), artifact_root, name, shapes=BUCKETS[:1])
        for name in ("eager", "null")
    )
    with pytest.raises(BlipkitError, match="one arm, saw eager float32, null float32"):
        assemble(checkpoint, Artifacts([*eager, *null]))
