"""Numbers against numbers: components given the reference's own tensors, and whole pipelines."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from blipkit.frames.frames import images
from blipkit.model.pipeline import Step
from blipkit.parity import figures
from blipkit.parity.calls import (
    EVERY_ARM,
    PIXELS,
    Call,
    evidence_for,
    tensor_gate,
    tensor_gate_name,
)
from blipkit.parity.controls import with_control
from blipkit.parity.exact import exact_outputs
from blipkit.parity.golden_checks import output_name
from blipkit.parity.lacking import NOT_RECORDED, show_rows
from blipkit.parity.panel import NUMBERS, Panel
from blipkit.parity.quartets import Quartet, Subject, compare_quartet
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

QUESTION_MASK = "attention_mask"  # the text encoder's input


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
        """Of each component of each arm the call with the largest error."""
        keys = [(arm, name) for arm in self.panel.arms for name in self.components]
        keys = [(EVERY_ARM, PIXELS), *keys]
        calls = [self.worst[key] for key in keys if key in self.worst]
        caption = "Candidate against reference, of each component the call with the largest error"
        caption += " (a gate's call: the one whose route is the least strict)"
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
        """Gates of the pixels, of each candidate's components, and of those of the reference where
        the incumbent was recorded.
        """
        arms = list(self.panel.candidates)
        if any(call.arm == REFERENCE for call in self.rows):
            arms.append(REFERENCE)
        judged = [(arm, name) for arm in dict.fromkeys(arms) for name in self.components]
        judged.insert(0, (EVERY_ARM, PIXELS))
        if self.is_lacking:
            return [not_recorded(tensor_gate_name(*names), "answer") for names in judged]
        limits = self.panel.limits
        gates = {names: tensor_gate(*names, self.rows, limits) for names in judged}
        return [with_control(gates, *names) for names in judged]


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
    unused = panel.engine.walk_unused(panel.followed, steps)
    every = [*steps, *unused]
    exact = exact_of(panel, every)
    outputs = panel.engine.outputs(every)
    for number, step in enumerate(steps):
        calls += compare_step(panel, number, step, outputs[number], exact[number])
    for number, step in enumerate(unused, len(steps)):
        calls += compare_arms_of(panel, step, outputs[number], exact[number])
    panel.effort[NUMBERS] = time.perf_counter() - started
    return calls


def exact_of(panel: Panel, steps: Sequence[Step]) -> Sequence[Tensor | None]:
    """Each step's output in float64; None where no arm computes in float32, to save its time."""
    if not panel.has_float32:
        return [None] * len(steps)
    return exact_outputs(panel.engine.components, steps)


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


def compare_step(
    panel: Panel,
    number: int,
    step: Step,
    computed: Mapping[str, Tensor],
    exact: Tensor | None,
) -> list[Call]:
    """One call of a component by every arm, on the reference's own inputs.

    computed: what the arms of this machine made of them; an incumbent recorded elsewhere brings its
    outputs, and its reference's. exact: as `exact_of` has it.
    """
    outputs = dict(computed)
    calls = []
    if panel.golden:
        recorded = panel.golden.tensors
        outputs[panel.incumbent] = recorded[output_name(number, panel.golden.arm)]
        quartet = Quartet(step.output, recorded[output_name(number, REFERENCE)], exact=exact)
        calls.append(call_of_step(panel, REFERENCE, step, quartet))
    return calls + compare_arms_of(panel, step, outputs, exact)


def compare_arms_of(
    panel: Panel, step: Step, outputs: Mapping[str, Tensor], exact: Tensor | None
) -> list[Call]:
    """A call of a component by every arm that has an output."""
    calls = []
    for arm in panel.arms:
        if arm in outputs:
            baseline = outputs.get(panel.baselines[arm])
            quartet = Quartet(step.output, outputs[arm], baseline, exact)
            calls.append(call_of_step(panel, arm, step, quartet))
    return calls


def call_of_step(panel: Panel, arm: str, step: Step, quartet: Quartet) -> Call:
    """A call of a component, what is read of it compared as the arm's precision asks."""
    read = Quartet(*(what_is_read(step, tensor) for tensor in quartet))
    (output,) = panel.engine.components[step.component].output_names
    return compare_quartet(panel, arm, Subject(step.component, output, frame_sizes(step)), read)


def what_is_read(step: Step, tensor: Tensor | None) -> Tensor | None:
    """The elements of a step's output that anything reads: (N,), or all where the shape is another.

    A question's states behind its last token are masked wherever they are used.
    """
    if tensor is None or tensor.shape != step.output.shape or QUESTION_MASK not in step.names:
        return tensor
    mask = step.inputs[step.names.index(QUESTION_MASK)].bool()
    if mask.shape != tensor.shape[:-1]:
        return tensor
    return tensor[mask].flatten()


def frame_sizes(step: Step) -> list[int]:
    """How many elements of what is read each frame of a step has."""
    read = what_is_read(step, torch.ones_like(step.output))
    frames = step.bucket.frames
    if read.shape == step.output.shape:
        return [read.numel() // frames] * frames
    mask = step.inputs[step.names.index(QUESTION_MASK)]
    tokens = mask.reshape(frames, -1).sum(1)
    return (tokens * step.output.shape[-1]).tolist()
