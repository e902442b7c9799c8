"""The neuron runner against a fake torch_neuronx that has the documented signatures and is strict about them."""

import ast
import copy
import fcntl
import json
import os
import re
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import rehearsal
import torch
from neuron_artifacts import Doubling, build_for

from blipkit import Bucket, isolate
from blipkit.errors import BadInput, BlipkitError, ChildFailed, NotMeasured
from blipkit.model.components import Components
from blipkit.paths import ROOT
from blipkit.runners import compile as compiling
from blipkit.runners.arms import Arm
from blipkit.runners.artifacts import content_key
from blipkit.runners.compile import NotCompiled, build_of, trace_arms
from blipkit.runners.kinds import neuron
from blipkit.runners.neuron.options import check_flags
from blipkit.runners.tensors import DTYPES, cast_floats

BUCKET = Bucket(1, 1, 6, 2, 3)
MATMULT = Arm("neuron", "matmult bf16")


@pytest.fixture
def inf2(monkeypatch, tmp_path):
    """This process on a fake machine with one device of two cores."""
    yield enter(monkeypatch, tmp_path / "inf2", 1, driver="2.30.2.0")
    rehearsal.forget()


@pytest.fixture
def no_device(monkeypatch, tmp_path):
    """This process on a machine with the wheels and no device."""
    yield enter(monkeypatch, tmp_path / "cpu", 0)
    rehearsal.forget()


def enter(monkeypatch, folder, devices, **options):
    rehearsal.enter(monkeypatch, system := rehearsal.make_system(folder, devices, **options))
    return system


def contract(runner, small, folder: Path, arm: Arm = MATMULT) -> None:
    """Compile every component, load it on a core, run it: equal to the module, on inputs other than those traced."""
    dtype = DTYPES.get(arm.precision, torch.float32)
    for component in isolate(small):
        (folder / component.name).mkdir(parents=True)
        options = ("--model-type=transformer", "--optlevel=2")
        build = build_of(component, arm, BUCKET, options)
        build = replace(build, flags=runner.flags(arm.precision, options))
        path, inputs = folder / component.name / "compiled.pt", component.example_inputs(BUCKET)
        runner.compile(path, build, component.module, inputs)
        assert (path.parent / "compiler" / "graph.neff").exists() and (
            path.parent / "compiler/log-neuron-cc.txt"
        ).exists()
        with runner.on_core(1):
            run = runner.load(path, build, component.module)
        others = component.example_inputs(BUCKET, seed=5)
        output = run(*others)
        assert list(output.shape) == build.output_shape and runner.executed().only_on_device
        module = copy.deepcopy(component.module).to(dtype)
        torch.testing.assert_close(output, module(*cast_floats(others, dtype, "cpu")))
        with pytest.raises(RuntimeError, match="differ from those traced"):
            run(
                *(
                    x.to(torch.float64) if x.is_floating_point() else x.to(torch.int64)
                    for x in others
                )
            )


def test_a_whole_model_in_bfloat16_keeps_the_contract_too(small, inf2, tmp_path):
    """The component is in bfloat16 before it is traced, the compiler casts nothing, and what comes out is bfloat16."""
    contract(neuron, small, tmp_path, Arm("neuron", "bfloat16"))


def test_the_runner_keeps_the_contract_on_a_device(small, inf2, tmp_path):
    """Documented keywords, tensors in a tuple, its own casts; what runs, runs on the core that it was placed on."""
    before = neuron.executed().executions
    contract(neuron, small, tmp_path)
    counts = [int(p.read_text()) for p in sorted(inf2.glob("sys/**/inference_count/total"))]
    # three of them refused for their dtype
    assert counts == [0, 3] and neuron.executed().executions - before == 6


def compiled_doubling(folder: Path, precision: str = "none"):
    """A module that doubles a tensor of two numbers, compiled for the fake device: its path and its build."""
    build = build_for(precision)
    folder.mkdir()
    neuron.compile(folder / "compiled.pt", build, Doubling().eval(), (torch.ones(2),))
    return folder / "compiled.pt", build


