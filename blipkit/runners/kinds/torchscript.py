"""torch.jit.trace, frozen: the same two calls as torch_neuronx.trace and torch.jit.load, on a CPU
or an NVIDIA GPU.
"""

import copy
import warnings

from blipkit.runners.spec import ANY, TORCH_PRECISIONS, RunnerSpec

SPEC = RunnerSpec(TORCH_PRECISIONS, ANY, loads_torchscript=True)
# torch calls TorchScript deprecated; torch_neuronx.trace makes nothing else, and this runner stands
# in for it
warnings.filterwarnings("ignore", message=r"`torch\.jit\.", category=DeprecationWarning)


def flags(precision, compiler_flags):
    return {"freeze": True}


def compile(path, build, module, inputs):
    import torch

    from blipkit.runners.tensors import DTYPES, cast_floats

    dtype = DTYPES[build.precision]
    device = build.device
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


def load(path, build, module):
    import torch

    from blipkit.model.outputs import first_tensor
    from blipkit.runners.tensors import DTYPES, as_adopted, cast_floats

    dtype = DTYPES[build.precision]
    device = build.device
    traced = torch.jit.load(path, map_location=device)

    @torch.inference_mode()
    def run(*inputs):
        return traced(*cast_floats(inputs, dtype, device))

    @torch.inference_mode()
    def run_adopted(*inputs):
        return first_tensor(traced(*as_adopted(inputs, build, device)))

    if build.adopted:
        return run_adopted
    return run
