"""A half-precision arm's gate beside that of its float32 control."""

import pytest

from blipkit.parity.calls import PIPELINE
from blipkit.parity.controls import with_control
from blipkit.records.gates import Gate

ARM = "neuron_emulated all bf16"
CONTROL = "neuron_emulated none"


def gates_of(**statuses: str) -> dict[tuple[str, str], Gate]:
    """Gates of the pipeline: `arm` and `control` with these statuses."""
    names = {"arm": ARM, "control": CONTROL}
    return {
        (names[key], PIPELINE): Gate(f"parity {names[key]} {PIPELINE}", "answer", status)
        for key, status in statuses.items()
    }


def test_without_its_control_an_arm_is_a_warning_that_names_it():
    """A fault smaller than rounding cannot be told from rounding: the gate says which arm shows it."""
    gate = with_control(gates_of(arm="PASS"), ARM, PIPELINE)
    assert gate.status == "WARN" and "no float32 arm of its runner" in gate.reason
    assert gate.next == f"add the control '{CONTROL}' to common.arms"


@pytest.mark.parametrize("status", ["FAIL", "WARN", "INVALID", "NOT-RUN"])
def test_a_control_that_did_not_pass_is_named(status):
    """What its control did not show is not shown."""
    gate = with_control(gates_of(arm="PASS", control=status), ARM, PIPELINE)
    assert gate.status == "WARN" and f"its control '{CONTROL}' is {status}" in gate.reason
    assert f"parity {CONTROL} {PIPELINE}" in gate.next


@pytest.mark.parametrize("status", ["PASS", "WARN", "FAIL", "INVALID"])
def test_a_control_that_passed_changes_nothing(status):
    """Neither does one that did not pass make a fault any better."""
    for control in ("PASS", "FAIL") if status != "PASS" else ("PASS",):
        gates = gates_of(arm=status, control=control)
        assert with_control(gates, ARM, PIPELINE) == gates[ARM, PIPELINE]


@pytest.mark.parametrize("arm", ["every arm", "incumbent", "eager float32", CONTROL])
def test_what_needs_no_control_has_none(arm):
    """Pixels, what was recorded elsewhere, and float32 itself."""
    gates = {(arm, PIPELINE): Gate("g", "answer", "PASS")}
    assert with_control(gates, arm, PIPELINE).status == "PASS"
