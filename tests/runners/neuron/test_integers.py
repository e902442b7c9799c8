"""64-bit integers that 32 bits cannot hold are found before any device computes with what is left of them."""

import os
from importlib.util import find_spec

import pytest
import torch
from torch import nn

from blipkit.runners.neuron.bounds import Bounds
from blipkit.runners.neuron.integers import beyond_32_bits
from blipkit.runners.neuron.lowering import CHILD_ENVIRONMENT
from blipkit.runners.neuron.recordings import record_module

os.environ |= CHILD_ENVIRONMENT  # torch_xla reads it when it is imported
with_xla = pytest.mark.skipif(
    find_spec("torch_xla") is None, reason="needs torch-xla: make test-neuron-stack"
)

REDUCERS = """%AddComputation.1 (x.2: s64[], y.3: s64[]) -> s64[] {
  %x.2 = s64[] parameter(0)
  %y.3 = s64[] parameter(1)
  ROOT %add.4 = s64[] add(s64[] %x.2, s64[] %y.3)
}

%MaxComputation.5 (x.6: s64[], y.7: s64[]) -> s64[] {
  %x.6 = s64[] parameter(0)
  %y.7 = s64[] parameter(1)
  ROOT %maximum.8 = s64[] maximum(s64[] %x.6, s64[] %y.7)
}
"""
START = """ENTRY %main (p0.1: f32[4], p1.2: s32[4], p2.3: s64[4]) -> s64[4] {
  %float = f32[4]{0} parameter(0)
  %ids = s32[4]{0} parameter(1)
  %places = s64[4]{0} parameter(2)
  %truth = pred[4]{0} compare(f32[4]{0} %float, f32[4]{0} %float), direction=GT
  %mask = s64[4]{0} convert(pred[4]{0} %truth)
  %product = s32[4]{0} multiply(s32[4]{0} %ids, s32[4]{0} %ids)
  %zero = s64[] constant(0)
  %most = s64[4]{0} constant({2147483647, -2147483648, 0, 1})
  %million = s64[] constant(1000000)
  %millions = s64[4]{0} broadcast(s64[] %million), dimensions={}
"""
SAFE = {
    "a mask times a number": "multiply(s64[4]{0} %mask, s64[4]{0} %millions)",
    "ids as places": "convert(s32[4]{0} %ids)",
    "a place and one more": "add(s64[4]{0} %places, s64[4]{0} %mask)",
    "places by their sum": "add(s64[4]{0} %places, s64[4]{0} %places)",
    "a choice": "select(pred[4]{0} %truth, s64[4]{0} %most, s64[4]{0} %places)",
    "counting": "reduce(s64[4]{0} %mask, s64[] %zero), dimensions={0}, to_apply=%AddComputation.1",
    "the largest": "reduce(s64[4]{0} %most, s64[] %zero), dimensions={0}, to_apply=%MaxComputation.5",
    "numbers that were not printed": "constant({...})",
    "places in their order": "iota(), iota_dimension=0",
    "a remainder": "remainder(s64[4]{0} %places, s64[4]{0} %millions)",
    "32-bit products, which wrap everywhere": "convert(s32[4]{0} %product)",
    "rows": "gather(s64[4]{0} %most, s64[4]{0} %places), offset_dims={}",
}
UNSAFE = {
    "a number": ("constant(1099511627776)", "FAIL", "the integer 1099511627776"),
    "a number in a list": ("constant({1, -2147483649})", "FAIL", "the integer -2147483649"),
    "one beyond": ("constant(2147483648)", "FAIL", "the integer 2147483648"),
    "a product of places": (
        "multiply(s64[4]{0} %places, s64[4]{0} %millions)",
        "WARN",
        "a 64-bit multiply may come to",
    ),
    "the largest and one more": (
        "add(s64[4]{0} %most, s64[4]{0} %mask)",
        "WARN",
        "a 64-bit add may come to 2147483648",
    ),
    "a float": ("convert(f32[4]{0} %float)", "WARN", "a 64-bit convert may come to any number"),
    "a shift": (
        "shift-left(s64[4]{0} %millions, s64[4]{0} %millions)",
        "WARN",
        "a 64-bit shift-left may come to any number",
    ),
    "a sum of many": (
        "reduce(s64[4]{0} %places, s64[] %zero), dimensions={0}, to_apply=%AddComputation.1",
        "WARN",
        "a 64-bit reduce may come to",
    ),
    "what nobody knows": ("negate(s64[4]{0} %nowhere)", "WARN", "a 64-bit negate may come to any"),
    "certainly": (
        "multiply(s64[4]{0} %millions, s64[4]{0} %millions)",
        "FAIL",
        "the integer 1000000000000",
    ),
}


