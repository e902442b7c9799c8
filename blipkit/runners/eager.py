"""The component itself, uncompiled: in float32 on the CPU it is the reference for everything else."""

import copy

import torch

from blipkit.runners.base import DTYPES, cast_floats


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
