"""Recording components, and planted faults, with torch-xla: runs where that is installed (make test-neuron-stack)."""

import copy
import os

import pytest
import torch
from torch import nn

from blipkit import Bucket, isolate, load_checkpoint
from blipkit.lowering import ENVIRONMENT

os.environ |= ENVIRONMENT  # torch_xla reads it when it is imported
pytest.importorskip("torch_xla", reason="torch-xla has an environment of its own: make test-neuron-stack")
from blipkit.recordings import ERROR_LIMIT, inputs_for, lower_module, source_line  # noqa: E402

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


@pytest.mark.parametrize(("plant", "what", "where"), PLANTED, ids=[plant.__name__ for plant, *_ in PLANTED])
def test_a_planted_fault_is_named_with_its_line(plant, what, where):
    """What would not compile, or would compile to something else, is found before any device sees it."""
    module = plant().eval()
    found = [f for f in lower_module(module, inputs(module))["findings"] if f["status"] == "FAIL"]
    assert any(what in f["what"] and where in f["where"] and f["next"] for f in found)


def test_what_depends_on_weights_alone_may_be_computed_on_the_host():
    """torch-xla has no lowering for i0e; of a weight it is a constant that a compiled program may hold."""

    class Weighted(nn.Linear):
        def forward(self, x):
            return x @ torch.special.i0e(self.weight)

    module = Weighted(4, 4).eval()
    assert lower_module(module, inputs(module))["findings"] == []


def test_a_fault_deep_within_a_component_is_named(small):
    """The line is that of the innermost code of the model, not of the component around it."""
    component = isolate(load_checkpoint(small.source))["image_encoder"]
    module = copy.deepcopy(component.module)
    module.vision_model.encoder.layers[0].mlp.activation_fn = Item()
    (found,) = lower_module(module, inputs_for(component, BUCKET))["findings"]
    assert "test_recordings.py" in found["where"] and "x.sum().item()" in found["where"]


@pytest.mark.parametrize("name", ["image_encoder", "text_encoder", "text_decoder"])
def test_every_component_lowers(checkpoint, name):
    """To ordinary operations, each input used, the recorded program right on inputs that it was not recorded with."""
    component = isolate(checkpoint)[name]
    row = lower_module(component.module, inputs_for(component, BUCKET))
    assert row["findings"] == [] and 0 < row["relative_l2"] <= ERROR_LIMIT
    text, vision = checkpoint.config.text_config, checkpoint.config.vision_config
    layers = {"image_encoder": 6 * vision.num_hidden_layers, "text_encoder": 14 * text.num_hidden_layers}
    layers["text_decoder"] = layers["text_encoder"] + 2
    assert row["operations"]["dot"] == layers[name]


def test_inputs_differ_in_all_that_may_differ(small):
    """Numbers, tokens and padding; no two sets are alike in any input of the text encoder but for the first two masks."""
    component = isolate(small)["text_encoder"]
    sets = inputs_for(component, BUCKET)
    for several in zip(*sets, strict=True):
        assert not torch.equal(several[0], several[1]) and not torch.equal(several[1], several[2])


def test_a_line_reads_as_a_place():
    """File, number and text; nothing is claimed where nothing is known."""
    assert source_line(__file__, 1).startswith("test_recordings.py:1: ")
    assert source_line("", 0) == "no line known"
