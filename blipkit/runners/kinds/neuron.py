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
from blipkit.runners.neuron.options import CAST_FORMATS, IMAGE, WHEELS
from blipkit.runners.spec import RunnerSpec

TARGET = "inf2"


def check_wheels(arm: str) -> None:
    """Refuse a machine without torch-neuronx, saying what can be known without."""
    if not host.version("torch-neuronx"):
        seen = "a device, but no torch-neuronx" if host.describe()["neuron_devices"] else "neither"
        needs = "needs a Neuron device and torch-neuronx, which alone can compile for one"
        advice = f"Use the image {IMAGE}, or pip install -e '.[neuron]' --extra-index-url {WHEELS}"
        without = "what can be known without: make run PROFILE=inf2-dry"
        raise BadInput(f"arm '{arm}' {needs}; this machine has {seen}. {advice}; {without}")


SPEC = RunnerSpec(CAST_FORMATS, holds_core=True, needs=check_wheels)

_calls, _whole, _lock = 0, [], threading.Lock()


def flags(dtype: str, compiler_flags: tuple[str, ...]) -> dict:
    """What neuronx-cc is told, as it is passed, and how it reads its casts: spelt out, any version
    reads them alike.
    """
    mode, _, cast = dtype.partition(" ")
    casts = ["--auto-cast", mode, *(["--auto-cast-type", cast] if cast else [])]
    return {"compiler_args": ["--target", TARGET, *casts, *compiler_flags], "casts_as_read": dtype}


def forecast_s(weights: int) -> float:
    """Seconds that neuronx-cc may take for a component, from one report: 210 s for the 304 million
    weights of a ViT-L.
    """
    return weights * 210 / 304e6


def environment() -> dict[str, str]:
    """Variables of a process that compiles; set before torch_neuronx is imported."""
    return {} if host.describe()["neuron_devices"] else {"NEURON_PLATFORM_TARGET_OVERRIDE": TARGET}


def compile(path: Path, manifest, module, inputs):
    import torch
    import torch_neuronx

    work = path.parent.resolve() / "compiler"
    work.mkdir()
    arguments = [*manifest["flags"]["compiler_args"], "--logfile", str(work / "log-neuron-cc.txt")]
    without_device = {} if host.describe()["neuron_devices"] else {"cpu_backend": True}
    with torch.no_grad():
        traced = torch_neuronx.trace(
            copy.deepcopy(module),
            inputs,
            compiler_workdir=str(work),
            compiler_args=arguments,
            **without_device,
        )
    torch.jit.save(traced, path)


def check_loadable(manifest: dict) -> None:
    """Refuse what this machine cannot run, before it is loaded: no device, or compiled for another
    SDK or target.
    """
    about = host.describe()
    if not about["neuron_devices"]:
        advice = (
            "copy the results folder's artifacts/ to an Inf2 instance with the same "
            "image, and run the profile there"
        )
        raise NotMeasured(f"no Neuron device here (no /dev/neuron0): {advice}")
    for library in ("torch-neuronx", "neuronx-cc"):
        built, here = manifest["versions"].get(library), about["versions"].get(library)
        if built != here:
            seen = (
                f"{manifest['component']} was compiled with {library} {built}, here is "
                f"{here or 'none'}"
            )
            raise BlipkitError(f"{seen}; run 02_trace again, or use the image that compiled it")
    target, seen = manifest["flags"]["compiler_args"][1], host.neuron_family()
    if seen and seen != target:
        raise BlipkitError(
            f"{manifest['component']} was compiled for {target}, this is {seen}; run on {target}"
        )


def load(path: Path, manifest, module):
    check_loadable(manifest)
    import torch
    import torch_neuronx  # noqa: F401  (registers the classes that the file holds)

    # onto the core of `on_core`, else the least used of those that the process sees
    traced = torch.jit.load(path)

    @torch.inference_mode()
    def run(*inputs):
        global _calls
        with _lock:
            _calls += 1
        output = traced(*inputs)
        return output if isinstance(output, torch.Tensor) else output[0]

    _whole.append(only_on_device(traced))
    return run


def executed() -> dict:
    """What this process sent to the device: pid, executions sent, whether no operation was left to
    the host.
    """
    return {"pid": os.getpid(), "sent": _calls, "only_on_device": all(_whole)}


def only_on_device(traced) -> bool:
    """Whether a traced module (torch.jit.ScriptModule) computes nothing but by operations of
    Neuron's: none was left to the host.
    """
    kinds = {
        node.kind() for node in traced.inlined_graph.nodes() if not node.kind().startswith("prim::")
    }
    return bool(kinds) and all(kind.startswith("neuron::") for kind in kinds)


def on_core(core: int):
    """A context in which what is loaded goes to one core, counted among those that the process
    sees.
    """
    import torch_neuronx

    # since SDK 2.25; before that, experimental
    found = getattr(torch_neuronx, "neuron_cores_context", None)
    return (found or torch_neuronx.experimental.neuron_cores_context)(start_nc=core, nc_count=1)


def count_cores() -> int:
    """Cores that a process may use here, as the runtime says; asking takes them until the process
    ends.
    """
    import torch
    import torch_neuronx  # noqa: F401

    return torch.classes.neuron.Runtime().get_visible_nc_count()


def visible_cores(count: int) -> list[int]:
    """Their numbers on the machine: NEURON_RT_VISIBLE_CORES where it is set, such as 4-7, else from
    0 on.
    """
    chosen = os.environ.get("NEURON_RT_VISIBLE_CORES", "")
    first = int(chosen.partition("-")[0].partition(",")[0]) if chosen else 0
    return list(range(first, first + count))
