"""What computes the same otherwise passes, on any frames: libraries, layouts, threads, and coarser weights under a half-precision arm's name."""

import copy
import dataclasses
import shutil
import types

import pytest
import torch
from conftest import run_chapter
from torch import nn

from blipkit.frames.frames import load_frames
from blipkit.parity import compare_components
from blipkit.runners.assemble import Loaded

pytestmark = pytest.mark.slow
SEEDS = 200
FRAMES = 4
FULL, HALF = "torchscript float32", "torchscript bfloat16"
BUCKET = {"frames": FRAMES, "questions": 5, "tokens": 8, "candidates": 2, "answer_tokens": 4}
KNOBS = {"frames": 12, "frame_flip_limit": 0.3, "compared_frames": FRAMES, "baseline_frames": 8}


def compiled(module):
    """torch.compile, in one graph for the bucket's shapes."""
    return torch.compile(module, dynamic=False)


def channels_last(module):
    return module.to(memory_format=torch.channels_last)


def fused_attention(module):
    """torch's fused attention in the blocks of the image encoder, the one that transformers has it for."""
    for part in module.modules():
        if hasattr(part, "qkv"):
            part.forward = types.MethodType(attend_fused, part)
    return module


def attend_fused(self, hidden_states, **_):
    """In the place of BlipAttention's own arithmetic; (frames, patches, width)."""
    frames, patches, width = hidden_states.shape
    heads = (frames, patches, 3, self.num_heads, width // self.num_heads)
    query, key, value = self.qkv(hidden_states).reshape(heads).permute(2, 0, 3, 1, 4)
    seen = nn.functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
    return self.projection(seen.permute(0, 2, 1, 3).reshape(frames, patches, width)), None


def two_threads(module):
    def run(*inputs):
        torch.set_num_threads(2)
        try:
            return module(*inputs)
        finally:
            torch.set_num_threads(1)

    return run


def without_onednn(module):
    def run(*inputs):
        with torch.backends.mkldnn.flags(enabled=False):
            return module(*inputs)

    return run


def in_bfloat16(module):
    """The whole model in the format, without oneDNN's kernels for it."""
    module.bfloat16()
    run = without_onednn(module)
    return lambda *inputs: run(*(x.bfloat16() if x.is_floating_point() else x for x in inputs))


def autocast(module):
    """Products in bfloat16, the rest in float32."""

    def run(*inputs):
        with torch.autocast("cpu", torch.bfloat16):
            return module(*inputs)

    return run


def coarse_weights(module):
    """Weights that bfloat16 holds, computed with in float32."""
    for weight in module.parameters():
        weight.copy_(weight.bfloat16().float())
    return module


# one of each precision at a time, which halves what 200 series of frames take
VARIANTS = [
    (compiled, in_bfloat16),
    (channels_last, autocast),
    (two_threads, coarse_weights),
    (without_onednn, autocast),
    (fused_attention, coarse_weights),
]


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """Both arms, in a bucket of as many frames as are followed."""
    results = str(tmp_path_factory.mktemp("results"))
    common = {"arms": [FULL, HALF], "buckets": [BUCKET]}
    return run_chapter("03_parity", KNOBS | {"results": results}, common)[0]["panel"]


def variant_of(module, change):
    """A copy of a module, changed, as a runner calls it."""
    with torch.no_grad():
        run = change(copy.deepcopy(module))
    return torch.inference_mode()(lambda *inputs: run(*inputs))


def about(panel, seed: int):
    """The panel, asked about other frames."""
    frames = load_frames("synthetic", FRAMES, seed, False)
    other = dataclasses.replace(panel, frames=frames)
    vars(other)["engine"] = panel.engine
    return other


@pytest.mark.parametrize(("full", "half"), VARIANTS)
def test_legitimate_variants_pass_on_any_frames(panel, monkeypatch, full, half):
    """In 200 of 200 series of frames, all components of both arms; compiled once."""
    if full is compiled and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        pytest.skip("torch.compile needs a C++ compiler on PATH, such as g++")
    for arm, change in ((FULL, full), (HALF, half)):
        for stages in panel.engine.pipelines[arm].stages.values():
            for component, sound in list(stages.items()):
                run = variant_of(panel.engine.components[component].module, change)
                monkeypatch.setitem(stages, component, Loaded(sound.artifact, sound.component, run))
    failed = {}
    for seed in range(10, 10 + SEEDS):
        gates = compare_components(about(panel, seed)).gates()
        if missed := [gate for gate in gates if gate.status != "PASS"]:
            failed[seed] = missed
    assert not failed
