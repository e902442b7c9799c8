"""What neuronx-cc's casts do to a component's numbers, on a CPU: an estimate, not a bound, and not
its times.
"""

from dataclasses import replace

from blipkit.runners.kinds import torchscript
from blipkit.runners.neuron.options import CAST_FORMATS
from blipkit.runners.spec import RunnerSpec

SPEC = RunnerSpec(
    CAST_FORMATS,
    emulated=True,
    code=("blipkit.runners.neuron.casts", "blipkit.runners.kinds.torchscript"),
)


def flags(precision, compiler_flags):
    mode, _, cast = precision.partition(" ")
    if not cast:
        return {"auto_cast": mode, "emulated": True}
    return {"auto_cast": mode, "auto_cast_type": cast, "emulated": True}


def compile(path, build, module, inputs):
    from blipkit.runners.neuron.casts import emulate, export

    emulated = emulate(export(module, inputs), build.precision)
    torchscript.compile(path, replace(build, precision="float32"), emulated, inputs)


def load(path, build, module):
    return torchscript.load(path, replace(build, precision="float32"), module)
