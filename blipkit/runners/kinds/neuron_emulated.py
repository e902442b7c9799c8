"""What neuronx-cc's casts do to a component's numbers, on a CPU: an estimate, not a bound, and not
its times.
"""

from dataclasses import replace

from blipkit.runners.kinds import torchscript
from blipkit.runners.neuron.options import PRECISIONS, WHOLE_MODEL, auto_cast
from blipkit.runners.spec import RunnerSpec

SPEC = RunnerSpec(
    PRECISIONS,
    emulated=True,
    code=("blipkit.runners.neuron.casts", "blipkit.runners.kinds.torchscript"),
)


def flags(precision, compiler_flags):
    mode, cast = auto_cast(precision)
    if not cast:
        return {"auto_cast": mode, "emulated": True}
    return {"auto_cast": mode, "auto_cast_type": cast, "emulated": True}


def _as_traced(build):
    """The build in the precision that torch.jit.trace gets: roundings are in the float32 graph,
    but a model that is whole in a format stays in it.
    """
    if build.precision in WHOLE_MODEL:
        return build
    return replace(build, precision="float32")


def compile(path, build, module, inputs):
    if build.precision in WHOLE_MODEL:
        torchscript.compile(path, build, module, inputs)
        return
    from blipkit.runners.neuron.casts import emulate, export

    emulated = emulate(export(module, inputs), build.precision)
    torchscript.compile(path, _as_traced(build), emulated, inputs)


def load(path, build, module):
    return torchscript.load(path, _as_traced(build), module)
