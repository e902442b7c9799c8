"""Is a candidate's tensor within what its number format explains? Three ways: reference, same format, candidate.

A is the reference (eager, float32, CPU). B is the same model in the candidate's format by torch's own means
(`arms.format_reference`): what the format alone costs. The candidate may be as far from A as B is, and no further.
"""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from blipkit.records.gates import Gate
from blipkit.runners.arms import ROUNDOFF, evidence_of

BINS = 100  # of an error histogram, with one more at each end for what lies beyond; fewer, where a bin would
PER_BIN = 100  # hold fewer numbers than this on average: chance alone makes two sparse histograms differ
OUTLIER = 3.0  # times B's largest error: what a spread alone would hide
SHAPES_DIFFER = "the shapes differ"
# what `_against` gives, where there is no B
NO_FORMAT = dict.fromkeys(("sigma_ratio", "l2_ratio", "max_ratio", "overlap", "reach"))
NO_FORMAT |= {"candidate_errors": (), "format_errors": ()}


class Comparison(SimpleNamespace):
    """How far a candidate's tensor is from the reference's, and from B, or None: the figures of `compare`."""

    def row(self) -> dict:
        return vars(self)


def compare(
    reference: Tensor, candidate: Tensor, same_format: Tensor | None = None, precision: str = "float32"
) -> Comparison:
    """Compare in float64. same_format: B's tensor; precision: the candidate's format, a key of `arms.ROUNDOFF`.

    relative_l2 and relative_max are against the whole reference tensor: per-element ratios (`*_rel`) explode near zero.
    What cannot be judged has a `problem` and NaN figures, which pass no gate.
    """
    if problem := _problem(reference, candidate):
        reference = candidate = torch.full((1,), math.nan)
        same_format = None
    a, c = (tensor.detach().cpu().double().flatten() for tensor in (reference, candidate))
    error, size = c - a, a.abs()
    gap, there = error.abs(), size != 0
    relative = (gap[there] / size[there]).numpy()  # element by element, where the reference is not zero
    # in units of the last place that the candidate's format keeps of each element
    ulps = (gap[there] / (torch.exp2(torch.frexp(size[there]).exponent.double()) * ROUNDOFF[precision])).numpy()
    l2, against = (error.norm() / a.norm()).item(), NO_FORMAT
    if same_format is not None:
        against = NO_FORMAT | _against(error, same_format.detach().cpu().double().flatten() - a)
    return Comparison(
        compared=0 if problem else a.numel(),  # elements
        not_finite=0 if problem else int((~c.isfinite()).sum()),  # NaN or inf in the candidate
        max_abs=gap.max().item(),
        mean_abs=gap.mean().item(),
        p99_abs=float(np.quantile(gap.numpy(), 0.99)),
        max_rel=float(relative.max()),
        mean_rel=float(relative.mean()),
        p99_rel=float(np.quantile(relative, 0.99)),
        relative_l2=l2,
        relative_max=(gap.max() / size.max()).item(),
        cosine=torch.nn.functional.cosine_similarity(a, c, 0).item(),
        snr_db=float(-20 * np.log10(l2)) if l2 else math.inf,
        median_ulps=float(np.quantile(ulps, 0.5)),
        p99_ulps=float(np.quantile(ulps, 0.99)),
        **against,
        problem=problem,  # why there is nothing to judge
    )


def _problem(reference: Tensor, candidate: Tensor) -> str:
    """Why two tensors cannot be compared, or nothing."""
    if reference.shape != candidate.shape:
        return f"{SHAPES_DIFFER}: {tuple(candidate.shape)}, expected {tuple(reference.shape)}"
    if reference.numel() == 0:
        return "nothing was compared: the tensors are empty"
    if not reference.isfinite().all():
        return "the reference itself is not finite"
    return "the reference is constant, so that any answer looks right" if reference.min() == reference.max() else ""


