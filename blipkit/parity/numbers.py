"""Numbers against numbers: components given the reference's own tensors, and whole pipelines."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import torch
from torch import Tensor

from blipkit.frames.frames import images
from blipkit.model.pipeline import Step
from blipkit.parity import figures
from blipkit.parity.calls import (
    EVERY_ARM,
    PIPELINE,
    PIXELS,
    Call,
    Limits,
    evidence_for,
    tensor_gate,
    tensor_gate_name,
)
from blipkit.parity.controls import with_control
from blipkit.parity.golden_checks import output_name
from blipkit.parity.lacking import NOT_RECORDED, show_rows
from blipkit.parity.panel import NUMBERS, Panel, lacking_ranked
from blipkit.parity.tensors import compare
from blipkit.records.gates import Gate, not_recorded
from blipkit.records.typed import measure_typed
from blipkit.runners.arms import REFERENCE

SHOWN = (
    "arm",
    "component",
    "relative_l2",
    "sigma_ratio",
    "overlap",
    "snr_db",
    "median_ulps",
    "not_finite",
)


@dataclass(frozen=True)
class Numbers:
    """How far each arm's components are from the reference's, every call of them."""

    panel: Panel
    rows: Sequence[Call]

    @property
    def is_lacking(self) -> bool:
        return "parity" in self.panel.study.results.lacking

    @cached_property
    def components(self) -> list[str]:
        """Names of the components, in the order that data takes."""
        return [component.name for component in self.panel.study.components]

    @cached_property
    def worst(self) -> Mapping[tuple[str, str], Call]:
        """Arm and component -> the call with the largest error."""
        by_error = sorted(self.rows, key=lambda call: call.error)
        return {(call.arm, call.component): call for call in by_error}

    @property
    def least_alike(self) -> Call | None:
        """The call whose errors are spread least like its baseline's; None where none has one."""
        known = [call for call in self.rows if call.baseline and call.comparison.candidate_errors]
        return min(known, key=lambda call: call.comparison.overlap, default=None)

    def table(self) -> None:
        """The worst call of each component of each arm."""
        keys = [(arm, name) for arm in self.panel.arms for name in self.components]
        keys = [(EVERY_ARM, PIXELS), *keys]
        calls = [self.worst[key] for key in keys if key in self.worst]
        caption = "Candidate against reference, the worst call of each component"
        caption += "; sigma_ratio and overlap: against the same-precision baseline"
        show_rows(calls, caption, NOT_RECORDED, SHOWN)

    def figure(self) -> None:
        """The worst error of each component, one line an arm."""
        if self.rows:
            figures.show_errors(self.panel.arms, self.components, self.worst)

    def histogram(self) -> None:
        """The errors of the call that is least like its baseline, beside the baseline's."""
        if self.least_alike:
            figures.show_histogram(self.least_alike)

    def gates(self) -> list[Gate]:
        """Pixels, each candidate's components, those of the incumbent's machine's reference."""
        arms = list(self.panel.candidates)
        if any(call.arm == REFERENCE for call in self.rows):
            arms.append(REFERENCE)
        judged = [(arm, name) for arm in dict.fromkeys(arms) for name in self.components]
        judged.insert(0, (EVERY_ARM, PIXELS))
        if self.is_lacking:
            return [not_recorded(tensor_gate_name(*names), "answer") for names in judged]
        limits = limits_of(self.panel)
        gates = {names: tensor_gate(*names, self.rows, limits) for names in judged}
        return [with_control(gates, *names) for names in judged]


def limits_of(panel: Panel) -> Limits:
    """What the profile says a comparison has to be within."""
    knobs = panel.study.knobs
    return Limits(knobs.tensor_limit, knobs.sigma_limit, knobs.overlap_floor)


def compare_components(panel: Panel) -> Numbers:
    """Each component of each arm against the reference's, both given what the reference's was.

    Pixels are compared first: a pipeline that prepares frames otherwise answers another question.
    """
    measure = partial(compare_calls, panel)
    return Numbers(panel, measure_typed(panel.study.results, "parity", Call, measure))


def compare_calls(panel: Panel) -> list[Call]:
    """Every call of every arm that the followed frames take, in every bucket."""
    started = time.perf_counter()
    calls = compare_pixels(panel)
    steps = panel.engine.walk(panel.followed)
    if panel.golden:
        panel.golden.check_inputs(steps)
    for number, step in enumerate(steps):
        calls += compare_step(panel, number, step)
    for step in panel.engine.walk_unused(panel.followed, steps):
        calls += compare_arms_of(panel, step, panel.engine.outputs(step))
    panel.effort[NUMBERS] = time.perf_counter() - started
    return calls


