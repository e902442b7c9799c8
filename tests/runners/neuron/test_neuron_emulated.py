"""The emulated casts against definitions of their own: exact fractions, the bit patterns of each format, products by hand."""

import copy
import dataclasses
import math
from fractions import Fraction

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blipkit import Bucket, isolate, load_checkpoint
from blipkit.errors import BadInput
from blipkit.model.components import Component, Components
from blipkit.parity.tensors import compare
from blipkit.runners.arms import Arm
from blipkit.runners.artifacts import CompileJob
from blipkit.runners.compile import compile_jobs
from blipkit.runners.kinds import neuron_emulated, torchscript
from blipkit.runners.neuron import casts
from blipkit.runners.neuron.casts import emulate, export
from blipkit.runners.neuron.options import CASTS
from blipkit.runners.tensors import cast_floats

BUCKET = Bucket(8, 2, 6, 2, 4)
FORMATS = {
    "bf16": (8, -126, 127),
    "fp16": (11, -14, 15),
    "tf32": (11, -126, 127),
}  # significant bits, exponents
EDGES = (0, 1, 2, 126, 127, 128, 142, 143, 253, 254)  # exponent fields of tf32 that are looked at


def rounded(cast: str, values) -> numpy.ndarray:
    return casts.CASTS[cast](torch.from_numpy(numpy.asarray(values, dtype=numpy.float32))).numpy()


def same_bits(a, b) -> bool:
    return numpy.array_equal(
        numpy.float32(a).view(numpy.uint32), numpy.float32(b).view(numpy.uint32)
    )


def by_definition(cast: str, x: float) -> float:
    """The nearest number of the format, ties to even, in exact arithmetic."""
    bits, lowest, highest = FORMATS[cast]
    if not math.isfinite(x):
        return x
    step = Fraction(2) ** (max(math.frexp(x)[1] - 1, lowest) - bits + 1)
    exact = round(Fraction(x) / step) * step  # Python rounds a Fraction half to even
    return math.copysign(
        math.inf if abs(exact) >= Fraction(2) ** (highest + 1) else float(abs(exact)), x
    )


def held(cast: str) -> list[numpy.ndarray]:
    """Runs of neighbouring numbers of a format, from 0 up and with what follows the largest; even patterns first."""
    if cast == "fp16":
        runs = [numpy.arange(0x7C01, dtype=numpy.uint16).view(numpy.float16).astype(numpy.float64)]
    elif cast == "bf16":
        runs = [
            (numpy.arange(0x7F81, dtype=numpy.uint32) << 16)
            .view(numpy.float32)
            .astype(numpy.float64)
        ]
    else:
        fields = [numpy.arange(e << 10, (e + 1 << 10) + 1, dtype=numpy.uint32) for e in EDGES]
        runs = [(field << 13).view(numpy.float32).astype(numpy.float64) for field in fields]
    beyond = 2.0 ** (FORMATS[cast][2] + 1)  # where infinity stands in the row of numbers
    return [numpy.where(numpy.isinf(run), beyond, run) for run in runs]


@pytest.mark.parametrize("cast", FORMATS)
def test_what_a_format_holds_stays_as_it_is(cast):
    """Every 16-bit pattern, and every number of tf32 at the exponents looked at, with its sign; infinities and NaN too."""
    if cast == "bf16":
        values = (numpy.arange(2**16, dtype=numpy.uint32) << 16).view(numpy.float32)
    elif cast == "fp16":
        values = numpy.arange(2**16, dtype=numpy.uint16).view(numpy.float16).astype(numpy.float32)
    else:
        fields = numpy.concatenate(
            [numpy.arange(e << 10, e + 1 << 10, dtype=numpy.uint32) << 13 for e in (*EDGES, 255)]
        )
        values = numpy.concatenate([fields, fields | 0x80000000]).view(numpy.float32)
    emulated, nan = rounded(cast, values), numpy.isnan(values)
    assert nan.any() and numpy.isnan(emulated[nan]).all()
    assert same_bits(emulated[~nan], values[~nan])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("cast", FORMATS)
