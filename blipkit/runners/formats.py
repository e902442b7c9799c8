"""What a number format keeps of a number: torch's own formats, and the compiler's casts to them."""

from dataclasses import dataclass

import torch

from blipkit.runners.neuron.casts import CASTS
from blipkit.runners.tensors import DTYPES

THIRD = 1 / 3  # a number that no format holds
LARGE = 70000.0  # one that is beyond fp16's 65504
CAST_OF = {"bfloat16": "bf16", "float16": "fp16", "tf32": "tf32"}  # format -> the cast to it
# significant bits, the leading one among them
BITS = {"float32": 24, "bfloat16": 8, "float16": 11, "tf32": 11}


@dataclass(frozen=True)
class Written:
    """One format: significant bits, and two numbers as it holds them.

    cast: the --auto-cast-type that rounds to it, "" where none does. off_by: the relative error of
    one third; at_most: of any number within the format's range, half of the last bit kept.
    """

    format: str
    cast: str
    bits: int
    at_most: float
    third: str
    off_by: float
    large: str

    def row(self) -> dict:
        """As a table shows it."""
        return {
            "format": self.format,
            "cast": self.cast,
            "bits kept": self.bits,
            "1/3 becomes": self.third,
            "off by": self.off_by,
            "at most": self.at_most,
            "70000 becomes": self.large,
        }


def write_numbers() -> list[Written]:
    """One third and 70000, written in each format."""
    numbers = torch.tensor([THIRD, LARGE], dtype=torch.float64)
    found = []
    for name, bits in BITS.items():
        cast = CAST_OF.get(name, "")
        third, large = _written(numbers, name).tolist()
        off_by = abs(third - THIRD) / THIRD
        found.append(Written(name, cast, bits, 2.0**-bits, f"{third:.9f}", off_by, f"{large:.0f}"))
    return found


def _written(numbers: torch.Tensor, name: str) -> torch.Tensor:
    """Numbers as a format holds them, in float64; torch has no tf32 on a CPU, a cast stands in."""
    if name in DTYPES:
        return numbers.to(DTYPES[name]).double()
    return CASTS[CAST_OF[name]](numbers.float()).double()
