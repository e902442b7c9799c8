"""Returns zeros of the right shape: the time that it takes is the kit's own overhead."""

from blipkit.runners.spec import TORCH_PRECISIONS, RunnerSpec

SPEC = RunnerSpec({"float32": TORCH_PRECISIONS["float32"]})


def load(path, build, module):
    import torch

    zeros = torch.zeros(build.output_shape, dtype=getattr(torch, build.precision))
    return lambda *inputs: zeros
