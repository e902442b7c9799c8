import pytest
import torch

from blipkit.errors import BadInput
from blipkit.machine import host
from blipkit.runners import kinds, spec
from blipkit.runners.arms import (
    ROUNDOFF,
    Arm,
    all_arms,
    check_answers,
    check_machine,
    check_timed,
    control_of,
    evidence_of,
    get_runner,
    is_forkable,
    parse_arm,
    same_precision_baseline,
)
from blipkit.runners.neuron.options import CASTS, VENDOR_ORDER, auto_cast_in, casts_as_read
from blipkit.runners.spec import TORCH_PRECISIONS, runner_module, runner_names, spec_of

DTYPES = ("float32", "bfloat16", "float16")
# runner -> the precisions and the devices that it takes
TAKES = {
    "eager": ((*DTYPES, "autocast bfloat16", "autocast float16"), ("cpu", "cuda")),
    "neuron": ((*CASTS, "bfloat16", "default fp16"), ("cpu",)),
    "neuron_emulated": ((*CASTS, "bfloat16"), ("cpu",)),
    "null": (("float32",), ("cpu",)),
    "torchscript": (DTYPES, ("cpu", "cuda")),
}


def test_every_runner_is_a_file_of_its_name():
    """What is found is what lies in the folder, and each says what it takes."""
    from pathlib import Path

    files = {path.stem for path in Path(kinds.__file__).parent.glob("*.py")}
    assert files - {"__init__"} == set(runner_names()) == set(TAKES)
    specs = {name: spec_of(name) for name in TAKES}
    assert {name: (tuple(spec.precisions), spec.devices) for name, spec in specs.items()} == TAKES


def test_what_a_runner_is_its_own_file_says():
    """One holds a NeuronCore, one imitates a device, one may compute float16 on a CPU; each loads, some compile."""
    specs = {name: spec_of(name) for name in runner_names()}
    assert [name for name, spec in specs.items() if spec.holds_core] == ["neuron"]
    assert [name for name, spec in specs.items() if spec.emulated] == ["neuron_emulated"]
    assert [name for name, spec in specs.items() if spec.half_on_cpu] == ["eager"]
    modules = {name: runner_module(name) for name in specs}
    assert all(callable(module.load) for module in modules.values())
    compiling = {name for name, module in modules.items() if hasattr(module, "compile")}
    assert compiling == {"neuron", "neuron_emulated", "torchscript"}


DROPPED = """
from blipkit.runners.spec import TORCH_PRECISIONS, RunnerSpec


def refuse(arm):
    from blipkit.errors import BadInput

    raise BadInput(f"arm '{arm}' needs a quiet room")


SPEC = RunnerSpec({"bfloat16": TORCH_PRECISIONS["bfloat16"]}, emulated=True, needs=refuse)


def load(path, build, module):
    return module
"""


@pytest.fixture
def dropped(tmp_path, monkeypatch):
    """A runner whose file somebody has just put into the folder of kinds."""
    import sys

    (tmp_path / "dropped.py").write_text(DROPPED)
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path)])
    runner_names.cache_clear()
    yield "dropped"
    monkeypatch.undo()
    runner_names.cache_clear()
    sys.modules.pop("blipkit.runners.kinds.dropped", None)
    vars(kinds).pop("dropped", None)


def test_a_file_dropped_into_the_folder_is_a_runner(dropped):
    """Nothing else names it: it is known, its arms parse, its precision, needs and evidence count, its module is found."""
    assert set(runner_names()) == {*TAKES, dropped}
    arm = parse_arm("dropped bfloat16")
    assert arm in all_arms() and str(arm) == "dropped bfloat16"
    assert (arm.rounds_like, same_precision_baseline(str(arm)), evidence_of(str(arm))) == (
        "bfloat16",
        "eager bfloat16",
        "emulated",
    )
    assert runner_module(dropped).load(None, None, "the component") == "the component"
    with pytest.raises(
        BadInput, match="dropped takes precision bfloat16 on device cpu; saw 'float32' on 'cpu'"
    ):
        parse_arm("dropped float32")
    with pytest.raises(BadInput, match="runner 'droped'; did you mean 'dropped'"):
        parse_arm("droped bfloat16")
    for refusing in (check_machine, get_runner):
        with pytest.raises(BadInput, match="arm 'dropped bfloat16' needs a quiet room"):
            refusing(arm)
    with pytest.raises(
        BadInput, match="'dropped bfloat16' imitates a device's numbers, not its speed"
    ):
        check_timed(arm)


