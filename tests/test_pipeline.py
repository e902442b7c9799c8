import pytest
import torch

from blipkit import Bucket, Question, assemble, isolate, plug_in, trace
from blipkit.errors import BadInput, BlipkitError
from blipkit.frames import drawn_frames, images
from blipkit.pipeline import Pipeline, ranked_answer, unpadded_scores
from blipkit.questions import parse_questions

BUCKETS = [Bucket(1, 1, 8, 2, 3), Bucket(2, 3, 16, 3, 6)]
QUESTIONS = [  # 3 tokens with [CLS] and [SEP], then longer, up to the largest bucket of 16
    Question("dog"),
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
    assert min(lengths) == 3 and max(lengths) == max(b.tokens for b in BUCKETS)
    frames = images(drawn_frames(batch, seed=5))
    answers = pipeline.answer(frames, QUESTIONS)
    for frame, row in zip(frames, answers, strict=True):
        for question, answer in zip(QUESTIONS, row, strict=True):
            truth = ranked_answer(question, torch.tensor(unpadded_scores(checkpoint, frame, question)))
            assert answer.scores == pytest.approx(truth.scores, abs=1e-4)
            assert answer.text == truth.text or truth.margin < SURE


def unpadded_generate(checkpoint, frame, text, new_tokens):
    """transformers' own greedy tokens, and the smallest gap between the two best logits on the way."""
    inputs = checkpoint.processor(images=frame, text=text, return_tensors="pt")
    out = checkpoint.model.generate(
        **inputs, max_new_tokens=new_tokens, do_sample=False, output_logits=True, return_dict_in_generate=True
    )
    best = torch.stack(out.logits).topk(2, -1).values
    return out.sequences[0, 1:].tolist(), (best[..., 0] - best[..., 1]).min().item()


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("text", ["dog", "what is the dog doing?", QUESTIONS[-1].text])
def test_open_answers_are_unpadded_generate(checkpoint, pipeline, batch, text):
    """An open answer has the very tokens of unpadded `generate`, unless the reference itself is undecided."""
    frames = images(drawn_frames(batch, seed=6))
    for frame, (answer,) in zip(frames, pipeline.answer(frames, [text], candidates=None), strict=True):
        bucket = 0 if len(checkpoint.processor.tokenizer(text).input_ids) <= 8 and batch == 1 else 1
        tokens, gap = unpadded_generate(checkpoint, frame, text, BUCKETS[bucket].answer_tokens)
        assert list(answer.scores) == tokens or gap < SURE
        assert answer.margin == pytest.approx(gap, abs=1e-3)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("text", ["dog", "what is the dog doing?", QUESTIONS[-1].text])
def test_plugged_generate_is_unpadded_generate(checkpoint, artifact_root, batch, text):
    """transformers' own class on compiled components writes the very tokens that it writes without them."""
    model = plug_in(checkpoint, trace(isolate(checkpoint), artifact_root, "torchscript", shapes=BUCKETS))
    frames = images(drawn_frames(batch, seed=8))
    inputs = checkpoint.processor(images=frames, text=[text] * batch, return_tensors="pt")
    plugged = model.generate(**inputs, max_new_tokens=5)
    truth = [unpadded_generate(checkpoint, frame, text, 5) for frame in frames]
    for row, (tokens, gap) in zip(plugged[:, 1:].tolist(), truth, strict=True):
        assert row[: len(tokens)] == tokens or gap < SURE


def test_plug_in_leaves_the_checkpoint_alone(checkpoint, artifact_root):
    """The checkpoint's own model answers as before, with its own submodules and its own cache setting."""
    before = dict(checkpoint.model._modules), checkpoint.model.text_decoder.generation_config.use_cache
    plug_in(checkpoint, trace(isolate(checkpoint), artifact_root, "eager", shapes=BUCKETS))
    assert (dict(checkpoint.model._modules), checkpoint.model.text_decoder.generation_config.use_cache) == before


def test_plugged_beams_equal_the_original_beams(checkpoint, artifact_root):
    """Beam search, which repeats the question's states itself, runs on the artifacts too."""
    model = plug_in(checkpoint, trace(isolate(checkpoint), artifact_root, "eager", shapes=BUCKETS))
    inputs = checkpoint.processor(
        images=images(drawn_frames(1, seed=8)), text=["what is the dog doing?"], return_tensors="pt"
    )
    options = {"max_new_tokens": 4, "num_beams": 3}
    assert torch.equal(model.generate(**inputs, **options), checkpoint.model.generate(**inputs, **options))


def test_too_many_new_tokens_name_the_bucket(checkpoint, artifact_root):
    """An answer longer than any bucket is refused with what to do, never cut short in silence."""
    model = plug_in(checkpoint, trace(isolate(checkpoint), artifact_root, "eager", shapes=BUCKETS))
    inputs = checkpoint.processor(images=images(drawn_frames(1, seed=8)), text=["dog"], return_tensors="pt")
    with pytest.raises(BadInput, match=r"text_decoder: asked for tokens 3, answer_tokens 7.*max_new_tokens=6"):
        model.generate(**inputs, max_new_tokens=9, min_new_tokens=9)


def test_a_question_that_fits_no_bucket_is_refused_by_name(pipeline):
    """The message names the question, its tokens and the bucket to add."""
    with pytest.raises(BadInput, match=r"'is the dog is the dog .* has 20 tokens.*Add a bucket with tokens >= 20"):
        pipeline.answer(images(drawn_frames(1, seed=1)), ["is the dog " * 6])


def test_open_and_ranked_questions_share_one_call(pipeline):
    """Questions of both kinds in one request give what each gives alone."""
    frames = images(drawn_frames(2, seed=9))
    mixed = pipeline.answer(frames, [QUESTIONS[1], Question("what is the dog doing?", None), QUESTIONS[0]])
    alone = [
        pipeline.answer(frames, [q]) for q in (QUESTIONS[1], Question("what is the dog doing?", None), QUESTIONS[0])
    ]
    assert [[a.text for a in row] for row in mixed] == [[one[f][0].text for one in alone] for f in range(2)]


def test_no_question_and_no_frame_are_no_answers(pipeline):
    """Empty requests are answered with nothing."""
    assert pipeline.answer([], ["dog"]) == []
    assert pipeline.answer(images(drawn_frames(2, seed=1)), []) == [[], []]


def test_a_pipeline_has_one_arm(checkpoint, artifact_root):
    """Artifacts of two arms are not mixed."""
    from blipkit.artifacts import Artifacts

    eager, null = (trace(isolate(checkpoint), artifact_root, name, shapes=BUCKETS[:1]) for name in ("eager", "null"))
    with pytest.raises(BlipkitError, match="one arm, saw eager float32, null float32"):
        assemble(checkpoint, Artifacts([*eager, *null]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "the list is empty"),
        ([""], "expected a text"),
        ([{"text": "dog", "answers": ["a"]}], "expected a text"),
        ([{"text": "dog", "candidates": [True, False]}], "YAML reads bare yes and no as true and false"),
        ([{"text": "dog", "candidates": ["yes"]}], "two or more"),
    ],
)
def test_bad_questions_are_named(given, message):
    """A question that cannot be asked is refused with what was seen."""
    with pytest.raises(BadInput, match=message):
        parse_questions(given)
