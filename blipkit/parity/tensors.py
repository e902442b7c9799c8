"""How far a candidate's tensor is from the reference's. Three models are asked.

A is the reference (eager, float32, CPU). B is the same-precision baseline: the same model in the
candidate's precision by torch's own means, which shows what the precision alone costs. The
candidate may be as far from A as B is, and no further.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from blipkit.runners.arms import ROUNDOFF
from blipkit.runners.tensors import flat, relative_l2

# Of an error histogram, with one more at each end for what lies beyond; fewer, where a bin would
# hold fewer numbers than PER_BIN: chance alone makes two sparse histograms differ.
BINS = 100
PER_BIN = 100
SHAPES_DIFFER = "the shapes differ"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far a candidate's tensor is from the reference's, and that beside B's distance.

    An error is candidate - A. Figures that need B are None where there is none.
    """

    compared: int  # elements
    not_finite: int  # NaN or inf in the candidate
    max_abs: float
    mean_abs: float
    p99_abs: float
    max_rel: float  # error over the reference, element by element, where that is not zero
    mean_rel: float
    p99_rel: float
    relative_l2: float  # length of the error over the length of the reference
    relative_max: float  # largest error over the largest element of the reference
    cosine: float
    snr_db: float
    median_ulps: float  # error in units of the last place that the candidate's precision keeps
    p99_ulps: float
    sigma_ratio: float | None  # spread of the errors over that of B's
    l2_ratio: float | None  # their length over B's: sees a shift, which a spread does not
    max_ratio: float | None  # the largest over the largest of B's
    overlap: float | None  # Bhattacharyya coefficient of the two histograms: 1 where alike
    reach: float | None  # the histograms' equal bins go from -reach to reach
    candidate_errors: tuple[int, ...]  # its histogram: counts below, in the bins, and above
    baseline_errors: tuple[int, ...]  # B's
    problem: str  # why there is nothing to judge, "" where there is something
    baseline_by_frame: tuple[float, ...] = ()  # relative_l2 of B, frame by frame


def compare(
    reference: Tensor,
    candidate: Tensor,
    baseline: Tensor | None = None,
    precision: str = "float32",
    frame_sizes: Sequence[int] = (),
) -> Comparison:
    """Compare in float64. baseline: B's tensor; precision: the candidate's, a key of ROUNDOFF;
    frame_sizes: how many elements each frame has of them, in order; unknown where it is empty.

    relative_l2 and relative_max are against the whole reference: ratios of elements explode near
    zero. What cannot be judged has a `problem` and NaN figures, which pass no gate.
    """
    if problem := find_problem(reference, candidate):
        nothing = torch.full((1,), math.nan, dtype=torch.float64)
        unknown = distance(nothing, nothing, precision)
        return replace(unknown, compared=0, not_finite=0, problem=problem)
    a = flat(reference)
    c = flat(candidate)
    comparison = distance(a, c, precision)
    if baseline is None:
        return comparison
    b = flat(baseline)
    by_frame = errors_by_frame(a, b, frame_sizes)
    return replace(beside_baseline(comparison, c - a, b - a), baseline_by_frame=by_frame)


def errors_by_frame(a: Tensor, c: Tensor, frame_sizes: Sequence[int]) -> tuple[float, ...]:
    """The relative L2 error of c, (N,), for each frame that the elements belong to.

    Once for frames whose errors are the same to the bit: padding repeats the last one.
    """
    if not frame_sizes:
        return ()
    frames = zip(a.split(list(frame_sizes)), c.split(list(frame_sizes)), strict=True)
    return tuple(dict.fromkeys(relative_l2(*frame) for frame in frames))


def distance(a: Tensor, c: Tensor, precision: str) -> Comparison:
    """How far the candidate's numbers c are from the reference's a, both (N,) in float64."""
    gap = (c - a).abs()
    size = a.abs()
    not_zero = size != 0
    relative = (gap[not_zero] / size[not_zero]).numpy()
    last_place = torch.exp2(torch.frexp(size[not_zero]).exponent.double()) * ROUNDOFF[precision]
    ulps = (gap[not_zero] / last_place).numpy()
    l2 = relative_l2(a, c)
    return Comparison(
        compared=a.numel(),
        not_finite=int((~c.isfinite()).sum()),
        max_abs=gap.max().item(),
        mean_abs=gap.mean().item(),
        p99_abs=float(np.quantile(gap.numpy(), 0.99)),
        max_rel=float(relative.max()),
        mean_rel=float(relative.mean()),
        p99_rel=float(np.quantile(relative, 0.99)),
        relative_l2=l2,
        relative_max=(gap.max() / size.max()).item(),
        cosine=torch.nn.functional.cosine_similarity(a, c, 0).item(),
        snr_db=decibels(l2),
        median_ulps=float(np.quantile(ulps, 0.5)),
        p99_ulps=float(np.quantile(ulps, 0.99)),
        sigma_ratio=None,
        l2_ratio=None,
        max_ratio=None,
        overlap=None,
        reach=None,
        candidate_errors=(),
        baseline_errors=(),
        problem="",
    )


def decibels(relative_l2: float) -> float:
    """The signal over the error, dB; inf where there is no error."""
    if not relative_l2:
        return math.inf
    return float(-20 * np.log10(relative_l2))


def find_problem(reference: Tensor, candidate: Tensor) -> str:
    """Why two tensors cannot be compared, or nothing."""
    if reference.shape != candidate.shape:
        return f"{SHAPES_DIFFER}: {tuple(candidate.shape)}, expected {tuple(reference.shape)}"
    if reference.numel() == 0:
        return "nothing was compared: the tensors are empty"
    if not reference.isfinite().all():
        return "the reference itself is not finite"
    if reference.min() == reference.max():
        return "the reference is constant, so that any answer looks right"
    return ""


def beside_baseline(comparison: Comparison, errors: Tensor, of_baseline: Tensor) -> Comparison:
    """With the candidate's errors set against those of B, both (N,)."""
    if not (errors.isfinite().all() and of_baseline.isfinite().all()):
        nan = math.nan
        return replace(comparison, sigma_ratio=nan, l2_ratio=nan, max_ratio=nan, overlap=0.0)
    both = torch.cat([errors, of_baseline]).abs().numpy()
    reach = float(np.quantile(both, 0.999)) or 1.0
    bins = min(BINS, max(4, len(errors) // PER_BIN))
    counts = histogram(errors.numpy(), bins, reach)
    counts_of_baseline = histogram(of_baseline.numpy(), bins, reach)
    alike = np.sqrt(counts * counts_of_baseline.astype(float)).sum()
    return replace(
        comparison,
        sigma_ratio=ratio(errors.std(correction=0), of_baseline.std(correction=0)),
        l2_ratio=ratio(errors.norm(), of_baseline.norm()),
        max_ratio=ratio(errors.abs().max(), of_baseline.abs().max()),
        overlap=float(alike / len(errors)),
        reach=reach,
        candidate_errors=tuple(counts.tolist()),
        baseline_errors=tuple(counts_of_baseline.tolist()),
    )


def histogram(errors: np.ndarray, bins: int, reach: float) -> np.ndarray:
    """Counts below -reach, in equal bins from there to reach, and above: (bins + 2,)."""
    inside, _ = np.histogram(errors, bins, (-reach, reach))
    below = (errors < -reach).sum()
    above = (errors > reach).sum()
    return np.concatenate([[below], inside, [above]])


def ratio(candidate: Tensor, baseline: Tensor) -> float:
    """One figure over the other; 0 where the candidate has no error, whatever the baseline has."""
    if not candidate:
        return 0.0
    return (candidate / baseline).item()
