"""The figures of a comparison against their definitions and other people's libraries."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from parity_rows import three
from scipy.spatial.distance import cosine
from torchmetrics.functional.audio import signal_noise_ratio

from blipkit.parity.tensors import compare

SEEDS = st.integers(0, 2**16)


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
    figures = compare(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 5.0]))
    assert (figures.max_abs, figures.mean_abs, figures.relative_l2, figures.relative_max) == (
        1,
        0.5,
        0.2,
        0.25,
    )
    assert (figures.max_rel, figures.mean_rel) == (0.25, 0.125)
    assert figures.p99_abs == pytest.approx(0.99) and figures.snr_db == pytest.approx(
        20 * math.log10(5)
    )
    assert figures.sigma_ratio is None and figures.overlap is None


@given(SEEDS)
def test_others_compute_the_same(seed):
    """torchmetrics' SNR, torch.testing's tolerance, scipy's cosine, numpy's norm, quantile and spacing of floats."""
    a, c, _ = (tensor.float() for tensor in three(seed, 500, ours=10 ** -(seed % 6)))
    figures = compare(a, c)
    assert figures.snr_db == pytest.approx(
        signal_noise_ratio(c.double(), a.double()).item(), abs=1e-4
    )
    torch.testing.assert_close(c.double(), a.double(), atol=figures.max_abs * 1.0001, rtol=0)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(c.double(), a.double(), atol=figures.max_abs * 0.999, rtol=0)
    errors = np.abs(c.double().numpy() - a.double().numpy())
    assert figures.p99_abs == pytest.approx(np.quantile(errors, 0.99))
    assert figures.cosine == pytest.approx(1 - cosine(a.double(), c.double()))
    assert figures.relative_l2 == pytest.approx(
        np.linalg.norm(errors) / np.linalg.norm(a.double().numpy())
    )
    assert figures.median_ulps == pytest.approx(
        np.median(errors / np.spacing(np.abs(a.numpy()))), rel=1e-6
    )


@pytest.mark.parametrize(("precision", "dtype"), [("float16", np.float16), ("float32", np.float32)])
def test_a_unit_in_the_last_place_is_the_formats(precision, dtype):
    """The next number of a format is one unit of the last bit that it keeps away."""
    values = np.array([1.0, 1.5, 3.0, 100.0, 0.1], dtype=dtype)
    after = np.nextafter(values, dtype(np.inf))
    figures = compare(
        torch.from_numpy(values).double(), torch.from_numpy(after).double(), precision=precision
    )
    assert figures.median_ulps == figures.p99_ulps == 1


def test_the_overlap_is_that_of_two_normal_errors():
    """For two normal distributions whose spreads are as 1 to r it is sqrt(2 r / (1 + r^2)), and the sigma ratio 1 / r."""
    for r in (1.0, 1.5, 3.0):
        a, c, b = three(n=400_000, ours=0.01, theirs=0.01 * r)
        figures = compare(a, c, b)
        assert figures.sigma_ratio == pytest.approx(1 / r, rel=0.01)
        assert figures.overlap == pytest.approx(math.sqrt(2 * r / (1 + r * r)), abs=0.005)


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


def test_few_numbers_are_not_told_apart_by_chance():
    """Two draws of the same noise: their histograms have too few bins to differ by chance alone."""
    passed = [compare(*three(seed, 400)).overlap > 0.98 for seed in range(50)]
    assert np.mean(passed) > 0.9


def test_a_frame_that_padding_repeats_counts_once():
    """The baseline's error is kept by frame; frames that err alike to the bit are one frame."""
    a, c, b = (torch.cat([tensor, tensor[-10:]]) for tensor in three(n=30))
    figures = compare(a, c, b, "bfloat16", [10] * 4)
    assert len(figures.baseline_by_frame) == 3
    first = (b[:10] - a[:10]).norm() / a[:10].norm()
    assert figures.baseline_by_frame[0] == pytest.approx(first.item())
    assert (
        compare(a, c, b).baseline_by_frame
        == compare(a, c, None, "bfloat16", [10] * 4).baseline_by_frame
    )
