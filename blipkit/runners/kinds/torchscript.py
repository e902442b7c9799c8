"""torch.jit.trace, frozen: the same two calls as torch_neuronx.trace and torch.jit.load, on a CPU
or an NVIDIA GPU.
"""

import copy
import warnings

from blipkit.runners.spec import ANY, TORCH_FORMATS, RunnerSpec

SPEC = RunnerSpec(TORCH_FORMATS, ANY)
# torch calls TorchScript deprecated; torch_neuronx.trace makes nothing else, and this runner stands
# in for it
warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)


def flags(dtype, compiler_flags):
    return {"freeze": True}


def compile(path, manifest, module, inputs):
    import torch

    from blipkit.runners.tensors import DTYPES, cast_floats

    dtype = DTYPES[manifest["dtype"]]
    device = manifest["device"]
    with torch.inference_mode():
        module = copy.deepcopy(module).to(device=device, dtype=dtype)
        inputs = tuple(cast_floats(inputs, dtype, device))
        traced = torch.jit.freeze(torch.jit.trace(module, inputs, check_trace=False))
        traced(*inputs)  # what cannot run is no artifact
        torch.jit.save(traced, path)
    # let go of what was traced: torch keeps each frozen module's weights with its class until the
    # process ends
    torch._C._jit_clear_class_registry()
    torch.jit._state._clear_class_state()


def load(path, manifest, module):
    import torch

    from blipkit.runners.tensors import DTYPES, cast_floats

    dtype = DTYPES[manifest["dtype"]]
    device = manifest["device"]
    traced = torch.jit.load(path, map_location=device)

    @torch.inference_mode()
    def run(*inputs):
        return traced(*cast_floats(inputs, dtype, device))

    return run
