"""What a number format keeps of a number: torch's own formats, and the compiler's casts to them."""

from dataclasses import dataclass

import torch

from blipkit.display.tables import show_table
from blipkit.runners.neuron.casts import CASTS
from blipkit.runners.tensors import DTYPES

THIRD = 1 / 3  # a number that no format holds
LARGE = 70000.0  # one that is beyond fp16's 65504
CAST_OF = {"bfloat16": "bf16", "float16": "fp16", "tf32": "tf32"}  # format -> the cast to it
# significant bits, the leading one among them
BITS = {"float32": 24, "bfloat16": 8, "float16": 11, "tf32": 11}


@dataclass(frozen=True)
class NumberFormat:
    """A number format, and one third and 70000 as it holds them.

    cast: the --auto-cast-type that rounds to it, "" where none does. bits: significant ones.
    max_error: the largest relative error of a number within its range, half of the last bit kept;
    third_error: that of one third.
    """

    name: str
    cast: str
    bits: int
    max_error: float
    third: str
    third_error: float
    large: str


def number_formats() -> list[NumberFormat]:
    """float32 and the formats that arms round to."""
    numbers = torch.tensor([THIRD, LARGE], dtype=torch.float64)
    formats = []
    for name, bits in BITS.items():
        third, large = _written(numbers, name).tolist()
        formats.append(
            NumberFormat(
                name=name,
                cast=CAST_OF.get(name, ""),
                bits=bits,
                max_error=2.0**-bits,
                third=f"{third:.9f}",
                third_error=abs(third - THIRD) / THIRD,
                large=f"{large:.0f}",
            )
        )
    return formats


def show_number_formats() -> None:
    """Show one third and 70000 in each format, and how far the first is off."""
    table = [
        {
            "format": row.name,
            "cast": row.cast,
            "bits kept": row.bits,
            "1/3 becomes": row.third,
            "off by": row.third_error,
            "at most": row.max_error,
            "70000 becomes": row.large,
        }
        for row in number_formats()
    ]
    show_table(table, "Two numbers, written in each format")


def _written(numbers: torch.Tensor, name: str) -> torch.Tensor:
    """Numbers as a format holds them, in float64; torch has no tf32 on a CPU, a cast stands in."""
    if name in DTYPES:
        return numbers.to(DTYPES[name]).double()
    return CASTS[CAST_OF[name]](numbers.float()).double()
