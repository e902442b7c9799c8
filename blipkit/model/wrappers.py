"""Deploy-time wrappers: a compiled component in the place of transformers' own submodule.

Each takes what the original pipeline passes, pads it to its bucket, and puts the output back into
the form that the original pipeline expects, so that `generate` runs unchanged. Unlike Pipeline they
serve one question a row.
"""

import copy

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutputWithCrossAttentions
from transformers.models.blip.modeling_blip_text import BlipTextLMHeadModel

from blipkit.errors import BadInput
from blipkit.model.pipeline import Stage


def fill_and_run(one: Stage, *tensors: torch.Tensor) -> torch.Tensor:
    """What a compiled component makes of any number of rows, as many columns as its bucket has.

    Behind the caller's rows and columns are zeros, also in the masks. A row is asked once: where
    the bucket has several places for it (questions of a frame, candidates of a question), they
    repeat it.
    """
    wanted = one.component.input_shapes(one.bucket).values()
    rows, capacity = len(tensors[0]), min(shape[0] for shape, _ in wanted)
    missing, inputs = -rows % capacity, []
    for tensor, (shape, dtype) in zip(tensors, wanted, strict=True):
        columns = max(0, shape[1] - tensor.shape[1])
        # of the last dimension, and so on to the first
        behind = (0, 0) * (tensor.dim() - 2) + (
            0,
            columns,
            0,
            missing,
        )
        repeated = nn.functional.pad(tensor, behind).repeat_interleave(shape[0] // capacity, 0)
        inputs.append(repeated.to(dtype).split(shape[0]))
    made = torch.cat([one(*block) for block in zip(*inputs, strict=True)])
    return made[:: len(made) // (rows + missing)][:rows]


def smallest(loaded: tuple[Stage, ...], **needed: int) -> Stage:
    """The artifact of the smallest bucket that fits; BadInput names what does not."""
    fitting = [
        one
        for one in loaded
        if all(getattr(one.bucket, name) >= size for name, size in needed.items())
    ]
    if not fitting:
        asked = ", ".join(f"{name} {size}" for name, size in needed.items())
        seen = f"asked for {asked}, compiled for {', '.join(str(one.bucket) for one in loaded)}"
        longest = max(one.bucket.answer_tokens for one in loaded)
        advice = f"max_new_tokens={longest} or " if "answer_tokens" in needed else ""
        raise BadInput(
            f"{loaded[0].component.name}: {seen}; pass {advice}a bucket that holds it to 02_trace"
        )
    return min(fitting, key=lambda one: tuple(getattr(one.bucket, name) for name in needed))


class EncoderWrapper(nn.Module):
    """Stands in for an encoder."""

    @classmethod
    def from_model(cls, *loaded: Stage) -> "EncoderWrapper":
        """From one compiled component, or one per bucket."""
        wrapper = cls()
        wrapper.loaded = loaded
        return wrapper


class ImageEncoderWrapper(EncoderWrapper):
    """Stands in for `model.vision_model`."""

    def forward(self, pixel_values, interpolate_pos_encoding=False, **_):
        if interpolate_pos_encoding:
            raise BadInput(
                "image_encoder has one image size; without interpolate_pos_encoding, pass what "
                "its processor makes"
            )
        return BaseModelOutput(
            last_hidden_state=fill_and_run(smallest(self.loaded, frames=1), pixel_values)
        )


class TextEncoderWrapper(EncoderWrapper):
    """Stands in for `model.text_encoder`; what comes out has the caller's length again."""

    def forward(
        self,
        input_ids,
        attention_mask=None,
        encoder_hidden_states=None,
        encoder_attention_mask=None,
        **_,
    ):
        length = input_ids.shape[1]
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        one = smallest(self.loaded, tokens=length)
        return (
            fill_and_run(one, input_ids, mask, encoder_hidden_states, encoder_attention_mask)[
                :, :length
            ],
        )


class TextDecoderWrapper(BlipTextLMHeadModel):
    """Stands in for `model.text_decoder`: transformers' `generate` calls its forward, which calls
    the artifact.
    """

    @classmethod
    def from_model(cls, *loaded: Stage) -> "TextDecoderWrapper":
        """From one compiled component, or one per bucket; the original's weights are shared and not
        used.
        """
        original = loaded[0].component.module.text_decoder
        wrapper = copy.copy(original)
        wrapper.__class__ = cls
        wrapper.loaded = loaded
        wrapper.generation_config = copy.deepcopy(original.generation_config)
        wrapper.generation_config.use_cache = (
            False  # with a cache, generate passes the last token alone
        )
        return wrapper

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        encoder_hidden_states=None,
        encoder_attention_mask=None,
        **_,
    ):
        length, tokens = input_ids.shape[1], encoder_hidden_states.shape[1]
        one = smallest(self.loaded, tokens=tokens, answer_tokens=length)
        logits = fill_and_run(one, input_ids, encoder_hidden_states, encoder_attention_mask)[
            :, :length
        ]
        return CausalLMOutputWithCrossAttentions(logits=logits.float().to(input_ids.device))


def shallow_copy(model):
    """The same model with the same submodules, whose submodules can be exchanged without touching
    the original.
    """
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    return twin
