import pytest
import torch

from blipkit.machine import host
from blipkit.runners.arms import BYTES, DEVICES, DTYPES, ROUNDOFF, RUNNERS, Arm, check_machine, check_timed, evidence_of, format_reference, parse_arm
from blipkit.runners.neuron.options import CASTS, VENDOR_ORDER, casts_as_read
from blipkit.errors import BadInput


def test_every_runner_is_a_file_of_its_name():
    """The table and the folder agree."""
    from pathlib import Path

    import blipkit.runners

    files = {path.stem for path in Path(blipkit.runners.compile.__file__).parent.glob("*.py")}
    assert files - {"__init__", "base"} == set(RUNNERS) == set(DEVICES)


def test_number_formats_are_torchs():
    """Every name is one of torch's dtypes."""
    from blipkit.runners import tensors as base

    assert tuple(base.DTYPES) == DTYPES


def test_every_number_format_has_its_size_and_its_rounding():
    """Half of torch's eps is the largest relative error of one rounding; an emulated cast is as coarse as its format."""
    from blipkit.runners import tensors as base

    assert {name: torch.finfo(dtype).eps / 2 for name, dtype in base.DTYPES.items()} == ROUNDOFF
    assert set(BYTES) == {dtype for taken in RUNNERS.values() for dtype in taken}
    assert {BYTES[dtype] for dtype in CASTS} == {BYTES["float32"]}
    like = {dtype: Arm("neuron_emulated", dtype).precision for dtype in CASTS}
    assert like["none"] == "float32" and like["all bf16"] == "bfloat16"
    assert like["matmult fp16"] == like["matmult tf32"] == "float16"
    assert all(Arm("torchscript", dtype).precision == dtype for dtype in DTYPES)


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("torchscrip float32", "did you mean 'torchscript'"),
        ("torchscript float64", "torchscript takes dtype float32, bfloat16, float16 on .*; saw 'float64'"),
        ("torchscript", "expected a runner and a dtype, such as .* or 'neuron_emulated matmult bf16'"),
        ("torchscript float32 tpu", "on device cpu, cuda; saw 'float32 tpu'"),
        ("torchscript cuda", "torchscript takes dtype .*; saw '' on 'cuda'"),
        ("null float32 cuda", "null takes dtype float32 on device cpu; saw 'float32' on 'cuda'"),
        ("torchscript float16", "'torchscript float16 cuda'; on a CPU take float32 or bfloat16"),
        ("torchscript autocast bfloat16", "takes dtype float32, bfloat16, float16 on .*; saw 'autocast bfloat16'"),
        ("eager autocast", "takes dtype .* autocast bfloat16, autocast float16 on .*; saw 'autocast'"),
        ("neuron_emulated matmult", "takes dtype none, matmult bf16, .*; saw 'matmult'"),
        ("neuron_emulated none bf16", "takes dtype none, matmult bf16, .*; saw 'none bf16'"),
        ("neuron_emulated matmul bf16", "takes dtype none, matmult bf16, .*; saw 'matmul bf16'"),
        ("neuron_emulated some bf16", "takes dtype none, matmult bf16, .*, all bf16, .*; saw 'some bf16'"),
        ("neuron_emulated all bf61", "takes dtype .* all bf16, all fp16, all tf32 on device cpu; saw 'all bf61'"),
        ("neuron_emulated all fp8_e4m3", "all bf16, all fp16, all tf32 on device cpu; saw 'all fp8_e4m3'"),
        ("neuron_emulated all bf16 cuda", "on device cpu; saw 'all bf16' on 'cuda'"),
        ("neuron_emulated none cpu", "write it as 'neuron_emulated none'"),
        ("neuron_emulated all bf16 cpu cpu", "on device cpu; saw 'all bf16 cpu' on 'cpu'"),
        ("", "expected a runner and a dtype"),
    ],
)
def test_a_bad_arm_is_refused(arm, message):
    """Unknown runners and number formats are named with what is known."""
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
        ("neuron matmult tf32", None),
        ("neuron all tf32", None),
        ("neuron matmult bf16", "eager autocast bfloat16"),
        ("neuron_emulated matmult fp16", "eager autocast float16"),
        ("neuron all fp16", "eager float16"),
        ("neuron all bf16", "eager bfloat16"),
    ],
)
def test_torch_shows_what_a_format_alone_does(arm, known):
    """Wholly in it, or its products alone, on the CPU; torch has no tf32 there, and float32 is the reference."""
    assert format_reference(arm) == known
    assert known is None or parse_arm(known).precision == parse_arm(arm).precision


def test_an_arm_that_this_machine_cannot_run_says_what_it_needs(monkeypatch):
    """It exists, so that its records can be read anywhere; running it is refused."""
    monkeypatch.setattr(host, "describe", lambda: {"gpus": []})
    with pytest.raises(BadInput, match="'eager float16 cuda' needs an NVIDIA GPU; this machine shows none"):
        check_machine(parse_arm("eager float16 cuda"))
    check_machine(Arm("eager", "float32"))


def test_an_emulated_arm_is_no_measurement():
    """Its evidence says so, and nobody may time it."""
    assert evidence_of("neuron_emulated matmult bf16") == "emulated"
    assert evidence_of("torchscript float32") == evidence_of("") == "measured"
    assert evidence_of("incumbent") == "recorded"
    with pytest.raises(BadInput, match="'neuron_emulated all bf16' imitates a device's numbers, not its speed"):
        check_timed(parse_arm("neuron_emulated all bf16"))
    check_timed(Arm("torchscript", "float32"))


@pytest.mark.parametrize(
    ("auto_cast", "cast_type", "neuronx_cc", "read"),
    [
        (None, "fp16", "2.21.33363.0", "matmult fp16"),  # SDK 2.26.1
        (None, "fp16", "2.22.12471.0", "none"),  # SDK 2.27.1
        (None, "fp16", "2.26.6360.0", "none"),
        ("matmult", "fp16", "2.26.6360.0", "matmult fp16"),
        ("none", "fp16", "2.21.33363.0", "none"),
        ("all", "bf16", "2.9.0.0", "all bf16"),
    ],
)
def test_a_cast_type_alone_means_what_the_compilers_default_makes_of_it(auto_cast, cast_type, neuronx_cc, read):
    """The default moved from matmult to none with neuronx-cc 2.22; flags that are spelled out mean the same in both."""
    assert casts_as_read(auto_cast, cast_type, neuronx_cc=neuronx_cc) == read


def test_the_vendors_order_names_every_cast_once():
    """It is the order that 02 puts the forecast beside."""
    assert sorted(VENDOR_ORDER) == sorted(CASTS)
