"""Is a candidate's tensor within what its number format explains? Three models are asked.

A is the reference (eager, float32, CPU). B is the same-precision baseline: the same model in the
candidate's precision by torch's own means, which shows what the precision alone costs. The
candidate may be as far from A as B is, and no further.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from blipkit.records.gates import Gate
from blipkit.runners.arms import ROUNDOFF, evidence_of

EVERY_ARM = "every arm"  # in records, whose the pixels are: all arms get the same
# Of an error histogram, with one more at each end for what lies beyond; fewer, where a bin would
# hold fewer numbers than PER_BIN: chance alone makes two sparse histograms differ.
BINS = 100
PER_BIN = 100
OUTLIER = 3.0  # times B's largest error: what a spread alone would hide
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
    median_ulps: float  # error in units of the last place that the candidate's format keeps
    p99_ulps: float
    sigma_ratio: float | None = None  # spread of the errors over that of B's
    l2_ratio: float | None = None  # their length over B's: sees a shift, which a spread does not
    max_ratio: float | None = None  # the largest over the largest of B's
    overlap: float | None = None  # Bhattacharyya coefficient of the two histograms: 1 where alike
    reach: float | None = None  # the histograms' equal bins go from -reach to reach
    candidate_errors: tuple[int, ...] = ()  # its histogram: counts below, in the bins, and above
    baseline_errors: tuple[int, ...] = ()  # B's
    problem: str = ""  # why there is nothing to judge

    def row(self) -> dict:
        """As records have it."""
        return asdict(self)


def compare(
    reference: Tensor,
    candidate: Tensor,
    baseline: Tensor | None = None,
    precision: str = "float32",
) -> Comparison:
    """Compare in float64. baseline: B's tensor; precision: the candidate's, a key of ROUNDOFF.

    relative_l2 and relative_max are against the whole reference: ratios of elements explode near
    zero. What cannot be judged has a `problem` and NaN figures, which pass no gate.
    """
    problem = find_problem(reference, candidate)
    if problem:
        nothing = torch.full((1,), math.nan, dtype=torch.float64)
        found = distance(nothing, nothing, precision)
        return replace(found, compared=0, not_finite=0, problem=problem)
    a = flat(reference)
    c = flat(candidate)
    found = distance(a, c, precision)
    if baseline is None:
        return found
    return beside(found, c - a, flat(baseline) - a)


def distance(a: Tensor, c: Tensor, precision: str) -> Comparison:
    """How far the candidate's numbers c are from the reference's a, both (N,) in float64."""
    error = c - a
    gap = error.abs()
    size = a.abs()
    there = size != 0
    relative = (gap[there] / size[there]).numpy()
    last_place = torch.exp2(torch.frexp(size[there]).exponent.double()) * ROUNDOFF[precision]
    ulps = (gap[there] / last_place).numpy()
    l2 = (error.norm() / a.norm()).item()
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
    )


def decibels(relative_l2: float) -> float:
    """The signal over the error, dB; inf where there is no error."""
    if not relative_l2:
        return math.inf
    return float(-20 * np.log10(relative_l2))


def flat(tensor: Tensor) -> Tensor:
    """(...) -> (N,) in float64 on the CPU."""
    return tensor.detach().cpu().double().flatten()


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


def beside(found: Comparison, ours: Tensor, theirs: Tensor) -> Comparison:
    """With the candidate's errors (ours, (N,)) set against those of B (theirs)."""
    if not (ours.isfinite().all() and theirs.isfinite().all()):
        nan = math.nan
        return replace(found, sigma_ratio=nan, l2_ratio=nan, max_ratio=nan, overlap=0.0)
    both = torch.cat([ours, theirs]).abs().numpy()
    reach = float(np.quantile(both, 0.999)) or 1.0
    bins = min(BINS, max(4, len(ours) // PER_BIN))
    ours_in = histogram(ours.numpy(), bins, reach)
    theirs_in = histogram(theirs.numpy(), bins, reach)
    return replace(
        found,
        sigma_ratio=ratio(ours.std(correction=0), theirs.std(correction=0)),
        l2_ratio=ratio(ours.norm(), theirs.norm()),
        max_ratio=ratio(ours.abs().max(), theirs.abs().max()),
        overlap=float(np.sqrt(ours_in * theirs_in.astype(float)).sum() / len(ours)),
        reach=reach,
        candidate_errors=tuple(ours_in.tolist()),
        baseline_errors=tuple(theirs_in.tolist()),
    )


def histogram(errors: np.ndarray, bins: int, reach: float) -> np.ndarray:
    """Counts below -reach, in equal bins from there to reach, and above: (bins + 2,)."""
    inside, _ = np.histogram(errors, bins, (-reach, reach))
    below = (errors < -reach).sum()
    above = (errors > reach).sum()
    return np.concatenate([[below], inside, [above]])


def ratio(ours: Tensor, theirs: Tensor) -> float:
    """No error is never above another."""
    if not ours:
        return 0.0
    return (ours / theirs).item()


class Limits(NamedTuple):
    """What a comparison has to be within."""

    tensor: dict[str, float]  # number format -> relative L2
    sigma_ratio: float  # against B, at most
    overlap: float  # of the histograms, at least


# strictest first; None: by none of them
ROUTES = ("float32 limit", "sigma ratio", "overlap", "format limit", None)


def route(row: dict, limits: Limits) -> str | None:
    """The strictest of ROUTES by which a recorded Comparison passes."""
    holds = {
        "float32 limit": row["relative_l2"] <= limits.tensor["float32"],
        "format limit": row["relative_l2"] <= limits.tensor[row["precision"]],
        None: True,
    }
    if row["sigma_ratio"] is not None and row["max_ratio"] <= OUTLIER:
        holds["sigma ratio"] = max(row["sigma_ratio"], row["l2_ratio"]) <= limits.sigma_ratio
        holds["overlap"] = row["overlap"] >= limits.overlap
    return next(name for name in ROUTES if holds.get(name))


def evidence_for(arm: str) -> str:
    """Where an arm's figures come from; pixels, which all arms share, are measured."""
    if arm == EVERY_ARM:
        return "measured"
    return evidence_of(arm)


def gate_name(arm: str, component: str) -> str:
    """The gate of one arm's component, or of its pipeline."""
    return f"parity {arm} {component}"


def tensor_gate(arm: str, component: str, rows: Sequence[dict], limits: Limits) -> Gate:
    """The worst call of a component decides; measured: its relative L2, the limit that would do.

    PASS where every call is exact or within B's noise; WARN where B exists and only the format's
    static limit holds. rows: of Comparison, as recorded, each with its arm, component, output and
    precision, and `baseline`, B's name.
    """
    rows = [row for row in rows if (row["arm"], row["component"]) == (arm, component)]
    problems = [row["problem"] for row in rows if row["problem"]]
    if not rows or problems:
        return _nothing_to_judge(gate_name(arm, component), evidence_for(arm), rows, problems)
    worst = max(rows, key=lambda row: _badness(row, limits))
    taken = route(worst, limits)
    advice = "it computes something else, or in a coarser format"
    advice += ": is it the first component that differs?"
    if taken is None:
        status = "FAIL"
    elif taken == "format limit" and worst["baseline"]:
        status = "WARN"
    else:
        status = "PASS"
        advice = ""
    return Gate(
        gate_name(arm, component),
        "answer",
        status,
        worst["relative_l2"],
        limits.tensor[worst["precision"]],
        evidence_for(arm),
        _reason(worst, taken, rows),
        advice,
    )


def _nothing_to_judge(
    name: str, evidence: str, rows: Sequence[dict], problems: Sequence[str]
) -> Gate:
    """FAIL where the shapes differ; INVALID where nothing was compared, or what says nothing."""
    reason = "nothing was compared: no request called it"
    if rows:
        reason = f"{rows[0]['output']}: {problems[0]}"
    status = "INVALID"
    advice = "let the pipeline call it, with frames that differ"
    if any(problem.startswith(SHAPES_DIFFER) for problem in problems):
        status = "FAIL"
        advice = "run 02_trace again"
    return Gate(name, "answer", status, None, None, evidence, reason, advice)


def _badness(row: dict, limits: Limits) -> tuple[int, float]:
    """The route first, then the error; NaN is worse than any."""
    error = float(np.nan_to_num(row["relative_l2"], nan=np.inf))
    return ROUTES.index(route(row, limits)), error


def _reason(worst: dict, taken: str | None, rows: Sequence[dict]) -> str:
    """Which route was taken, and what would have passed."""
    known = worst["baseline"]
    but = "torch has no such format, so only"
    if known:
        but = f"noisier than {known}, but"
    said = {
        "float32 limit": "as close as float32 has to be",
        "sigma ratio": f"no noisier than {known}",
        "overlap": f"its errors are spread as those of {known}",
        "format limit": f"{but} within the static limit of {worst['precision']}",
        None: "more than its number format explains",
    }[taken]
    relative = worst["relative_l2"]
    absolute = worst["max_abs"]
    figures = f"required tolerance: relative L2 {relative:.2e}, or absolute {absolute:.2e}"
    if known:
        figures += f"; sigma ratio {worst['sigma_ratio']:.3f}, overlap {worst['overlap']:.4f}"
    compared = sum(row["compared"] for row in rows)
    not_finite = sum(row["not_finite"] for row in rows)
    counts = f"calls: {len(rows)}, numbers: {compared}, not finite: {not_finite}"
    return f"{worst['output']}: {said} (route: {taken or 'none'}); {figures}; {counts}"
