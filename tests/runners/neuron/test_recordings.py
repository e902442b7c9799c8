"""Recording components, and planted faults, with torch-xla where that is installed (make test-neuron-stack)."""

import copy
import os
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from blipkit import Bucket, isolate, load_checkpoint
from blipkit.runners.neuron.hlo import INT64_TYPE, bare, count_operations, place_in, source_line
from blipkit.runners.neuron.lowering import CHILD_ENVIRONMENT
from blipkit.runners.neuron.options import REFUSED_OPERATIONS
from blipkit.runners.neuron.recordings import (
    MAX_RELATIVE_L2,
    inputs_for,
    named_findings,
    record_module,
)

os.environ |= CHILD_ENVIRONMENT  # torch_xla reads it when it is imported
with_xla = pytest.mark.skipif(
    find_spec("torch_xla") is None, reason="needs torch-xla: make test-neuron-stack"
)
BUCKET = Bucket(2, 2, 6, 2, 4)


class Ids(nn.Module):
    def forward(self, x):
        return x[x > 0]


class Nonzero(nn.Module):
    def forward(self, x):
        return x.relu().nonzero().float()


class Item(nn.Module):
    def forward(self, x):
        return x * x.sum().item()


class Branch(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x


class Cpu(nn.Module):
    def forward(self, x):
        scale = x.cpu().sum()
        return x * scale.to(x.device)


class Numpy(nn.Module):
    def forward(self, x):
        return x + torch.from_numpy(x.cpu().numpy()).to(x.device)


class Sort(nn.Module):
    def forward(self, x):
        return x.sort(-1)[0]


class Fourier(nn.Module):
    def forward(self, x):
        return torch.fft.fft(x).abs()


class Complex(nn.Module):
    def forward(self, x):
        turned = torch.view_as_complex(x.reshape(-1, 2)) * 2j
        return torch.view_as_real(turned)


class Slice(nn.Module):
    def forward(self, x):
        start = (x.sum() > 0).long()
        return x[:, start:]


class Narrow(nn.Module):
    def forward(self, x):
        return torch.narrow(x, 1, x.argmax(), 1)


class Solve(nn.Module):
    def forward(self, x):
        return torch.linalg.solve_triangular(x.tril(), x, upper=False)


class Double(nn.Module):
    def forward(self, x):
        return (x.double() * 2).float()


class Random(nn.Module):
    def forward(self, x):
        return x + torch.rand_like(x)


class Unused(nn.Module):
    def forward(self, x, y):
        return x + torch.zeros_like(y)


class Counting(nn.Module):
    calls = 0

    def forward(self, x):
        Counting.calls += 1
        return x * torch.full((4, 4), Counting.calls, device=x.device)


class Wrong(nn.Module):
    def forward(self, x):
        return x + (x.device.type == "xla")


class Raising(nn.Module):
    def forward(self, x):
        return x @ x[:2]


def inputs(module) -> list[tuple]:
    torch.manual_seed(0)
    two = isinstance(module, Unused)
    return [tuple(torch.randn(4, 4) for _ in range(1 + two)) for _ in range(3)]


ASKED = "a value is asked for while the program is being recorded"
CONSTANT = "a value that depends on the inputs left the device and came back as a constant"
PLANTED = [
    (Ids, ASKED, "x[x > 0]"),
    (Nonzero, ASKED, "x.relu().nonzero()"),
    (Item, ASKED, "x.sum().item()"),
    (Branch, ASKED, "if x.sum() > 0"),
    (Cpu, CONSTANT, "scale"),
    (Numpy, CONSTANT, "x.cpu().numpy()"),
    (Sort, "sorting is not supported", "x.sort(-1)"),
    (Fourier, "aten::_fft_r2c", "torch.fft.fft(x)"),
    (Complex, "complex numbers are not supported", "torch.view_as_complex"),
    (Slice, ASKED, "x[:, start:]"),
    (Narrow, ASKED, "torch.narrow"),
    (Solve, "", "solve_triangular"),
    (Double, "64-bit floats", "x.double()"),
    (Random, "random numbers", "torch.rand_like"),
    (Unused, "input 1 reaches no output", ""),
    (Counting, "other inputs give another program", "Counting.calls"),
    (Wrong, "errs by", "Wrong"),
    (Raising, "recording it raised RuntimeError", "x @ x[:2]"),
]


@with_xla
@pytest.mark.parametrize(
    ("plant", "what", "where"), PLANTED, ids=[plant.__name__ for plant, *_ in PLANTED]
)
def test_a_planted_fault_is_named_with_its_line(plant, what, where):
    """What would not compile, or would compile to something else, is found before any device sees it."""
    module = plant().eval()
    findings = record_module(module, inputs(module)).findings
    failed = [finding for finding in findings if finding.status == "FAIL"]
    assert any(what in one.what and where in one.where and one.next for one in failed)


@with_xla
def test_what_depends_on_weights_alone_may_be_computed_on_the_host():
    """torch-xla has no lowering for i0e; of a weight it is a constant that a compiled program may hold."""

    class Weighted(nn.Linear):
        def forward(self, x):
            return x @ torch.special.i0e(self.weight)

    module = Weighted(4, 4).eval()
    assert record_module(module, inputs(module)).findings == []


@with_xla
def test_a_fault_deep_within_a_component_is_named(small):
    """The line is that of the innermost code of the model, not of the component around it."""
    component = isolate(load_checkpoint(small.source))["image_encoder"]
    module = copy.deepcopy(component.module)
    module.vision_model.encoder.layers[0].mlp.activation_fn = Item()
    (finding,) = record_module(module, inputs_for(component, BUCKET)).findings
    assert "test_recordings.py" in finding.where and "x.sum().item()" in finding.where


@with_xla
@pytest.mark.parametrize("name", ["image_encoder", "text_encoder", "text_decoder"])
def test_every_component_lowers(checkpoint, name):
    """To ordinary operations, each input used, the recorded program right on inputs that it was not recorded with."""
    component = isolate(checkpoint)[name]
    reply = record_module(component.module, inputs_for(component, BUCKET))
    assert reply.findings == [] and 0 < reply.relative_l2 <= MAX_RELATIVE_L2
    text, vision = checkpoint.config.text_config, checkpoint.config.vision_config
    layers = {
        "image_encoder": 6 * vision.num_hidden_layers,
        "text_encoder": 14 * text.num_hidden_layers,
    }
    layers["text_decoder"] = layers["text_encoder"] + 2
    assert reply.operations["dot"] == layers[name]


HLO = [
    (
        "%sort.15 = (f32[3,4]{1,0}, s32[3,4]{1,0}) sort(f32[3,4]{1,0} %p0.1, s32[3,4]{1,0} %iota.2)",
        "sorting",
    ),
    ("%fft.2 = c64[3,3]{1,0} fft(f32[3,4]{1,0} %p0.1), fft_type=RFFT", "Fourier"),
    ("%complex.8 = c64[6]{0} complex(f32[6]{0} %gather.6, f32[6]{0} %gather.7)", "complex"),
    ("%abs.3 = f32[6]{0} abs(c128[6]{0} %complex.8)", "complex"),
    ("%convert.2 = f64[4]{0} convert(f32[4]{0} %p0.1)", "64-bit floats"),
    (
        "%triangular-solve.9 = f32[3,4]{1,0} triangular-solve(f32[3,3]{1,0} %a.1, f32[3,4]{1,0} %b.2)",
        "solvers",
    ),
    (
        "%select.7 = f32[<=12,2]{1,0} select(pred[<=12,2]{1,0} %a.1, f32[<=12,2]{1,0} %b.2)",
        "shape depends",
    ),
    ('%call.5 = f32[4]{0} custom-call(f32[4]{0} %p0.1), custom_call_target="TopK"', "a call"),
    (
        "%rng.3 = (u64[2]{0}, u32[4]{0}) rng-bit-generator(u64[2]{0} %seed.1), algorithm=rng_default",
        "random",
    ),
    ("%rng.4 = f32[4]{0} rng(f32[] %a.1, f32[] %b.2), distribution=rng_uniform", "random"),
    (
        "%dynamic-slice.4 = f32[1,4]{1,0} dynamic-slice(f32[3,4]{1,0} %p0.1, s32[] %i.2, s32[] %j.3)",
        "slices",
    ),
    (
        "%d.4 = f32[3,4]{1,0} dynamic-update-slice(f32[3,4]{1,0} %p0.1, f32[1,4]{1,0} %u.1, s32[] %i.2)",
        "slices",
    ),
    ("%dot.4 = s32[3,3]{1,0} dot(s32[3,4]{1,0} %a.1, s32[4,3]{1,0} %b.2)", "products of integers"),
    (
        "%scatter.4 = s64[3]{0} scatter(s64[3]{0} %a.1, s64[1,1]{1,0} %i.2, s64[1]{0} %b.3)",
        "a scatter combines",
    ),
    ("ROOT %dot.4 = f32[3,3]{1,0} dot(f32[3,4]{1,0} %a.1, f32[4,3]{1,0} %b.2)", None),
    ("%custom-calls.4 = s32[3,4]{1,0} add(s32[3,4]{1,0} %sort.1, s32[3,4]{1,0} %fft.2)", None),
]


@pytest.mark.parametrize(("line", "what"), HLO, ids=[line.partition(" ")[0] for line, _ in HLO])
def test_what_the_documents_name_is_found_in_the_hlo(line, what):
    """Each operation and type, with its place; ordinary operations are left alone, whatever they are called."""
    where = (
        f'metadata={{op_type="aten__x" op_name="aten__x" source_file="{__file__}" source_line=1}}'
    )
    findings = named_findings(f"ENTRY %main {{\n  {line}, {where}\n}}\n")
    assert what in findings[0].what if what else not findings
    assert all(one.where.startswith("test_recordings.py:1: ") and one.next for one in findings)


@pytest.mark.parametrize(
    ("returns", "found"),
    [("%sum.5 = s32[] add(s32[] %p0.3, s32[] %p1.4)", 1), ("%p1.4 = s32[] parameter(1)", 0)],
)
def test_a_scatter_that_only_overwrites_is_taken(returns, found):
    """Integers lose precision where they are combined, not where they are put."""
    hlo = (
        f"%comb.1 (p0.3: s32[], p1.4: s32[]) -> s32[] {{\n  %p0.3 = s32[] parameter(0)\n"
        f"  ROOT {returns}\n}}\n\nENTRY %main {{\n"
        "  %scatter.4 = s32[3]{0} scatter(s32[3]{0} %a.1, s32[1,1]{1,0} %i.2, s32[1]{0} %b.3), "
        "update_window_dims={}, to_apply=%comb.1\n}\n"
    )
    assert len(named_findings(hlo)) == found


def test_every_name_has_an_example():
    """A row of the table that no line above matches is not tested."""
    named = [finding.what for line, _ in HLO for finding in named_findings(f"  {line}")]
    assert {refused.what for refused in REFUSED_OPERATIONS} == set(named)


def test_operations_are_counted_by_name_and_type():
    """Every instruction once, results of tuples too."""
    hlo = "ENTRY %main {\n" + "".join(f"  {line}\n" for line, _ in HLO) + "}\n"
    counted = count_operations(hlo)
    assert sum(counted.values()) == len(HLO) and counted["dot"] == 2 and counted["sort"] == 1
    assert count_operations(hlo, INT64_TYPE) == {"rng-bit-generator": 1, "scatter": 1}


def test_recordings_are_compared_without_their_numbering():
    """Numbers of instructions and places go; types, operands and constants stay."""
    line = '  %reshape.12 = f32[1,1]{1,0} reshape(f32[] %constant.3), metadata={op_type="a" source_line=5}'
    assert bare(line) == "  %reshape = f32[1,1]{1,0} reshape(f32[] %constant)"
    for text in ("f32[] constant(0.25)", "f32[] constant(1.5e-05)", "f32[] constant(-10000)"):
        assert bare(f"  %constant.3 = {text}") == f"  %constant = {text}"


def test_inputs_differ_in_all_that_may_differ(small):
    """Numbers, tokens and padding; no two sets are alike in any input of the text encoder but for the first two masks."""
    component = isolate(small)["text_encoder"]
    sets = inputs_for(component, BUCKET)
    for several in zip(*sets, strict=True):
        assert not torch.equal(several[0], several[1]) and not torch.equal(several[1], several[2])


def test_a_line_reads_as_a_place():
    """File, number and text; nothing is claimed where nothing is known."""
    assert source_line(__file__, 1).startswith("test_recordings.py:1: ")
    assert place_in("  %p0.1 = f32[4]{0} parameter(0)") == "no line known"
