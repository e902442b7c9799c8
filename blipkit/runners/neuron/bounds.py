"""How small and how large a value can be after an operation, from what it was before."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Bounds(NamedTuple):
    """How small and how large a value can be."""

    low: float
    high: float


ANY = Bounds(-math.inf, math.inf)  # of floats that nothing limits
TRUTH = Bounds(0, 1)
HELD = Bounds(-(2**31), 2**31 - 1)  # what 32 bits hold
# Integers that come in, or were not printed: ids, masks and places, which are far below. Of two of
# them a sum fits, a product may not.
COMING_IN = Bounds(-(2**30), 2**30 - 1)


def is_held(bounds: Bounds) -> bool:
    """Whether 32 bits hold every value within the bounds."""
    return HELD.low <= bounds.low and bounds.high <= HELD.high


def farthest(bounds: Bounds) -> float:
    """Of both ends the one that is farther from zero."""
    return max(bounds.high, bounds.low, key=abs)


def union(operands: Sequence[Bounds]) -> Bounds:
    return Bounds(min(one.low for one in operands), max(one.high for one in operands))


def _sum(operands: Sequence[Bounds]) -> Bounds:
    a, b = operands
    return Bounds(a.low + b.low, a.high + b.high)


def _difference(operands: Sequence[Bounds]) -> Bounds:
    a, b = operands
    return Bounds(a.low - b.high, a.high - b.low)


def product(operands: Sequence[Bounds]) -> Bounds:
    a, b = operands
    ends = [x * y if x and y else 0 for x in a for y in b]  # 0 times infinity is 0 here
    return Bounds(min(ends), max(ends))


def _magnitude(bounds: Bounds) -> float:
    return abs(farthest(bounds))


def _power(operands: Sequence[Bounds]) -> Bounds:
    base, exponent = (_magnitude(one) for one in operands)
    if base <= 1:
        return Bounds(-1, 1)
    if exponent * math.log2(base) > 64:
        return ANY
    return Bounds(-(base**exponent), base**exponent)


def _shifted(operands: Sequence[Bounds]) -> Bounds:
    number, places = operands
    if places.high > 64:
        return ANY
    return product([number, Bounds(1, 2**places.high)])


def _remainder(operands: Sequence[Bounds]) -> Bounds:
    most = min(_magnitude(one) for one in operands)
    return Bounds(-most, most)


def _bits(operands: Sequence[Bounds]) -> Bounds:
    """Of what 32 bits hold, `and`, `or`, `xor` and `not` make what they hold."""
    if all(map(is_held, operands)):
        return HELD
    return ANY


def _symmetric(operands: Sequence[Bounds]) -> Bounds:
    most = _magnitude(operands[0])
    return Bounds(-most, most)


def _first(operands: Sequence[Bounds]) -> Bounds:
    return operands[0]


def _smaller(operands: Sequence[Bounds]) -> Bounds:
    a, b = operands
    return Bounds(min(a.low, b.low), min(a.high, b.high))


def _larger(operands: Sequence[Bounds]) -> Bounds:
    a, b = operands
    return Bounds(max(a.low, b.low), max(a.high, b.high))


def _clamped(operands: Sequence[Bounds]) -> Bounds:
    least, number, most = operands
    return _smaller([_larger([least, number]), most])


# operation -> bounds of its operands -> those of its result
RULES: dict[str, Callable[[Sequence[Bounds]], Bounds]] = {
    "add": _sum,
    "subtract": _difference,
    "multiply": product,
    "negate": lambda operands: _difference([Bounds(0, 0), operands[0]]),
    "abs": _symmetric,
    "divide": _symmetric,
    "remainder": _remainder,
    "power": _power,
    "shift-left": _shifted,
    "shift-right-arithmetic": _first,
    "and": _bits,
    "or": _bits,
    "xor": _bits,
    "not": _bits,
    "clamp": _clamped,
    "minimum": _smaller,
    "maximum": _larger,
    "select": lambda operands: union(operands[1:]),
    "gather": _first,
    "dynamic-slice": _first,
}
# operations that leave values as they are, or only put them elsewhere
MOVES = (
    "broadcast",
    "bitcast",
    "concatenate",
    "convert",
    "copy",
    "pad",
    "reshape",
    "reverse",
    "slice",
    "transpose",
)
