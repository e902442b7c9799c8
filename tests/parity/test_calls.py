"""The routes by which a component's tensors pass, and the gate that takes the worst of its calls."""

import copy
import math

import pytest
import torch
from compiling import build
from hypothesis import given
from hypothesis import strategies as st
from parity_rows import ARM, call_of, calls_of, three

from blipkit import Bucket, isolate, load_checkpoint
from blipkit.parity.calls import ROUTES, Limits, strictest_route, tensor_gate
from blipkit.parity.tensors import compare
from blipkit.records.typed import record_of
from blipkit.runners.arms import REFERENCE, ROUNDOFF, parse_arm, same_precision_baseline
from blipkit.runners.kinds import eager
from blipkit.runners.neuron.casts import emulate, export
from blipkit.runners.neuron.options import CASTS

LIMITS = Limits({"float32": 1e-4, "bfloat16": 0.05, "float16": 0.005}, 1.0, 0.99)
VALUES = st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=2, max_size=40, unique=True)


def judged(*comparisons, limits=LIMITS, **fields):
    calls = calls_of(comparisons, **fields)
    return tensor_gate(calls[0].arm, calls[0].component, calls, limits)


def route(comparison, limits=LIMITS, **fields) -> str | None:
    return strictest_route(call_of(comparison, **fields), limits)


@given(VALUES, st.data())
def test_what_is_not_finite_never_passes(values, data):
    """A NaN or an infinity at any place fails its gate under any limits, with and without a model in the same format."""
    a = torch.tensor(values, dtype=torch.float64)
    c = a.clone()
    c[data.draw(st.integers(0, len(values) - 1))] = data.draw(
        st.sampled_from([math.nan, math.inf, -math.inf])
    )
    wide = Limits(dict.fromkeys(LIMITS.tensor, 1e300), 1e300, 0.0)
    for baseline in (None, a + 1.0):
        comparison = compare(a, c, baseline)
        assert comparison.not_finite == 1 and route(comparison) is None
        assert judged(compare(a, a.clone()), comparison, limits=wide).status == "FAIL"
        assert judged(compare(a, a.clone()), comparison).status == "FAIL"


