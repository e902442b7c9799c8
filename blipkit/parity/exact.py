"""The reference in float64, which shows what float32 itself costs: the same components, to 53 bits.

What a float32 arm errs by is judged beside what the reference errs by.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from blipkit.model.buckets import Bucket
from blipkit.model.components import Component, Components
from blipkit.model.pipeline import Pipeline, Step
from blipkit.runners.tensors import cast_floats


@dataclass(frozen=True)
class ExactStage:
    """A component in float64, called as a compiled one is."""

    component: Component
    bucket: Bucket
    module: torch.nn.Module

    @torch.inference_mode()
    def __call__(self, *inputs: Tensor) -> Tensor:
        return self.module(*cast_floats(inputs, torch.float64, "cpu"))


def exact_module(component: Component) -> torch.nn.Module:
    """A copy of a component's module in float64."""
    return copy.deepcopy(component.module).double()


def exact_outputs(components: Components, steps: Sequence[Step]) -> list[Tensor]:
    """What each step's component makes of its inputs in float64.

    One component at a time is held in memory: in float64 it takes twice what it takes in float32.
    """
    outputs: dict[int, Tensor] = {}
    for component in components:
        places = [place for place, step in enumerate(steps) if step.component == component.name]
        if not places:
            continue
        module = exact_module(component)
        for place in places:
            stage = ExactStage(component, steps[place].bucket, module)
            outputs[place] = stage(*steps[place].inputs)
    return [outputs[place] for place in range(len(steps))]


def exact_pipeline(pipeline: Pipeline, components: Components) -> Pipeline:
    """The pipeline that answers with every component in float64, in the same buckets."""
    modules = {component.name: exact_module(component) for component in components}
    stages = {
        bucket: {
            component.name: ExactStage(component, bucket, modules[component.name])
            for component in components
        }
        for bucket in pipeline.stages
    }
    return Pipeline(pipeline.checkpoint, stages)
