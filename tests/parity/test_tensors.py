"""The figures of a comparison against their definitions and other people's libraries, and the routes of its verdict."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine
from torchmetrics.functional.audio import signal_noise_ratio

from blipkit import Bucket, isolate, load_checkpoint
from blipkit.parity.tensors import ROUTES, Limits, compare, route, tensor_gate
from blipkit.runners.arms import REFERENCE, ROUNDOFF, parse_arm, same_precision_baseline
from blipkit.runners.kinds import eager
from blipkit.runners.neuron.casts import emulate, export
from blipkit.runners.neuron.options import CASTS

ARM = "torchscript bfloat16"
LIMITS = Limits({"float32": 1e-4, "bfloat16": 0.05, "float16": 0.005}, 1.0, 0.99)
VALUES = st.lists(st.floats(-1e3, 1e3, allow_subnormal=False), min_size=2, max_size=40, unique=True)
SEEDS = st.integers(0, 2**16)


def row(
    one, arm=ARM, precision="bfloat16", baseline="eager bfloat16", component="text_decoder"
) -> dict:
    """A Comparison as 03 records it."""
    about = {"arm": arm, "component": component, "output": "logits", "precision": precision}
    return {
        **about,
        "baseline": baseline if one.sigma_ratio is not None else None,
        **one.row(),
    }


def judged(*comparisons, limits=LIMITS, **about):
    rows = [row(one, **about) for one in comparisons]
    return tensor_gate(rows[0]["arm"], rows[0]["component"], rows, limits)


def three(seed: int = 0, n: int = 20_000, ours: float = 0.004, theirs: float = 0.004):
    """Reference, candidate and same format: a tensor, and two with noise of their own."""
    made = torch.Generator().manual_seed(seed)
    a = torch.randn(n, generator=made, dtype=torch.float64)
    return a, a + ours * torch.randn(n, generator=made), a + theirs * torch.randn(n, generator=made)


def test_equal_tensors_have_no_error():
    """A tensor compared with itself is at distance 0, cosine 1, and no noise is louder than none."""
    a = torch.randn(3, 4)
    same = compare(a, a.clone(), a.clone())
    assert (
        same.max_abs,
        same.relative_l2,
        same.relative_max,
        same.median_ulps,
        same.not_finite,
    ) == (0, 0, 0, 0, 0)
    assert (same.compared, same.sigma_ratio, same.snr_db, same.overlap) == (12, 0, math.inf, 1)
    assert same.cosine == pytest.approx(1)


def test_the_figures_are_their_definitions():
    """Hand-computed: reference (3, 4), candidate (3, 5)."""
    found = compare(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 5.0]))
    assert (found.max_abs, found.mean_abs, found.relative_l2, found.relative_max) == (
        1,
        0.5,
        0.2,
        0.25,
    )
    assert (found.max_rel, found.mean_rel) == (0.25, 0.125)
    assert found.p99_abs == pytest.approx(0.99) and found.snr_db == pytest.approx(
        20 * math.log10(5)
    )
    assert found.sigma_ratio is None and found.overlap is None


@given(SEEDS)
def test_others_compute_the_same(seed):
    """torchmetrics' SNR, torch.testing's tolerance, scipy's cosine, numpy's norm, quantile and spacing of floats."""
    a, c, _ = (tensor.float() for tensor in three(seed, 500, ours=10 ** -(seed % 6)))
    found = compare(a, c)
    assert found.snr_db == pytest.approx(
        signal_noise_ratio(c.double(), a.double()).item(), abs=1e-4
    )
    torch.testing.assert_close(c.double(), a.double(), atol=found.max_abs * 1.0001, rtol=0)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(c.double(), a.double(), atol=found.max_abs * 0.999, rtol=0)
    errors = np.abs(c.double().numpy() - a.double().numpy())
    assert found.p99_abs == pytest.approx(np.quantile(errors, 0.99))
    assert found.cosine == pytest.approx(1 - cosine(a.double(), c.double()))
    assert found.relative_l2 == pytest.approx(
        np.linalg.norm(errors) / np.linalg.norm(a.double().numpy())
    )
    assert found.median_ulps == pytest.approx(
        np.median(errors / np.spacing(np.abs(a.numpy()))), rel=1e-6
    )


@pytest.mark.parametrize(("precision", "dtype"), [("float16", np.float16), ("float32", np.float32)])
def test_a_unit_in_the_last_place_is_the_formats(precision, dtype):
    """The next number of a format is one unit of the last bit that it keeps away."""
    values = np.array([1.0, 1.5, 3.0, 100.0, 0.1], dtype=dtype)
    after = np.nextafter(values, dtype(np.inf))
    found = compare(
        torch.from_numpy(values).double(), torch.from_numpy(after).double(), precision=precision
    )
    assert found.median_ulps == found.p99_ulps == 1


def test_the_overlap_is_that_of_two_normal_errors():
    """For two normal distributions whose spreads are as 1 to r it is sqrt(2 r / (1 + r^2)), and the sigma ratio 1 / r."""
    for r in (1.0, 1.5, 3.0):
        a, c, b = three(n=400_000, ours=0.01, theirs=0.01 * r)
        found = compare(a, c, b)
        assert found.sigma_ratio == pytest.approx(1 / r, rel=0.01)
        assert found.overlap == pytest.approx(math.sqrt(2 * r / (1 + r * r)), abs=0.005)


@given(SEEDS, st.integers(-20, 20))
def test_relative_figures_do_not_depend_on_scale(seed, power):
    """All three tensors times the same power of two: what is relative stays bit for bit, what is absolute scales."""
    a, c, b = three(seed, 300)
    before, after = compare(a, c, b), compare(a * 2.0**power, c * 2.0**power, b * 2.0**power)
    assert after.max_abs == before.max_abs * 2.0**power
    for name in (
        "relative_l2",
        "relative_max",
        "max_rel",
        "median_ulps",
        "sigma_ratio",
        "l2_ratio",
        "overlap",
    ):
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-12)


@given(SEEDS, st.randoms())
def test_order_does_not_matter(seed, random):
    """Elements shuffled alike in all three give the same figures."""
    order = list(range(200))
    random.shuffle(order)
    a, c, b = three(seed, 200)
    before, after = compare(a, c, b), compare(a[order], c[order], b[order])
    numbers = [name for name, of in vars(before).items() if isinstance(of, float)]
    assert {
        "p99_rel",
        "relative_max",
        "snr_db",
        "p99_ulps",
        "l2_ratio",
        "max_ratio",
        "overlap",
    } < set(numbers)
    for name in numbers:
        assert getattr(after, name) == pytest.approx(getattr(before, name), rel=1e-9), name


@given(SEEDS)
def test_what_is_symmetric(seed):
    """Distances and cosine do not know which side is the reference, nor the overlap which errors are whose."""
    a, c, b = three(seed, 300)
    forth, back = compare(a, c, b), compare(c, a)
    assert (forth.max_abs, forth.mean_abs) == (back.max_abs, back.mean_abs)
    assert forth.cosine == pytest.approx(back.cosine)
    assert forth.overlap == pytest.approx(compare(a, b, c).overlap)
    assert forth.sigma_ratio == pytest.approx(1 / compare(a, b, c).sigma_ratio)


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
        found = compare(a, c, baseline)
        assert found.not_finite == 1 and route(row(found), LIMITS) is None
        assert judged(compare(a, a.clone()), found, limits=wide).status == "FAIL"
        assert judged(compare(a, a.clone()), found).status == "FAIL"


def test_noise_in_the_formats_own_reference_excuses_nothing():
    """Where torch's model in the same format overflows, no ratio to it counts."""
    a, c, b = three()
    b[0] = math.inf
    assert route(row(compare(a, c, b)), LIMITS) == "format limit"


