"""BLIP for question answering, taken apart: three unmodified submodules, each behind a thin
adapter.

An adapter takes positional tensors and returns one plain tensor, because that is what compilers
accept. It calls the submodule's own `.embeddings`, layers and `.cls` with additive masks that stay
finite in every precision: transformers masks with finfo(float32).min, which is -inf in half
precision, and 0 * -inf is NaN.
"""

import inspect
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from blipkit.errors import BadInput
from blipkit.model.buckets import Bucket
from blipkit.model.checkpoints import Checkpoint

MASKED = -1e4  # finite in float16; softmax of it is exactly 0 in float32
IDS = torch.int32  # Inferentia2 turns 64-bit integers into 32-bit ones anyway


class TensorType(NamedTuple):
    """Shape and number format of a tensor."""

    shape: tuple[int, ...]
    dtype: torch.dtype


class ImageEncoder(nn.Module):
    """pixel_values (F, 3, H, W) -> image_states (F, N, D)."""

    output = "image_states"

    def __init__(self, model):
        super().__init__()
        self.vision_model = model.vision_model

    def forward(self, pixel_values):
        hidden = self.vision_model.embeddings(pixel_values)
        hidden = self.vision_model.encoder(inputs_embeds=hidden).last_hidden_state
        return self.vision_model.post_layernorm(hidden)


class TextEncoder(nn.Module):
    """input_ids, attention_mask (F*Q, T), image_states (F, N, D), image_mask (F, N) ->
    question_states (F*Q, T, D).

    A frame's states enter once and are repeated for its questions inside the graph.
    """

    output = "question_states"

    def __init__(self, model):
        super().__init__()
        self.text_encoder = model.text_encoder

    def forward(self, input_ids, attention_mask, image_states, image_mask):
        hidden = self.text_encoder.embeddings(input_ids=input_ids)
        mask = key_mask(attention_mask, hidden.dtype)
        return run_layers(self.text_encoder.encoder, hidden, mask, image_states, image_mask)


class TextDecoder(nn.Module):
    """answer_ids (F*Q*C, A), question_states (F*Q, T, D), question_mask (F*Q, T) -> logits (F*Q*C,
    A, V).

    Position i of the logits predicts answer token i + 1. There is no cache: answers are short, and
    a stateless artifact may be called from many threads.
    """

    output = "logits"

    def __init__(self, model):
        super().__init__()
        self.text_decoder = model.text_decoder

    def forward(self, answer_ids, question_states, question_mask):
        bert = self.text_decoder.bert
        hidden = bert.embeddings(input_ids=answer_ids)
        mask = causal_mask(answer_ids, hidden.dtype)
        hidden = run_layers(bert.encoder, hidden, mask, question_states, question_mask)
        return self.text_decoder.cls(hidden)


def run_layers(encoder, hidden, mask, states, states_mask):
    """The encoder's own layers, one by one: self-attention, cross-attention, feed-forward.

    hidden (R, T, D), mask: as `key_mask` or `causal_mask` makes it. states (B, N, D), states_mask
    (B, N) of 0 and 1: what the layers look at, each row for R / B successive rows of `hidden`; they
    are repeated here, inside the graph.

    Spelled out because BlipTextAttention.forward drops the cross-attention mask before it reaches
    its softmax (transformers 4.57 and 5.23), so that padding would change answers; its inner module
    takes the mask and applies it.
    """
    times = hidden.shape[0] // states.shape[0]
    states = repeat_rows(states, times)
    states_mask = key_mask(repeat_rows(states_mask, times), hidden.dtype)
    for layer in encoder.layer:
        hidden = layer.attention(hidden, attention_mask=mask)[0]
        context = layer.crossattention.self(
            hidden, encoder_hidden_states=states, encoder_attention_mask=states_mask
        )[0]
        hidden = layer.feed_forward_chunk(layer.crossattention.output(context, hidden))
    return hidden


def repeat_rows(tensor: torch.Tensor, times: int) -> torch.Tensor:
    """(B, ...) -> (B * times, ...), each row `times` times in succession."""
    return tensor.unsqueeze(1).expand(-1, times, *tensor.shape[1:]).reshape(-1, *tensor.shape[1:])


