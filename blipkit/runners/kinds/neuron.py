"""torch_neuronx.trace and torch.jit.load for Inferentia2: the one file that imports torch_neuronx.
Each call that it makes stands in docs/neuron.md with its page and release.

A component is compiled for NeuronCore-v2 wherever the wheels are installed, with a device or
without. Loading puts it on a core, which then belongs to the process until it ends; tensors go in
and come out on the CPU.
"""

import copy
import os
import threading
from pathlib import Path

from blipkit.errors import BadInput, BlipkitError, NotMeasured
from blipkit.machine import host
from blipkit.runners.neuron.options import (
    BY_DEFAULT,
    IMAGE,
    PRECISIONS,
    WHEELS,
    WHOLE_MODEL,
    auto_cast,
    casts_as_read,
)
from blipkit.runners.neuron.proof import Sent
from blipkit.runners.spec import Build, RunnerSpec

TARGET = "inf2"


def _has_device() -> bool:
    return bool(host.describe().neuron_devices)


def check_wheels(arm: str) -> None:
    """Refuse a machine without torch-neuronx, saying what can be known without it."""
    if not host.version("torch-neuronx"):
        machine = "neither"
        if _has_device():
            machine = "a device, but no torch-neuronx"
        needs = "needs a Neuron device and torch-neuronx, which alone can compile for one"
        advice = f"Use the image {IMAGE}, or pip install -e '.[neuron]' --extra-index-url {WHEELS}"
        without = "what can be known without: make run PROFILE=inf2-dry"
        raise BadInput(f"arm '{arm}' {needs}; this machine has {machine}. {advice}; {without}")


SPEC = RunnerSpec(
    {**PRECISIONS, **BY_DEFAULT}, holds_core=True, needs=check_wheels, loads_torchscript=True
)

_calls = 0  # executions that this process sent to the device
_on_device: list[bool] = []  # of each graph that it loaded: was no operation left to the host?
_lock = threading.Lock()


def flags(precision: str, compiler_flags: tuple[str, ...]) -> dict:
    """What neuronx-cc is told, as it is passed, and how this version reads its casts: spelt out, so
    that all versions read them alike, but where an arm leaves that to the compiler's default.
    """
    mode, cast = auto_cast(precision)
    arguments = ["--target", TARGET, "--auto-cast", mode]
    if not mode:
        arguments = arguments[:2]  # the target alone
    if cast:
        arguments += ["--auto-cast-type", cast]
    read = casts_as_read(mode, cast, neuronx_cc=host.version("neuronx-cc") or "")
    return {"compiler_args": [*arguments, *compiler_flags], "casts_as_read": read}


def model_dtype(precision: str):
    """The torch.dtype that a component has before it is compiled: float32, unless the whole model
    is in another format.
    """
    from blipkit.runners.tensors import DTYPES

    if precision in WHOLE_MODEL:
        return DTYPES[precision]
    return DTYPES["float32"]


def as_traced(inputs, dtype):
    """A tuple of the inputs with those in float32 cast to a component's dtype; any other stays as
    it is, so that the device refuses what was not traced.
    """
    import torch

    return tuple(x.to(dtype) if x.dtype == torch.float32 else x for x in inputs)


def forecast_s(weights: int) -> float:
    """Seconds that neuronx-cc may take for a component of so many weights, from one report: 210 s
    for the 304 million of a ViT-L.
    """
    return weights * 210 / 304e6


def environment() -> dict[str, str]:
    """Variables for a process that compiles; torch_neuronx reads them when it is imported."""
    if _has_device():
        return {}
    return {"NEURON_PLATFORM_TARGET_OVERRIDE": TARGET}


