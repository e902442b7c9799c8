"""What a runner says about itself, all of it in its own file: `runners/kinds/NAME.py` has a SPEC
and what compiles and loads.

A runner's file has
- `SPEC`: a RunnerSpec. It is read to check a profile, so torch and the like are imported within
  functions;
- `load(path, build, module)`: a callable from positional tensors to one tensor; module is the
  uncompiled component, build a `Build`, what the file was built from;
- `compile(path, build, module, inputs)`, where anything is compiled: writes the compiled file, in
  the build's precision, for its device, with its flags;
- `flags(precision, compiler_flags) -> dict`, where a compiler is told anything: part of the
  artifact's key; compiler_flags are a profile's own;
- `environment() -> dict`, where its compiler is a program of its own that needs variables: every
  component is then compiled in a child process of its own;
- `check_loadable(build)`, where what it loads holds a NeuronCore: refuses what this machine cannot
  run, before a process is started to load it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from blipkit.errors import BadInput, nearest, shown

# torch's devices, where tensors are handed over
CPU = ("cpu",)
ANY = ("cpu", "cuda")
UNKNOWN = "unknown"  # what nobody said of a file that was compiled elsewhere


@dataclass(frozen=True)
class Precision:
    """A number format that a runner computes in.

    rounds_like: which of torch's formats keeps as many significant bits, so that its limits apply.
    weight_bytes: of a weight in an artifact. baseline: the arm in which torch itself, uncompiled
    on a CPU, computes in this precision, or in one that keeps as many bits (float16 for tf32); None
    where that is the reference (float32).
    """

    rounds_like: str
    weight_bytes: int
    baseline: str | None = None


# torch's own formats, the whole model in one of them
TORCH_PRECISIONS = {
    "float32": Precision("float32", 4),
    "bfloat16": Precision("bfloat16", 2, "eager bfloat16"),
    "float16": Precision("float16", 2, "eager float16"),
}


@dataclass(frozen=True)
class RunnerSpec:
    """precisions: by their names in an arm; devices: torch's, where tensors are handed over.

    emulated: it imitates a device's numbers and nothing of its times, so it is never put under
    load. holds_core: what it loads keeps a NeuronCore until the process ends, so it is loaded in a
    child. half_on_cpu: float16 is let through on a CPU, though it is slow there. needs: refuses, by
    BadInput, a machine that lacks what an arm (its text) takes. code: modules beside the runner's
    own that decide what is compiled, such as another runner's whose compile it calls.
    loads_torchscript: what it loads is a file of torch.jit.save, so that one which somebody else
    compiled can be adopted; its `load` then follows `Build.adopted`.
    """

    precisions: Mapping[str, Precision]
    devices: tuple[str, ...] = CPU
    emulated: bool = False
    holds_core: bool = False
    half_on_cpu: bool = False
    needs: Callable[[str], None] = lambda arm: None
    code: tuple[str, ...] = ()
    loads_torchscript: bool = False

    @property
    def is_calibrated(self) -> bool:
        """Whether records show how its arithmetic rounds; of a Neuron device there are none yet."""
        return not self.holds_core

    @property
    def evidence(self) -> str:
        """Where the figures of its arms come from."""
        if self.emulated:
            return "emulated"
        return "measured"


@dataclass(frozen=True)
class Adopted:
    """What is known of a compiled file that was brought along, by whom it was compiled is not.

    takes: the tensors of its forward, in its order -> the number format of each.
    """

    takes: dict[str, str]


@dataclass(frozen=True)
class Build:
    """Everything that a compiled file depends on; a hash over it is the artifact's key.

    Code counts too: a mask that is built differently makes another artifact, though weights, shapes
    and versions are the same. input_shapes: input -> [shape, number format]; flags: what the runner
    tells its compiler; versions: of the libraries that compile; adopted: None for what the kit
    compiles. Of an adopted file, code_digest is the file's, weights_digest UNKNOWN.
    """

    component: str
    runner: str
    precision: str
    device: str
    weights_digest: str
    code_digest: str
    input_shapes: dict[str, list]
    output_shape: list[int]
    flags: dict[str, Any]
    versions: dict[str, str]
    adopted: Adopted | None = None


@cache
def runner_names() -> tuple[str, ...]:
    """Every runner there is: the files of `blipkit/runners/kinds/`."""
    from blipkit.runners import kinds

    return tuple(sorted(module.name for module in pkgutil.iter_modules(kinds.__path__)))


def runner_module(name: str) -> ModuleType:
    """The file that implements a runner; BadInput with the nearest name where there is none."""
    if name not in runner_names():
        raise BadInput(f"runner {shown(name)}; {nearest(name, runner_names())}")
    return importlib.import_module(f"blipkit.runners.kinds.{name}")


def spec_of(name: str) -> RunnerSpec:
    """What a runner says about itself."""
    return runner_module(name).SPEC
