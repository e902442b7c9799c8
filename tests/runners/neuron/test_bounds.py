"""What a rule says of the result holds for every number within what it was told of the operands."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from blipkit.runners.neuron.bounds import ANY, HELD, RULES, Bounds, is_held

NUMBERS = some.integers(-(2**34), 2**34)


@some.composite
def known(draw, numbers=NUMBERS):
    """Bounds, and a number within them."""
    low, number, high = sorted(draw(some.tuples(numbers, numbers, numbers)))
    return Bounds(low, high), number


def holds(operation: str, operands, result: float) -> bool:
    """Whether the result of numbers within bounds is within what the rule says of it."""
    bounds = RULES[operation]([one for one, _ in operands])
    return bounds.low <= result <= bounds.high


COMPUTED = {  # how many numbers it takes, and what it makes of them
    "add": (2, lambda a, b: a + b),
    "subtract": (2, lambda a, b: a - b),
    "multiply": (2, lambda a, b: a * b),
    "minimum": (2, min),
    "maximum": (2, max),
    "negate": (1, lambda a: -a),
    "abs": (1, abs),
    "divide": (2, lambda a, b: int(a / b) if b else 0),
    "remainder": (2, lambda a, b: int(math.fmod(a, b)) if b else 0),
    "clamp": (3, lambda a, b, c: min(max(a, b), c)),
    "gather": (2, lambda a, b: a),
    "select": (3, lambda a, b, c: b if a else c),
}
SMALL = {
    "power": (lambda a, b: a**b, some.integers(0, 9)),
    "shift-left": (lambda a, b: a << b, some.integers(0, 40)),
}


@pytest.mark.parametrize("operation", COMPUTED)
@given(data=some.data())
def test_a_result_is_within_what_is_said_of_it(operation, data):
    """Whatever the operands' numbers and bounds are."""
    count, compute = COMPUTED[operation]
    operands = [data.draw(known()) for _ in range(count)]
    assert holds(operation, operands, compute(*(number for _, number in operands)))


@pytest.mark.parametrize("operation", SMALL)
@given(data=some.data())
def test_a_large_result_is_within_what_is_said_of_it(operation, data):
    """Of powers and shifts, whose second number is a small one."""
    compute, second = SMALL[operation]
    operands = [data.draw(known()), data.draw(known(second))]
    assert holds(operation, operands, compute(*(number for _, number in operands)))


@pytest.mark.parametrize("operation", ["and", "or", "xor"])
@given(data=some.data())
def test_bits_of_what_32_bits_hold_are_held(operation, data):
    """And of more, nothing is said."""
    compute = {"and": int.__and__, "or": int.__or__, "xor": int.__xor__}[operation]
    operands = [data.draw(known()) for _ in range(2)]
    assert holds(operation, operands, compute(*(number for _, number in operands)))


def test_what_nothing_limits_stays_without_limit():
    """No arithmetic on infinity ends as a number that is none."""
    zero, one = Bounds(0, 0), Bounds(1, 1)
    assert RULES["multiply"]([ANY, zero]) == zero and RULES["add"]([ANY, one]) == ANY
    assert RULES["subtract"]([ANY, one]) == ANY and RULES["power"]([ANY, one]) == ANY
    assert RULES["power"]([Bounds(0, 2**31), Bounds(0, 10**6)]) == ANY
    assert RULES["shift-left"]([one, Bounds(0, 1000)]) == ANY
    assert RULES["clamp"]([zero, ANY, one]) == Bounds(0, 1)
    assert is_held(HELD) and not is_held(Bounds(0, 2**31)) and not is_held(ANY)
