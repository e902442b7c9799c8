"""What an arm's precision excuses, as its same-precision baseline shows it, and what it does not:
movements, flips and open answers that the baseline has none of.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from blipkit.parity.answer_pairs import AnswerPair
from blipkit.parity.answers import flips_in, margin_noise, ranked
from blipkit.parity.calls import OUTLIER, is_calibrated
from blipkit.parity.decisions import frames_of
from blipkit.records.gates import Gate, decide, worsened
from blipkit.runners.arms import evidence_of
from blipkit.statistics import is_larger_share, share_bound, trials_needed

RARELY = 0.001  # of sound runs may be called a fault here


@dataclass(frozen=True)
class ExcusedMargin:
    """What the precision of an arm excuses, as `parity_noise` has it.

    baseline: the same-precision baseline that shows it; None where the profile says it.
    excused_margin: nats, below which a flip is the precision's own; excused_gap: the same of open
    answers, between the two best logits where they part. baseline_frames, baseline_flips: how many
    frames the baseline was asked about, and about how many it flipped a ranked answer.
    """

    arm: str
    evidence: str
    baseline: str | None
    excused_margin: float
    excused_gap: float | None = None
    baseline_frames: int = 0
    baseline_flips: int = 0


def excused_by_profile(arm: str, margin: float) -> ExcusedMargin:
    """Where no baseline shows what an arm's precision does. margin: nats."""
    return ExcusedMargin(arm, evidence_of(arm), None, margin, excused_gap=margin)


def excused_by_baseline(arm: str, pairs: Sequence[AnswerPair]) -> ExcusedMargin:
    """As far as an arm's baseline moved anything. pairs: the baseline's answers."""
    margin = margin_noise(pairs)
    opened = [pair for pair in pairs if pair.is_open]
    gaps = [pair.reference.gap for pair in flips_in(opened) if pair.reference.gap is not None]
    return ExcusedMargin(
        arm=arm,
        evidence=evidence_of(arm),
        baseline=pairs[0].arm,
        excused_margin=margin,
        excused_gap=max([gap for gap in (margin, *gaps) if math.isfinite(gap)], default=math.nan),
        baseline_frames=len({pair.frame for pair in pairs}),
        baseline_flips=_flipped(pairs),
    )


def _flipped(pairs: Sequence[AnswerPair]) -> int:
    """How many frames have a ranked answer that flipped, excused or not."""
    return len({pair.frame for pair in flips_in(ranked(pairs))})


def judge_excused(
    gate: Gate, pairs: Sequence[AnswerPair], excused: ExcusedMargin, limit: float
) -> Gate:
    """An arm's decision gate, FAIL where a margin moved further, or more flips are excused, than
    its baseline explains, and where open answers differ that rounding leaves alone.

    On a device that no record shows, the first two are at most a warning. limit: share of frames.
    """
    for why in (_movement(pairs, excused), _too_many(pairs, excused)):
        if why:
            tolerable = not is_calibrated(excused.arm)
            gate = worsened(gate, why, "look at the flips and margins in 03_parity", tolerable)
    return _open_answers(gate, pairs, excused, limit)


def _movement(pairs: Sequence[AnswerPair], excused: ExcusedMargin) -> str:
    """Why the largest movement of a margin is no rounding; "" where it may be."""
    moved = [pair.movement for pair in ranked(pairs)]
    furthest = max((one for one in moved if not math.isnan(one)), default=0.0)
    reach = OUTLIER * excused.excused_margin
    if math.isnan(reach) or furthest <= reach:
        return ""
    return f"a margin moved by {furthest:.2g} nats, and rounding moves none by {reach:.2g}"


def _too_many(pairs: Sequence[AnswerPair], excused: ExcusedMargin) -> str:
    """Why so many flipped frames are more than the baseline has; "" where chance may explain it."""
    frames = len(frames_of(pairs))
    flipped = _flipped(pairs)
    theirs = (excused.baseline_flips, excused.baseline_frames)
    if not excused.baseline_frames or not is_larger_share((flipped, frames), theirs, RARELY):
        return ""
    counts = f"{flipped} of {frames} frames flipped, {theirs[0]} of {theirs[1]} with"
    return f"{counts} {excused.baseline}: its precision explains no such share"


def _open_answers(
    gate: Gate, pairs: Sequence[AnswerPair], excused: ExcusedMargin, limit: float
) -> Gate:
    """The gate with the open answers counted in, frame by frame: one may differ where the
    reference's two best words were closer than rounding reaches.
    """
    opened = [pair for pair in pairs if pair.is_open]
    if not opened or excused.excused_gap is None:
        return gate
    frames = len({pair.frame for pair in opened})
    beyond = {pair.frame for pair in flips_in(opened) if not _is_close(pair, excused.excused_gap)}
    bound = share_bound(len(beyond), frames)
    counts = f"open answers: {len(beyond)} of {frames} frames differ where rounding does not reach"
    if gate.status == "NOT-RUN":  # no question has candidates
        return decide(
            gate.gate,
            gate.kind,
            holds=bound <= limit,
            tolerable=not beyond,
            measured=bound,
            limit=limit,
            evidence=excused.evidence,
            reason=counts,
            next=f"ask {trials_needed(limit)} frames, and look at the open answers in 03_parity",
        )
    if not beyond or bound <= limit:
        return gate
    return worsened(gate, counts, "look at the open answers in 03_parity")


def _is_close(pair: AnswerPair, excused_gap: float) -> bool:
    """Whether the reference's two best words were so close that rounding may turn them."""
    return pair.reference.gap is not None and pair.reference.gap < excused_gap
