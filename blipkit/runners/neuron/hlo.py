"""A program that torch-xla recorded, as HLO text: its instructions, and where each comes from.

HLO is XLA's intermediate language, in which neuronx-cc takes programs.
"""

import collections
import linecache
import re
from dataclasses import dataclass
from pathlib import Path

INT64_TYPE = r"^\(?[su]64\["  # an HLO type of 64-bit integers, or a tuple that begins with one


@dataclass(frozen=True)
class Instruction:
    """An HLO instruction: its line, the type of its result, and its operation."""

    line: str
    result: str
    operation: str


def instructions(hlo: str) -> list[Instruction]:
    """Every instruction of a program, in its order."""
    pattern = r"^( +(?:ROOT )?%\S+ = (\(.*?\)|\S+) ([\w-]+)\(.*)"
    return [Instruction(*groups) for groups in re.findall(pattern, hlo, re.MULTILINE)]


def count_operations(hlo: str, result: str = "") -> dict[str, int]:
    """HLO operation -> how often, most frequent first; result: a pattern of the result's type."""
    counter = collections.Counter()
    for instruction in instructions(hlo):
        if re.search(result, instruction.result):
            counter[instruction.operation] += 1
    return dict(counter.most_common())


def bare(hlo: str) -> str:
    """HLO without what may differ from recording to recording: where it comes from, and numbers of
    instructions.
    """
    hlo = re.sub(r", metadata=\{.*?\}", "", hlo)
    # reshape.12, but not the 0.5 of a constant
    return re.sub(r"(\w*[A-Za-z][\w-]*)\.\d+", r"\1", hlo)


def place_in(hlo: str, instruction: str = "") -> str:
    """`modeling_blip.py:312: the code there`, which is where the first instruction that matches a
    pattern comes from.
    """
    match = re.search(rf'{instruction}.*source_file="([^"]+)" source_line=(\d+)', hlo)
    if not match:
        return "no line known"
    return source_line(match[1], int(match[2]))


def source_line(file: str, number: int) -> str:
    """`modeling_blip.py:312: the code there`."""
    return f"{Path(file).name}:{number}: {linecache.getline(file, number).strip()}"