def key_mask(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A 0/1 mask over keys (B, T) as an additive (B, 1, 1, T)."""
    return ((1 - mask).to(dtype) * MASKED)[:, None, None, :]


def causal_mask(ids: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Additive (1, 1, A, A): a position sees itself and those before it."""
    position = torch.arange(ids.shape[1], device=ids.device)
    is_later = position[None, :] > position[:, None]
    return (is_later.to(dtype) * MASKED)[None, None]


def tensor_shapes(config, bucket: Bucket) -> dict[str, TensorType]:
    """Name -> type of every tensor that goes into or comes out of a component in a bucket.

    They follow from the checkpoint's config alone.
    """
    vision = config.vision_config
    text = config.text_config
    size = vision.image_size
    patches = (size // vision.patch_size) ** 2 + 1  # and the class token
    questions = bucket.frames * bucket.questions
    tokens = (questions, bucket.tokens)
    answers = (questions * bucket.candidates, bucket.answer_tokens)
    return {
        "pixel_values": TensorType((bucket.frames, 3, size, size), torch.float32),
        "image_states": TensorType((bucket.frames, patches, vision.hidden_size), torch.float32),
        "image_mask": TensorType((bucket.frames, patches), IDS),
        "input_ids": TensorType(tokens, IDS),
        "attention_mask": TensorType(tokens, IDS),
        "question_states": TensorType((*tokens, text.hidden_size), torch.float32),
        "question_mask": TensorType(tokens, IDS),
        "answer_ids": TensorType(answers, IDS),
        "logits": TensorType((*answers, text.vocab_size), torch.float32),
    }


# component -> its adapter, in the order in which data passes them
ADAPTERS = {
    "image_encoder": ImageEncoder,
    "text_encoder": TextEncoder,
    "text_decoder": TextDecoder,
}
COMPONENT_NAMES = tuple(ADAPTERS)


@dataclass(frozen=True)
class Component:
    """One part of a checkpoint; module: the adapter around the unmodified submodule, in float32,
    set to eval.
    """

    name: str
    module: nn.Module
    checkpoint: Checkpoint

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the tensors that come out of it."""
        return (ADAPTERS[self.name].output,)

    @property
    def weights(self) -> int:
        """How many weights it has; those that the decoder uses twice, for its words, count once."""
        return sum(p.numel() for p in self.module.parameters())

    @property
    def digest(self) -> str:
        """Digest of this component's weights, 16 hex digits."""
        return self.checkpoint.digest_of(self.module, self.name)

    def input_shapes(self, bucket: Bucket) -> dict[str, TensorType]:
        """Name -> type of each input in a bucket, in the order of the adapter's forward."""
        _, *names = inspect.signature(ADAPTERS[self.name].forward).parameters  # but self
        shapes = tensor_shapes(self.checkpoint.config, bucket)
        return {name: shapes[name] for name in names}

    def plain_shapes(self, bucket: Bucket) -> dict[str, list]:
        """Name -> [shape, number format] of each input in a bucket, as JSON keeps them."""
        shapes = {}
        for name, (shape, dtype) in self.input_shapes(bucket).items():
            shapes[name] = [list(shape), str(dtype).removeprefix("torch.")]
        return shapes

    def output_shape(self, bucket: Bucket) -> tuple[int, ...]:
        """Shape of the tensor that comes out of it in a bucket."""
        return tensor_shapes(self.checkpoint.config, bucket)[self.output_names[0]].shape

    def example_inputs(self, bucket: Bucket, seed: int = 0) -> tuple[torch.Tensor, ...]:
        """Tensors of its inputs' types: random floats, valid token ids, masks of ones."""
        generator = torch.Generator().manual_seed(seed)
        vocabulary = self.checkpoint.config.text_config.vocab_size

        def example(name, shape, dtype):
            if name.endswith("mask"):
                return torch.ones(shape, dtype=dtype)
            if name.endswith("ids"):
                return torch.randint(0, vocabulary, shape, generator=generator, dtype=dtype)
            return torch.randn(shape, generator=generator).to(dtype)

        return tuple(example(name, *kind) for name, kind in self.input_shapes(bucket).items())


class Components(tuple[Component, ...]):
    """All components of one checkpoint, in the order in which data passes them.

    `components["text_encoder"]` is the one of that name, `components[1]` the second.
    """

    @property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint that was taken apart."""
        return self[0].checkpoint

    def __getitem__(self, place):
        if isinstance(place, str):
            return {component.name: component for component in self}[place]
        return super().__getitem__(place)


def isolate(checkpoint: Checkpoint) -> Components:
    """Take a checkpoint apart; the submodules stay shared with `checkpoint.model`, nothing is
    copied or patched.
    """
    return Components(
        Component(name, adapter(checkpoint.model).eval(), checkpoint)
        for name, adapter in ADAPTERS.items()
    )


def default_bucket(checkpoint: Checkpoint) -> Bucket:
    """One frame, one question of 8 tokens, two candidates, and the 20 answer tokens that `generate`
    writes by default; fewer where the checkpoint has no positions for them.
    """
    longest = checkpoint.config.text_config.max_position_embeddings
    return Bucket(tokens=min(8, longest), answer_tokens=min(20, longest))


def check_bucket(checkpoint: Checkpoint, bucket: Bucket) -> None:
    """Refuse a bucket that the checkpoint has no positions for."""
    longest = checkpoint.config.text_config.max_position_embeddings
    for name, size in (("tokens", bucket.tokens), ("answer_tokens", bucket.answer_tokens)):
        if size > longest:
            limit = f"the checkpoint has {longest} positions (max_position_embeddings)"
            raise BadInput(f"bucket {bucket}: {name} is {size}; {limit}")