def test_the_driver_counts_when_a_process_ends_or_from_2_30_on_while_it_lives(
    monkeypatch, tmp_path
):
    """The stand-in keeps the counters as its driver's release notes have it."""
    for driver, while_it_lives in (("2.29.0.0", 0), ("2.30.2.0", 1)):
        system = enter(monkeypatch, tmp_path / driver, 1, driver=driver)
        import torch_neuronx

        path, build = compiled_doubling(tmp_path / f"artifact {driver}")
        neuron.load(path, build, None)(torch.ones(2))
        counter = next(system.glob("sys/**/neuron_core0/**/total"))
        assert int(counter.read_text()) == while_it_lives
        torch_neuronx.tell_driver()  # as the end of the process does
        assert int(counter.read_text()) == 1
    rehearsal.forget()


def test_after_a_nan_every_execution_of_the_process_is_reported(inf2, monkeypatch, tmp_path):
    """Where errors are reported: another graph's right answers count as errors, too; by default nothing does."""
    nan, right = (
        neuron.load(*compiled_doubling(tmp_path / cast.replace(" ", "-"), cast), None)
        for cast in ("matmult bf16", "none")
    )
    monkeypatch.setenv("REHEARSAL_NAN", "matmult")
    assert nan(torch.ones(2)).isnan().all() and not (inf2 / "numerical").exists()
    monkeypatch.setenv("NEURON_RT_NUMERICAL_ERRORS_VERBOSITY", "critical")
    for _ in range(2):
        assert right(torch.ones(2)).tolist() == [2, 2] and not (inf2 / "numerical").exists()
    nan(torch.ones(2))
    assert right(torch.ones(2)).tolist() == [2, 2]
    assert int((inf2 / "numerical" / str(os.getpid())).read_text()) == 2


def test_tracing_on_a_device_takes_its_cores(inf2, tmp_path):
    """So compiling is a child's to do: what traced keeps the cores until it ends."""
    assert not list(inf2.glob("processes/*"))
    compiled_doubling(tmp_path / "artifact")
    assert [path.name for path in inf2.glob("processes/*")] == [str(os.getpid())]
    for core in range(2):
        with (inf2 / f"core{core}.lock").open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    "ask", [lambda x: x * x.sum().item(), lambda x: x if x.sum() > 0 else -x, lambda x: x[x > 0]]
)
def test_a_graph_that_depends_on_values_is_refused(inf2, tmp_path, ask):
    """A value that is asked for while it is traced would be a constant ever after."""

    class Asking(torch.nn.Module):
        def forward(self, x):
            return ask(x)

    with pytest.raises(RuntimeError, match="depends on values"):
        neuron.compile(
            tmp_path / "compiled.pt", build_for("none"), Asking().eval(), (torch.ones(2),)
        )


def test_64_bit_integers_are_refused_where_32_bits_were_traced(inf2, tmp_path):
    """The number format is part of what was traced."""

    class Adding(torch.nn.Module):
        def forward(self, x):
            return x + 1

    path = tmp_path / "compiled.pt"
    neuron.compile(path, build_for("none"), Adding().eval(), (torch.ones(2, dtype=torch.int32),))
    run = neuron.load(path, build_for("none"), None)
    assert run(torch.ones(2, dtype=torch.int32)).tolist() == [2, 2]
    with pytest.raises(RuntimeError, match="int64.* differ from those traced.*int32"):
        run(torch.ones(2, dtype=torch.int64))


