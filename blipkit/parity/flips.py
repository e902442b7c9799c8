"""Answers against answers: which flipped, at which margin, and what a precision explains."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from blipkit.display.figures import show_frames
from blipkit.display.tables import show_table
from blipkit.frames.frames import SYNTHETIC, Frame
from blipkit.frames.known_scenes import are_known_scenes
from blipkit.parity import figures
from blipkit.parity.answer_pairs import (
    COLUMNS,
    AnswerPair,
    frame_of,
    pair_answers,
    pairs_in,
    reference_alone,
)
from blipkit.parity.answers import (
    ACCURACY,
    FlipSummary,
    accuracy_gate,
    flips_in,
    ranked,
    summarise_flips,
)
from blipkit.parity.decisions import decision_gate, decision_gate_name, flipped_frames
from blipkit.parity.excused import (
    ExcusedMargin,
    excused_by_baseline,
    excused_by_profile,
    judge_excused,
)
from blipkit.parity.lacking import NOT_RECORDED, show_nothing, show_rows
from blipkit.parity.panel import Panel
from blipkit.records.gates import Gate, not_recorded
from blipkit.records.typed import measure_typed, write_typed
from blipkit.runners.arms import REFERENCE

if TYPE_CHECKING:
    import pandas

SHOWN_FLIPS = 8  # frames
SHOWN_FRAMES = 4  # where nothing flipped
SHOWN_OPEN = 20  # rows
SUMMARY = (
    "arm",
    "ranked_answers",
    "ranked_flips",
    "flip_rate_high",
    "unexcused_flips",
    "open_answers",
    "open_flips",
)
OPENED = (
    "arm",
    "frame",
    "question",
    "reference",
    "candidate",
    "first_divergence",
    "reference_gap",
    "candidate_gap",
)


@dataclass(frozen=True)
class Flips:
    """Every answer of every arm beside the reference's, and the margin that excuses a flip."""

    panel: Panel
    pairs: Sequence[AnswerPair]
    margins: Sequence[ExcusedMargin]

    @cached_property
    def by_arm(self) -> Mapping[str, list[AnswerPair]]:
        """Arm -> its pairs, frame by frame; empty where a replay's folder has none."""
        if not self.pairs:
            return {}
        by_arm: dict[str, list[AnswerPair]] = {arm: [] for arm in self.panel.arms}
        for pair in self.pairs:
            if pair.arm in by_arm:
                by_arm[pair.arm].append(pair)
        return by_arm

    @property
    def reference_pairs(self) -> list[AnswerPair]:
        """Pairs that hold all the reference's answers: those of the first arm."""
        return self.by_arm[self.panel.arms[0]]

    @cached_property
    def with_reference(self) -> Mapping[str, list[AnswerPair]]:
        """The reference and each arm -> its answers, as candidates."""
        answers = {REFERENCE: reference_alone(self.reference_pairs)}
        answers.update(self.by_arm)
        return answers

    @cached_property
    def excused_margins(self) -> Mapping[str, float]:
        """Arm -> the margin, nats, below which a flip is its precision's own."""
        return {row.arm: row.excused_margin for row in self.margins}

    @cached_property
    def summaries(self) -> list[FlipSummary]:
        """Each arm's flips; none where samples or margins are lacking."""
        if not self.excused_margins:
            return []
        margins = self.excused_margins
        return [summarise_flips(pairs, margins[arm]) for arm, pairs in self.by_arm.items()]

    @cached_property
    def untrained_scenes(self) -> bool:
        """Whether the frames are synthetic scenes that the checkpoint was not trained on.

        They are known by their pixels, too: in files they would pass for a camera's.
        """
        study = self.panel.study
        if study.checkpoint.trained_on_scenes:
            return False
        if study.common.frames_from == SYNTHETIC:
            return True
        return are_known_scenes(self.panel.frames, study.common.seed)

    def table(self) -> None:
        """What each precision explains, and what flipped."""
        caption = "Margins, in nats, below which a flip is the precision's own"
        rows = [
            {
                "arm": row.arm,
                "baseline": row.baseline or "none: static margin",
                "excused_margin": row.excused_margin,
            }
            for row in self.margins
        ]
        if rows:
            show_table(rows, caption)
        else:
            show_nothing(caption, NOT_RECORDED)
        caption = "Answers that flipped; flip_rate_high: upper 95 % bound"
        show_rows(self.summaries, caption, NOT_RECORDED, SUMMARY)

    def figure(self) -> None:
        """Where the reference's margins lie, how far each arm moves them, and what flipped."""
        if self.by_arm and self.panel.ranked_questions:
            judged = {arm: ranked(pairs) for arm, pairs in self.by_arm.items()}
            figures.show_margins(judged)

    @cached_property
    def flipped(self) -> list[tuple[str, str]]:
        """Frame and question of each answer that flipped in some arm."""
        flips = [pair for pairs in self.by_arm.values() for pair in flips_in(pairs)]
        return list(dict.fromkeys((pair.frame, pair.question) for pair in flips))

    def pairs_about(self, frame: str, question: str) -> list[AnswerPair]:
        """Each arm's answer to a question about a frame."""
        several = [pair for pairs in self.by_arm.values() for pair in pairs]
        return [pair for pair in several if (pair.frame, pair.question) == (frame, question)]

    def flip_table(self) -> None:
        """Each answer that flipped in some arm: every arm's, with its margin in nats."""
        rows = []
        for frame, question in self.flipped:
            pairs = self.pairs_about(frame, question)
            row = {"asked": f"{frame}: {question}", REFERENCE: str(pairs[0].reference)}
            for pair in pairs:
                row[pair.arm] = str(pair.candidate)
            rows.append(row)
        caption = "Where some arm flipped: each one's answer, and its margin in nats"
        if rows:
            show_table(rows, caption)
        elif self.by_arm:
            show_nothing(caption, "no answer flipped")
        else:
            show_nothing(caption, NOT_RECORDED)

    def frames(self) -> None:
        """The frames of what flipped, with the answers; where nothing did, the first frames."""
        if not self.by_arm:
            return
        shown = self.flipped[:SHOWN_FLIPS]
        captions = [self._flip_caption(*key) for key in shown]
        names = [frame for frame, _ in shown]
        if not shown:
            names = list(dict.fromkeys(pair.frame for pair in self.pairs))[:SHOWN_FRAMES]
            captions = [self._frame_caption(name) for name in names]
        here = {frame.name: frame for frame in self.panel.frames}
        show_frames([picture_of(here.get(name)) for name in names], captions)
        print(f"answers that flipped in some arm: {len(self.flipped)}; frames shown: {len(shown)}")

    def _flip_caption(self, frame: str, question: str) -> str:
        pairs = self.pairs_about(frame, question)
        lines = [question, f"{REFERENCE}: {pairs[0].reference} nats"]
        lines += [f"{pair.arm}: {pair.candidate} nats" for pair in flips_in(pairs)]
        return "\n".join(lines)

    def _frame_caption(self, name: str) -> str:
        """Each question about a frame, with the answers of the reference and of the first arm."""
        pairs = [pair for pair in self.reference_pairs if pair.frame == name]
        lines = [f"{p.question} {p.reference.text}, {p.candidate.text}" for p in pairs]
        return "\n".join([f"{REFERENCE}, {self.panel.arms[0]}:", *lines])

    def open_table(self) -> None:
        """Open answers that are not the reference's word for word, and where they part."""
        if not self.by_arm:
            return
        opened = [pair for pairs in self.by_arm.values() for pair in pairs if pair.is_open]
        differing = flips_in(opened)
        alike = len(opened) - len(differing)
        print(f"open answers: {len(opened)}, the same word for word: {alike}")
        if differing:
            caption = f"Open answers that differ, at most {SHOWN_OPEN}; gaps in logits"
            show_table(frame_of(differing[:SHOWN_OPEN]), caption, OPENED)

    def gates(self) -> list[Gate]:
        """Each candidate's decisions, and whether the reference itself is right often enough."""
        panel = self.panel
        names = [decision_gate_name(arm) for arm in panel.candidates]
        if not self.by_arm:
            return [not_recorded(name, "answer") for name in (*names, ACCURACY)]
        floor = panel.study.knobs.accuracy_floor
        accuracy = accuracy_gate(self.reference_pairs, floor, self.untrained_scenes)
        if not self.excused_margins:
            return [*(not_recorded(name, "answer") for name in names), accuracy]
        return [*(self._decision_gate(arm) for arm in panel.candidates), accuracy]

    def _decision_gate(self, arm: str) -> Gate:
        flipped = None
        if arm != self.panel.incumbent:
            flipped = self.incumbent_flips
        limit = self.panel.study.knobs.frame_flip_limit
        excused = next(row for row in self.margins if row.arm == arm)
        pairs, margin = self.by_arm[arm], excused.excused_margin
        gate = decision_gate(arm, pairs, limit, margin, flipped, self.untrained_scenes)
        return judge_excused(gate, pairs, excused, limit)

    @cached_property
    def incumbent_flips(self) -> set[str] | None:
        """The frames that flipped with the incumbent, unexcused; None where none is named."""
        name = self.panel.incumbent
        if not name:
            return None
        return flipped_frames(self.by_arm[name], self.excused_margins[name])


