"""The component itself, uncompiled: in float32 on the CPU it is the reference for everything else."""

import copy
import json

import torch

from blipkit.runners.base import DTYPES, cast_floats

name = "eager"
compiles = False


def flags(dtype, compiler_flags):
    return {}


@torch.inference_mode()
def compile(path, manifest, module, inputs):
    """Nothing to compile: keep what was asked for, so that every arm has a file."""
    output = module(*inputs)  # in float32: its shape is the same in every format, and float16 is slow on a CPU
    path.write_text(json.dumps({"runner": name, "dtype": manifest["dtype"], "device": manifest["device"]}) + "\n")
    return tuple(output.shape)


def load(path, manifest, module):
    mode, _, last = manifest["dtype"].rpartition(" ")
    dtype, device = DTYPES[last], manifest["device"]
    kept = torch.float32 if mode else dtype  # autocast keeps weights and sums in float32
    if (kept, device) != (torch.float32, "cpu"):
        module = copy.deepcopy(module).to(device=device, dtype=kept)

    @torch.inference_mode()
    def run(*inputs):
        with torch.autocast(device, dtype, enabled=bool(mode)):
            return module(*cast_floats(inputs, kept, device))

    return run
