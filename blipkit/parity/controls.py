"""The float32 arm beside a half-precision one: what rounding hides there, it shows."""

from collections.abc import Mapping

from blipkit.parity.calls import EVERY_ARM
from blipkit.records.gates import Gate, warned
from blipkit.runners.arms import INCUMBENT, control_of


def with_control(gates: Mapping[tuple[str, str], Gate], arm: str, component: str) -> Gate:
    """A component's gate of an arm, PASS only where that of its control passed, too.

    gates: by arm and component. A fault smaller than a format's rounding cannot be told from it:
    only the same runner in float32 shows that there is none.
    """
    gate = gates[arm, component]
    if arm in (EVERY_ARM, INCUMBENT):
        return gate
    control = control_of(arm)
    if control is None:
        return gate
    if (control, component) not in gates:
        why = "its rounding hides smaller faults, and no float32 arm of its runner was asked"
        return warned(gate, why, f"add the control '{control}' to common.arms")
    beside = gates[control, component]
    if beside.status == "PASS":
        return gate
    why = f"its rounding hides smaller faults, and its control '{control}' is {beside.status}"
    return warned(gate, why, f"look at the gate '{beside.gate}' first")