@pytest.mark.parametrize(
    ("arm", "control"),
    [
        ("neuron all bf16", "neuron none"),
        ("neuron bfloat16", "neuron none"),
        ("neuron_emulated matmult tf32", "neuron_emulated none"),
        ("torchscript float16 cuda", "torchscript float32 cuda"),
        ("torchscript bfloat16", "torchscript float32"),
        ("eager autocast float16 cuda", "eager float32 cuda"),
        ("eager bfloat16", None),
        ("torchscript float32", None),
        ("neuron none", None),
        ("null float32", None),
    ],
)
def test_a_control_is_the_same_runner_in_float32(arm, control):
    """On the same device; float32 needs none, and the reference is beside every arm already."""
    assert control_of(arm) == control


def test_a_runner_that_is_gone_is_no_runner_any_more():
    """What the test before dropped left nothing behind."""
    assert set(runner_names()) == set(TAKES)
    with pytest.raises(BadInput, match=f"runner 'dropped'; known: {', '.join(sorted(TAKES))}"):
        runner_module("dropped")


def test_torchs_precisions_are_its_dtypes():
    """Every name is one of torch's dtypes."""
    from blipkit.runners import tensors

    assert tuple(tensors.DTYPES) == tuple(spec.TORCH_PRECISIONS) == DTYPES


def test_every_precision_has_its_size_and_its_rounding():
    """Half of torch's eps is the largest relative error of one rounding; an emulated cast is as coarse as its format."""
    from blipkit.runners import tensors

    assert {name: torch.finfo(dtype).eps / 2 for name, dtype in tensors.DTYPES.items()} == ROUNDOFF
    assert {name: of.weight_bytes for name, of in TORCH_PRECISIONS.items()} == {
        "float32": 4,
        "bfloat16": 2,
        "float16": 2,
    }
    assert {arm.weight_bytes for arm in all_arms() if arm.precision not in DTYPES} == {4}
    assert {Arm("neuron_emulated", cast).weight_bytes for cast in CASTS} == {4}
    assert {arm.rounds_like for arm in all_arms()} == set(DTYPES)
    like = {cast: Arm("neuron_emulated", cast).rounds_like for cast in CASTS}
    assert like["none"] == "float32" and like["all bf16"] == "bfloat16"
    assert like["matmult fp16"] == like["matmult tf32"] == "float16"
    assert all(Arm("torchscript", name).rounds_like == name for name in DTYPES)


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("torchscrip float32", "did you mean 'torchscript'"),
        (
            "torchscript float64",
            "torchscript takes precision float32, bfloat16, float16 on .*; saw 'float64'",
        ),
        (
            "torchscript",
            "expected a runner and a precision, such as .* or 'neuron_emulated matmult bf16'",
        ),
        ("torchscript float32 tpu", "on device cpu, cuda; saw 'float32 tpu'"),
        ("torchscript cuda", "torchscript takes precision .*; saw '' on 'cuda'"),
        (
            "null float32 cuda",
            "null takes precision float32 on device cpu; saw 'float32' on 'cuda'",
        ),
        ("torchscript float16", "'torchscript float16 cuda'; on a CPU take float32 or bfloat16"),
        (
            "torchscript autocast bfloat16",
            "takes precision float32, bfloat16, float16 on .*; saw 'autocast bfloat16'",
        ),
        (
            "eager autocast",
            "takes precision .* autocast bfloat16, autocast float16 on .*; saw 'autocast'",
        ),
        ("neuron_emulated matmult", "takes precision none, matmult bf16, .*; saw 'matmult'"),
        ("neuron_emulated none bf16", "takes precision none, matmult bf16, .*; saw 'none bf16'"),
        (
            "neuron_emulated matmul bf16",
            "takes precision none, matmult bf16, .*; saw 'matmul bf16'",
        ),
        (
            "neuron_emulated some bf16",
            "takes precision none, matmult bf16, .*, all bf16, .*; saw 'some bf16'",
        ),
        (
            "neuron_emulated all bf61",
            "takes precision .* all bf16, all fp16, all tf32, bfloat16 on device cpu; saw 'all bf61'",
        ),
        (
            "neuron_emulated all fp8_e4m3",
            "all bf16, all fp16, all tf32, bfloat16 on device cpu; saw 'all fp8_e4m3'",
        ),
        ("neuron_emulated all bf16 cuda", "on device cpu; saw 'all bf16' on 'cuda'"),
        ("neuron_emulated none cpu", "write it as 'neuron_emulated none'"),
        ("neuron_emulated all bf16 cpu cpu", "on device cpu; saw 'all bf16 cpu' on 'cpu'"),
        ("", "expected a runner and a precision"),
    ],
)
def test_a_bad_arm_is_refused(arm, message):
    """Unknown runners and precisions are named with what is known."""
    with pytest.raises(BadInput, match=message):
        parse_arm(arm)


