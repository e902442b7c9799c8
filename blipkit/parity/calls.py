"""Is what an arm's component computed within what its precision explains? The routes by which it
may pass, and the gate.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from blipkit.parity.tensors import SHAPES_DIFFER, Comparison
from blipkit.records.gates import Gate, decide, invalid
from blipkit.records.typed import part
from blipkit.runners.arms import INCUMBENT, REFERENCE, ROUNDOFF, evidence_of, parse_arm
from blipkit.statistics import alike_ratio, chance_ratio, effective_units

# what is compared beside the components
PIXELS = "image_processor"
PIPELINE = "pipeline"
EVERY_ARM = "every arm"  # in records, whose the pixels are: all arms get the same
OUTLIER = 3.0  # times B's largest error: what a spread alone would hide
# relative L2 of a float32 arm that needs no further proof: few roundings, as other libraries' sums
# take that add in another order
FEW_ROUNDINGS = 16 * ROUNDOFF["float32"]


@dataclass(frozen=True)
class Call:
    """One tensor of an arm, compared with the reference's, as `parity` and `parity_scores` have it.

    component: or the pipeline, or the image processor; output: the tensor's name; precision: whose
    limits apply; baseline: the same-precision baseline that it was set against, too, None where
    torch has no such model.
    """

    arm: str
    evidence: str
    component: str
    output: str
    precision: str
    baseline: str | None
    comparison: Comparison = part()

    @property
    def error(self) -> float:
        """Relative L2, to order calls by: NaN is above any error."""
        if math.isnan(self.comparison.relative_l2):
            return math.inf
        return self.comparison.relative_l2


class Limits(NamedTuple):
    """What a comparison has to be within.

    by_frame, tries: B's errors in all calls of a component, frame by frame, and how many calls.
    """

    tensor: dict[str, float]  # precision -> relative L2
    sigma_ratio: float  # against B, at most
    overlap: float  # of the histograms, at least
    by_frame: tuple[float, ...] = ()
    tries: int = 1

    def seen_in(self, calls: Sequence[Call]) -> "Limits":
        """With what all calls of a component show of B's errors."""
        by_frame = [error for call in calls for error in call.comparison.baseline_by_frame]
        return self._replace(by_frame=tuple(by_frame), tries=len(calls))


# strictest first; None: by none of them
ROUTES = ("float32 limit", "sigma ratio", "overlap", "chance", "format limit", None)


def strictest_route(call: Call, limits: Limits) -> str | None:
    """The strictest of ROUTES by which a call passes.

    The format's static limit counts only where nothing shows what the format's errors are: no B, or
    B on other arithmetic than the arm's.
    """
    figures = call.comparison
    chance = chance_limit(call, limits)
    is_shown = chance is not None and is_calibrated(call.arm)
    within_format = figures.relative_l2 <= limits.tensor[call.precision]
    holds = {
        "float32 limit": figures.relative_l2 <= float32_limit(call, limits),
        "chance": chance is not None and figures.l2_ratio <= chance,
        "format limit": within_format and not is_shown,
        None: True,
    }
    if figures.sigma_ratio is not None and figures.max_ratio <= OUTLIER:
        holds["sigma ratio"] = max(figures.sigma_ratio, figures.l2_ratio) <= limits.sigma_ratio
        holds["overlap"] = figures.overlap >= limits.overlap
    return next(name for name in ROUTES if holds.get(name))


def float32_limit(call: Call, limits: Limits) -> float:
    """Relative L2 that is close enough whatever the precision: a few roundings, where float64 shows
    what float32 costs.
    """
    if call.baseline == REFERENCE:
        return FEW_ROUNDINGS
    return limits.tensor["float32"]


def chance_limit(call: Call, limits: Limits) -> float | None:
    """How many times as long as B's a call's errors may be by chance alone. None where B's are
    known for fewer than three frames, or are no numbers: B may overflow where the arm does not.

    Errors whose spreads differ by less than the overlap's floor shows count as alike.
    """
    lengths = call.comparison.baseline_by_frame
    if not lengths or not all(map(math.isfinite, lengths)):
        return None
    by_chance = chance_ratio(limits.by_frame, effective_units(lengths), limits.tries)
    if math.isinf(by_chance):
        return None
    return alike_ratio(limits.overlap) * by_chance


def is_calibrated(arm: str) -> bool:
    """Whether records show how an arm's arithmetic rounds."""
    if arm in (EVERY_ARM, INCUMBENT):
        return True
    return parse_arm(arm).spec.is_calibrated


def tolerance(call: Call, limits: Limits) -> float:
    """The largest relative L2 that does not fail."""
    chance = chance_limit(call, limits)
    figures = call.comparison
    if chance is None or not is_calibrated(call.arm) or not figures.l2_ratio:
        return limits.tensor[call.precision]
    by_chance = chance * figures.relative_l2 / figures.l2_ratio
    return max(by_chance, float32_limit(call, limits))