def picture_of(frame: Frame | None):
    """A frame's picture; None where there is no such frame here."""
    if frame is None:
        return None
    return frame.image


def compare_answers(panel: Panel) -> Flips:
    """Ask the reference and each arm every question about every frame; keep samples and records."""
    results = panel.study.results
    samples = results.measure_samples("decisions", partial(ask_every_arm, panel), COLUMNS)
    measure = partial(measure_noise, panel)
    margins = measure_typed(results, "parity_noise", ExcusedMargin, measure)
    flips = Flips(panel, pairs_in(samples), margins)
    if flips.summaries:
        write_typed(results, "decisions", flips.summaries)
    return flips


def ask_every_arm(panel: Panel) -> "pandas.DataFrame":
    """The samples `decisions` of every arm."""
    return frame_of(pair for arm in panel.arms for pair in pairs_of(panel, arm))


def pairs_of(panel: Panel, name: str) -> list[AnswerPair]:
    """One arm's answers beside the reference's, about the frames that it was asked about."""
    answers = panel.answers[name]
    count = len(answers)
    reference = panel.answers[REFERENCE][:count]
    return pair_answers(name, panel.frames[:count], panel.study.questions, reference, answers)


def measure_noise(panel: Panel) -> list[ExcusedMargin]:
    """What each arm's precision excuses: as its baseline shows, or as the profile says."""
    rows = []
    for arm, baseline in panel.baselines.items():
        if baseline:
            rows.append(excused_by_baseline(arm, pairs_of(panel, baseline)))
        else:
            margin = panel.study.knobs.excused_margin[panel.precision(arm)]
            rows.append(excused_by_profile(arm, margin))
    return rows
