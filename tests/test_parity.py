import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blipkit import Question
from blipkit.frames import Frame
from blipkit.parity import accuracy_gate, compare, decision_gate, decisions, summarise_decisions, tensor_gate
from blipkit.pipeline import Answer


def rows(*comparisons) -> list[dict]:
    """Comparisons as 03 records them."""
    return [{"arm": "arm", "component": "logits", **one.row()} for one in comparisons]


VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=20)


def test_equal_tensors_have_no_error():
    """A tensor compared with itself is at distance 0 and cosine 1."""
    a = torch.randn(3, 4)
    same = compare(a, a.clone())
    assert (same.max_abs, same.relative_l2, same.relative_max, same.not_finite, same.compared) == (0, 0, 0, 0, 12)
    assert same.cosine == pytest.approx(1)


def test_the_figures_are_their_definitions():
    """Hand-computed: reference (3, 4), candidate (3, 5)."""
    found = compare(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 5.0]))
    assert (found.max_abs, found.mean_abs, found.relative_l2, found.relative_max) == (1, 0.5, 0.2, 0.25)


@given(VALUES, st.floats(0.1, 100))
def test_relative_figures_do_not_depend_on_scale(values, scale):
    """Both tensors times the same factor: the relative error stays."""
    a = torch.tensor(values, dtype=torch.float64) + 1.0
    b = a * 1.01 + 0.001
    if a.abs().max() > 1e-3:
        assert compare(a * scale, b * scale).relative_l2 == pytest.approx(compare(a, b).relative_l2, rel=1e-6)


@given(VALUES, st.randoms())
def test_order_does_not_matter(values, random):
    """Elements shuffled alike on both sides give the same figures."""
    order = list(range(len(values)))
    random.shuffle(order)
    a = torch.tensor(values, dtype=torch.float64)
    b = a + 0.5
    assert compare(a[order], b[order]).max_abs == pytest.approx(compare(a, b).max_abs)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_passes(bad):
    """A NaN or an infinity anywhere fails its gate, and is counted."""
    found = compare(torch.ones(4), torch.tensor([1.0, bad, 1.0, 1.0]))
    gate = tensor_gate("arm", "logits", rows(compare(torch.ones(4), torch.ones(4)), found), limit=1e9)
    assert found.not_finite == 1 and gate.status == "FAIL"


@pytest.mark.parametrize("candidate", [torch.ones(2, 3), torch.ones(0)])
def test_nothing_compared_is_invalid(candidate):
    """Shapes that differ and empty tensors are no evidence."""
    reference = torch.ones(0) if candidate.numel() == 0 else torch.ones(3, 2)
    assert tensor_gate("arm", "logits", rows(compare(reference, candidate)), limit=1.0).status == "INVALID"
    assert tensor_gate("arm", "logits", [], limit=1.0).status == "INVALID"
    other = tensor_gate("arm", "states", rows(compare(torch.ones(2), torch.ones(2))), limit=1.0)
    assert other.status == "INVALID" and "no request called this component" in other.reason


def test_gates_of_an_emulated_arm_say_so():
    """Whatever is judged, and whether it passes or not."""
    arm, same = "neuron_emulated matmult bf16", torch.ones(2)
    own = [{**row, "arm": arm} for row in rows(compare(same, same))]
    decided = decision_gate(arm, rows_of(1, 10, margin=1.0), limit=0.1, excused_margin=0.0)
    gates = [tensor_gate(arm, "logits", own, limit=1.0), tensor_gate(arm, "logits", [], limit=1.0), decided]
    assert [gate.status for gate in gates] == ["PASS", "INVALID", "FAIL"]
    assert {gate.evidence for gate in gates} == {"emulated"}
    assert tensor_gate("arm", "logits", rows(compare(same, same)), limit=1.0).evidence == "measured"


def test_an_all_zero_reference_never_passes():
    """Relative to nothing, an error has no size."""
    assert tensor_gate("arm", "logits", rows(compare(torch.zeros(3), torch.ones(3))), limit=1e9).status == "FAIL"


def test_the_gate_takes_the_worst_call():
    """One bad call among good ones decides."""
    calls = [compare(torch.ones(4), torch.ones(4) * (1 + e)) for e in (1e-6, 0.3, 1e-6)]
    gate = tensor_gate("arm", "logits", rows(*calls), limit=0.1)
    assert gate.status == "FAIL" and gate.measured == pytest.approx(0.3, rel=1e-5)