def evidence_for(arm: str) -> str:
    """Where an arm's figures come from; pixels, which all arms share, are measured."""
    if arm == EVERY_ARM:
        return "measured"
    return evidence_of(arm)


def tensor_gate_name(arm: str, component: str) -> str:
    """The gate of one arm's component, or of its pipeline."""
    return f"parity {arm} {component}"


def tensor_gate(arm: str, component: str, calls: Sequence[Call], limits: Limits) -> Gate:
    """The gate of an arm's component, on which its worst call decides.

    PASS where every call is exact or within B's noise; WARN where B exists, and chance alone may
    explain more than that, or only the precision's static limit holds. measured: the worst call's
    relative L2; limit: the largest that would not fail. calls: of any arm and component; those of
    others are left out.
    """
    calls = [call for call in calls if (call.arm, call.component) == (arm, component)]
    name = tensor_gate_name(arm, component)
    evidence = evidence_for(arm)
    problems = [call.comparison.problem for call in calls if call.comparison.problem]
    if not calls or problems:
        return _nothing_to_judge(name, evidence, calls, problems)
    limits = limits.seen_in(calls)
    worst = _worst(calls, limits)
    route = strictest_route(worst, limits)
    noisier = route in ("chance", "format limit") and worst.baseline is not None
    return decide(
        name,
        "answer",
        holds=route is not None and not noisier,
        tolerable=noisier,
        measured=worst.comparison.relative_l2,
        limit=tolerance(worst, limits),
        evidence=evidence,
        reason=_reason(worst, route, calls),
        next=_advice(worst),
    )


def _advice(worst: Call) -> str:
    """What to look at; for a float32 arm, whether its weights may be in a coarser format."""
    advice = "it computes something else, or in a coarser format"
    advice += ": is it the first component that differs?"
    if worst.precision != "float32":
        return advice
    for name in ("float16", "bfloat16"):
        roundings = worst.comparison.relative_l2 / ROUNDOFF[name]
        if 0.2 <= roundings <= 2:
            advice += f" Weights in {name} err as much: their arm is that format's, not float32"
    return advice


def _nothing_to_judge(
    name: str, evidence: str, calls: Sequence[Call], problems: Sequence[str]
) -> Gate:
    """FAIL where the shapes differ; INVALID where nothing was compared, or what says nothing."""
    reason = "nothing was compared: no request called it"
    if calls:
        reason = f"{calls[0].output}: {problems[0]}"
    if any(problem.startswith(SHAPES_DIFFER) for problem in problems):
        details = {"evidence": evidence, "reason": reason, "next": "run 02_trace again"}
        return decide(name, "answer", holds=False, **details)
    advice = "let the pipeline call it, with frames that differ"
    return invalid(name, "answer", reason, evidence=evidence, next=advice)


def _worst(calls: Sequence[Call], limits: Limits) -> Call:
    """The call that decides: by the route first, then by the error.

    Of a component that has calls beside a baseline, one without (frames that the baseline was not
    asked about) decides only where it is within no limit: it says less.
    """
    ordered = sorted(calls, key=lambda call: _badness(call, limits))
    beside = [call for call in ordered if call.comparison.sigma_ratio is not None]
    if beside and strictest_route(ordered[-1], limits) is not None:
        return beside[-1]
    return ordered[-1]


def _badness(call: Call, limits: Limits) -> tuple[int, float]:
    """What calls are ordered by, the best first: the route, then the error."""
    return ROUTES.index(strictest_route(call, limits)), call.error


def _reason(worst: Call, route: str | None, calls: Sequence[Call]) -> str:
    """Which route was taken, and what would have passed."""
    figures = worst.comparison
    baseline = worst.baseline
    but = "nothing shows what its format costs, so only"
    if baseline:
        but = f"noisier than {baseline}, but"
    if not is_calibrated(worst.arm):
        but = f"uncalibrated: no record shows how {worst.arm} rounds, and only"
    verdict = {
        "float32 limit": "as close as float32 has to be",
        "sigma ratio": f"no noisier than {baseline}",
        "overlap": f"its errors are spread as those of {baseline}",
        "chance": f"noisier than {baseline}, but by no more than chance explains",
        "format limit": f"{but} within the static limit of {worst.precision}",
        None: "more than its number format explains",
    }[route]
    relative = f"relative L2 {figures.relative_l2:.2e}"
    needed = f"required tolerance: {relative}, or absolute {figures.max_abs:.2e}"
    if figures.sigma_ratio is not None:
        spread = f"sigma ratio {figures.sigma_ratio:.3f}, overlap {figures.overlap:.4f}"
        needed += f"; {spread}"
    compared = sum(call.comparison.compared for call in calls)
    not_finite = sum(call.comparison.not_finite for call in calls)
    counts = f"calls: {len(calls)}, numbers: {compared}, not finite: {not_finite}"
    return f"{worst.output}: {verdict} (route: {route or 'none'}); {needed}; {counts}"