# as the runner passes its module and its inputs to torch_neuronx.trace
CALL = "module,\n            inputs,\n            "
MISTAKES = {
    "another keyword": ("compiler_workdir=str(work)", "workdir=str(work)"),
    "options by position": (f"{CALL}compiler_workdir=str(work),", f"{CALL}{{}}, str(work),"),
    "inputs in a list": (CALL, CALL.replace("inputs", "list(inputs)")),
    "inputs in a dict": (CALL, CALL.replace("inputs", "dict(enumerate(inputs))")),
    "64-bit inputs": (CALL, CALL.replace("inputs", "tuple(x.double() for x in inputs)")),
    "a misspelt cast": (
        '"--auto-cast", mode]',
        '"--auto-cast", mode.replace("matmult", "matmul")]',
    ),
    "an option that is none": ('"--logfile"', '"--log-file"'),
    "no target": ('["--target", target()]', "[]"),
    "the device forgotten": ("return bool(host.describe()", "return True or bool(host.describe()"),
    "the override forgotten": ("{OVERRIDE: target()}", "{}"),
    "a module in training": ("module).to(dtype)", "module).to(dtype).train()"),
    "loaded to a device": ("jit.load(path)", 'jit.load(path, map_location="cpu")'),
    "a core that is not there": ("start_nc=core", "start_nc=core + 1"),
    "two cores for one": ("nc_count=1", "nc_count=2"),
    "a placement that is nowhere": ("experimental.neuron_cores_context", "core_context"),
    "inputs in another order": ("traced(*inputs)", "traced(*reversed(inputs))"),
    "another name of the runtime's": ("get_visible_nc_count", "get_nc_count"),
}
WITHOUT_DEVICE = {"no target", "the device forgotten", "the override forgotten"}


