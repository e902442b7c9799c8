"""The same requests answered by a primary and by a candidate that nobody waits for: do they agree?

What counts as a flip, and which ones a precision excuses, are the rules of 03.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from blipkit.errors import BadInput, nearest, shown
from blipkit.parity.answer_pairs import AnswerPair, BriefAnswer
from blipkit.parity.answers import FlipSummary, summarise_flips, unexcused_flips
from blipkit.parity.decisions import decision_gate, flipped_frames, frames_of
from blipkit.records.gates import Gate, decide, not_run, warned
from blipkit.service.lacks import Lacks
from blipkit.service.wire import Answered
from blipkit.statistics import Interval, share_bound, trials_needed, wilson

if TYPE_CHECKING:
    from blipkit.parity.excused import ExcusedMargin

SHADOW_AGREES = "shadow agrees"
COMPARE_OPEN = "compare them in 03_parity, which knows their margins"
CANDIDATE = ""  # of no arm that the kit knows: what was measured is its own
Answers = tuple[Answered, ...]


@dataclass(frozen=True)
class Pair:
    """One request, answered by both.

    camera: "" where nobody knows; at_s: when the frame was taken, or its place among the camera's;
    again: the primary's answers when it was asked once more, None where it was not.
    """

    request_id: str
    camera: str
    at_s: float
    primary: Answers
    candidate: Answers
    again: Answers | None = None

    def __post_init__(self):
        asked = [answer.question for answer in self.primary]
        for name, answers in (("candidate", self.candidate), ("primary, again", self.again)):
            if answers is not None and [one.question for one in answers] != asked:
                seen = shown([one.question for one in answers])
                problem = f"request {shown(self.request_id)}: {name} answered {seen}"
                raise BadInput(f"{problem}; expected answers to {shown(asked)}, in that order")

    def answer_pairs(self) -> list[AnswerPair]:
        """As 03 has them; the request stands for its frame."""
        return self._beside(self.candidate)

    def again_pairs(self) -> list[AnswerPair]:
        """The primary beside itself; none where it was asked once."""
        return self._beside(self.again or ())

    def _beside(self, answers: Answers) -> list[AnswerPair]:
        return [
            _answer_pair(self.request_id, first, second)
            for first, second in zip(self.primary, answers, strict=False)
        ]


def _answer_pair(frame: str, first: Answered, second: Answered) -> AnswerPair:
    is_open = first.margin is None and second.margin is None
    return AnswerPair(
        arm=CANDIDATE,
        frame=frame,
        question=first.question,
        is_open=is_open,
        label=None,
        reference=_brief(first, is_open),
        candidate=_brief(second, is_open),
    )


def _brief(answer: Answered, is_open: bool) -> BriefAnswer:
    """An open answer has no runner-up; elsewhere a margin that is none is not a number. Of a
    probability that nobody says, nothing is held against it.
    """
    margin, probability = answer.margin, answer.probability
    if is_open:
        margin = math.inf
    elif margin is None:
        margin = math.nan
    if probability is None:
        probability = 1.0
    return BriefAnswer(answer.text, margin, probability)


@dataclass(frozen=True)
class ShadowSummary:
    """What became of the compared requests, as `shadow` has it.

    frames: requests compared; flipped_frames: with an unexcused flip; frame_bound: upper 95 % bound
    of their share; answers, flips, flip_rate: to questions with candidates, excused flips included;
    unexcused: flips at a margin that rounding does not reach; agreement: share of the same answers;
    open_answers, open_flips: to questions without; asked_twice, changed: requests that the primary
    was asked twice, and those that it answered otherwise; unanswered: requests that the primary
    answered and the candidate did not.
    """

    frames: int
    flipped_frames: int
    frame_bound: float
    answers: int
    flips: int
    flip_rate: Interval
    unexcused: int
    agreement: Interval
    open_answers: int
    open_flips: int
    asked_twice: int
    changed: int
    unanswered: int


class Tally:
    """All that was compared so far, which it keeps: half a kilobyte an answer.

    excused_margin: nats, below which 03 calls a flip the precision's own; excused: all that 03 says
    of it, where that is known; lacks: what was not compared, which whoever asks counts.
    """

    def __init__(self, excused_margin: float, excused: "ExcusedMargin | None" = None):
        self.excused_margin = excused_margin
        self.excused = excused
        self.pairs: list[Pair] = []
        self.lacks = Lacks()
        self.asked_twice = self.changed = 0
        self._answers: list[AnswerPair] = []

    def add(self, pair: Pair) -> bool:
        """Count a pair; whether any of its answers flipped, and is not excused."""
        answers = pair.answer_pairs()
        self.pairs.append(pair)
        self._answers += answers
        if pair.again is not None:
            self.asked_twice += 1
            self.changed += any(one.flipped for one in pair.again_pairs())
        return bool(unexcused_flips(answers, self.excused_margin))

    @property
    def flipped(self) -> list[AnswerPair]:
        """The answers that are not the primary's, excused or not."""
        return [pair for pair in self._answers if pair.flipped]

    def summary(self) -> ShadowSummary:
        """Counts, with intervals; BadInput where nothing was compared."""
        if not self._answers:
            raise BadInput("no request was answered by both; expected at least one")
        flips: FlipSummary = summarise_flips(self._answers, self.excused_margin)
        frames, beyond = frames_of(self._answers), self._flipped_frames()
        same = flips.ranked_answers - flips.ranked_flips
        return ShadowSummary(
            frames=len(self.pairs),
            flipped_frames=len(beyond),
            frame_bound=share_bound(len(beyond), len(frames)),
            answers=flips.ranked_answers,
            flips=flips.ranked_flips,
            flip_rate=flips.flip_rate,
            unexcused=flips.unexcused_flips,
            agreement=wilson(same, flips.ranked_answers),
            open_answers=flips.open_answers,
            open_flips=flips.open_flips,
            asked_twice=self.asked_twice,
            changed=self.changed,
            unanswered=self.lacks.unanswered,
        )

    def _flipped_frames(self) -> set[str]:
        return flipped_frames(self._answers, self.excused_margin)

    def gate(self, limit: float) -> Gate:
        """03's gate of decisions, for the candidate. limit: of the share of frames that flip."""
        if not self._answers:
            advice = "send requests that both answer"
            return not_run(SHADOW_AGREES, "answer", "nothing was compared", advice)
        gate = self._open_alone(limit)
        if frames_of(self._answers):
            gate = self._opened(self._ranked(limit), limit)
        if self.changed:
            why = f"the primary itself answers {self.changed} of {self.asked_twice} otherwise"
            gate = warned(gate, f"{why} when asked twice", "make it deterministic, then compare")
        return self.lacks.judged(gate, len(self.pairs), limit)

    def _ranked(self, limit: float) -> Gate:
        """Of the answers that were chosen from candidates."""
        gate = decision_gate(CANDIDATE, self._answers, limit, self.excused_margin)
        gate = self._moved(gate, limit)
        return replace(gate, gate=SHADOW_AGREES, next=self._advice(gate))

    def _moved(self, gate: Gate, limit: float) -> Gate:
        """With 03's rules for margins that moved further, and flips that are more, than the
        precision explains.
        """
        from blipkit.parity.excused import ExcusedMargin, judge_excused
        from blipkit.runners.arms import INCUMBENT

        excused = ExcusedMargin(INCUMBENT, "measured", None, self.excused_margin)
        if self.excused:
            excused = replace(self.excused, excused_gap=None)
        return judge_excused(gate, self._answers, excused, limit)

    def _opened(self, gate: Gate, limit: float) -> Gate:
        """At most WARN where open answers differ: their margins are not sent."""
        differing = self._differing()
        if not differing or share_bound(differing, len(self.pairs)) <= limit:
            return gate
        return warned(gate, self._open_words(differing), COMPARE_OPEN)

    def _open_alone(self, limit: float) -> Gate:
        """Where no question has candidates: WARN where too many frames differ, or too few are
        there.
        """
        differing = self._differing()
        bound = share_bound(differing, len(self.pairs))
        advice = COMPARE_OPEN
        if not differing:
            advice = f"ask {trials_needed(limit)} frames"
        return decide(
            SHADOW_AGREES,
            "answer",
            holds=bound <= limit,
            tolerable=True,
            measured=bound,
            limit=limit,
            unit="of the frames",
            reason=self._open_words(differing),
            next=advice,
        )

    def _differing(self) -> int:
        """About how many frames an open answer differs."""
        return len({pair.frame for pair in self._answers if pair.is_open and pair.flipped})

    def _open_words(self, differing: int) -> str:
        return f"open answers differ about {differing} of {len(self.pairs)} frames"

    def _advice(self, gate: Gate) -> str:
        """What to do next, where this is not 03."""
        if gate.status == "FAIL":
            return "look at the flips: at such margins it is no rounding; do not switch"
        return gate.next.replace(" in 03_parity", "")


def excused_in(folder: Path, arm: str) -> "ExcusedMargin":
    """What 03 excuses for an arm, as a results folder has it; BadInput where it has no such arm.

    arm: "" for the only one.
    """
    from blipkit.parity.excused import ExcusedMargin
    from blipkit.records.documents import check_results_folder, rows_in
    from blipkit.records.typed import row_of

    check_results_folder(folder)
    path = folder / "records" / "parity_noise.jsonl"
    if not path.is_file():
        raise BadInput(f"{folder} has no {path.name}; expected what 03_parity measured: run it")
    found = {row.arm: row for row in (row_of(ExcusedMargin, one) for one in rows_in(path))}
    if not arm and len(found) == 1:
        return next(iter(found.values()))
    if arm not in found:
        raise BadInput(f"--arm {shown(arm)} is none of 03's in {folder}; {nearest(arm, found)}")
    return found[arm]