def test_between_two_numbers_the_nearer_is_taken_and_at_the_middle_the_even_one(cast, sign):
    """Each midpoint of neighbours, subnormals and the step to infinity among them, and one float32 step beside it."""
    largest = held(cast)[-1][-2]
    for run in held(cast):
        low, high = run[:-1], run[1:]
        middle = ((low + high) / 2).astype(numpy.float32)
        assert (middle == (low + high) / 2).all()  # float32 holds every midpoint
        even = numpy.where(numpy.arange(len(low)) % 2 == 0, low, high)
        below, above = (numpy.nextafter(middle, numpy.float32(to)) for to in (0, numpy.inf))
        for values, expected in ((middle, even), (below, low), (above, high)):
            expected = numpy.where(expected > largest, numpy.inf, expected)
            assert same_bits(rounded(cast, sign * values), sign * expected)


@given(st.floats(width=32))
def test_any_number_is_rounded_as_defined(x):
    """Exact fractions and the emulated cast agree, sign of zero included."""
    for cast in FORMATS:
        emulated, expected = rounded(cast, [x])[0], by_definition(cast, x)
        assert same_bits(emulated, expected) or (math.isnan(emulated) and math.isnan(x))


def test_a_product_by_hand():
    """Emulated, a product is that of rounded operands added up in float32; bias and result are rounded only by `all`."""
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(24, 5), torch.randn(7, 24)
    exact = {
        cast: [
            torch.tensor([by_definition(cast, v) for v in t.flatten().tolist()]).view_as(t)
            for t in (x, *layer.parameters())
        ]
        for cast in FORMATS
    }
    for cast, (a, weight, bias) in exact.items():
        emulated = emulate(export(layer, (x,)), f"matmult {cast}")(x)
        # the same float32 kernel
        assert torch.equal(emulated, torch.nn.functional.linear(a, weight, layer.bias))
        wide = a.double() @ weight.double().T + layer.bias
        # 25 float32 additions
        bound = 25 * 2.0**-24 * (a.double().abs() @ weight.double().abs().T + layer.bias.abs())
        assert ((emulated - wide).abs() <= bound).all() and ((layer(x) - wide).abs() > bound).any()
        everything = emulate(export(layer, (x,)), f"all {cast}")(x)
        assert torch.equal(
            everything, casts.CASTS[cast](torch.nn.functional.linear(a, weight, bias))
        )


def test_a_convolution_and_attention_by_hand():
    """Their operands are rounded where they enter, softmax's result among them, and nothing else is."""

    class Attention(torch.nn.Module):
        def forward(self, q, k, v):
            return (q @ k.transpose(-1, -2)).softmax(-1) @ v

    torch.manual_seed(0)
    bf16 = casts.to_bf16
    layer, image = torch.nn.Conv2d(3, 4, 2, stride=2), torch.randn(1, 3, 8, 8)
    emulated = emulate(export(layer, (image,)), "matmult bf16")(image)
    assert torch.equal(
        emulated, torch.nn.functional.conv2d(bf16(image), bf16(layer.weight), layer.bias, stride=2)
    )
    q, k, v = torch.randn(3, 2, 4, 8)
    emulated = emulate(export(Attention(), (q, k, v)), "matmult bf16")(q, k, v)
    assert torch.equal(emulated, bf16((bf16(q) @ bf16(k).transpose(-1, -2)).softmax(-1)) @ bf16(v))


@pytest.fixture(scope="module", params=["wide"])
def exported(request, checkpoint_folders):
    """[(component, its exported graph, four inputs for it, their padding masked)] of a small random checkpoint."""
    graphs = []
    for component in isolate(load_checkpoint(str(checkpoint_folders[request.param]))):
        several = [component.example_inputs(BUCKET, seed) for seed in range(4)]
        for inputs in several:
            for name, tensor in zip(component.input_shapes(BUCKET), inputs, strict=True):
                if name.endswith("mask"):
                    tensor[:, -2:] = 0
        graphs.append((component, export(component.module, several[0]), several))
    return graphs


@torch.inference_mode()
def test_coarser_casts_and_more_of_them_err_more(exported):
    """Over 32 frames: none < tf32 and fp16 < bf16 in each mode, matmult < all with each type; masks make nothing NaN."""
    for component, graph, several in exported:
        reference, errors = torch.cat([component.module(*inputs) for inputs in several]), {}
        for dtype in CASTS:
            emulated = emulate(graph, dtype)
            errors[dtype] = compare(reference, torch.cat([emulated(*inputs) for inputs in several]))
        assert not any(error.not_finite for error in errors.values())
        l2 = {dtype: error.relative_l2 for dtype, error in errors.items()}
        for mode in ("matmult", "all"):
            fine = [l2[f"{mode} {cast}"] for cast in ("tf32", "fp16")]
            assert l2["none"] < min(fine) and max(fine) < l2[f"{mode} bf16"], (
                component.name,
                l2,
            )
        for cast in FORMATS:
            assert l2[f"matmult {cast}"] < l2[f"all {cast}"], (component.name, l2)