def planted(old: str, new: str) -> types.ModuleType:
    """The runner with one mistake in it."""
    source = Path(neuron.__file__).read_text()
    assert old in source
    module = types.ModuleType("planted")
    exec(compile(source.replace(old, new), "planted", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_contract_fails_for_each_planted_mistake(small, monkeypatch, tmp_path, mistake):
    """A keyword, container, dtype, order, cast or placement that the documents do not have is found."""
    without = mistake in WITHOUT_DEVICE
    system = enter(monkeypatch, tmp_path / "system", 0 if without else 1)
    runner = planted(*MISTAKES[mistake])
    for name, value in runner.environment().items():
        monkeypatch.setenv(name, value)
    rehearsal.import_again()
    import torch_neuronx

    if mistake == "a placement that is nowhere":
        monkeypatch.delattr(torch_neuronx, "neuron_cores_context")
        torch_neuronx.experimental = types.SimpleNamespace()
    with pytest.raises((RuntimeError, TypeError, ValueError, IndexError, AttributeError)):
        contract(runner, small, tmp_path)
        runner.count_cores()
    assert system.exists()
    rehearsal.forget()


def test_the_older_name_of_the_placement_is_found(small, inf2, monkeypatch, tmp_path):
    """Before SDK 2.25 the context was experimental."""
    import torch_neuronx

    torch_neuronx.experimental = types.SimpleNamespace(
        neuron_cores_context=torch_neuronx.neuron_cores_context
    )
    monkeypatch.delattr(torch_neuronx, "neuron_cores_context")
    contract(neuron, small, tmp_path)


@pytest.mark.parametrize(("devices", "cores"), [(1, 2), (12, 24)])
def test_cores_are_counted_by_the_runtime(devices, cores, tmp_path):
    """inf2.xlarge and 48xlarge: two cores a device; asked in a child, which gives them back."""
    from blipkit.machine import child

    environment = rehearsal.environment(rehearsal.make_system(tmp_path / "s", devices))
    for _ in range(2 if devices == 1 else 1):
        assert (
            child.call(
                "blipkit.runners.kinds.neuron:count_cores", timeout_s=60, environment=environment
            )
            == cores
        )


def test_visible_cores_are_those_that_the_process_was_given(monkeypatch):
    """A share of a larger machine starts at its own first core."""
    monkeypatch.delenv("NEURON_RT_VISIBLE_CORES", raising=False)
    assert neuron.visible_cores(2) == [0, 1]
    monkeypatch.setenv("NEURON_RT_VISIBLE_CORES", "4-7")
    assert neuron.visible_cores(4) == [4, 5, 6, 7]


def test_flags_are_spelt_out_and_kept_as_read(inf2):
    """Both casts are passed; what the compiler makes of them stands beside."""
    flags = neuron.flags("matmult bf16", ("--optlevel=2",))
    assert (
        " ".join(flags["compiler_args"])
        == "--target inf2 --auto-cast matmult --auto-cast-type bf16 --optlevel=2"
    )
    assert flags["casts_as_read"] == "matmult bf16"
    assert neuron.flags("none", ())["compiler_args"][2:] == ["--auto-cast", "none"]
    assert neuron.flags("bfloat16", ()) == neuron.flags("none", ())


@pytest.mark.parametrize(
    ("version", "read"),
    [
        ("2.21.33363.0", "matmult fp16"),
        ("2.26.6360.0", "none"),
        (None, "none from neuronx-cc 2.22 on, matmult fp16 before"),
    ],
)
def test_the_recipes_one_flag_is_passed_alone_and_read_by_this_compiler(monkeypatch, version, read):
    """Nothing says where to cast but the compiler's default, which moved."""
    monkeypatch.setattr(neuron.host, "version", lambda name: version)
    flags = neuron.flags("default fp16", ())
    assert flags["compiler_args"] == ["--target", "inf2", "--auto-cast-type", "fp16"]
    assert flags["casts_as_read"] == read


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--auto-cast=all"], "the arm says it, as in 'neuron matmult bf16'"),
        (["--target=trn1"], "is not a profile's to say: the machine says it"),
        (["--optlevl=2"], "did you mean '--optlevel'?"),
        (["--optlevel=4"], "expected 1, 2, 3"),
        (["--optlevel"], "expected 1, 2, 3"),
        (["--enable-saturate-infinity=yes"], "expected no value"),
        (["--optlevel=2", "--optlevel=3"], "'--optlevel=3' contradicts or repeats '--optlevel=2'"),
        (
            ["--enable-mixed-precision-accumulation", "--disable-mixed-precision-accumulation"],
            "contradicts or repeats '--enable-mixed-precision-accumulation'",
        ),
    ],
)
def test_flags_that_cannot_be_are_refused(flags, message):
    """Unknown, contradicting, or said elsewhere already."""
    with pytest.raises(BadInput, match="compiler_flags") as error:
        check_flags(flags)
    assert message in str(error.value)


def test_compiled_elsewhere_the_key_is_the_same(small, monkeypatch, tmp_path):
    """A machine without a device makes what one with a device finds; it cannot load it, and says where to go."""
    component, builds = isolate(small)["image_encoder"], []
    for devices in (0, 1):
        enter(monkeypatch, tmp_path / str(devices), devices)
        builds.append(build_of(component, MATMULT, BUCKET, ["--optlevel=2"]))
        if not devices:
            with pytest.raises(
                NotMeasured,
                match=r"no Neuron device here \(no /dev/neuron0\): copy .* artifacts/ to an",
            ):
                neuron.check_loadable(builds[0])
    neuron.check_loadable(builds[1])
    assert content_key(builds[0]) == content_key(builds[1])
    assert content_key(builds[0]) != content_key(
        build_of(component, MATMULT, BUCKET, ["--optlevel=3"])
    )
    rehearsal.forget()