def test_shapes_that_differ_fail():
    """The gate says both shapes, and which output it is."""
    gate = judged(compare(torch.ones(3, 2), torch.ones(2, 3)))
    assert (
        gate.status == "FAIL"
        and gate.reason == "logits: the shapes differ: (2, 3), expected (3, 2)"
    )


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (torch.ones(0), "nothing was compared: the tensors are empty"),
        (torch.ones(5), "the reference is constant, so that any answer looks right"),
        (torch.tensor([1.0, math.nan]), "the reference itself is not finite"),
    ],
)
def test_what_proves_nothing_is_invalid(reference, said):
    """Empty, constant and broken references are no evidence, however well the candidate agrees."""
    found = compare(reference, reference.clone(), reference.clone())
    assert (
        found.compared == found.not_finite == 0
        and math.isnan(found.relative_l2)
        and found.sigma_ratio is None
    )
    assert list(found.row()) == list(compare(torch.arange(4.0), torch.arange(4.0)).row())
    gate = judged(found)
    assert gate.status == "INVALID" and said in gate.reason and gate.next


def test_a_component_that_nothing_called_is_invalid():
    """No row of it, no evidence."""
    found = row(compare(torch.arange(4.0), torch.arange(4.0)))
    gate = tensor_gate(ARM, "text_encoder", [found], LIMITS)
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


