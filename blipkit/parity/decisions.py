"""May an arm decide in the reference's place? The gate of its answers, frame by frame: answers
about one frame flip together, so that frames are what is counted.
"""

from collections import Counter
from collections.abc import Sequence

from blipkit.display.tables import counted
from blipkit.parity.answer_pairs import AnswerPair
from blipkit.parity.answers import flips_in, not_finite, ranked, unexcused_flips
from blipkit.records.gates import Gate, decide, not_run, warned
from blipkit.runners.arms import evidence_of
from blipkit.statistics import (
    is_more_often,
    is_not_worse,
    one_way_chance,
    share_bound,
    trials_needed,
)

ONE_WAY = 1 / 16  # the chance of five flips of five, either way


def decision_gate_name(arm: str) -> str:
    """The gate of one arm's answers."""
    return f"decisions {arm}"


def decision_gate(
    arm: str,
    pairs: Sequence[AnswerPair],
    limit: float,
    excused_margin: float,
    incumbent_flips: set[str] | None = None,
    untrained_scenes: bool = False,
) -> Gate:
    """PASS where `flip_bound` of an arm is within the limit, and the arm no worse than the
    incumbent. FAIL where a frame too many flipped, where it is shown to be worse, and where any
    answer is not a number; WARN where the frames are too few to show it.

    excused_margin: nats, what the precision explains. incumbent_flips: `flipped_frames` of the
    incumbent. untrained_scenes: the frames are synthetic scenes that the checkpoint was not trained
    on, so that margins there say little: at most WARN.
    """
    name = decision_gate_name(arm)
    if broken := not_finite(pairs):
        return _not_numbers(name, arm, broken)
    if not ranked(pairs):
        reason = "no question with candidates was asked"
        return not_run(name, "answer", reason, "add one to common.questions")
    gate = _within_limit(name, arm, pairs, limit, excused_margin)
    if incumbent_flips is not None:
        ours = flipped_frames(pairs, excused_margin)
        gate = _beside_incumbent(gate, ours, incumbent_flips, len(frames_of(pairs)))
    gate = _either_way(gate, pairs, excused_margin)
    if not untrained_scenes:
        return gate
    own_frames = "ask about frames of your own: common.frames_from"
    return warned(gate, "synthetic scenes, not your cameras", own_frames)


def frames_of(pairs: Sequence[AnswerPair]) -> set[str]:
    """The frames that were asked about by a question with candidates."""
    return {pair.frame for pair in ranked(pairs)}


def flipped_frames(pairs: Sequence[AnswerPair], excused_margin: float) -> set[str]:
    """Frames with at least one unexcused flip."""
    return {pair.frame for pair in unexcused_flips(pairs, excused_margin)}


def flip_bound(pairs: Sequence[AnswerPair], excused_margin: float) -> float:
    """Upper 95 % bound of the share of frames with an unexcused flip."""
    return share_bound(len(flipped_frames(pairs, excused_margin)), len(frames_of(pairs)))


def _not_numbers(name: str, arm: str, broken: Sequence[AnswerPair]) -> Gate:
    first = broken[0]
    reason = f"{len(broken)} answers are not numbers, first: {first.frame}, {first.question}"
    advice = "look for an overflow or a division by zero in the component that differs first"
    return decide(
        name,
        "answer",
        holds=False,
        measured=len(broken),
        limit=0,
        evidence=evidence_of(arm),
        reason=reason,
        next=advice,
    )


def _within_limit(
    name: str, arm: str, pairs: Sequence[AnswerPair], limit: float, excused_margin: float
) -> Gate:
    """The gate of the bound; WARN where no frame flipped, and too few were asked to show it."""
    beyond = len(flipped_frames(pairs, excused_margin))
    asked = len(frames_of(pairs))
    bound = flip_bound(pairs, excused_margin)
    reason = f"upper 95 % bound of the share of frames with an unexcused flip: {beyond} of {asked}"
    reason += f"; {counted(len(flips_in(ranked(pairs))), 'flip')} in all"
    reason += f"; a flip at a margin below {excused_margin:.2g} nats is its format's rounding"
    advice = "look at the flips in 03_parity: at such margins it is no rounding"
    if not beyond:
        needed = f"{trials_needed(limit)} frames without such a flip"
        advice = f"ask more frames: {needed} bound the share by {limit:.2g}"
    return decide(
        name,
        "answer",
        holds=bound <= limit,
        tolerable=not beyond,
        measured=bound,
        limit=limit,
        unit="of the frames",
        evidence=evidence_of(arm),
        reason=reason,
        next=advice,
    )


def _beside_incumbent(gate: Gate, ours: set[str], theirs: set[str], frames: int) -> Gate:
    """FAIL where an arm flips more frames than the incumbent, the same ones being asked; WARN where
    it is not shown to flip at most half the limit more: both are paired tests.
    """
    alone, incumbent_alone = len(ours - theirs), len(theirs - ours)
    margin = gate.limit / 2
    counts = f"frames that flipped here alone: {alone}, with the incumbent alone: {incumbent_alone}"
    if is_more_often(alone, incumbent_alone):
        return decide(
            gate.gate,
            gate.kind,
            holds=False,
            measured=gate.measured,
            limit=gate.limit,
            unit=gate.unit,
            evidence=gate.evidence,
            reason=f"it flips more than what answers today; {counts}; {gate.reason}",
            next="look at the frames that flipped here alone, in 03_parity",
        )
    if is_not_worse(alone, incumbent_alone, frames, margin):
        return gate
    why = f"not shown to be within {margin:.2g} of what answers today; {counts}"
    return warned(gate, why, "ask more frames: parity.frames")


def _either_way(gate: Gate, pairs: Sequence[AnswerPair], excused_margin: float) -> Gate:
    """Rounding flips answers either way: at most WARN where all excused flips go one way."""
    beyond = unexcused_flips(pairs, excused_margin)
    excused = [pair for pair in flips_in(ranked(pairs)) if pair not in beyond]
    if not excused:
        return gate
    counts = Counter(pair.candidate.text for pair in excused)
    ((text, most),) = counts.most_common(1)
    if one_way_chance(most, len(excused)) > ONE_WAY:
        return gate
    why = f"{most} of {len(excused)} excused flips are to {text!r}: rounding goes either way"
    return warned(gate, why, "look at the flips in 03_parity, and ask more frames")
