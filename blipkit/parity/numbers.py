"""Numbers against numbers: components given the reference's own tensors, and whole pipelines."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import NamedTuple

import torch
from torch import Tensor

from blipkit.model.pipeline import Step
from blipkit.parity import figures
from blipkit.parity.golden import output_name
from blipkit.parity.lacking import NOT_RECORDED, not_recorded, show_rows
from blipkit.parity.panel import NUMBERS, Panel, lacking_ranked
from blipkit.parity.tensors import (
    EVERY_ARM,
    Comparison,
    Limits,
    compare,
    evidence_for,
    gate_name,
    tensor_gate,
)
from blipkit.records.gates import Gate
from blipkit.runners.arms import REFERENCE

# what is compared beside the components
PIXELS = "image_processor"
PIPELINE = "pipeline"
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
class Call:
    """One tensor of an arm against the reference's.

    output: the tensor's name; precision: whose limits apply; baseline: the model in the arm's
    number format that it was set against, too, None where torch has no such model.
    """

    arm: str
    component: str
    output: str
    precision: str
    baseline: str | None
    figures: Comparison

    def row(self) -> dict:
        """As records of `parity` and `parity_scores` have it."""
        row = {
            "arm": self.arm,
            "evidence": evidence_for(self.arm),
            "component": self.component,
            "output": self.output,
            "precision": self.precision,
            "baseline": self.baseline,
        }
        row.update(self.figures.row())
        return row


# what a recorded row must have: an older kit's figures cannot be judged
NEEDED = (
    *(one.name for one in fields(Call) if one.name != "figures"),
    *(one.name for one in fields(Comparison)),
)


@dataclass(frozen=True)
class Numbers:
    """How far each arm's components are from the reference's; rows: of `Call`, as in `parity`."""

    panel: Panel
    rows: Sequence[dict]

    @property
    def is_lacking(self) -> bool:
        return "parity" in self.panel.study.results.lacking

    @cached_property
    def components(self) -> list[str]:
        """Names of the components, in the order that data takes."""
        return [component.name for component in self.panel.study.components]

    @cached_property
    def worst(self) -> dict[tuple[str, str], dict]:
        """Arm and component -> the call with the largest error."""
        return {(row["arm"], row["component"]): row for row in sorted(self.rows, key=error_of)}

    @property
    def least_alike(self) -> dict | None:
        """The call whose errors are spread least like its number format's; None where none is."""
        known = [row for row in self.rows if row["baseline"] and row["candidate_errors"]]
        return min(known, key=overlap_of, default=None)

    def table(self) -> None:
        """The worst call of each component of each arm."""
        keys = [(arm, name) for arm in self.panel.arms for name in self.components]
        keys = [(EVERY_ARM, PIXELS), *keys]
        rows = [self.worst[key] for key in keys if key in self.worst]
        said = "Candidate against reference, the worst call of each component"
        caption = f"{said}; sigma_ratio and overlap: against the same format"
        show_rows(rows, caption, NOT_RECORDED, SHOWN)

    def figure(self) -> None:
        """The worst error of each component, one line an arm."""
        if self.rows:
            errors = {
                (arm, name): self._worst_error(arm, name)
                for arm in self.panel.arms
                for name in self.components
            }
            highest = max(self.worst.values(), key=error_of)
            figures.show_errors(self.panel.arms, self.components, errors, highest)

    def _worst_error(self, arm: str, component: str) -> float:
        """The largest relative L2 error of a component; nan where it was not called."""
        if (arm, component) not in self.worst:
            return math.nan
        return self.worst[arm, component]["relative_l2"]

    def histogram(self) -> None:
        """The errors of the call that is least like its number format, beside the format's own."""
        if self.least_alike:
            figures.show_histogram(self.least_alike)

    def gates(self) -> list[Gate]:
        """Pixels, each candidate's components, those of the incumbent's machine's reference."""
        arms = list(self.panel.candidates)
        if any(row["arm"] == REFERENCE for row in self.rows):
            arms.append(REFERENCE)
        named = [(arm, name) for arm in dict.fromkeys(arms) for name in self.components]
        named.insert(0, (EVERY_ARM, PIXELS))
        if self.is_lacking:
            return [not_recorded(gate_name(*one)) for one in named]
        return [tensor_gate(*one, self.rows, limits_of(self.panel)) for one in named]


def error_of(row: dict) -> float:
    """To order calls by: NaN is above any error."""
    error = row["relative_l2"]
    return math.inf if math.isnan(error) else error


