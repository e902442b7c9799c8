"""The component itself, uncompiled: in float32 on the CPU it is the reference for everything
else.
"""

import copy

from blipkit.runners.spec import ANY, TORCH_FORMATS, Format, RunnerSpec

# torch.autocast: products in the format; weights, sums and the rest in float32
AUTOCAST = {
    "autocast bfloat16": Format("bfloat16", 4, "eager autocast bfloat16"),
    "autocast float16": Format("float16", 4, "eager autocast float16"),
}
# slow there, but it shows what the format does
SPEC = RunnerSpec(TORCH_FORMATS | AUTOCAST, ANY, half_on_cpu=True)


def load(path, manifest, module):
    import torch

    from blipkit.runners.tensors import DTYPES, cast_floats

    mode, _, last = manifest["dtype"].rpartition(" ")
    dtype = DTYPES[last]
    device = manifest["device"]
    kept = torch.float32 if mode else dtype
    if (kept, device) != (torch.float32, "cpu"):
        module = copy.deepcopy(module).to(device=device, dtype=kept)

    @torch.inference_mode()
    def run(*inputs):
        with torch.autocast(device, dtype, enabled=bool(mode)):
            return module(*cast_floats(inputs, kept, device))

    return run
