"""What a runner is: a module that loads a component, and compiles it first where it compiles at all.

Which number formats and devices it takes stands in blipkit/arms.py.
- `load(path, manifest, module)`: a callable from positional tensors to one tensor; module is the uncompiled component.
- `compile(path, manifest, module, inputs)`: writes the compiled file, as the manifest's dtype, device and flags ask; left
  out where nothing is compiled, so that no child process is needed.
- `flags(dtype, compiler_flags) -> dict`: what the compiler is told, part of the artifact's key; compiler_flags are a
  profile's own, for compilers that take any.
- `environment() -> dict`, where its compiler needs variables: every piece then has a child of its own.
"""

import torch

from blipkit import arms

# an arm in float32 is in float32: cuDNN's convolutions would otherwise keep 11 bits of every number, without being asked
torch.backends.cudnn.allow_tf32 = False
DTYPES = {name: getattr(torch, name) for name in arms.DTYPES}


def cast_floats(tensors, dtype: torch.dtype, device: str) -> list[torch.Tensor]:
    """Floating tensors in `dtype`, others as they are, all on `device`."""
    return [t.to(device=device, dtype=dtype if t.is_floating_point() else t.dtype) for t in tensors]
