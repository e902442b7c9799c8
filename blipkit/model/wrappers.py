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
    rows = len(tensors[0])
    capacity = min(shape[0] for shape, _ in wanted)
    missing = -rows % capacity
    inputs = []
    for tensor, (shape, dtype) in zip(tensors, wanted, strict=True):
        columns = max(0, shape[1] - tensor.shape[1])
        # before and behind, of the last dimension first: those after the second stay as they are
        unchanged = [0, 0] * (tensor.dim() - 2)
        filled = nn.functional.pad(tensor, [*unchanged, 0, columns, 0, missing])
        repeated = filled.repeat_interleave(shape[0] // capacity, 0)
        inputs.append(repeated.to(dtype).split(shape[0]))
    made = torch.cat([one(*block) for block in zip(*inputs, strict=True)])
    return made[:: len(made) // (rows + missing)][:rows]


def smallest(loaded: tuple[Stage, ...], **needed: int) -> Stage:
    """The artifact of the smallest bucket that fits; BadInput names what does not."""

    def sizes(one: Stage) -> tuple[int, ...]:
        return tuple(getattr(one.bucket, name) for name in needed)

    def fits(one: Stage) -> bool:
        return all(has >= size for has, size in zip(sizes(one), needed.values(), strict=True))

    fitting = [one for one in loaded if fits(one)]
    if not fitting:
        asked = ", ".join(f"{name} {size}" for name, size in needed.items())
        seen = f"asked for {asked}, compiled for {', '.join(str(one.bucket) for one in loaded)}"
        advice = "a bucket that holds it to 02_trace"
        if "answer_tokens" in needed:
            longest = max(one.bucket.answer_tokens for one in loaded)
            advice = f"max_new_tokens={longest} or {advice}"
        raise BadInput(f"{loaded[0].component.name}: {seen}; pass {advice}")
    return min(fitting, key=sizes)


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
        states = fill_and_run(smallest(self.loaded, frames=1), pixel_values)
        return BaseModelOutput(last_hidden_state=states)


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
        mask = attention_mask
        if mask is None:
            mask = torch.ones_like(input_ids)
        one = smallest(self.loaded, tokens=length)
        states = fill_and_run(one, input_ids, mask, encoder_hidden_states, encoder_attention_mask)
        return (states[:, :length],)


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
        # with a cache, generate passes the last token alone
        wrapper.generation_config.use_cache = False
        return wrapper

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        encoder_hidden_states=None,
        encoder_attention_mask=None,
        **_,
    ):
        length = input_ids.shape[1]
        tokens = encoder_hidden_states.shape[1]
        one = smallest(self.loaded, tokens=tokens, answer_tokens=length)
        made = fill_and_run(one, input_ids, encoder_hidden_states, encoder_attention_mask)
        logits = made[:, :length].float().to(input_ids.device)
        return CausalLMOutputWithCrossAttentions(logits=logits)


def shallow_copy(model):
    """The same model with the same submodules, whose submodules can be exchanged without touching
    the original.
    """
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    return twin
