"""What runners do with tensors: torch's number formats by name, and tensors cast to one of them."""

from collections.abc import Mapping, Sequence

import torch

from blipkit.runners.spec import TORCH_PRECISIONS, Build

# an arm in float32 is in float32: cuDNN's convolutions would otherwise keep 11 bits of every
# number, without being asked
torch.backends.cudnn.allow_tf32 = False
DTYPES = {name: getattr(torch, name) for name in TORCH_PRECISIONS}


def cast_floats(tensors, dtype: torch.dtype, device: str) -> list[torch.Tensor]:
    """Floating tensors in `dtype`, others as they are, all on `device`."""
    return [t.to(device=device, dtype=dtype if t.is_floating_point() else t.dtype) for t in tensors]


# a mask that some files take and no component has -> the ids that it covers, all of them
MASK_OF = {"answer_mask": "answer_ids"}


def as_adopted(inputs: Sequence[torch.Tensor], build: Build, device: str) -> list[torch.Tensor]:
    """A component's inputs as its adopted file takes them."""
    by_name = dict(zip(build.input_shapes, inputs, strict=True))
    return in_formats(by_name, build.adopted.takes, device)


def in_formats(
    inputs: Mapping[str, torch.Tensor], formats: Mapping[str, str], device: str
) -> list[torch.Tensor]:
    """The inputs that `formats` names, in its order, each in its number format.

    A mask that the component does not have covers everything: ids behind an answer change nothing
    before them.
    """
    by_name = dict(inputs)
    for mask, ids in MASK_OF.items():
        if mask in formats:
            by_name[mask] = torch.ones_like(by_name[ids])
    named = formats.items()
    return [by_name[name].to(device=device, dtype=getattr(torch, kind)) for name, kind in named]


def relative_l2(reference: torch.Tensor, candidate: torch.Tensor) -> float:
    """Length (L2 norm) of a tensor's error over the reference's length, in float64."""
    expected, computed = (flat(tensor) for tensor in (reference, candidate))
    return ((computed - expected).norm() / expected.norm()).item()


def flat(tensor: torch.Tensor) -> torch.Tensor:
    """(...) -> (N,) in float64 on the CPU."""
    return tensor.detach().cpu().double().flatten()
