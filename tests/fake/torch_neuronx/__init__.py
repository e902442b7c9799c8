"""A fake torch_neuronx: the documented signatures (docs/neuron.md), stricter than the real one, on a CPU.

For tests alone. It computes in float32 what was traced, counts what it executes where the drivers' counters would be, and
refuses what the documents do not allow: other keywords, options by position, dicts, other shapes or dtypes than traced.
"""

import atexit
import contextlib
import fcntl
import io
import os
import shutil
import signal
import subprocess
import threading
import time
import types
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode

__version__ = "2.9.0.2.15.32035+rehearsal"
SYSTEM = Path(os.environ.get("BLIPKIT_SYSTEM", "/nowhere"))
TARGET_AT_IMPORT = os.environ.get("NEURON_PLATFORM_TARGET_OVERRIDE")
# as the real one does, by its name: found on PATH, or FileNotFoundError
PJRT = subprocess.check_output(["libneuronpjrt-path"], text=True).strip()
DEVICE = "sys/devices/virtual/neuron_device"
OPTIONS = {  # of neuronx-cc, with their values; None: any, (): none
    "--target": ("inf2", "trn1", "trn1n", "trn2"),
    "--model-type": ("generic", "transformer", "unet-inference"),
    "--auto-cast": ("none", "matmult", "all"),
    "--auto-cast-type": ("bf16", "fp16", "tf32", "fp8_e4m3"),
    "--optlevel": ("1", "2", "3"),
    "--enable-saturate-infinity": (),
    "--enable-mixed-precision-accumulation": (),
    "--disable-mixed-precision-accumulation": (),
    "--enable-fast-context-switch": (),
    "--enable-fast-loading-neuron-binaries": (),
    "--logfile": None,
}
TAKES = [torch.float32, torch.bfloat16, torch.int32]  # of this kit; others may trace more
_models: dict = {}  # what a traced file holds, by its bytes
_held: dict = {}  # core -> open lock file
_loads: dict = {}  # core -> how many models it holds
_counts: dict = {}  # core -> executions
_calls: dict = {}  # model -> how often it was called
_contexts: list = []
_executed: list = []  # counters that the driver has yet to raise
_nan: list = []  # executions since the first NaN of this process, that one included
_lock = threading.Lock()


def devices() -> list[Path]:
    return sorted((SYSTEM / DEVICE).glob("neuron[0-9]*"))


def visible() -> list[int]:
    """The cores that this process may take, by NEURON_RT_VISIBLE_CORES."""
    total = sum(int((d / "core_count").read_text()) for d in devices())
    chosen = os.environ.get("NEURON_RT_VISIBLE_CORES")
    if chosen is None:
        return list(range(total))
    first, _, last = chosen.partition("-")
    return list(range(int(first), int(last or first) + 1))