def found(instruction: str, **options):
    """What is found in a program that ends in an instruction, the first of this file's lines."""
    where = f'metadata={{op_type="aten__x" source_file="{__file__}" source_line=1}}'
    end = f"  ROOT %last = s64[4]{{0}} {instruction}, {where}\n}}\n"
    return beyond_32_bits(f"HloModule x\n\n{REDUCERS}\n{START}{end}", **options)


@pytest.mark.parametrize("what", SAFE)
def test_what_32_bits_hold_is_let_through(what):
    """Masks, ids, places and what one addition makes of them."""
    assert found(SAFE[what]) == []


@pytest.mark.parametrize("what", UNSAFE)
def test_what_32_bits_cannot_or_may_not_hold_is_named(what):
    """FAIL for what is beyond, WARN for what may be; the line of the model, and what to do."""
    instruction, status, said = UNSAFE[what]
    (finding,) = found(instruction)
    assert finding.status == status and finding.what.startswith(said)
    assert finding.where.startswith("test_integers.py:1: ") and "clamp them before" in finding.next


def test_it_is_said_once_and_not_of_all_that_follows():
    """What is computed from a value that is beyond is not named again."""
    first = "  %far = s64[4]{0} constant(1099511627776)\n"
    last = "  ROOT %last = s64[4]{0} add(s64[4]{0} %far, s64[4]{0} %far)\n}\n"
    (finding,) = beyond_32_bits(f"{START}{first}{last}")
    assert finding.what.startswith("the integer 1099511627776")


def test_a_table_of_the_model_is_judged_by_its_numbers():
    """Where a parameter's values are known, they count; 64 places are far below, 2**40 is not."""
    same = "reshape(s64[4]{0} %places)"
    product = "multiply(s64[4]{0} %places, s64[4]{0} %millions)"
    assert found(product, parameters={2: Bounds(0, 63)}) == []
    (finding,) = found(same, parameters={2: Bounds(0, 2**40)})
    assert finding.status == "FAIL" and "the integer 1099511627776" in finding.what


class Module(nn.Module):
    """A module that is one function of a tensor."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Table(nn.Module):
    def __init__(self, largest: int):
        super().__init__()
        self.register_buffer("table", torch.tensor([[0, 1, 2, largest]]))

    def forward(self, x):
        return x + self.table


RECORDED = {
    "a product beyond": (Module(lambda x: (x > 0).long() * 2**40), "FAIL"),
    "a table beyond": (Table(2**40), "FAIL"),
    "products that may be": (Module(lambda x: (x > 0).long() * 2**20 * 2**20), "WARN"),
    "a float": (Module(lambda x: x.long()), "WARN"),
    "a table": (Table(511), None),
    "a mask": (Module(lambda x: (x > 0).long().cumsum(-1) * 1000), None),
    "a float within limits": (Module(lambda x: x.clamp(0, 100).long()), None),
    "places": (Module(lambda x: x.sum() + torch.arange(40, device=x.device)), None),
    "rows": (Module(lambda x: x[(x[:, 0] > 0).long()]), None),
}


@with_xla
@pytest.mark.parametrize("what", RECORDED)
def test_recorded_programs_are_judged_by_what_their_integers_can_be(what):
    """What torch-xla makes of each, with the line that computes it."""
    module, status = RECORDED[what]
    torch.manual_seed(0)
    findings = record_module(module.eval(), [(torch.randn(4, 4),) for _ in range(3)]).findings
    assert [finding.status for finding in findings] == [status] * bool(status)
    assert all("32 bits" in finding.what for finding in findings)
