"""Of several arms under load the one to go by is the fastest whose answers hold."""

import pytest

from blipkit.load.arm_choice import DECISIONS_GATE, PARITY_GATE, arm_order
from blipkit.parity.calls import PIPELINE, tensor_gate_name
from blipkit.parity.decisions import decision_gate_name
from blipkit.records.gates import Gate

RATES = {"slow": 10.0, "fast": 40.0}


def first_by(parity: dict[str, str], decisions: dict[str, str]) -> str:
    """The arm to go by; arm -> status of its gates."""
    gates = [Gate(PARITY_GATE.format(arm=arm), "answer", status) for arm, status in parity.items()]
    gates += [
        Gate(DECISIONS_GATE.format(arm=arm), "answer", status) for arm, status in decisions.items()
    ]
    return min(RATES, key=lambda arm: arm_order(arm, RATES[arm], gates))


ALL_PASS = {"slow": "PASS", "fast": "PASS"}


@pytest.mark.parametrize(
    ("parity", "decisions", "arm"),
    [
        (ALL_PASS, ALL_PASS, "fast"),
        ({}, {}, "fast"),
        (ALL_PASS, {"slow": "PASS", "fast": "FAIL"}, "slow"),
        (ALL_PASS, {"slow": "PASS", "fast": "WARN"}, "slow"),
        ({"slow": "PASS"}, {"slow": "PASS"}, "slow"),
        ({"slow": "WARN", "fast": "PASS"}, {"slow": "WARN", "fast": "FAIL"}, "slow"),
        ({"slow": "WARN", "fast": "WARN"}, {"slow": "WARN", "fast": "WARN"}, "fast"),
    ],
)
def test_the_fastest_of_those_whose_answers_hold_is_gone_by(parity, decisions, arm):
    """One that was shown to answer otherwise comes last, then one with a gate that did not pass."""
    assert first_by(parity, decisions) == arm


def test_its_gates_are_those_of_03():
    """By their names."""
    assert PARITY_GATE.format(arm="a b") == tensor_gate_name("a b", PIPELINE)
    assert DECISIONS_GATE.format(arm="a b") == decision_gate_name("a b")
