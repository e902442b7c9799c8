"""Integers of a recorded program that 32 bits cannot hold.

On Inferentia2 the compiler makes 32-bit integers of 64-bit ones (docs/neuron.md). So how
small and how large each value can be is followed from instruction to instruction.
"""

import math
import re
from collections.abc import Mapping, Sequence

import torch

from blipkit.runners.neuron.bounds import (
    ANY,
    COMING_IN,
    HELD,
    MOVES,
    RULES,
    TRUTH,
    Bounds,
    farthest,
    is_held,
    product,
    union,
)
from blipkit.runners.neuron.findings import Finding
from blipkit.runners.neuron.hlo import INT64_TYPE, Instruction, instructions, place_in

ADVICE = "keep integers below 2**31, clamp them before, or compute in float32"


def beyond_32_bits(hlo: str, parameters: Mapping[int, Bounds] = {}) -> list[Finding]:
    """FAIL for a 64-bit value that is beyond 32 bits, WARN for one that may be; each line of the
    model once.

    parameters: bounds of those whose values are known.
    """
    reducers = _reducers(hlo)
    known: dict[str, Bounds] = {}
    findings = []
    for instruction in instructions(hlo.partition("ENTRY")[2]):
        bounds = bounds_of(instruction, known, reducers)
        if instruction.operation == "parameter":
            bounds = parameters.get(_number(instruction), bounds)
        if re.match(INT64_TYPE, instruction.result) and not is_held(bounds):
            findings.append(_finding(instruction, bounds))
            bounds = COMING_IN  # said once, not again of whatever is computed from it
        known[_name(instruction)] = bounds
    return list(dict.fromkeys(findings))


def values_that_stay(recording) -> dict[int, Bounds]:
    """Parameter -> bounds of its values, of those that are the same at each call: the model's own,
    and what Python brought in while recording.

    recording: a `recordings.Recording`. Of floats only single numbers: a weight limits nothing.
    """
    bounds = {}
    for place, tensor in enumerate(recording.parameters):
        is_number = tensor.numel() == 1 and not tensor.is_complex()
        is_table = tensor.numel() and tensor.dtype == torch.int64
        if (is_number or is_table) and place not in recording.inputs:
            low, high = tensor.cpu().aminmax()
            bounds[place] = Bounds(low.item(), high.item())
    return bounds


def _finding(instruction: Instruction, bounds: Bounds) -> Finding:
    """What is said of a 64-bit instruction: FAIL where it is certainly beyond, or holds a number
    that is.
    """
    where = place_in(instruction.line)
    certain = bounds.low > HELD.high or bounds.high < HELD.low
    far = farthest(bounds)
    if instruction.operation in ("constant", "parameter") or certain:
        problem = f"the integer {far:.0f}, of which the device keeps 32 bits"
        return Finding("FAIL", problem, where, ADVICE)
    reach = f"{far:.0f}"
    if math.isinf(far):
        reach = "any number"
    problem = f"a 64-bit {instruction.operation} may come to {reach}"
    return Finding("WARN", f"{problem}; the device keeps 32 bits of it", where, ADVICE)


def bounds_of(
    instruction: Instruction, known: dict[str, Bounds], reducers: dict[str, str]
) -> Bounds:
    """How small and large its result can be.

    known: instruction's name -> its bounds; reducers: computation -> the operation it repeats.
    """
    operation = instruction.operation
    if instruction.result.startswith("pred["):
        return TRUTH
    if operation == "constant":
        return _constant(instruction)
    if operation == "iota":
        return Bounds(0, max(_sizes(instruction.result), default=1))
    operands = [known.get(name, ANY) for name in _operands(instruction)]
    if not operands:
        return _unknown(instruction)
    if operation in RULES:
        return _within_type(instruction, RULES[operation](operands))
    if operation in ("dot", "reduce", "reduce-window"):
        return _summed(instruction, operands, reducers)
    if operation not in MOVES and _is_float(instruction):
        return ANY
    return _within_type(instruction, union(operands))


def _unknown(instruction: Instruction) -> Bounds:
    """Bounds of a value from outside."""
    if _is_float(instruction):
        return ANY
    return COMING_IN


def _constant(instruction: Instruction) -> Bounds:
    """Bounds of the numbers in a constant; large ones are not printed, but as `{...}`."""
    text = instruction.line.partition(" constant(")[2].partition("), ")[0]
    numbers = [float(number) for number in re.findall(r"-?(?:\d[\d.e+-]*|inf)", text)]
    if not numbers or "nan" in text:
        return _unknown(instruction)
    return Bounds(min(numbers), max(numbers))


def _summed(
    instruction: Instruction, operands: Sequence[Bounds], reducers: dict[str, str]
) -> Bounds:
    """Bounds of what adds up, at most, as many terms as its first operand has elements."""
    term = operands[0]
    if instruction.operation == "dot":
        term = product(operands)
    else:
        applied = re.search(r"to_apply=%([\w.-]+)", instruction.line)
        repeated = reducers.get(applied[1], "add") if applied else "add"
        if repeated in ("maximum", "minimum", "and", "or"):
            return union(operands)
        if repeated != "add":
            return ANY
    first = instruction.line.partition(f" {instruction.operation}(")[2].partition("%")[0]
    terms = math.prod(_sizes(first))
    return product([Bounds(1, terms), union([term, Bounds(0, 0)])])


def _reducers(hlo: str) -> dict[str, str]:
    """Computation -> the operation of its root: what a reduction repeats."""
    pattern = r"^%([\w.-]+) \([^\n]*\{\n(?:[^}]*\n)? +ROOT %\S+ = \S+ ([\w-]+)\("
    return dict(re.findall(pattern, hlo, re.MULTILINE))


def _name(instruction: Instruction) -> str:
    return re.search(r"%([\w.-]+) = ", instruction.line)[1]


def _number(instruction: Instruction) -> int:
    """Of a parameter."""
    return int(re.search(r" parameter\((\d+)\)", instruction.line)[1])


def _operands(instruction: Instruction) -> list[str]:
    """Names of the instructions that it takes, in their order."""
    taken = instruction.line.partition(f" {instruction.operation}(")[2].partition("), ")[0]
    return re.findall(r"%([\w.-]+)", taken)


def _sizes(result: str) -> list[int]:
    """The sizes in a type such as s64[4,6]{1,0}."""
    inside = result.partition("[")[2].partition("]")[0]
    return [int(size) for size in re.findall(r"\d+", inside)]


def _is_float(instruction: Instruction) -> bool:
    return instruction.result.lstrip("(").startswith(("f", "bf"))


def _within_type(instruction: Instruction, bounds: Bounds) -> Bounds:
    """Integers of 32 bits or fewer wrap on every machine alike, so they are within their own."""
    if re.match(r"\(?[su](8|16|32)\[", instruction.result) and not is_held(bounds):
        return HELD
    return bounds