def answers(*texts_and_margins):
    return [[Answer(text, 0.9, margin) for text, margin in texts_and_margins]]


def rows_of(flips: int, n: int, margin: float) -> list[dict]:
    question = [Question("q?")]
    out = []
    for i in range(n):
        said = "no" if i < flips else "yes"
        out += decisions("arm", [Frame(f"f{i}", None)], question, answers(("yes", margin)), answers((said, margin)))
    return out


def test_a_flip_is_a_changed_text_and_moves_through_zero():
    """How far a margin moved counts through zero where the answer flipped."""
    question = [Question("a?"), Question("b?")]
    same, flipped = decisions(
        "arm", [Frame("f", None)], question, answers(("yes", 2.0), ("yes", 0.5)), answers(("yes", 1.5), ("no", 0.25))
    )
    assert not same["flipped"] and same["moved"] == 0.5
    assert flipped["flipped"] and flipped["moved"] == 0.75


def test_the_summary_counts_ranked_and_open_apart():
    """An open answer that changed is no flip of a decision."""
    rows = rows_of(2, 10, margin=1.0) + decisions(
        "arm", [Frame("f", None)], [Question("what?", None)], answers(("dog", 1.0)), answers(("cat", 1.0))
    )
    found = summarise_decisions(rows)
    assert (found["ranked_answers"], found["ranked_flips"], found["open_answers"], found["open_flips"]) == (10, 2, 1, 1)
    assert found["largest_movement"] == 2.0


def test_unexcused_flips_fail_and_excused_ones_do_not():
    """Wide-margin flips are faults; flips below the format's rounding are not."""
    assert decision_gate("arm", rows_of(20, 1000, margin=5.0), 0.005, excused_margin=0.1).status == "FAIL"
    assert decision_gate("arm", rows_of(20, 1000, margin=0.05), 0.005, excused_margin=0.1).status == "PASS"


def test_too_few_answers_cannot_pass():
    """No flip in 80 answers does not bound the rate below 0.5 %."""
    gate = decision_gate("arm", rows_of(0, 80, margin=5.0), 0.005, excused_margin=0.1)
    assert gate.status == "FAIL" and gate.measured == pytest.approx(0.0458, abs=1e-4)


def test_a_nan_margin_excuses_nothing():
    """A reference that is not a number is no excuse."""
    assert decision_gate("arm", rows_of(100, 1000, margin=math.nan), 0.005, excused_margin=0.1).status == "FAIL"


def test_open_questions_alone_are_not_judged():
    """Without a ranked question the gate is NOT-RUN."""
    rows = decisions("arm", [Frame("f", None)], [Question("what?", None)], answers(("dog", 1.0)), answers(("cat", 1.0)))
    assert decision_gate("arm", rows, 0.005, 0.1).status == "NOT-RUN"


def test_drawings_are_at_most_a_warning():
    """Decisions on drawn scenes prove little about a checkpoint that never saw one; a failure stays one."""
    gate = decision_gate("arm", rows_of(0, 1000, margin=5.0), 0.005, 0.1, drawings=True)
    assert (
        gate.status == "WARN"
        and gate.reason.startswith("drawings, not your cameras")
        and "common.frames_from" in gate.next
    )
    assert decision_gate("arm", rows_of(20, 1000, margin=5.0), 0.005, 0.1, drawings=True).status == "FAIL"


def test_accuracy_counts_labelled_answers_only():
    """Right and wrong are counted against labels; without labels, or with those of drawings, it is NOT-RUN."""
    frames = [Frame("a", None, {"q?": "yes"}), Frame("b", None, {"q?": "yes"}), Frame("c", None, {})]
    said = [answers((t, 1.0))[0] for t in ("yes", "no", "yes")]
    kept = decisions("arm", frames, [Question("q?")], said, said)
    gate = accuracy_gate(kept, floor=0.6)
    assert gate.measured == 0.5 and gate.status == "FAIL" and "1 of 2" in gate.reason
    assert accuracy_gate(kept, 0.6, drawings=True).status == "NOT-RUN"
    assert accuracy_gate(kept[2:], 0.6).status == "NOT-RUN" and "labels.csv" in accuracy_gate(kept[2:], 0.6).next
