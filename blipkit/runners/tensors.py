"""What runners do with tensors: torch's number formats by name, and tensors cast to one of them."""

import torch

from blipkit.runners.spec import TORCH_PRECISIONS

# an arm in float32 is in float32: cuDNN's convolutions would otherwise keep 11 bits of every
# number, without being asked
torch.backends.cudnn.allow_tf32 = False
DTYPES = {name: getattr(torch, name) for name in TORCH_PRECISIONS}


def cast_floats(tensors, dtype: torch.dtype, device: str) -> list[torch.Tensor]:
    """Floating tensors in `dtype`, others as they are, all on `device`."""
    return [t.to(device=device, dtype=dtype if t.is_floating_point() else t.dtype) for t in tensors]


def relative_l2(reference: torch.Tensor, candidate: torch.Tensor) -> float:
    """Length (L2 norm) of a tensor's error over the reference's length, in float64."""
    expected, computed = (flat(tensor) for tensor in (reference, candidate))
    return ((computed - expected).norm() / expected.norm()).item()


def flat(tensor: torch.Tensor) -> torch.Tensor:
    """(...) -> (N,) in float64 on the CPU."""
    return tensor.detach().cpu().double().flatten()
