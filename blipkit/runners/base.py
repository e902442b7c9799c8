"""What a runner is: three methods and a table of what it takes."""

from pathlib import Path
from typing import Protocol

import torch

from blipkit import arms

# an arm in float32 is in float32: cuDNN's convolutions would otherwise keep 11 bits of every number, without being asked
torch.backends.cudnn.allow_tf32 = False
DTYPES = {name: getattr(torch, name) for name in arms.DTYPES}


class Runner(Protocol):
    """Compiles a component, and loads what it compiled, in one number format.

    Which number formats and devices it takes stands in blipkit/arms.py. flags: what the compiler is told, part of the
    key; compiler_flags: a profile's own, for compilers that take any. A runner with `environment()`, the variables of
    its compiler, has every piece compiled in a child of its own.
    """

    name: str
    compiles: bool  # False: nothing is compiled, so no child process is needed

    def flags(self, dtype: str, compiler_flags: tuple[str, ...]) -> dict: ...

    def compile(
        self, path: Path, manifest: dict, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]
    ) -> tuple[int, ...]:
        """Write the compiled file, as the manifest's dtype, device and flags ask; the shape of the output."""
        ...

    def load(self, path: Path, manifest: dict, module: torch.nn.Module):
        """A callable from positional tensors to one tensor; `module` is the uncompiled component."""
        ...


def cast_floats(tensors, dtype: torch.dtype, device: str) -> list[torch.Tensor]:
    """Floating tensors in `dtype`, others as they are, all on `device`."""
    return [t.to(device=device, dtype=dtype if t.is_floating_point() else t.dtype) for t in tensors]