def _against(ours: Tensor, theirs: Tensor) -> dict:
    """The candidate's errors (ours, candidate - A) against those of B (theirs, B - A)."""
    if not (ours.isfinite().all() and theirs.isfinite().all()):
        return {"sigma_ratio": math.nan, "l2_ratio": math.nan, "max_ratio": math.nan, "overlap": 0.0}
    reach = float(np.quantile(torch.cat([ours, theirs]).abs().numpy(), 0.999)) or 1.0
    bins = min(BINS, max(4, len(ours) // PER_BIN))
    ours_in, theirs_in = (_histogram(errors.numpy(), bins, reach) for errors in (ours, theirs))
    return {
        "sigma_ratio": _ratio(ours.std(correction=0), theirs.std(correction=0)),
        "l2_ratio": _ratio(ours.norm(), theirs.norm()),  # sees a shift, which a standard deviation does not
        "max_ratio": _ratio(ours.abs().max(), theirs.abs().max()),
        # Bhattacharyya coefficient of the two error histograms: 1 where they are alike
        "overlap": float(np.sqrt(ours_in * theirs_in.astype(float)).sum() / len(ours)),
        "reach": reach,  # the histograms go from -reach to reach in equal bins, with one more beyond each end
        "candidate_errors": tuple(ours_in.tolist()),
        "format_errors": tuple(theirs_in.tolist()),
    }


def _histogram(errors: np.ndarray, bins: int, reach: float) -> np.ndarray:
    """Counts below -reach, in equal bins from there to reach, and above."""
    inside = np.histogram(errors, bins, (-reach, reach))[0]
    return np.concatenate([[(errors < -reach).sum()], inside, [(errors > reach).sum()]])


def _ratio(ours: Tensor, theirs: Tensor) -> float:
    """No error is never above another."""
    return (ours / theirs).item() if ours else 0.0


class Limits(NamedTuple):
    """tensor: number format -> relative L2; sigma_ratio: against B, at most; overlap: of the histograms, at least."""

    tensor: dict[str, float]
    sigma_ratio: float
    overlap: float


ROUTES = ("float32 limit", "sigma ratio", "overlap", "format limit", None)  # strictest first; None: by none of them


def route(row: dict, limits: Limits) -> str | None:
    """The strictest of ROUTES by which a recorded Comparison passes: is it exact, as noisy as B, or only within bounds?"""
    holds = {
        "float32 limit": row["relative_l2"] <= limits.tensor["float32"],
        "format limit": row["relative_l2"] <= limits.tensor[row["precision"]],
        None: True,
    }
    if row["sigma_ratio"] is not None and row["max_ratio"] <= OUTLIER:
        holds["sigma ratio"] = max(row["sigma_ratio"], row["l2_ratio"]) <= limits.sigma_ratio
        holds["overlap"] = row["overlap"] >= limits.overlap
    return next(name for name in ROUTES if holds.get(name))


def tensor_gate(arm: str, component: str, rows: Sequence[dict], limits: Limits) -> Gate:
    """The worst call of a component decides; measured: the relative L2 error, which is also the limit that would do.

    PASS where every call is exact or within B's noise; WARN where B exists and only the format's static limit holds.
    rows: of Comparison, as recorded, each with its arm, component, output and precision, and `same_format`, B's name.
    """
    name, evidence = f"parity {arm} {component}", evidence_of(arm)
    rows = [row for row in rows if (row["arm"], row["component"]) == (arm, component)]
    problems = [row["problem"] for row in rows if row["problem"]]
    if not rows or problems:
        reason = f"{rows[0]['output']}: {problems[0]}" if rows else "nothing was compared: no request called it"
        failed = any(problem.startswith(SHAPES_DIFFER) for problem in problems)
        advice = "run 02_trace again" if failed else "let the pipeline call it, with frames that differ"
        return Gate(name, "answer", "FAIL" if failed else "INVALID", None, None, evidence, reason, advice)
    worst = max(rows, key=lambda row: (ROUTES.index(route(row, limits)), np.nan_to_num(row["relative_l2"], nan=np.inf)))
    taken = route(worst, limits)
    status = "FAIL" if taken is None else "WARN" if taken == "format limit" and worst["same_format"] else "PASS"
    advice = "it computes something else, or in a coarser format: is it the first component that differs?"
    measured, limit, reason = worst["relative_l2"], limits.tensor[worst["precision"]], _reason(worst, taken, rows)
    return Gate(name, "answer", status, measured, limit, evidence, reason, advice * (status != "PASS"))


def _reason(worst: dict, taken: str | None, rows: Sequence[dict]) -> str:
    """Which route was taken, and what would have passed."""
    known = worst["same_format"]
    but = f"noisier than {known}, but" if known else "torch has no such format, so only"
    said = {
        "float32 limit": "as close as float32 has to be",
        "sigma ratio": f"no noisier than {known}",
        "overlap": f"its errors are spread as those of {known}",
        "format limit": f"{but} within the static limit of {worst['precision']}",
        None: "more than its number format explains",
    }[taken]
    figures = f"required tolerance: relative L2 {worst['relative_l2']:.2e}, or absolute {worst['max_abs']:.2e}"
    if known:
        figures += f"; sigma ratio {worst['sigma_ratio']:.3f}, overlap {worst['overlap']:.4f}"
    compared, not_finite = (sum(row[name] for row in rows) for name in ("compared", "not_finite"))
    counts = f"calls: {len(rows)}, numbers: {compared}, not finite: {not_finite}"
    return f"{worst['output']}: {said} (route: {taken or 'none'}); {figures}; {counts}"
