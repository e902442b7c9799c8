"""The component itself, uncompiled: in float32 on the CPU it is the reference for everything else."""

import copy
import json

import torch

from blipkit.runners.base import DTYPES, cast_floats

name = "eager"
compiles = False


def flags(dtype, compiler_flags):
    return {}


def compile(path, manifest, module, inputs):
    """Nothing to compile: keep what was asked for, so that every arm has a file."""
    output = load(path, manifest, module)(*inputs)
    path.write_text(json.dumps({"runner": name, "dtype": manifest["dtype"], "device": manifest["device"]}) + "\n")
    return tuple(output.shape)


def load(path, manifest, module):
    dtype, device = DTYPES[manifest["dtype"]], manifest["device"]
    if (dtype, device) != (torch.float32, "cpu"):
        module = copy.deepcopy(module).to(device=device, dtype=dtype)

    @torch.inference_mode()
    def run(*inputs):
        return module(*cast_floats(inputs, dtype, device))

    return run