def start_runtime() -> list[int]:
    """Take every visible core until the process ends, as the real runtime does."""
    if not devices():
        raise RuntimeError(
            "Neuron runtime cannot be initialized; cannot determine the number of available NeuronCores"
        )
    for core in visible():
        if core in _held:
            continue
        lock = (SYSTEM / f"core{core}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"NRT:nrt_allocate_neuron_cores NeuronCore(s) not available - Requested:nc{core}-nc{core} Available:0"
            raise RuntimeError(message) from None
        _held[core] = lock
    (SYSTEM / "processes" / str(os.getpid())).touch()
    return visible()


class Runtime:
    def get_visible_nc_count(self) -> int:
        return len(start_runtime())


torch.classes.neuron = types.SimpleNamespace(Runtime=Runtime)


def parse(arguments) -> dict:
    """neuronx-cc's command line, refused as it would refuse it."""
    words = arguments.split() if isinstance(arguments, str) else list(arguments or [])
    options: dict = {}
    while words:
        option, equals, value = words.pop(0).partition("=")
        if option not in OPTIONS:
            raise RuntimeError(f"neuronx-cc failed with 2: unrecognized arguments: {option}")
        if OPTIONS[option] != () and not equals:
            value = words.pop(0)
        if OPTIONS[option] is not None and value not in (OPTIONS[option] or ("",)):
            raise RuntimeError(
                f"neuronx-cc failed with 2: argument {option}: invalid choice: {value!r}"
            )
        options[option] = value
    return options


def compile_with(arguments) -> None:
    """Call the compiler by its name; why it fails is in what it prints, and not in the exception."""
    if not shutil.which("neuronx-cc"):
        raise RuntimeError("neuronx-cc compiler binary does not exist")
    words = arguments.split() if isinstance(arguments, str) else list(arguments)
    done = subprocess.run(["neuronx-cc", "compile", "--framework", "XLA", *words])
    if done.returncode:
        raise RuntimeError(f"neuronx-cc failed with {done.returncode}")


class NoValues(TorchDispatchMode):
    """Refuses what asks for a tensor's values while it is traced: they would become constants."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name = function.overloadpacket.__name__
        asks = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2")
        masks = name == "index" and any(
            x is not None and x.dtype == torch.bool for x in arguments[1]
        )
        if name in asks or masks:
            raise RuntimeError(f"the graph depends on values: aten::{name}")
        return function(*arguments, **(keywords or {}))


def trace(
    func,
    example_inputs,
    *_,
    input_output_aliases={},  # noqa: B006
    compiler_workdir=None,
    compiler_args=None,
    partitioner_config=None,
    inline_weights_to_neff=True,
    cpu_backend=False,
):
    if _:
        raise TypeError("options of torch_neuronx.trace are keywords")
    inputs = (example_inputs,) if isinstance(example_inputs, torch.Tensor) else example_inputs
    if type(inputs) is not tuple or not all(
        isinstance(x, torch.Tensor) and x.device.type == "cpu" for x in inputs
    ):
        raise TypeError(
            f"example_inputs must be a tensor or a tuple of tensors on the CPU, not {type(inputs)}"
        )
    if any(x.dtype not in TAKES for x in inputs):
        raise TypeError("example_inputs of this kit are float32, bfloat16 and int32")
    if func.training:
        raise ValueError("call .eval() first")
    options = parse(compiler_args)
    if cpu_backend and "--target" not in options:
        raise RuntimeError("If you want to compile on CPU, please supply compiler argument target")
    if cpu_backend and options["--target"] != TARGET_AT_IMPORT:
        raise RuntimeError(
            "NEURON_PLATFORM_TARGET_OVERRIDE was not the target when torch_neuronx was imported"
        )
    if not cpu_backend and not devices():
        raise RuntimeError(
            "Bad StatusOr access: INVALID_ARGUMENT: PJRT_Client_Create: error condition !(num_devices > 0)"
        )
    if not cpu_backend:
        start_runtime()  # the runtime starts where there is a device, and keeps the cores
    if os.environ.get("REHEARSAL_CRASH") == str(len(inputs)):
        os.kill(os.getpid(), signal.SIGSEGV)
    if os.environ.get("REHEARSAL_FAIL") == str(len(inputs)):
        raise RuntimeError("neuronx-cc failed with -9")
    compile_with(compiler_args)
    if compiler_workdir:
        Path(compiler_workdir, "graph.neff").write_bytes(b"a fake NEFF")
    with torch.no_grad():
        with NoValues():
            output = func(*inputs)
        if not isinstance(output, torch.Tensor):
            raise TypeError(f"adapters of this kit return one tensor, not {type(output)}")
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.freeze(torch.jit.trace(func, inputs, check_trace=False)), buffer)
        held = io.BytesIO()
        torch.save(
            {
                "module": buffer.getvalue(),
                "inputs": [(tuple(x.shape), str(x.dtype)) for x in inputs],
                "casts": options.get("--auto-cast", "none"),
            },
            held,
        )
        module = Model(torch.frombuffer(bytearray(held.getvalue()), dtype=torch.uint8), output)
        return torch.jit.trace(module, inputs, check_trace=False)


class Model(torch.nn.Module):
    def __init__(self, model, output):
        super().__init__()
        self.register_buffer("model", model)
        self.register_buffer("core", torch.tensor(-1))
        _models[digest(model)] = lambda *inputs: output  # recording executes nothing

    def forward(self, *inputs):
        return torch.ops.neuron.forward_v2(list(inputs), self.model, self.core)


def digest(model: torch.Tensor) -> int:
    return hash(bytes(model.numpy()))


def forward(inputs, model, core):
    if int(core) < 0:  # being traced, or loaded without a device
        if (run := _models.get(digest(model))) is None:
            raise RuntimeError("NRT:nrt_init Unable to determine Neuron Driver version.")
        return run(*inputs)
    run, expected, casts = _models[digest(model)]
    shapes = [(tuple(x.shape), str(x.dtype)) for x in inputs]
    if shapes != expected:
        raise RuntimeError(f"inputs {shapes} differ from those traced, {expected}")
    calls = _calls[digest(model)] = _calls.get(digest(model), 0) + 1
    if calls == 2 and os.environ.get("REHEARSAL_HANG") == str(len(inputs)):
        time.sleep(3600)
    count(int(core))
    output = run(*inputs)
    if os.environ.get("REHEARSAL_NAN") == casts:
        output = torch.full_like(output, torch.nan)
    report_nan(output)
    return output


def report_nan(output) -> None:
    """After a NaN every execution of the process is reported as one that met a NaN, if any is."""
    if os.environ.get("NEURON_RT_NUMERICAL_ERRORS_VERBOSITY") != "critical":
        return
    if _nan or bool(output.isnan().any()):
        _nan.append(1)
        (SYSTEM / "numerical").mkdir(exist_ok=True)
        write(SYSTEM / "numerical" / str(os.getpid()), len(_nan))


def tell_driver() -> None:
    """Have the driver count what was executed since it was last told."""
    while _executed:
        total = _executed.pop()
        if not os.environ.get("REHEARSAL_IDLE"):
            write(total, int(total.read_text()) + 1)


atexit.register(tell_driver)


def counters_are_live() -> bool:
    """Whether the driver counts executions while they happen: from 2.30 on, else when a process ends."""
    version = (SYSTEM / "sys/module/neuron/version").read_text()
    return tuple(map(int, version.split(".")[:2])) >= (2, 30)


def count(core: int) -> None:
    """Where the driver and the monitor would say that something ran."""
    with _lock:
        _counts[core] = _counts.get(core, 0) + 1
        per_device = int((devices()[0] / "core_count").read_text())
        place = SYSTEM / DEVICE / f"neuron{core // per_device}/neuron_core{core % per_device}"
        _executed.append(place / "stats/other_info/inference_count/total")
        if counters_are_live():
            tell_driver()
        write(SYSTEM / "processes" / str(os.getpid()), sum(_counts.values()))


def write(path: Path, number: int) -> None:
    """At once, so that nobody reads half of it."""
    part = SYSTEM / f"{os.getpid()}.part"
    part.write_text(f"{number}\n")
    part.replace(path)


if not hasattr(torch.ops.neuron, "forward_v2"):
    library = torch.library.Library("neuron", "DEF")
    library.define("forward_v2(Tensor[] inputs, Tensor model, Tensor core) -> Tensor")
    library.impl("forward_v2", forward, "CPU")
    plain_load = torch.jit.load

    def load(file, *arguments, **options):
        """A traced model goes to a core as it is loaded: that of the context, else the one that holds the fewest."""
        module = plain_load(file, *arguments, **options)
        if "neuron::" not in str(module.inlined_graph):
            return module
        if arguments or options:
            raise TypeError("a Neuron model is loaded without device or map_location")
        cores = start_runtime()
        core = cores[_contexts[-1]] if _contexts else min(cores, key=lambda c: _loads.get(c, 0))
        _loads[core] = _loads.get(core, 0) + 1
        held = torch.load(io.BytesIO(bytes(module.model.numpy())), weights_only=True)
        run = plain_load(io.BytesIO(held["module"]))
        _models[digest(module.model)] = (run, held["inputs"], held["casts"])
        module.core.fill_(core)
        return module

    torch.jit.load = load


@contextlib.contextmanager
def neuron_cores_context(start_nc=-1, nc_count=-1):
    cores = start_runtime()
    if not 0 <= start_nc < len(cores) or nc_count != 1:
        raise ValueError(f"start_nc {start_nc}, nc_count {nc_count} of {len(cores)} visible cores")
    _contexts.append(start_nc)
    try:
        yield
    finally:
        _contexts.pop()