@pytest.mark.parametrize(
    "text",
    ["torchscript float32", "eager float16 cuda", *(f"neuron_emulated {dtype}" for dtype in CASTS)],
)
def test_an_arm_is_written_as_it_was_read(text):
    """The device is named where it is not the CPU."""
    assert str(parse_arm(text)) == text


@pytest.mark.parametrize(
    ("arm", "known"),
    [
        ("eager float32", None),
        ("torchscript bfloat16", "eager bfloat16"),
        ("torchscript float16 cuda", "eager float16"),
        ("eager autocast float16 cuda", "eager autocast float16"),
        ("neuron none", None),
        ("neuron matmult tf32", "eager autocast float16"),
        ("neuron all tf32", "eager float16"),
        ("neuron matmult bf16", "eager autocast bfloat16"),
        ("neuron_emulated matmult fp16", "eager autocast float16"),
        ("neuron all fp16", "eager float16"),
        ("neuron all bf16", "eager bfloat16"),
        ("neuron bfloat16", "eager bfloat16"),
    ],
)
def test_torch_shows_what_a_format_alone_does(arm, known):
    """Wholly in it, or its products alone, on the CPU; for tf32 float16, of as many bits; float32 is the reference."""
    assert same_precision_baseline(arm) == known
    assert known is None or parse_arm(known).rounds_like == parse_arm(arm).rounds_like


def test_an_arm_that_this_machine_cannot_run_says_what_it_needs(monkeypatch):
    """It exists, so that its records can be read anywhere; running it is refused."""
    monkeypatch.setattr(host, "describe", lambda: host.Machine("a CPU"))
    with pytest.raises(
        BadInput, match="'eager float16 cuda' needs an NVIDIA GPU; this machine shows none"
    ):
        check_machine(parse_arm("eager float16 cuda"))
    check_machine(Arm("eager", "float32"))


def test_an_emulated_arm_is_no_measurement():
    """Its evidence says so, and nobody may time it."""
    assert evidence_of("neuron_emulated matmult bf16") == "emulated"
    assert evidence_of("torchscript float32") == evidence_of("") == "measured"
    assert evidence_of("incumbent") == "recorded"
    with pytest.raises(
        BadInput, match="'neuron_emulated all bf16' imitates a device's numbers, not its speed"
    ):
        check_timed(parse_arm("neuron_emulated all bf16"))
    check_timed(Arm("torchscript", "float32"))
    with pytest.raises(
        BadInput, match="'neuron_emulated all bf16' imitates a device, and answers nowhere today"
    ):
        check_answers(parse_arm("neuron_emulated all bf16"))


@pytest.mark.parametrize(
    ("auto_cast", "cast_type", "neuronx_cc", "read"),
    [
        (None, "fp16", "2.21.33363.0", "matmult fp16"),  # SDK 2.26.1
        (None, "fp16", "2.22.12471.0", "none"),  # SDK 2.27.1
        (None, "fp16", "2.26.6360.0", "none"),
        ("matmult", "fp16", "2.26.6360.0", "matmult fp16"),
        ("none", "fp16", "2.21.33363.0", "none"),
        ("all", "bf16", "2.9.0.0", "all bf16"),
        (None, "fp16", "", "none from neuronx-cc 2.22 on, matmult fp16 before"),
        ("all", "fp16", "", "all fp16"),
    ],
)
def test_a_cast_type_alone_means_what_the_compilers_default_makes_of_it(
    auto_cast, cast_type, neuronx_cc, read
):
    """The default moved from matmult to none with neuronx-cc 2.22; flags that are spelled out mean the same in both."""
    assert casts_as_read(auto_cast, cast_type, neuronx_cc=neuronx_cc) == read


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        ([], ("", "bf16")),
        (["--auto-cast-type", "fp16"], ("", "fp16")),
        (["--auto-cast=all", "--optlevel", "2", "--auto-cast-type=tf32"], ("all", "tf32")),
        (["--auto-cast", "none", "--auto-cast", "matmult"], ("matmult", "bf16")),
        (["--auto-cast"], ("", "bf16")),
    ],
)
def test_casts_are_found_in_what_a_compiler_was_told(flags, found):
    """Behind = or as the next word; the last of several counts, as it does for the compiler."""
    assert auto_cast_in(flags) == found


def test_the_vendors_order_names_every_cast_once():
    """It is the order that 02 puts the forecast beside."""
    assert sorted(VENDOR_ORDER) == sorted(CASTS)


@pytest.mark.parametrize(
    ("text", "forkable"),
    [
        ("torchscript float32", True),
        ("neuron_emulated all bf16", True),
        ("torchscript float16 cuda", False),
        ("neuron matmult bf16", False),
    ],
)
def test_what_touches_a_device_is_never_forked(text, forkable):
    """A fork does not survive CUDA, nor Neuron's runtime; emulation touches neither."""
    assert is_forkable(parse_arm(text)) is forkable
