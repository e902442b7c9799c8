"""What neuronx-cc's casts do to a component's numbers, on a CPU: an estimate, not a bound, and not
its times.
"""

from blipkit.runners.kinds import torchscript
from blipkit.runners.neuron.options import CAST_FORMATS
from blipkit.runners.spec import RunnerSpec

SPEC = RunnerSpec(
    CAST_FORMATS,
    emulated=True,
    code=("blipkit.runners.neuron.casts", "blipkit.runners.kinds.torchscript"),
)


def flags(dtype, compiler_flags):
    mode, _, cast = dtype.partition(" ")
    if not cast:
        return {"auto_cast": mode, "emulated": True}
    return {"auto_cast": mode, "auto_cast_type": cast, "emulated": True}


def compile(path, manifest, module, inputs):
    from blipkit.runners.neuron.casts import emulate, export

    emulated = emulate(export(module, inputs), manifest["dtype"])
    torchscript.compile(path, dict(manifest, dtype="float32"), emulated, inputs)


def load(path, manifest, module):
    return torchscript.load(path, dict(manifest, dtype="float32"), module)