def compile(path: Path, build: Build, module, inputs):
    """Compile a component for the device; the compiler's files and log stay beside `path`."""
    import torch
    import torch_neuronx

    dtype = model_dtype(build.precision)
    module = copy.deepcopy(module).to(dtype)
    inputs = as_traced(inputs, dtype)
    work = path.parent.resolve() / "compiler"
    work.mkdir()
    arguments = [*build.flags["compiler_args"], "--logfile", str(work / "log-neuron-cc.txt")]
    without_device = {}
    if not _has_device():
        without_device["cpu_backend"] = True
    with torch.no_grad():
        traced = torch_neuronx.trace(
            module,
            inputs,
            compiler_workdir=str(work),
            compiler_args=arguments,
            **without_device,
        )
    torch.jit.save(traced, path)


def check_loadable(build: Build) -> None:
    """Refuse what this machine cannot run, before it is loaded: no device, or compiled for another
    SDK or target.
    """
    component = build.component
    machine = host.describe()
    if not machine.neuron_devices:
        advice = (
            "copy the results folder's artifacts/ to an Inf2 instance with the same "
            "image, and run the profile there"
        )
        raise NotMeasured(f"no Neuron device here (no /dev/neuron0): {advice}")
    if build.adopted:  # by what it was compiled, and for which target, the runtime alone can tell
        return
    for library in ("torch-neuronx", "neuronx-cc"):
        compiled_with = build.versions.get(library)
        installed = machine.versions.get(library)
        if compiled_with != installed:
            problem = f"{component} was compiled with {library} {compiled_with}"
            advice = "run 02_trace again, or use the image that compiled it"
            raise BlipkitError(f"{problem}, here is {installed or 'none'}; {advice}")
    target = build.flags["compiler_args"][1]
    family = host.neuron_family()
    if family and family != target:
        raise BlipkitError(
            f"{component} was compiled for {target}, this is {family}; run on {target}"
        )


def load(path: Path, build: Build, module):
    """Load a compiled component onto a core; the callable counts what it sends there."""
    check_loadable(build)
    import torch
    import torch_neuronx  # noqa: F401  (registers the classes that the file holds)

    from blipkit.model.outputs import first_tensor
    from blipkit.runners.tensors import as_adopted

    dtype = model_dtype(build.precision)
    # onto the core of `on_core`, else the least used of those that the process sees
    traced = torch.jit.load(path)

    def taken(inputs):
        if build.adopted:
            return as_adopted(inputs, build, "cpu")
        return as_traced(inputs, dtype)

    @torch.inference_mode()
    def run(*inputs):
        global _calls
        with _lock:
            _calls += 1
        inputs = taken(inputs)
        return first_tensor(traced(*inputs))

    _on_device.append(only_on_device(traced))
    return run


def executed() -> Sent:
    """What this process sent to the device."""
    return Sent(os.getpid(), executions=_calls, only_on_device=all(_on_device))


def only_on_device(traced) -> bool:
    """Whether a traced module (torch.jit.ScriptModule) computes nothing but by operations of
    Neuron's: none was left to the host.
    """
    kinds = {node.kind() for node in traced.inlined_graph.nodes()}
    operations = [kind for kind in kinds if not kind.startswith("prim::")]
    return bool(operations) and all(kind.startswith("neuron::") for kind in operations)


def on_core(core: int):
    """A context in which what is loaded goes to one core; core: its place among those that the
    process sees.
    """
    import torch_neuronx

    context = getattr(torch_neuronx, "neuron_cores_context", None)
    if context is None:  # before SDK 2.25
        context = torch_neuronx.experimental.neuron_cores_context
    return context(start_nc=core, nc_count=1)


def count_cores() -> int:
    """How many cores a process may use here, by the runtime; asking takes them until the process
    ends.
    """
    import torch
    import torch_neuronx  # noqa: F401

    return torch.classes.neuron.Runtime().get_visible_nc_count()


def visible_cores(count: int) -> list[int]:
    """Numbers on the machine of the `count` cores that this process sees: by
    NEURON_RT_VISIBLE_CORES where it is set, such as 4-7, else from 0 on.
    """
    visible = os.environ.get("NEURON_RT_VISIBLE_CORES") or "0"
    first = int(visible.partition("-")[0].partition(",")[0])
    return list(range(first, first + count))
