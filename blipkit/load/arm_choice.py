"""Of several arms under load the one to go by: that 08 sends to, and that 05 and 10 price."""

from collections.abc import Sequence

from blipkit.records.gates import Gate

# 03's of an arm's answers
PARITY_GATE = "parity {arm} pipeline"
DECISIONS_GATE = "decisions {arm}"


def arm_order(arm: str, per_s: float, gates: Sequence[Gate]) -> tuple[bool, int, float]:
    """What recommended settings, one of each arm, are ordered by; the first is the one to go by.

    Those whose answers 03 has shown to be others come last; then those with fewer of its gates
    passed; then the slower ones. gates: of a results folder; per_s: requests or answers a second.
    """
    statuses = {gate.gate: gate.status for gate in gates}
    own = [statuses.get(name.format(arm=arm)) for name in (PARITY_GATE, DECISIONS_GATE)]
    return "FAIL" in own, sum(status != "PASS" for status in own), -per_s
