"""The component itself, uncompiled: in float32 on the CPU it is the reference for everything else."""

import copy
import json

import torch

from blipkit.runners.base import DTYPES, cast_floats

name = "eager"
dtypes = tuple(DTYPES)
compiles = False


def device_for(dtype: str) -> torch.device:
    """float16 needs a GPU; the rest runs where the reference does, on the CPU."""
    return torch.device("cuda" if dtype == "float16" else "cpu")


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
