"""Faults that somebody may make on the way to another runner, each planted into a copy of a component's module."""

import copy

import torch
from torch import nn

QUICK = 1.702  # of the sigmoid that stands for GELU


def norms_with(eps: float):
    """Layer norms that add another number to the variance."""

    def fault(module):
        for part in module.modules():
            if isinstance(part, nn.LayerNorm):
                part.eps = eps

    return fault


class QuickGelu(nn.Module):
    """A GELU that is quick to compute."""

    def forward(self, hidden):
        return hidden * torch.sigmoid(QUICK * hidden)


def quick_gelu(module):
    """Every activation is the quick one."""
    for part in list(module.modules()):
        for name in ("activation_fn", "intermediate_act_fn"):
            if hasattr(part, name):
                setattr(part, name, QuickGelu())


def blocks(module):
    """The blocks of whichever component this is."""
    if hasattr(module, "vision_model"):
        return module.vision_model.encoder.layers
    if hasattr(module, "text_encoder"):
        return module.text_encoder.encoder.layer
    return module.text_decoder.bert.encoder.layer


def queries_of(block) -> list[torch.Tensor]:
    """The weight and the bias that make a block's queries."""
    if hasattr(block, "attention"):
        query = block.attention.self.query
        return [query.weight, query.bias]
    qkv = block.self_attn.qkv
    width = block.self_attn.embed_dim
    return [qkv.weight[:width], qkv.bias[:width]]


def softmax_scaled(factor: float):
    """Attention whose softmax gets its arguments times a factor."""

    def fault(module):
        for block in blocks(module):
            for tensor in queries_of(block):
                tensor *= factor

    return fault


def head_zeroed(module):
    """The first of four self-attention heads of the last block says nothing."""
    last = blocks(module)[-1]
    projection = (
        last.attention.output.dense if hasattr(last, "attention") else last.self_attn.projection
    )
    projection.weight[:, : projection.weight.shape[1] // 4] = 0


def linears(module):
    return [part for part in module.modules() if isinstance(part, nn.Linear)]


def without_biases(module):
    """Products without what is added to them."""
    for part in linears(module):
        if part.bias is not None:
            part.bias.zero_()


def int8_weights(module):
    """Weights in 8 bits, one scale for each tensor."""
    for part in linears(module):
        scale = part.weight.abs().max() / 127
        part.weight.copy_((part.weight / scale).round() * scale)


def truncated_weights(module):
    """Weights cut to bfloat16 instead of rounded to it."""
    for weight in module.parameters():
        weight.copy_((weight.view(torch.int32) & -65536).view(torch.float32))


def last_patch_masked(module):
    """The question does not see the last patch of the image; the text encoder's alone."""
    if not hasattr(module, "text_encoder"):
        return None

    def run(ids, mask, states, image_mask):
        image_mask = image_mask.clone()
        image_mask[:, -1] = 0
        return module(ids, mask, states, image_mask)

    return run


class CoarseSums(nn.Module):
    """A product whose partial sums are kept in bfloat16."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.linear = linear

    def forward(self, hidden):
        parts = zip(hidden.split(8, -1), self.linear.weight.split(8, -1), strict=True)
        total = torch.zeros((), dtype=torch.bfloat16)
        for some, weight in parts:
            total = (total + some @ weight.T).bfloat16()
        total = total.to(hidden.dtype)
        return total if self.linear.bias is None else total + self.linear.bias


def coarse_sums(module):
    """Every product sums in bfloat16."""
    for part in list(module.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.Linear):
                setattr(part, name, CoarseSums(child))


def planted(module, fault, dtype: torch.dtype):
    """A copy of a module with a fault, in a number format, as a runner calls it."""
    module = copy.deepcopy(module)
    with torch.no_grad():
        run = fault(module) or module
    module.to(dtype)

    @torch.inference_mode()
    def call(*inputs):
        return run(*(x.to(dtype) if x.is_floating_point() else x for x in inputs))

    return call