def test_noise_in_the_formats_own_reference_excuses_nothing():
    """Where torch's model in the same format overflows, no ratio to it counts."""
    a, c, b = three()
    b[0] = math.inf
    assert route(compare(a, c, b)) == "format limit"
    calls = calls_of([compare(a, c, b, "bfloat16", [len(a) // 5] * 5)])
    assert strictest_route(calls[0], LIMITS.seen_in(calls)) == "format limit"


@pytest.mark.parametrize(
    ("noise", "arm", "taken", "status"),
    [
        (0.0055, ARM, "chance", "WARN"),
        (0.02, ARM, None, "FAIL"),
        (0.02, "neuron all bf16", "format limit", "WARN"),
        (0.2, "neuron all bf16", None, "FAIL"),
    ],
)
def test_what_chance_does_not_explain_fails(noise, arm, taken, status):
    """Beyond how a baseline's error varies from frame to frame an arm fails, though its format's limit holds; on a device that no record shows it is a warning."""
    a, c, b = three(ours=noise)
    spread = torch.linspace(0.8, 1.2, 8).double().repeat_interleave(len(a) // 8)
    comparison = compare(a, c, a + (b - a) * spread, "bfloat16", [len(a) // 8] * 8)
    gate = judged(comparison, arm=arm)
    assert gate.status == status and f"(route: {taken or 'none'})" in gate.reason
    assert ("uncalibrated: no record shows how neuron all bf16 rounds" in gate.reason) == (
        arm != ARM and taken is not None
    )
    assert (gate.measured <= gate.limit) == (status != "FAIL")


@pytest.mark.parametrize(
    ("noise", "named"), [(3e-4, ["float16"]), (2.5e-3, ["bfloat16"]), (0.5, [])]
)
def test_a_float32_arm_with_coarser_weights_is_told_which_arm_it_is(noise, named):
    """An error of about one rounding of a format, in an arm that calls itself float32."""
    a, c, _ = three(ours=noise)
    gate = judged(compare(a, c), precision="float32")
    assert gate.status == "FAIL"
    told = [name for name in ("float16", "bfloat16") if f"Weights in {name} err" in gate.next]
    assert told == named


def test_shapes_that_differ_fail():
    """The gate says both shapes, and which output it is."""
    gate = judged(compare(torch.ones(3, 2), torch.ones(2, 3)))
    assert (
        gate.status == "FAIL"
        and gate.reason == "logits: the shapes differ: (2, 3), expected (3, 2)"
    )


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (torch.ones(0), "nothing was compared: the tensors are empty"),
        (torch.ones(5), "the reference is constant, so that any answer looks right"),
        (torch.tensor([1.0, math.nan]), "the reference itself is not finite"),
    ],
)
def test_what_proves_nothing_is_invalid(reference, words):
    """Empty, constant and broken references are no evidence, however well the candidate agrees."""
    comparison = compare(reference, reference.clone(), reference.clone())
    assert (
        comparison.compared == comparison.not_finite == 0
        and math.isnan(comparison.relative_l2)
        and comparison.sigma_ratio is None
    )
    assert list(record_of(comparison)) == list(
        record_of(compare(torch.arange(4.0), torch.arange(4.0)))
    )
    gate = judged(comparison)
    assert gate.status == "INVALID" and words in gate.reason and gate.next


def test_a_component_that_nothing_called_is_invalid():
    """No row of it, no evidence."""
    call = call_of(compare(torch.arange(4.0), torch.arange(4.0)))
    gate = tensor_gate(ARM, "text_encoder", [call], LIMITS)
    assert gate.status == "INVALID" and "no request called it" in gate.reason


ROUTED = [
    (1e-6, "float32 limit", "PASS", "as close as float32 has to be"),
    (0.0039, "sigma ratio", "PASS", "no noisier than eager bfloat16"),
    (0.0042, "overlap", "PASS", "its errors are spread as those of eager bfloat16"),
    (
        0.02,
        "format limit",
        "WARN",
        "noisier than eager bfloat16, but within the static limit of bfloat16",
    ),
    (0.2, None, "FAIL", "more than its number format explains"),
]


@pytest.mark.parametrize(("noise", "taken", "status", "words"), ROUTED)
def test_the_strictest_route_that_passes_is_taken(noise, taken, status, words):
    """From exact to beyond the format, with the route, the figures and the tolerance that would have passed."""
    a, c, b = three(ours=noise)
    comparison = compare(a, c, b)
    gate = judged(comparison)
    assert route(comparison) == taken and gate.status == status
    assert gate.reason.startswith(
        f"logits: {words} (route: {taken or 'none'}); required tolerance: relative L2"
    )
    assert (
        gate.measured == comparison.relative_l2 and f"{comparison.sigma_ratio:.3f}" in gate.reason
    )
    assert bool(gate.next) == (status != "PASS")


def test_the_required_tolerance_would_have_passed():
    """What the gate says it takes is what it takes, and a little less is too little."""
    a, c, _ = three(ours=0.2)
    needed = judged(compare(a, c)).measured
    for limit, taken in ((needed, "format limit"), (needed * 0.999, None)):
        limits = Limits({**LIMITS.tensor, "bfloat16": limit}, 1.0, 0.99)
        assert route(compare(a, c), limits) == taken


def test_without_a_model_in_its_format_static_limits_alone_judge():
    """As golden outputs of another machine: PASS within the format's limit, and the gate says that there is no other."""
    a, c, _ = three(ours=0.002)
    gate = judged(compare(a, c), precision="float16")
    assert (
        gate.status == "PASS"
        and "nothing shows what its format costs, so only within the static limit of float16"
        in gate.reason
    )
    assert judged(compare(a, c), precision="float32").status == "FAIL"


def test_a_shift_is_no_noise():
    """Errors that all go one way have no spread: the sigma ratio alone would let them pass."""
    a, _, b = three()
    comparison = compare(a, a + 0.02, b)
    assert comparison.sigma_ratio < 0.01 and comparison.l2_ratio > 4
    assert route(comparison) == "format limit"


def test_one_wild_element_is_no_noise():
    """One element in twenty thousand changes no spread and no histogram."""
    a, c, b = three(ours=0.0039)
    c[7] += 0.1
    comparison = compare(a, c, b)
    assert comparison.sigma_ratio <= 1.05 and comparison.overlap > 0.99
    assert route(comparison) == "format limit"


def test_the_gate_takes_the_worst_call():
    """One bad call among good ones decides, and the counts are of all."""
    calls = [compare(*three(ours=error)[:2]) for error in (1e-6, 0.3, 1e-6)]
    gate = judged(*calls)
    assert gate.status == "FAIL" and gate.measured == pytest.approx(0.3, rel=0.05)
    assert gate.reason.endswith("calls: 3, numbers: 60000, not finite: 0")


def test_gates_say_where_their_figures_come_from():
    """An emulated arm's are emulated, whether it passes or not; an incumbent's from elsewhere recorded."""
    a, c, b = three(ours=0.0039)
    for arm, evidence in (
        ("neuron_emulated all bf16", "emulated"),
        ("incumbent", "recorded"),
        (ARM, "measured"),
    ):
        gates = [
            judged(compare(a, c, b), arm=arm),
            judged(compare(a, a * 9), arm=arm),
            judged(compare(a, a[1:]), arm=arm),
        ]
        assert [g.status for g in gates] == ["PASS", "FAIL", "FAIL"] and {
            g.evidence for g in gates
        } == {evidence}


@pytest.fixture(scope="module")
def outputs():
    """Arm -> what each component of tiny-pets makes of the reference's own inputs, and in the same format by torch."""
    components, bucket = isolate(load_checkpoint("builtin:tiny-pets")), Bucket(2, 4, 8, 2, 4)
    arms = [f"neuron_emulated {cast}" for cast in CASTS]
    comparison = {}
    for component in components:
        inputs = component.example_inputs(bucket)
        graph = export(component.module, inputs)
        with torch.inference_mode():
            outputs_by_arm = {REFERENCE: component.module(*inputs)}
            for arm in arms:
                outputs_by_arm[arm] = emulate(graph, parse_arm(arm).precision)(*inputs)
        for known in {same_precision_baseline(arm) for arm in arms} - {None}:
            plan = build(runner="eager", precision=parse_arm(known).precision)
            run = eager.load(None, plan, copy.deepcopy(component.module))
            outputs_by_arm[known] = run(*inputs)
        comparison[component.name] = outputs_by_arm
    return comparison


@pytest.mark.parametrize("cast", CASTS)
def test_every_emulated_arm_is_judged_and_says_by_which_route(outputs, cast):
    """Rounding as the compiler does explains itself: no component of any arm fails, and each gate names its route.

    How noisy torch's own format is depends on how a CPU computes in it, so that the route may, too.
    """
    arm = f"neuron_emulated {cast}"
    known, precision = same_precision_baseline(arm), parse_arm(arm).rounds_like
    for component, outputs_by_arm in outputs.items():
        comparison = compare(
            outputs_by_arm[REFERENCE], outputs_by_arm[arm], outputs_by_arm.get(known), precision
        )
        gate = judged(comparison, arm=arm, precision=precision, baseline=known, component=component)
        taken = gate.reason.partition("(route: ")[2].partition(")")[0]
        assert gate.status in ("PASS", "WARN") and taken in (
            ROUTES if known else ("float32 limit", "format limit")
        )


@pytest.mark.parametrize("cast", ["matmult bf16", "all bf16", "matmult fp16"])
def test_a_format_does_not_excuse_another_ones_errors(outputs, cast):
    """Judged as the next finer format, the same errors are too many."""
    arm, finer = f"neuron_emulated {cast}", {"bfloat16": "float16", "float16": "float32"}
    precision = finer[parse_arm(arm).rounds_like]
    for outputs_by_arm in outputs.values():
        assert route(
            compare(outputs_by_arm[REFERENCE], outputs_by_arm[arm]), precision=precision
        ) in (
            None,
            "format limit",
        )
    image = outputs["image_encoder"]
    assert compare(image[REFERENCE], image[arm]).relative_l2 > ROUNDOFF[precision]
