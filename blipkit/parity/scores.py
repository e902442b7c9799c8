"""Whole pipelines against whole pipelines: the log-likelihoods of all answers to choose from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from blipkit.model.pipeline import Answer
from blipkit.parity.calls import PIPELINE, Call, tensor_gate, tensor_gate_name
from blipkit.parity.controls import with_control
from blipkit.parity.exact import exact_pipeline
from blipkit.parity.lacking import show_rows
from blipkit.parity.numbers import SHOWN
from blipkit.parity.panel import Panel, lacking_ranked
from blipkit.parity.quartets import Quartet, Subject, compare_quartet
from blipkit.records.gates import Gate, not_recorded
from blipkit.records.typed import measure_typed
from blipkit.runners.arms import REFERENCE

IN_FLOAT64 = 8  # frames at least: fewer show little of how float32's error varies
Rows = Sequence[Sequence[Answer]]  # [frame][question]


@dataclass(frozen=True)
class Scores:
    """How far each candidate's log-likelihoods are from the reference's, a call of each pipeline.

    No row where no question has candidates.
    """

    panel: Panel
    rows: Sequence[Call]

    def table(self) -> None:
        """Each candidate, end to end; compared: how many scores a row is about."""
        otherwise = lacking_ranked(self.panel)
        caption = "Candidate against reference, end to end: about all frames, about those of the"
        caption += " same-precision baseline, or about those that float64 was asked"
        show_rows(self.rows, caption, otherwise, (*SHOWN[:2], "compared", *SHOWN[2:]))

    def gates(self) -> list[Gate]:
        """Each candidate's pipeline."""
        panel = self.panel
        if not panel.ranked_questions:
            return []
        judged = [(arm, PIPELINE) for arm in panel.candidates]
        if "parity_scores" in panel.study.results.lacking:
            return [not_recorded(tensor_gate_name(*names), "answer") for names in judged]
        gates = {names: tensor_gate(*names, self.rows, panel.limits) for names in judged}
        return [with_control(gates, *names) for names in judged]


def compare_end_to_end(panel: Panel) -> Scores:
    """The log-likelihoods of all answers to choose from, each arm's against the reference's."""
    if not panel.ranked_questions:
        return Scores(panel, [])
    measure = partial(compare_scores, panel)
    return Scores(panel, measure_typed(panel.study.results, "parity_scores", Call, measure))


def compare_scores(panel: Panel) -> list[Call]:
    """Calls of each candidate's pipeline: about all frames, and about those that its baseline, or
    the reference in float64, was asked about beside it.
    """
    exact = None
    if panel.has_float32:
        exact = exact_pipeline(panel.engine.reference, panel.engine.components)
    calls = []
    for arm in panel.candidates:
        if panel.baselines[arm]:
            calls += calls_beside_baseline(panel, arm)
        else:
            calls.append(call_about(panel, arm, len(panel.frames)))
        if exact and panel.precision(arm) == "float32":
            calls.append(call_beside_float64(panel, arm, exact))
    return calls


def call_about(panel: Panel, arm: str, count: int, baseline: str | None = None) -> Call:
    """A call of an arm's pipeline about the first frames, beside its baseline if that is named."""
    rows = panel.answers[REFERENCE][:count]
    tensors = [scores_in(rows), scores_in(panel.answers[arm][:count])]
    if baseline:
        tensors.append(scores_in(panel.answers[baseline][:count]))
    return compare_quartet(panel, arm, subject_of(rows), Quartet(*tensors))


def calls_beside_baseline(panel: Panel, arm: str) -> list[Call]:
    """A call about the frames that an arm's baseline was asked about, and one about all frames, if
    there are more. Beside the latter there is no baseline: its error is set against the baseline's
    in the former.
    """
    baseline = panel.baselines[arm]
    beside = call_about(panel, arm, panel.count(baseline), baseline)
    if panel.count(baseline) == len(panel.frames):
        return [beside]
    everything = call_about(panel, arm, len(panel.frames))
    return [
        beside,
        replace(everything, baseline=baseline, comparison=set_against(everything, beside)),
    ]


def set_against(everything: Call, beside: Call):
    """The comparison about all frames, with its error's length over that which the baseline has on
    some of them.
    """
    figures = beside.comparison
    if not figures.l2_ratio or not math.isfinite(figures.l2_ratio):
        return everything.comparison
    of_baseline = figures.relative_l2 / figures.l2_ratio
    return replace(
        everything.comparison,
        l2_ratio=everything.comparison.relative_l2 / of_baseline,
        baseline_by_frame=figures.baseline_by_frame,
    )


def call_beside_float64(panel: Panel, arm: str, exact) -> Call:
    """A call about the frames whose scores are furthest from the reference's: these are asked in
    float64, too, which says whose error it is.
    """
    chosen = furthest(panel.answers[REFERENCE], panel.answers[arm], IN_FLOAT64)
    names = (REFERENCE, arm)
    reference, candidate = ([panel.answers[name][place] for place in chosen] for name in names)
    frames = [panel.frames[place].image for place in chosen]
    answered = exact.answer(frames, panel.study.questions)
    tensors = [scores_in(rows) for rows in (reference, candidate)]
    quartet = Quartet(*tensors, exact=scores_in(answered))
    return compare_quartet(panel, arm, subject_of(reference), quartet)


def furthest(reference: Rows, candidate: Rows, count: int) -> list[int]:
    """Places of the frames whose scores differ most, at most `count` of them; NaN differs most."""
    pairs = zip(reference, candidate, strict=True)
    gaps = [(scores_in([a]) - scores_in([c])).norm().item() for a, c in pairs]
    worst_first = sorted(range(len(gaps)), key=lambda place: (-_gap(gaps[place]), place))
    return sorted(worst_first[:count])


def _gap(gap: float) -> float:
    return math.inf if math.isnan(gap) else gap


def scores_in(rows: Rows) -> Tensor:
    """All log-likelihoods, nats, of answers [frame][question]: (N,)."""
    return torch.tensor([score for row in rows for answer in row for score in answer.scores])


def subject_of(rows: Rows) -> Subject:
    """The scores of a pipeline, and how many each frame has."""
    return Subject(PIPELINE, "scores", [len(scores_in([row])) for row in rows])
