"""The component itself, uncompiled: in float32 on the CPU it is the reference for everything
else.
"""

import copy

from blipkit.runners.spec import ANY, TORCH_PRECISIONS, Precision, RunnerSpec

# torch.autocast: products in the precision named; weights, sums and the rest in float32
AUTOCAST = {
    "autocast bfloat16": Precision("bfloat16", 4, "eager autocast bfloat16"),
    "autocast float16": Precision("float16", 4, "eager autocast float16"),
}
# float16 is slow on a CPU, but it shows what the precision does
SPEC = RunnerSpec(TORCH_PRECISIONS | AUTOCAST, ANY, half_on_cpu=True)


def load(path, build, module):
    import torch

    from blipkit.runners.tensors import DTYPES, cast_floats

    autocast, _, name = build.precision.rpartition(" ")
    dtype = DTYPES[name]
    device = build.device
    stored = torch.float32 if autocast else dtype  # of weights and inputs
    if (stored, device) != (torch.float32, "cpu"):
        module = copy.deepcopy(module).to(device=device, dtype=stored)

    @torch.inference_mode()
    def run(*inputs):
        with torch.autocast(device, dtype, enabled=bool(autocast)):
            return module(*cast_floats(inputs, stored, device))

    return run