@pytest.mark.parametrize(
    ("library", "target", "message"),
    [
        ("torch-neuronx", None, "was compiled with torch-neuronx 2.8.0.2.10.16998, here is 2.9.0"),
        ("neuronx-cc", None, "was compiled with neuronx-cc 2.8.0.2.10.16998, here is 2.26"),
        (None, "Trn1", "was compiled for inf2, this is trn1; run on inf2"),
    ],
)
def test_another_sdk_or_target_is_refused_before_loading(small, inf2, library, target, message):
    """The file is not touched: it does not even exist."""
    build = build_of(isolate(small)["text_encoder"], MATMULT, BUCKET)
    if library:
        build.versions[library] = "2.8.0.2.10.16998"
    else:
        next(inf2.glob("sys/**/instance_type")).write_text(target)
    with pytest.raises(BlipkitError, match=message):
        neuron.load(Path("nowhere.pt"), build, None)


@pytest.mark.parametrize(
    ("devices", "here", "override", "expected"),
    [
        (1, "Inf2", None, "inf2"),
        (1, "Trn1", None, "trn1"),
        (1, "Inf2", "trn1", "inf2"),
        (0, None, None, "inf2"),
        (0, None, "trn1", "trn1"),
        (1, "Trn2", None, None),
        (0, None, "trn9", None),
    ],
)
def test_the_family_is_the_machines(monkeypatch, tmp_path, devices, here, override, expected):
    """Its device's, whatever is overridden; without one the override's, else inf2; no other is compiled for."""
    system = enter(monkeypatch, tmp_path, devices)
    monkeypatch.delenv(neuron.OVERRIDE, raising=False)
    if override:
        monkeypatch.setenv(neuron.OVERRIDE, override)
    if here:
        next(system.glob("sys/**/instance_type")).write_text(here)
    if expected:
        assert neuron.flags("none", ())["compiler_args"][:2] == ["--target", expected]
        assert neuron.environment() in ({}, {neuron.OVERRIDE: expected})
        return
    with pytest.raises(
        BadInput, match="to compile for is 'trn.'; expected inf2, trn1, trn1n; take"
    ):
        neuron.flags("none", ())


def test_a_component_that_cannot_be_compiled_is_named_and_the_others_go_on(
    small, no_device, monkeypatch, tmp_path
):
    """The text encoder, with four inputs, crashes; the decoder, with three, fails: signal, last lines and log are told."""
    monkeypatch.setenv("REHEARSAL_CRASH", "4")
    monkeypatch.setenv("REHEARSAL_FAIL", "3")
    with pytest.raises(NotCompiled, match=r"text_encoder for 'neuron matmult bf16'") as error:
        trace_arms(isolate(small), tmp_path, [MATMULT], BUCKET)
    reasons = {failure.job.component: failure.reason for failure in error.value.failures}
    assert set(reasons) == {"text_encoder", "text_decoder"} and not list(tmp_path.glob("*.part"))
    for part in (
        "died (SIGSEGV)",
        "tracing crashed",
        "Segmentation fault",
        'torch_neuronx/__init__.py", line',
    ):
        assert part in reasons["text_encoder"]
    assert (
        "neuronx-cc failed with -9" in reasons["text_decoder"]
        and "for want of memory" in reasons["text_decoder"]
    )
    for folder in tmp_path.glob("*.failed"):
        assert (folder / "compiler").is_dir() and any(
            str(folder) in text for text in reasons.values()
        )
    assert len(list(tmp_path.glob("*.failed"))) == 2
    (whole,) = error.value.compiled[0]
    assert whole.component == "image_encoder" and whole.manifest.compiled_on.startswith(
        "rehearsal of "
    )


@pytest.mark.parametrize("place", ["PRINTS", "LOGS"])
def test_why_a_compile_failed_is_told_from_what_was_printed_or_logged(
    small, no_device, monkeypatch, tmp_path, place
):
    """The exception says 70; the code, its page and its line reach whoever compiles, and the files stay."""
    said = {"PRINTS": "compiling", "LOGS": "compiling", place: HBM}

    def fail(checkpoint, jobs, environment):
        unfinished = jobs[0].folder.with_name(f"{jobs[0].folder.name}.part")
        log = unfinished / "compiler/log-neuron-cc.txt"
        log.parent.mkdir(parents=True)
        log.write_text(f"INFO: begun\n{said['LOGS']}\n")
        raise ChildFailed("neuronx-cc failed with 70", f"compiling\n{said['PRINTS']}\n")

    monkeypatch.setattr(compiling, "_compile_in_child", fail)
    with pytest.raises(NotCompiled) as failed:
        trace_arms(only_image_encoder(small), tmp_path, [MATMULT], BUCKET)
    check_told(str(failed.value), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["PRINTS", "LOGS"])