@torch.inference_mode()
def test_casting_everything_to_bf16_errs_like_bfloat16_itself(exported):
    """torch's own bfloat16 kernels add up in float32 and round each result: as far from float32 as the emulated ones."""
    for component, graph, several in exported:
        native, emulated = copy.deepcopy(component.module).bfloat16(), emulate(graph, "all bf16")
        reference, of_torch, of_ours = (
            torch.cat([run(*inputs).float() for inputs in cast])
            for run, cast in (
                (component.module, several),
                (native, [cast_floats(inputs, torch.bfloat16, "cpu") for inputs in several]),
                (emulated, several),
            )
        )
        ratio = compare(reference, of_ours).relative_l2 / compare(reference, of_torch).relative_l2
        assert 0.8 < ratio < 1.25, (component.name, ratio)


@torch.inference_mode()
def test_no_cast_equals_torchscript(exported, tmp_path):
    """The way through torch.export alone changes no number by more than 1e-6 of the whole."""
    for component, graph, (first, other, *_) in exported:
        torchscript.compile(
            tmp_path / "compiled.pt", {"dtype": "float32", "device": "cpu"}, component.module, first
        )
        run = torchscript.load(
            tmp_path / "compiled.pt", {"dtype": "float32", "device": "cpu"}, None
        )
        assert compare(run(*other), emulate(graph, "none")(*other)).relative_l2 <= 1e-6


@pytest.mark.parametrize("dtype", ["none", "matmult tf32", "all fp16"])
@torch.inference_mode()
def test_a_loaded_artifact_equals_the_graph_to_the_bit(exported, tmp_path, dtype):
    """Tracing, freezing and saving change nothing, at the first call and after it; other inputs than the traced ones."""
    for _, graph, (first, other, *_) in exported:
        emulated = emulate(graph, dtype)
        torchscript.compile(
            tmp_path / "compiled.pt", {"dtype": "float32", "device": "cpu"}, emulated, first
        )
        run, expected = (
            neuron_emulated.load(tmp_path / "compiled.pt", {"device": "cpu"}, None),
            emulated(*other),
        )
        assert all(torch.equal(run(*other), expected) for _ in range(3))


def test_flags_are_what_the_compiler_would_be_told():
    """The type stands there only where it is used."""
    assert neuron_emulated.flags("matmult bf16", ()) == {
        "auto_cast": "matmult",
        "auto_cast_type": "bf16",
        "emulated": True,
    }
    assert neuron_emulated.flags("none", ()) == {"auto_cast": "none", "emulated": True}


class Branching(torch.nn.Module):
    def forward(self, pixel_values):
        return pixel_values + 1 if pixel_values.sum() > 0 else pixel_values


class Hiding(torch.nn.Module):
    def forward(self, pixel_values):
        rows = pixel_values[0, 0]
        return torch.addmv(rows[0], rows, rows[1])


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Branching(), r"image_encoder cannot be compiled for 'neuron_emulated matmult bf16': torch.export refused it \(.*"
         r"data-dependent.*\); expected fixed shapes and no branch on values: write it with torch.where, or leave"),
        (Hiding(), "image_encoder cannot .* aten.addmv.default is no core ATen operation and may hide a matrix product; "
         "write it with matmul"),
    ],
)  # fmt: skip
def test_a_component_that_cannot_be_emulated_is_named(small, tmp_path, module, message):
    """A branch on values, and a product that torch leaves inside another operation, are refused with what to do."""
    # a digest cache of its own
    components = Components(
        [Component("image_encoder", module, dataclasses.replace(small, _digests={}))]
    )
    arm = Arm("neuron_emulated", "matmult bf16")
    job = CompileJob("image_encoder", Bucket(1, 1, 6, 2, 3), arm, tmp_path / "a-k")
    with pytest.raises(BadInput, match=message):
        compile_jobs(components, [job])
    assert not list(tmp_path.iterdir())
