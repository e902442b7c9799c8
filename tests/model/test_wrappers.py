import pytest
import torch

from blipkit import Bucket, isolate, plug_in, trace
from blipkit.errors import BadInput
from blipkit.frames.frames import images, synthetic_frames

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