@pytest.mark.parametrize(("noise", "taken", "status", "said"), ROUTED)
def test_the_strictest_route_that_passes_is_taken(noise, taken, status, said):
    """From exact to beyond the format, with the route, the figures and the tolerance that would have passed."""
    a, c, b = three(ours=noise)
    found = compare(a, c, b)
    gate = judged(found)
    assert route(row(found), LIMITS) == taken and gate.status == status
    assert gate.reason.startswith(
        f"logits: {said} (route: {taken or 'none'}); required tolerance: relative L2"
    )
    assert gate.measured == found.relative_l2 and f"{found.sigma_ratio:.3f}" in gate.reason
    assert bool(gate.next) == (status != "PASS")


def test_the_required_tolerance_would_have_passed():
    """What the gate says it takes is what it takes, and a little less is too little."""
    a, c, _ = three(ours=0.2)
    needed = judged(compare(a, c)).measured
    for limit, taken in ((needed, "format limit"), (needed * 0.999, None)):
        limits = Limits({**LIMITS.tensor, "bfloat16": limit}, 1.0, 0.99)
        assert route(row(compare(a, c)), limits) == taken


def test_without_a_model_in_its_format_static_limits_alone_judge():
    """tf32 and float32: PASS within the format's limit, and the gate says that there is no other."""
    a, c, _ = three(ours=0.002)
    gate = judged(compare(a, c), precision="float16")
    assert (
        gate.status == "PASS"
        and "torch has no such format, so only within the static limit of float16" in gate.reason
    )
    assert judged(compare(a, c), precision="float32").status == "FAIL"


def test_a_shift_is_no_noise():
    """Errors that all go one way have no spread: the sigma ratio alone would let them pass."""
    a, _, b = three()
    found = compare(a, a + 0.02, b)
    assert found.sigma_ratio < 0.01 and found.l2_ratio > 4
    assert route(row(found), LIMITS) == "format limit"


def test_one_wild_element_is_no_noise():
    """One element in twenty thousand changes no spread and no histogram."""
    a, c, b = three(ours=0.0039)
    c[7] += 0.1
    found = compare(a, c, b)
    assert found.sigma_ratio <= 1.05 and found.overlap > 0.99
    assert route(row(found), LIMITS) == "format limit"


def test_few_numbers_are_not_told_apart_by_chance():
    """Two draws of the same noise: their histograms have too few bins to differ by chance alone."""
    passed = [compare(*three(seed, 400)).overlap > 0.98 for seed in range(50)]
    assert np.mean(passed) > 0.9


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
    found = {}
    for component in components:
        inputs = component.example_inputs(bucket)
        graph = export(component.module, inputs)
        with torch.inference_mode():
            made = {REFERENCE: component.module(*inputs)}
            for arm in arms:
                made[arm] = emulate(graph, parse_arm(arm).dtype)(*inputs)
        for known in {same_precision_baseline(arm) for arm in arms} - {None}:
            manifest = {"dtype": parse_arm(known).dtype, "device": "cpu"}
            made[known] = eager.load(None, manifest, copy.deepcopy(component.module))(*inputs)
        found[component.name] = made
    return found


@pytest.mark.parametrize("cast", CASTS)
def test_every_emulated_arm_is_judged_and_says_by_which_route(outputs, cast):
    """Rounding as the compiler does explains itself: no component of any arm fails, and each gate names its route.

    How noisy torch's own format is depends on how a CPU computes in it, so that the route may, too.
    """
    arm = f"neuron_emulated {cast}"
    known, precision = same_precision_baseline(arm), parse_arm(arm).precision
    for component, made in outputs.items():
        found = compare(made[REFERENCE], made[arm], made.get(known), precision)
        gate = judged(found, arm=arm, precision=precision, baseline=known, component=component)
        taken = gate.reason.partition("(route: ")[2].partition(")")[0]
        assert gate.status in ("PASS", "WARN") and taken in (
            ROUTES if known else ("float32 limit", "format limit")
        )


@pytest.mark.parametrize("cast", ["matmult bf16", "all bf16", "matmult fp16"])
def test_a_format_does_not_excuse_another_ones_errors(outputs, cast):
    """Judged as the next finer format, the same errors are too many."""
    arm, finer = f"neuron_emulated {cast}", {"bfloat16": "float16", "float16": "float32"}
    precision = finer[parse_arm(arm).precision]
    for made in outputs.values():
        assert route(row(compare(made[REFERENCE], made[arm]), precision=precision), LIMITS) in (
            None,
            "format limit",
        )
    image = outputs["image_encoder"]
    assert compare(image[REFERENCE], image[arm]).relative_l2 > ROUNDOFF[precision]