def compare_pixels(panel: Panel) -> list[Call]:
    """What each candidate's image processor makes of the frames, all of them, in blocks.

    A call of the first block, and of each other block whose pixels are not bit for bit the same.
    """
    calls = []
    for start in range(0, len(panel.frames), panel.engine.block):
        pictures = images(panel.frames[start : start + panel.engine.block])
        expected = panel.engine.reference.preprocess(pictures)
        for arm in panel.candidates:
            pixels = panel.engine.pipelines[arm].preprocess(pictures)
            if start == 0 or not torch.equal(expected, pixels):
                calls.append(pixels_call(expected, pixels))
    return calls


def pixels_call(expected: Tensor, pixels: Tensor) -> Call:
    """Pixels of one candidate, compared with the reference's."""
    return Call(
        arm=EVERY_ARM,
        evidence=evidence_for(EVERY_ARM),
        component=PIXELS,
        output="pixel_values",
        precision="float32",
        baseline=None,
        comparison=compare(expected, pixels),
    )


def compare_step(panel: Panel, number: int, step: Step) -> list[Call]:
    """One call of a component by every arm, on the reference's own inputs.

    An incumbent recorded elsewhere brings its outputs, and its reference's.
    """
    outputs = dict(panel.engine.outputs(step))
    (output,) = panel.engine.components[step.component].output_names
    calls = []
    if panel.golden:
        recorded = panel.golden.tensors
        outputs[panel.incumbent] = recorded[output_name(number, panel.golden.arm)]
        trio = Trio(step.output, recorded[output_name(number, REFERENCE)])
        calls.append(compare_trio(panel, REFERENCE, step.component, output, trio))
    return calls + compare_arms_of(panel, step, outputs)


def compare_arms_of(panel: Panel, step: Step, outputs: Mapping[str, Tensor]) -> list[Call]:
    """A call of a component by every arm that has an output."""
    (output,) = panel.engine.components[step.component].output_names
    calls = []
    for arm in panel.arms:
        if arm in outputs:
            trio = Trio(step.output, outputs[arm], outputs.get(panel.baselines[arm]))
            calls.append(compare_trio(panel, arm, step.component, output, trio))
    return calls


class Trio(NamedTuple):
    """What the reference, an arm and its same-precision baseline made of the same inputs."""

    reference: Tensor
    candidate: Tensor
    baseline: Tensor | None = None


def compare_trio(panel: Panel, arm: str, component: str, output: str, trio: Trio) -> Call:
    """A call, compared as the arm's precision asks."""
    baseline = None
    if trio.baseline is not None:
        baseline = panel.baselines[arm]
    precision = panel.precision(arm)
    return Call(
        arm=arm,
        evidence=evidence_for(arm),
        component=component,
        output=output,
        precision=precision,
        baseline=baseline,
        comparison=compare(*trio, precision),
    )


@dataclass(frozen=True)
class Scores:
    """How far each candidate's log-likelihoods are from the reference's, a call of each pipeline.

    No row where no question has candidates.
    """

    panel: Panel
    rows: Sequence[Call]

    def table(self) -> None:
        """Each candidate, end to end."""
        otherwise = lacking_ranked(self.panel)
        show_rows(self.rows, "Candidate against reference, end to end", otherwise, SHOWN)

    def gates(self) -> list[Gate]:
        """Each candidate's pipeline."""
        panel = self.panel
        if not panel.ranked_questions:
            return []
        if "parity_scores" in panel.study.results.lacking:
            names = [tensor_gate_name(arm, PIPELINE) for arm in panel.candidates]
            return [not_recorded(name, "answer") for name in names]
        limits = limits_of(panel)
        judged = [(arm, PIPELINE) for arm in panel.candidates]
        gates = {names: tensor_gate(*names, self.rows, limits) for names in judged}
        return [with_control(gates, *names) for names in judged]


def compare_end_to_end(panel: Panel) -> Scores:
    """The log-likelihoods of all answers to choose from, each arm's against the reference's."""
    if not panel.ranked_questions:
        return Scores(panel, [])
    measure = partial(compare_scores, panel)
    return Scores(panel, measure_typed(panel.study.results, "parity_scores", Call, measure))


def compare_scores(panel: Panel) -> list[Call]:
    """A call of each candidate's pipeline about all frames, and where its baseline was asked about
    some of them, one about those, beside it.
    """
    calls = []
    for arm in panel.candidates:
        everything = len(panel.frames)
        names = [REFERENCE, arm]
        if baseline := panel.baselines[arm]:
            beside = panel.count(baseline)
            trio = Trio(*(scores_of(panel, name, beside) for name in (*names, baseline)))
            calls.append(compare_trio(panel, arm, PIPELINE, "scores", trio))
            if beside == everything:
                continue
        trio = Trio(*(scores_of(panel, name, everything) for name in names))
        calls.append(compare_trio(panel, arm, PIPELINE, "scores", trio))
    return calls


def scores_of(panel: Panel, name: str, count: int) -> Tensor:
    """An arm's log-likelihoods, nats, of all answers about the first `count` frames: (N,)."""
    answers = [answer for row in panel.answers[name][:count] for answer in row]
    return torch.tensor([score for answer in answers for score in answer.scores])
