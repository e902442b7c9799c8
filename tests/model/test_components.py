import pytest
import torch
from transformers import BlipConfig

from blipkit import Bucket, isolate
from blipkit.model.checkpoints import Checkpoint
from blipkit.model.components import (
    COMPONENT_NAMES,
    MASKED,
    Component,
    default_bucket,
    repeat_rows,
)


def test_blip_base_inputs_come_from_its_config():
    """BLIP-base's example inputs are (1, 8) ids and mask, (1, 577, 768) states and (1, 577) mask."""
    config = BlipConfig(text_config={"num_attention_heads": 12})
    checkpoint = Checkpoint("base", type("Model", (), {"config": config}), None)
    bucket = default_bucket(checkpoint)
    component = Component("text_encoder", torch.nn.Identity(), checkpoint)
    shapes = {
        name: tuple(t.shape)
        for name, t in zip(
            component.input_shapes(bucket), component.example_inputs(bucket), strict=True
        )
    }
    assert shapes == {
        "input_ids": (1, 8),
        "attention_mask": (1, 8),
        "image_states": (1, 577, 768),
        "image_mask": (1, 577),
    }


def test_components_are_the_models_own_submodules(checkpoint):
    """Isolating copies nothing and patches nothing."""
    components = isolate(checkpoint)
    assert components["image_encoder"].module.vision_model is checkpoint.model.vision_model
    assert components["text_encoder"].module.text_encoder is checkpoint.model.text_encoder
    assert components["text_decoder"].module.text_decoder is checkpoint.model.text_decoder
    assert [c.output_names for c in components][:3] == [
        ("image_states",),
        ("question_states",),
        ("logits",),
    ]


def test_a_component_is_found_by_its_name_and_by_its_place(small):
    """A name that no component has is a KeyError, as a mapping's is."""
    components = isolate(small)
    assert [component.name for component in components] == list(COMPONENT_NAMES)
    assert components[0] is components["image_encoder"] and len(components[1:]) == 2
    assert components.checkpoint is small
    with pytest.raises(KeyError, match="audio_encoder"):
        components["audio_encoder"]


@torch.inference_mode()
def test_adapters_equal_their_submodules_bit_for_bit(checkpoint):
    """Unpadded, in float32, an adapter's output is its submodule's to the last bit."""
    model, components, bucket = checkpoint.model, isolate(checkpoint), Bucket(1, 2, 6, 1, 4)
    inputs = {c.name: c.example_inputs(bucket, seed=1) for c in components}
    (pixels,), (ids, mask, states, image_mask) = inputs["image_encoder"], inputs["text_encoder"]
    assert torch.equal(
        components["image_encoder"].module(pixels), model.vision_model(pixels).last_hidden_state
    )
    encoded = model.text_encoder(
        ids.long(), attention_mask=mask, encoder_hidden_states=repeat_rows(states, 2)
    )
    assert torch.equal(
        components["text_encoder"].module(ids, mask, states, image_mask), encoded.last_hidden_state
    )
    answers, question, question_mask = inputs["text_decoder"]
    logits = model.text_decoder(
        answers.long(), encoder_hidden_states=question, use_cache=False
    ).logits
    assert torch.equal(components["text_decoder"].module(answers, question, question_mask), logits)


@torch.inference_mode()
def test_masked_positions_do_not_reach_the_decoder(checkpoint):
    """Whatever stands in padded question states, the logits are the same; transformers' own forward does not hold this."""
    decoder = isolate(checkpoint)["text_decoder"]
    answers, states, mask = decoder.example_inputs(Bucket(1, 1, 6, 1, 4))
    mask[:, 4:] = 0
    other = states.clone()
    other[:, 4:] = 7.0
    assert torch.equal(decoder.module(answers, states, mask), decoder.module(answers, other, mask))
    outputs = [
        checkpoint.model.text_decoder(
            answers.long(), encoder_hidden_states=s, encoder_attention_mask=mask, use_cache=False
        ).logits
        for s in (states, other)
    ]
    assert not torch.equal(*outputs), (
        "transformers applies the cross-attention mask now: run_layers may call the encoder again"
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_masks_stay_finite_in_half_precision(checkpoint, dtype):
    """No mask overflows, so that nothing becomes NaN."""
    assert torch.tensor(MASKED, dtype=dtype).isfinite()
    for component in isolate(checkpoint):
        import copy

        module = copy.deepcopy(component.module).to(dtype)
        inputs = [
            t.to(dtype) if t.is_floating_point() else t
            for t in component.example_inputs(Bucket(1, 2, 6, 2, 4))
        ]
        with torch.inference_mode():
            assert module(*inputs).isfinite().all(), component.name


def test_every_component_has_its_inputs_in_order(checkpoint):
    """example_inputs are what the adapter's forward takes, by name and order."""
    import inspect

    for component in isolate(checkpoint):
        names = list(inspect.signature(component.module.forward).parameters)
        assert names == list(component.input_shapes(Bucket()))
        assert component.name in COMPONENT_NAMES