def overlap_of(row: dict) -> float:
    return row["overlap"]


def limits_of(panel: Panel) -> Limits:
    """What the profile says a comparison has to be within."""
    knobs = panel.study.knobs
    return Limits(knobs.tensor_limit, knobs.sigma_limit, knobs.overlap_floor)


def compare_components(panel: Panel) -> Numbers:
    """Each component of each arm against the reference's, all given the tensors that this one got.

    Pixels are compared first: a pipeline that prepares frames otherwise answers another question.
    """
    measured = partial(compare_calls, panel)
    return Numbers(panel, panel.study.results.measure("parity", measured, NEEDED))


def compare_calls(panel: Panel) -> list[dict]:
    """A row of every call that the followed frames take, of every arm."""
    started = time.perf_counter()
    calls = compare_pixels(panel)
    steps = panel.engine.walk(panel.followed)
    if panel.bundle:
        panel.bundle.check_inputs(steps)
    for number, step in enumerate(steps):
        calls += compare_step(panel, number, step)
    panel.took[NUMBERS] = time.perf_counter() - started
    return [call.row() for call in calls]


def compare_pixels(panel: Panel) -> list[Call]:
    """What each candidate's image processor makes of the followed frames."""
    pictures = [frame.image for frame in panel.followed]
    expected = panel.engine.reference.preprocess(pictures)
    calls = []
    for arm in panel.candidates:
        seen = panel.engine.pipelines[arm].preprocess(pictures)
        found = compare(expected, seen)
        calls.append(Call(EVERY_ARM, PIXELS, "pixel_values", "float32", None, found))
    return calls


def compare_step(panel: Panel, number: int, step: Step) -> list[Call]:
    """One call of a component by every arm, on the reference's own inputs.

    An incumbent recorded elsewhere brings its outputs, and its reference's.
    """
    made = panel.engine.outputs(step)
    (output,) = panel.engine.components[step.component].output_names
    calls = []
    if panel.bundle:
        made[panel.incumbent] = panel.bundle.tensors[output_name(number, panel.bundle.arm)]
        there = panel.bundle.tensors[output_name(number, REFERENCE)]
        calls.append(call_of(panel, REFERENCE, step.component, output, Trio(step.output, there)))
    for arm in panel.arms:
        trio = Trio(step.output, made[arm], made.get(panel.formats[arm]))
        calls.append(call_of(panel, arm, step.component, output, trio))
    return calls


class Trio(NamedTuple):
    """What the reference, an arm and the model in its number format made of the same inputs."""

    reference: Tensor
    candidate: Tensor
    baseline: Tensor | None = None


def call_of(panel: Panel, arm: str, component: str, output: str, trio: Trio) -> Call:
    """A call, compared as the arm's number format asks."""
    precision = panel.precision(arm)
    model = None
    if trio.baseline is not None:
        model = panel.formats[arm]
    return Call(arm, component, output, precision, model, compare(*trio, precision))


@dataclass(frozen=True)
class Scores:
    """How far each candidate's log-likelihoods are from the reference's.

    rows: of `Call`, as in `parity_scores`; none where no question has candidates.
    """

    panel: Panel
    rows: Sequence[dict]

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
            return [not_recorded(gate_name(arm, PIPELINE)) for arm in panel.candidates]
        limits = limits_of(panel)
        return [tensor_gate(arm, PIPELINE, self.rows, limits) for arm in panel.candidates]


def compare_end_to_end(panel: Panel) -> Scores:
    """The log-likelihoods of all answers to choose from, each arm's against the reference's."""
    if not panel.ranked_questions:
        return Scores(panel, [])
    measured = partial(compare_scores, panel)
    return Scores(panel, panel.study.results.measure("parity_scores", measured, NEEDED))


def compare_scores(panel: Panel) -> list[dict]:
    """A row of each candidate, about frames that the model in its number format was asked, too."""
    rows = []
    for arm in panel.candidates:
        names = [REFERENCE, arm]
        if model := panel.formats[arm]:
            names.append(model)
        count = min(panel.count(name) for name in names)
        trio = Trio(*(scores_of(panel, name, count) for name in names))
        rows.append(call_of(panel, arm, PIPELINE, "scores", trio).row())
    return rows


def scores_of(panel: Panel, name: str, count: int) -> Tensor:
    """An arm's log-likelihoods, nats, of all answers about the first `count` frames: (N,)."""
    given = panel.answers[name][:count]
    return torch.tensor([score for row in given for answer in row for score in answer.scores])
