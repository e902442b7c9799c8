"""The component itself, uncompiled: in float32 on the CPU it is the reference for everything else."""

import copy
import json

import torch

from blipkit.arms import GPU_ARMS
from blipkit.errors import BadInput
from blipkit.runners.base import DTYPES, cast_floats

name = "eager"
compiles = False


def device_for(dtype: str) -> torch.device:
    """Where an arm of this number format runs; torchscript does the same."""
    if (name, dtype) not in GPU_ARMS:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise BadInput(f"{dtype} arms need torch built with CUDA; this is torch {torch.__version__}")
    return torch.device("cuda")


def flags(dtype: str) -> dict:
    return {"device": str(device_for(dtype))}


def compile(module, inputs, dtype, path):
    """Nothing to compile: keep what was asked for, so that every arm has a file."""
    output = load(path, {"dtype": dtype}, module)(*inputs)
    path.write_text(json.dumps({"runner": name, "dtype": dtype}) + "\n")
    return tuple(output.shape)


def load(path, manifest, module):
    dtype, device = DTYPES[manifest["dtype"]], device_for(manifest["dtype"])
    if (dtype, device.type) != (torch.float32, "cpu"):
        module = copy.deepcopy(module).to(device=device, dtype=dtype)

    @torch.inference_mode()
    def run(*inputs):
        return module(*cast_floats(inputs, dtype, device))

    return run
