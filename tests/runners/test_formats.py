from fractions import Fraction

import torch
from studies import displayed

from blipkit.runners.arms import ROUNDOFF
from blipkit.runners.formats import BITS, CAST_OF, number_formats, show_number_formats
from blipkit.runners.neuron.casts import CASTS
from blipkit.runners.neuron.options import CASTS as ARM_CASTS
from blipkit.runners.tensors import DTYPES, relative_l2


def nearest(x: Fraction, bits: int) -> Fraction:
    """The nearest number with so many significant bits, in exact arithmetic; ties to even."""
    exponent = 0
    while Fraction(2) ** exponent <= x:
        exponent += 1
    while Fraction(2) ** (exponent - 1) > x:
        exponent -= 1
    step = Fraction(2) ** (exponent - bits)
    return round(x / step) * step


def test_two_numbers_are_written_as_defined():
    """One third and 70000 in every format, and how far the first is off; fp16 has no room for the second."""
    third = Fraction(1, 3)
    for row in number_formats():
        rounded = nearest(third, row.bits)
        assert row.third == f"{float(rounded):.9f}"
        assert row.third_error <= row.max_error == 2.0**-row.bits
        assert abs(row.third_error - float(abs(rounded - third) / third)) < 1e-12
        large = (
            "inf" if row.name == "float16" else f"{float(nearest(Fraction(70000), row.bits)):.0f}"
        )
        assert row.large == large
    assert [row.name for row in number_formats()] == list(BITS)


def test_the_formats_are_shown_in_a_table(monkeypatch):
    """A line for each, with the words that 02 explains."""
    shown = displayed(monkeypatch)
    show_number_formats()
    ((page, text),) = shown
    assert page.count("<tr>") == len(BITS) and "bits kept" in text and "0.333333343" in text


def test_bits_are_torchs_and_casts_round_as_torch_does():
    """A format's rounding error is half of the last bit kept; a cast with torch's own format in its place agrees with it."""
    assert {name: 2.0 ** -BITS[name] for name in DTYPES} == ROUNDOFF
    assert (
        set(CAST_OF.values())
        == set(CASTS)
        == {cast.split()[-1] for cast in ARM_CASTS if cast != "none"}
    )
    numbers = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    for name, cast in CAST_OF.items():
        if name in DTYPES:
            assert torch.equal(CASTS[cast](numbers), numbers.to(DTYPES[name]).float())


def test_a_relative_error_is_that_of_the_whole_tensor():
    """(3, 4) has the norm 5; an error of (0, 1) is a fifth of it, in any shape and format."""
    reference = torch.tensor([[3.0, 4.0]])
    assert relative_l2(reference, torch.tensor([[3.0, 5.0]], dtype=torch.bfloat16)) == 0.2
    assert relative_l2(reference, reference) == 0.0
