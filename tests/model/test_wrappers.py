import plain_trace
import pytest
import torch

from blipkit import Bucket, isolate, plug_in, trace
from blipkit.errors import BadInput
from blipkit.frames.frames import images, synthetic_frames
from blipkit.model.wrappers import (
    ImageEncoderWrapper,
    TextDecoderWrapper,
    TextEncoderWrapper,
    shallow_copy,
)

BUCKETS = [Bucket(1, 1, 8, 2, 3), Bucket(2, 3, 16, 3, 6)]
TEXTS = [
    "dog",
    "what is the dog doing?",
    "what is the dog doing is the dog doing is the dog the?",
]  # 3, 8, 16 tokens


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("text", TEXTS)
def test_plugged_generate_is_unpadded_generate(
    checkpoint, artifact_root, unpadded_generate, batch, text
):
    """transformers' own class on compiled components writes the very tokens that it writes without them."""
    model = plug_in(
        checkpoint, trace(isolate(checkpoint), artifact_root, "torchscript", shapes=BUCKETS)
    )
    frames = images(synthetic_frames(batch, seed=8))
    inputs = checkpoint.processor(images=frames, text=[text] * batch, return_tensors="pt")
    plugged = model.generate(**inputs, max_new_tokens=5)
    truth = [unpadded_generate(checkpoint, frame, text, 5) for frame in frames]
    for row, (tokens, gap) in zip(plugged[:, 1:].tolist(), truth, strict=True):
        assert row[: len(tokens)] == tokens or gap < 1e-5


def test_plug_in_leaves_the_checkpoint_alone(checkpoint, artifact_root):
    """The checkpoint's own model answers as before, with its own submodules and its own cache setting."""
    before = (
        dict(checkpoint.model._modules),
        checkpoint.model.text_decoder.generation_config.use_cache,
    )
    plug_in(checkpoint, trace(isolate(checkpoint), artifact_root, "eager", shapes=BUCKETS))
    assert (
        dict(checkpoint.model._modules),
        checkpoint.model.text_decoder.generation_config.use_cache,
    ) == before


def test_plugged_beams_equal_the_original_beams(checkpoint, artifact_root):
    """Beam search, which repeats the question's states itself, runs on the artifacts too."""
    model = plug_in(checkpoint, trace(isolate(checkpoint), artifact_root, "eager", shapes=BUCKETS))
    inputs = checkpoint.processor(
        images=images(synthetic_frames(1, seed=8)),
        text=["what is the dog doing?"],
        return_tensors="pt",
    )
    options = {"max_new_tokens": 4, "num_beams": 3}
    assert torch.equal(
        model.generate(**inputs, **options), checkpoint.model.generate(**inputs, **options)
    )


def test_too_many_new_tokens_name_the_bucket(checkpoint, artifact_root):
    """An answer longer than any bucket is refused with what to do, never cut short in silence."""
    model = plug_in(checkpoint, trace(isolate(checkpoint), artifact_root, "eager", shapes=BUCKETS))
    inputs = checkpoint.processor(
        images=images(synthetic_frames(1, seed=8)), text=["dog"], return_tensors="pt"
    )
    with pytest.raises(
        BadInput, match=r"text_decoder: asked for tokens 3, answer_tokens 7.*max_new_tokens=6"
    ):
        model.generate(**inputs, max_new_tokens=9, min_new_tokens=9)


def test_the_published_recipe_plugs_in_what_torch_jit_load_returns(small, tmp_path):
    """Both encoders, each a traced file of the user's, answer as the model does; nothing is padded."""
    plain_trace.trace_all(small.source, tmp_path)
    frames = images(synthetic_frames(1, seed=8))
    text = "is the dog chewing furniture?"  # 8 tokens, as it was traced for
    inputs = small.processor(images=frames, text=[text], return_tensors="pt")
    assert inputs["input_ids"].shape == (1, 8) and inputs["input_ids"].dtype == torch.int64
    model = shallow_copy(small.model)
    load = torch.jit.load
    model.vision_model = ImageEncoderWrapper.from_model(load(tmp_path / "image_encoder.pt"))
    model.text_encoder = TextEncoderWrapper.from_model(load(tmp_path / "text_encoder.pt"))
    expected = small.model.generate(**inputs, max_new_tokens=4)
    assert torch.equal(model.generate(**inputs, max_new_tokens=4), expected)


def test_what_is_no_compiled_component_is_refused_at_once(small, tmp_path):
    """A path, a plain module, several traced ones, nothing; and a traced decoder, which does not say its length."""
    plain_trace.trace_all(small.source, tmp_path)
    traced = torch.jit.load(tmp_path / "text_decoder.pt")
    refused = [
        (TextEncoderWrapper, ("text_encoder.pt",), "TextEncoderWrapper.from_model got str"),
        (ImageEncoderWrapper, (torch.nn.Linear(1, 1),), "got Linear; expected compiled components"),
        (TextEncoderWrapper, (traced, traced), "got RecursiveScriptModule; .*blipkit adopt"),
        (TextDecoderWrapper, (traced,), "got RecursiveScriptModule; expected compiled .*plug_in"),
        (TextEncoderWrapper, (), "got nothing; expected one or more components"),
    ]
    for wrapper, stages, message in refused:
        with pytest.raises(BadInput, match=message):
            wrapper.from_model(*stages)
