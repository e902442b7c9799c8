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
from blipkit.model.outputs import first_tensor
from blipkit.model.pipeline import Stage


def fill_and_run(stage: Stage, *tensors: torch.Tensor) -> torch.Tensor:
    """What a compiled component makes of any number of rows, with all columns of its bucket.

    The caller's rows and columns are followed by zeros, in the masks too. Each row is asked once:
    where the bucket has several places for it (questions of a frame, candidates of a question), the
    row is repeated there.
    """
    expected = stage.component.input_shapes(stage.bucket).values()
    rows = len(tensors[0])
    capacity = min(shape[0] for shape, _ in expected)
    missing = -rows % capacity
    inputs = []
    for tensor, (shape, dtype) in zip(tensors, expected, strict=True):
        columns = max(0, shape[1] - tensor.shape[1])
        # before and behind, of the last dimension first: those after the second stay as they are
        unchanged = [0, 0] * (tensor.dim() - 2)
        filled = nn.functional.pad(tensor, [*unchanged, 0, columns, 0, missing])
        repeated = filled.repeat_interleave(shape[0] // capacity, 0)
        inputs.append(repeated.to(dtype).split(shape[0]))
    output = torch.cat([stage(*block) for block in zip(*inputs, strict=True)])
    return output[:: len(output) // (rows + missing)][:rows]


def smallest(stages: tuple[Stage, ...], **needed: int) -> Stage:
    """The stage of the smallest bucket that fits; needed: the least that a bucket's sizes must be.

    BadInput where none fits; it says what was asked for, and what there is.
    """

    def sizes(stage: Stage) -> tuple[int, ...]:
        return tuple(getattr(stage.bucket, name) for name in needed)

    def fits(stage: Stage) -> bool:
        return all(has >= size for has, size in zip(sizes(stage), needed.values(), strict=True))

    fitting = [stage for stage in stages if fits(stage)]
    if not fitting:
        request = ", ".join(f"{name} {size}" for name, size in needed.items())
        compiled = ", ".join(str(stage.bucket) for stage in stages)
        advice = "a bucket that holds it to 02_trace"
        if "answer_tokens" in needed:
            longest = max(stage.bucket.answer_tokens for stage in stages)
            advice = f"max_new_tokens={longest} or {advice}"
        problem = f"asked for {request}, compiled for {compiled}"
        raise BadInput(f"{stages[0].component.name}: {problem}; pass {advice}")
    return min(fitting, key=sizes)


def check_stages(wrapper: str, stages: tuple) -> None:
    """Refuse what is no compiled component; wrapper: who was to stand in for it."""
    for stage in stages:
        if not all(hasattr(stage, name) for name in ("component", "bucket")):
            seen = f"{wrapper}.from_model got {type(stage).__name__}"
            expected = "expected compiled components, as load_artifact returns them"
            advice = "adopt a file that you compiled yourself (blipkit adopt), and plug_in takes it"
            raise BadInput(f"{seen}; {expected}: {advice}")
    if not stages:
        raise BadInput(f"{wrapper}.from_model got nothing; expected one or more components")


class EncoderWrapper(nn.Module):
    """Stands in for an encoder."""

    @classmethod
    def from_model(cls, *stages: Stage | torch.jit.ScriptModule) -> "EncoderWrapper":
        """From one compiled component, or one per bucket; or from one traced module, as
        `torch.jit.load` returns it.

        A traced module does not say its shapes: it gets what the caller passes, unpadded, in the
        caller's number formats.
        """
        wrapper = cls()
        wrapper.stages = stages
        if len(stages) != 1 or not isinstance(stages[0], torch.jit.ScriptModule):
            check_stages(cls.__name__, stages)
        return wrapper

    def encode(self, *tensors: torch.Tensor, **needed: int) -> torch.Tensor:
        """What the encoder makes of the caller's tensors; needed: as `smallest` takes it."""
        if not isinstance(self.stages[0], torch.jit.ScriptModule):
            return fill_and_run(smallest(self.stages, **needed), *tensors)
        return first_tensor(self.stages[0](*tensors))


class ImageEncoderWrapper(EncoderWrapper):
    """Stands in for `model.vision_model`."""

    def forward(self, pixel_values, interpolate_pos_encoding=False, **_):
        if interpolate_pos_encoding:
            raise BadInput(
                "image_encoder has one image size; without interpolate_pos_encoding, pass what "
                "its processor makes"
            )
        states = self.encode(pixel_values, frames=1)
        return BaseModelOutput(last_hidden_state=states)


class TextEncoderWrapper(EncoderWrapper):
    """Stands in for `model.text_encoder`; its output has as many tokens as the caller passed."""

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
        tensors = (input_ids, mask, encoder_hidden_states, encoder_attention_mask)
        states = self.encode(*tensors, tokens=length)
        return (states[:, :length],)


class TextDecoderWrapper(BlipTextLMHeadModel):
    """Stands in for `model.text_decoder`: transformers' `generate` calls its forward, which calls
    the compiled component.
    """

    @classmethod
    def from_model(cls, *stages: Stage) -> "TextDecoderWrapper":
        """From one compiled component, or one per bucket; the original's weights are shared but not
        used.
        """
        check_stages(cls.__name__, stages)
        original = stages[0].component.module.text_decoder
        wrapper = copy.copy(original)
        wrapper.__class__ = cls
        wrapper.stages = stages
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
        stage = smallest(self.stages, tokens=tokens, answer_tokens=length)
        output = fill_and_run(stage, input_ids, encoder_hidden_states, encoder_attention_mask)
        logits = output[:, :length].float().to(input_ids.device)
        return CausalLMOutputWithCrossAttentions(logits=logits)


def shallow_copy(model):
    """A copy that shares the model's submodules; exchanging one of them leaves the original as it
    is.
    """
    twin = copy.copy(model)
    twin._modules = dict(model._modules)
    return twin
