"""What was not compared of the requests that a primary answered, and what that does to the gate."""

from dataclasses import dataclass

from blipkit.records.gates import Gate, warned, worsened
from blipkit.statistics import share_bound


@dataclass
class Lacks:
    """Frames that were not compared; whoever asks counts them.

    unanswered: that the primary alone answered; left_out: all that not both answered, whoever did;
    missing: that the primary's log has, and the candidate's has not; not_asked: left when one of
    both no longer replied; by_candidate: whether it was the candidate.
    """

    unanswered: int = 0
    left_out: int = 0
    missing: int = 0
    not_asked: int = 0
    by_candidate: bool = False

    def judged(self, gate: Gate, compared: int, limit: float) -> Gate:
        """The gate of what was compared, as what was not lets it be: what the candidate does answer
        may be the easy part.
        """
        look = "look at why, as said above"
        if self.not_asked:
            who = "the candidate" if self.by_candidate else "the primary"
            why = f"{who} no longer replied, and {self.not_asked} frames were not asked about"
            gate = worsened(gate, why, look, tolerable=not self.by_candidate)
        frames = compared + self.unanswered
        if _too_many(self.unanswered, frames, limit):
            why = f"the candidate gave no answers to {self.unanswered} of {frames} frames"
            gate = worsened(gate, f"{why} that the primary answered", look)
        frames = compared + self.missing
        if _too_many(self.missing, frames, limit):
            why = f"{self.missing} of {frames} requests are missing in the candidate's log"
            advice = "see whether it was asked: of what it was asked and left unanswered is FAIL"
            gate = warned(gate, why, advice)
        return gate


def _too_many(lacking: int, frames: int, limit: float) -> bool:
    """Whether more of the frames than the limit allows may be lacking, as with those that flip."""
    return lacking > 0 and share_bound(lacking, frames) > limit
