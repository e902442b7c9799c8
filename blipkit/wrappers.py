"""Deploy-time wrappers: a compiled component in the place of transformers' own submodule.

Each takes what the original pipeline passes, pads it to its bucket, and puts the output back into the form that the
original pipeline expects, so that `generate` runs unchanged. Unlike Pipeline they serve one question a row.
"""

import copy
import math
from collections.abc import Callable

import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutputWithCrossAttentions
from transformers.models.blip.modeling_blip_text import BlipTextLMHeadModel

from blipkit.artifacts import Artifacts
from blipkit.checkpoints import Checkpoint
from blipkit.components import IDS
from blipkit.errors import BadInput
from blipkit.pipeline import load_each, pad_rows
from blipkit.runners import Loaded, load_artifact


def pad_columns(tensor: torch.Tensor, width: int, value: float = 0) -> torch.Tensor:
    """Fill (B, T, ...) with `value` up to (B, width, ...)."""
    behind = (0, 0) * (tensor.dim() - 2) + (0, width - tensor.shape[1])  # of the last dimension, and so on to T
    return nn.functional.pad(tensor, behind, value=value)


def in_blocks(run: Callable, capacity: int, *tensors: torch.Tensor) -> torch.Tensor:
    """Concatenate what run(*blocks) returns for `capacity` rows at a time; the last block is filled, and cut again."""
    rows = len(tensors[0])
    whole = math.ceil(rows / capacity) * capacity
    blocks = zip(*(pad_rows(tensor, whole).split(capacity) for tensor in tensors), strict=True)
    return torch.cat([run(*block) for block in blocks])[:rows]


def smallest(loaded: tuple[Loaded, ...], **needed: int) -> Loaded:
    """The artifact of the smallest bucket that fits; BadInput names what does not."""
    fitting = [one for one in loaded if all(getattr(one.bucket, name) >= size for name, size in needed.items())]
    if not fitting:
        asked = ", ".join(f"{name} {size}" for name, size in needed.items())
        have = ", ".join(str(one.bucket) for one in loaded)
        longest = max(one.bucket.answer_tokens for one in loaded)
        advice = f"max_new_tokens={longest} or " if "answer_tokens" in needed else ""
        raise BadInput(
            f"{loaded[0].component.name}: asked for {asked}, compiled for {have}; pass {advice}a bucket that holds it to 02_trace"
        )
    return min(fitting, key=lambda one: tuple(getattr(one.bucket, name) for name in needed))


class ImageEncoderWrapper(nn.Module):
    """Stands in for `model.vision_model`."""

    @classmethod
    def from_model(cls, *loaded: Loaded) -> "ImageEncoderWrapper":
        """From one compiled component, or one per bucket."""
        wrapper = cls()
        wrapper.loaded = loaded
        return wrapper

    def forward(self, pixel_values, interpolate_pos_encoding=False, **_):
        if interpolate_pos_encoding:
            raise BadInput(
                "image_encoder was compiled for one image size; interpolate_pos_encoding=True needs another bucket"
            )
        one = min(self.loaded, key=lambda each: each.bucket.frames)
        return BaseModelOutput(last_hidden_state=in_blocks(one, one.bucket.frames, pixel_values))


class TextEncoderWrapper(nn.Module):
    """Stands in for `model.text_encoder`; what comes out has the caller's length again."""

    from_model = classmethod(ImageEncoderWrapper.from_model.__func__)

    def forward(self, input_ids, attention_mask=None, encoder_hidden_states=None, encoder_attention_mask=None, **_):
        length = input_ids.shape[1]
        one = smallest(self.loaded, tokens=length)
        b = one.bucket
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask

        ids, mask = (pad_columns(tensor, b.tokens).to(IDS) for tensor in (input_ids, mask))

        def block(ids, mask, *image):  # one question a frame is asked; the bucket's others repeat it
            ids, mask = (tensor.repeat_interleave(b.questions, 0) for tensor in (ids, mask))
            return one(ids, mask, *image)[:: b.questions, :length]

        return (in_blocks(block, b.frames, ids, mask, encoder_hidden_states, encoder_attention_mask.to(IDS)),)


class TextDecoderWrapper(BlipTextLMHeadModel):
    """Stands in for `model.text_decoder`: transformers' `generate` calls its forward, which calls the artifact."""

    @classmethod
    def from_model(cls, *loaded: Loaded) -> "TextDecoderWrapper":
        """From one compiled component, or one per bucket; the original's weights are shared and not used."""
        original = loaded[0].component.module.text_decoder
        wrapper = copy.copy(original)
        wrapper.__class__ = cls
        wrapper.loaded = loaded
        wrapper.generation_config = copy.deepcopy(original.generation_config)
        wrapper.generation_config.use_cache = False  # with a cache, generate passes the last token alone
        return wrapper

    def forward(
        self, input_ids=None, attention_mask=None, encoder_hidden_states=None, encoder_attention_mask=None, **_
    ):
        length, tokens = input_ids.shape[1], encoder_hidden_states.shape[1]
        one = smallest(self.loaded, tokens=tokens, answer_tokens=length)
        b = one.bucket
        ids = pad_columns(input_ids, b.answer_tokens, self.config.pad_token_id).to(IDS)
        states = pad_columns(encoder_hidden_states, b.tokens)
        mask = pad_columns(encoder_attention_mask, b.tokens).to(IDS)

        def block(ids, states, mask):
            return one(ids.repeat_interleave(b.candidates, 0), states, mask)[:: b.candidates, :length].float()

        logits = in_blocks(block, b.frames * b.questions, ids, states, mask)
        return CausalLMOutputWithCrossAttentions(logits=logits.to(input_ids.device))


def load_stages(
    checkpoint: Checkpoint, artifacts: Artifacts, load: Callable = load_artifact
) -> dict[str, list[Loaded]]:
    """Component name -> its compiled components in memory, one per bucket that differs."""
    stages = {}
    for one in load_each(checkpoint, artifacts, load).values():
        stages.setdefault(one.component.name, []).append(one)
    return stages


def shallow_copy(model):
    """The same model with the same submodules, whose submodules can be exchanged without touching the original."""
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    return twin


def plug_in(checkpoint: Checkpoint, artifacts: Artifacts):
    """transformers' own BlipForQuestionAnswering on the artifacts; `checkpoint.model` is left as it is.

    `generate` may be asked for as many new tokens as the largest bucket's answer_tokens.
    """
    stages, model = load_stages(checkpoint, artifacts), shallow_copy(checkpoint.model)
    model.vision_model = ImageEncoderWrapper.from_model(*stages["image_encoder"])
    model.text_encoder = TextEncoderWrapper.from_model(*stages["text_encoder"])
    model.text_decoder = TextDecoderWrapper.from_model(*stages["text_decoder"])
    return model
