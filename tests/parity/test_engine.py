"""The engine asks each arm that holds a NeuronCore all there is to ask, before the next."""

import types

import torch
from neuron_artifacts import BUCKET

from blipkit.frames.frames import synthetic_frames
from blipkit.model.pipeline import Step
from blipkit.parity.engine import Engine, turns_of
from blipkit.profiles.common import Common
from blipkit.runners.arms import REFERENCE

NEURON = ["neuron matmult bf16", "neuron none"]
CPU = [REFERENCE, "torchscript float32"]


def recorded_engine(order: list) -> Engine:
    """Its arms are stubs that write down who is asked."""

    def pipeline(arm):
        def answer(pixels, questions):
            order.append(arm)
            return [[arm]] * len(pixels)

        def run(*inputs):
            order.append(arm)
            return torch.ones(1)

        stages = {BUCKET: {"text_encoder": run}}
        return types.SimpleNamespace(answer=answer, stages=stages, preprocess=lambda images: images)

    engine = Engine(None, [NEURON[0], CPU[1], NEURON[1]], Common(), None)
    vars(engine)["pipelines"] = {arm: pipeline(arm) for arm in engine.arms}
    vars(engine)["buckets"] = [BUCKET]
    vars(engine)["questions"] = []
    return engine


def test_arms_that_hold_a_core_are_asked_alone():
    """The others together, first; no turn is empty."""
    assert turns_of([NEURON[0], *CPU, NEURON[1]]) == [CPU, [NEURON[0]], [NEURON[1]]]
    assert turns_of(NEURON) == [[arm] for arm in NEURON]


def test_answers_change_the_process_on_the_core_once_an_arm():
    """Block by block within a turn; each arm about as many frames as it is to be asked."""
    order = []
    engine = recorded_engine(order)
    answers = engine.answers(synthetic_frames(3, 5), {REFERENCE: 3, NEURON[0]: 2, NEURON[1]: 3})
    assert order == [*[REFERENCE] * 3, *[NEURON[0]] * 2, *[NEURON[1]] * 3]
    assert {arm: len(rows) for arm, rows in answers.items()} == {
        REFERENCE: 3,
        NEURON[0]: 2,
        NEURON[1]: 3,
    }


def test_outputs_change_the_process_on_the_core_once_an_arm():
    """All steps of an arm, then all of the next; what comes back is by step."""
    order = []
    engine = recorded_engine(order)
    step = Step("text_encoder", BUCKET, ("x",), (torch.ones(1),), torch.ones(1))
    outputs = engine.outputs([step, step])
    assert order == [arm for arm in engine.arms for _ in range(2)]
    assert [set(of_step) for of_step in outputs] == [set(engine.arms)] * 2
