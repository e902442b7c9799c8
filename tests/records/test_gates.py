"""A gate's status: each rule that decides one, shown where it holds and where it does not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.errors import GateFailed
from blipkit.records.gates import (
    SHARED,
    Gate,
    decide,
    invalid,
    judge,
    judged_otherwise,
    not_recorded,
    not_run,
    raise_for,
    warned,
    worsened,
    worst,
    worst_of,
)
from blipkit.records.typed import row_of

STATUSES = ("PASS", "WARN", "FAIL", "INVALID", "NOT-RUN")


@pytest.mark.parametrize(
    ("measured", "at_least", "status"),
    [(1.0, False, "PASS"), (1.1, False, "FAIL"), (1.0, True, "PASS"), (0.9, True, "FAIL")],
)
def test_a_limit_includes_itself(measured, at_least, status):
    """A figure at its limit holds; one beyond it fails."""
    assert judge("g", "answer", measured, 1.0, at_least=at_least).status == status


@pytest.mark.parametrize("at_least", [True, False])
def test_a_nan_never_passes(at_least):
    """What is not a number is within no limit."""
    assert judge("g", "answer", math.nan, 1.0, at_least=at_least).status == "FAIL"


def test_only_timing_is_forgiven_on_a_shared_machine():
    """A late answer warns where the machine is shared; a wrong one fails everywhere."""
    assert judge("g", "timing", 2, 1, shared=True).status == "WARN"
    assert judge("g", "timing", 2, 1, shared=False).status == "FAIL"
    assert judge("g", "answer", 2, 1, shared=True).status == "FAIL"


def test_a_failed_gate_raises_and_says_which():
    """The last cell's error names gate, figure, limit and what to do."""
    with pytest.raises(GateFailed, match=r"speed: FAIL, measured 2, limit 1.*buy another"):
        raise_for(
            [Gate("fine", "answer", "PASS"), judge("speed", "answer", 2, 1, next="buy another")]
        )
    raise_for([not_run("absent", "answer", "nobody measured"), Gate("warned", "timing", "WARN")])


def test_a_gate_of_a_kit_that_knew_no_unit_is_read():
    """Its figures stand without one; what fails says its unit."""
    old = {"gate": "g", "kind": "timing", "status": "PASS", "measured": 6.0, "limit": 180.0}
    assert row_of(Gate, old).unit == ""
    with pytest.raises(GateFailed, match=r"measured 200, limit 180 days\. why"):
        raise_for([judge("age", "answer", 200, 180, unit="days", reason="why")])


@given(st.lists(st.sampled_from(STATUSES)))
def test_the_worst_status_wins_in_any_order(statuses):
    """FAIL before INVALID before WARN before PASS; NOT-RUN only where nothing was measured."""
    gates = [Gate("g", "answer", s) for s in statuses]
    found = worst(gates)
    assert found == worst(reversed(gates))
    assert found == next(
        (s for s in ("FAIL", "INVALID", "WARN", "PASS") if s in statuses), "NOT-RUN"
    )


@pytest.mark.parametrize(
    ("kind", "holds", "tolerable", "shared", "status"),
    [
        ("answer", True, False, False, "PASS"),
        ("answer", False, False, False, "FAIL"),
        ("answer", False, True, False, "WARN"),
        ("answer", False, False, True, "FAIL"),
        ("timing", False, False, True, "WARN"),
        ("timing", False, False, False, "FAIL"),
        ("timing", True, False, True, "PASS"),
        ("answer", True, True, False, "PASS"),
    ],
)
def test_what_does_not_hold_fails_unless_it_is_tolerable(kind, holds, tolerable, shared, status):
    """A timing gate is forgiven where the machine is shared, an answer only where it may be."""
    assert decide("g", kind, holds, tolerable=tolerable, shared=shared).status == status


def test_what_to_do_next_is_said_where_it_does_not_hold():
    """A gate that holds asks for nothing; every other detail is the gate's own."""
    details = {"measured": 3, "limit": 2, "evidence": "emulated", "reason": "r", "next": "n"}
    holds, fails = decide("g", "answer", True, **details), decide("g", "answer", False, **details)
    assert (holds.next, fails.next) == ("", "n")
    assert (fails.measured, fails.limit, fails.evidence, fails.reason) == (3, 2, "emulated", "r")


def test_only_a_shared_machine_says_so():
    """A timing gate that is forgiven has the reason behind its own; one that holds does not."""
    late = decide("g", "timing", False, shared=True, reason="late")
    assert late.reason == f"late; {SHARED}"
    assert decide("g", "timing", False, shared=True).reason == SHARED
    assert SHARED not in decide("g", "timing", True, shared=True, reason="in time").reason
    assert SHARED not in decide("g", "timing", False, True, True, reason="late").reason


@pytest.mark.parametrize(
    ("kind", "shared", "status"),
    [
        ("answer", False, "INVALID"),
        ("answer", True, "INVALID"),
        ("timing", False, "INVALID"),
        ("timing", True, "WARN"),
    ],
)
def test_what_says_nothing_is_invalid(kind, shared, status):
    """A timing that cannot be trusted is forgiven where the machine is shared."""
    gate = invalid("g", kind, "too short", shared=shared, next="measure longer")
    assert (gate.status, gate.next) == (status, "measure longer") and "too short" in gate.reason


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_gate_that_holds_is_warned(status):
    """PASS becomes WARN, with why before its reason; a worse one keeps status and reason."""
    gate = Gate("g", "answer", status, reason="r")
    on_few_frames = warned(gate, "only 3 frames", "take more")
    if status == "PASS":
        expected = Gate("g", "answer", "WARN", reason="only 3 frames; r", next="take more")
        assert on_few_frames == expected
    else:
        assert on_few_frames == gate


@given(st.lists(st.sampled_from(STATUSES)))
def test_a_gate_is_as_bad_as_its_worst_part(statuses):
    """PASS without any part; what to do next is said unless all hold."""
    gate = worst_of("g", "answer", statuses, measured=len(statuses), next="mend it")
    known = [Gate("part", "answer", status) for status in statuses]
    assert gate.status == (worst(known) if known else "PASS")
    assert gate.next == ("" if gate.status == "PASS" else "mend it")


def test_what_was_not_measured_is_not_run():
    """Neither has evidence; what a recorded folder lacks can be recorded again."""
    absent = not_run("g", "timing", "nobody measured", "run 04")
    assert (absent.status, absent.evidence, absent.next) == ("NOT-RUN", "none", "run 04")
    lacking = not_recorded("g", "answer")
    assert (lacking.status, lacking.evidence) == ("NOT-RUN", "none") and lacking.next


def test_a_replay_says_which_gates_are_judged_otherwise():
    """Only those that the recorded folder has with another status; a new gate is no change."""
    before = [decide("a", "answer", True), decide("b", "answer", True)]
    today = [decide("a", "answer", False), decide("b", "answer", True), decide("c", "answer", True)]
    assert judged_otherwise(today, before) == ["a is FAIL, was PASS"]


@pytest.mark.parametrize("status", STATUSES)
def test_what_worsens_a_gate_is_named_first(status):
    """A gate that held fails, or warns where that is tolerable; one that did not stays as it was."""
    gate = Gate("g", "answer", status, reason="before")
    worse = worsened(gate, "why", "do")
    if status not in ("PASS", "WARN"):
        assert worse == worsened(gate, "why", "do", tolerable=True) == gate
        return
    assert (worse.status, worse.reason, worse.next) == ("FAIL", "why; before", "do")
    assert worsened(gate, "why", "do", tolerable=True).status == "WARN"