def test_a_compiler_that_fails_is_explained_to_whoever_compiles(
    small, no_device, monkeypatch, tmp_path, place
):
    """The same with the program itself, which prints its code or logs it and exits with 70."""
    monkeypatch.setenv(f"REHEARSAL_CC_{place}", HBM)
    with pytest.raises(NotCompiled) as failed:
        trace_arms(only_image_encoder(small), tmp_path, [MATMULT], BUCKET)
    check_told(str(failed.value), tmp_path)


HBM = "[ERROR] [NCC_EVRF009] 17.3GB of HBM exceed 16GB"


def only_image_encoder(checkpoint) -> Components:
    return Components([isolate(checkpoint)["image_encoder"]])


def check_told(reason: str, folder: Path) -> None:
    for part in (
        "image_encoder for 'neuron matmult bf16', bucket",
        "saw NCC_EVRF009: the compiler met more device memory than there is (HBM)",
        "error-codes/EVRF009.html",
        f"\nIt printed: {HBM}\nIt said: ",
        "neuronx-cc failed with 70",
        f"; the compiler's files: {folder}",
    ):
        assert part in reason


def test_another_product_with_the_name_is_refused_before_anything_runs(monkeypatch):
    """TorchNeuron has no trace; what to install is said."""
    monkeypatch.setattr(neuron.host, "version", {"torch-neuronx": "2.14.3"}.get)
    with pytest.raises(BadInput, match=r"needs torch_neuronx.trace: .* 2.14.3 is TorchNeuron"):
        neuron.check_wheels("neuron none")


def test_nothing_else_imports_torch_neuronx():
    """One file of the package touches the device's library."""
    importers = set()
    for path in (ROOT / "blipkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [getattr(node, "module", None)]
            )
            if any(str(name).split(".")[0] == "torch_neuronx" for name in names):
                importers.add(path.relative_to(ROOT / "blipkit").as_posix())
    assert importers == {"runners/kinds/neuron.py"}


OF_NEURON = ("torch_neuronx.", "torch.classes.neuron", "torch.jit.")


def test_every_call_is_in_the_documents_list():
    """docs/neuron.md has a row for each name that the runner takes from torch_neuronx or passes to it."""
    page, used = (ROOT / "docs/neuron.md").read_text(), set()
    for node in ast.walk(ast.parse(Path(neuron.__file__).read_text())):
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith(OF_NEURON):
            used.add(node.attr)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch_neuronx.trace":
            used |= {k.arg for k in node.keywords if k.arg}
    used |= {
        "cpu_backend",
        "neuron_cores_context",
        "start_nc",
        "nc_count",
        "NEURON_RT_VISIBLE_CORES",
    }
    used |= {"NEURON_PLATFORM_TARGET_OVERRIDE", "get_visible_nc_count"}
    missing = {
        name
        for name in used - {"neuron", "ScriptModule"}
        if not re.search(rf"[`.(, ]{name}[`.(), ]", page)
    }
    assert len(used) > 10 and not missing


def test_the_fake_device_is_no_part_of_the_package():
    """What imitates a device is in tests alone, and says what it is."""
    code = "from blipkit.machine import host; print(host.is_rehearsal(), host.describe().name)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.startswith("False") and "rehearsal" not in done.stdout
    assert not json.dumps([str(p) for p in (ROOT / "blipkit").rglob("*fake*")]).count("fake")
