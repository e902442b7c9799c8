"""Faults planted into a candidate's pipeline and judged by 03_parity's verbs: each fails a gate that names its component."""

import copy
import dataclasses
import math

import pytest
import torch
from conftest import run_chapter
from planting import norms_with

from blipkit import load_checkpoint
from blipkit.errors import GateFailed
from blipkit.model import components
from blipkit.parity import compare_answers, compare_components, compare_end_to_end
from blipkit.records.gates import Gate, raise_for
from blipkit.runners.assemble import Loaded

ARM = "torchscript float32"
OUTPUTS = {
    "image_encoder": "image_states",
    "text_encoder": "question_states",
    "text_decoder": "logits",
}
KNOBS = {"frames": 12, "frame_flip_limit": 0.1, "compared_frames": 2}


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """03's names after it ran, cell by cell, on a sound candidate."""
    results = str(tmp_path_factory.mktemp("results"))
    return run_chapter("03_parity", KNOBS | {"results": results}, {"arms": [ARM]})[0]


def judge_again(chapter) -> dict[str, tuple[str, str]]:
    """Gate -> status and reason, after the candidate was changed: what is compared, and judged, by the chapter's verbs."""
    compared = compare_components(chapter["panel"])
    gates = [*compared.gates(), *chapter["ends"].gates(), *chapter["answers"].gates()]
    with pytest.raises(GateFailed):
        raise_for(gates)
    return {gate.gate: (gate.status, gate.reason) for gate in gates}


@pytest.fixture
def plant(chapter, monkeypatch):
    """Put a changed copy of a component's module in the candidate's place."""
    engine = chapter["panel"].engine

    def change(component: str, fault):
        module = copy.deepcopy(engine.components[component].module)
        with torch.no_grad():
            run = torch.inference_mode()((fault(module) or module).__call__)
        for stages in engine.pipelines[ARM].stages.values():
            sound = stages[component]
            monkeypatch.setitem(stages, component, Loaded(sound.artifact, sound.component, run))

    return change


def layers(module):
    """The blocks of whichever component this is."""
    for name in (
        "vision_model.encoder.layers",
        "text_encoder.encoder.layer",
        "text_decoder.bert.encoder.layer",
    ):
        if hasattr(module, name.partition(".")[0]):
            return module.get_submodule(name)


def louder(module):
    """One block's weights times 1.01."""
    for weight in layers(module)[1].parameters():
        weight *= 1.01


def queries(module):
    """The weight that makes the first block's queries, (heads * size, width)."""
    first = layers(module)[0]
    if hasattr(first, "attention"):
        return first.attention.self.query.weight
    return first.self_attn.qkv.weight[: first.self_attn.embed_dim]


def heads_swapped(module):
    """The first block's queries of two heads change places."""
    weight = queries(module)
    size = len(weight) // 4  # tiny-pets has four heads
    weight[: 2 * size] = torch.cat([weight[size : 2 * size], weight[:size]])


def transposed(module):
    """The projection behind the first block's attention, the wrong way round."""
    first = layers(module)[0]
    last = (
        first.attention.output.dense if hasattr(first, "attention") else first.self_attn.projection
    )
    last.weight.copy_(last.weight.T.clone())


def positions_off_by_one(module):
    """Every position gets its neighbour's embedding."""
    for name, weight in module.named_parameters():
        if "position_embedding" in name:
            weight.copy_(weight.roll(1, dims=-2))


@pytest.mark.parametrize("fault", [louder, heads_swapped, transposed, positions_off_by_one])
@pytest.mark.parametrize("component", OUTPUTS)
def test_a_fault_in_a_component_fails_its_gate(chapter, plant, component, fault):
    """The gate names component and output; the others, fed the reference's own tensors, still pass."""
    plant(component, fault)
    gates = judge_again(chapter)
    status, reason = gates[f"parity {ARM} {component}"]
    assert status == "FAIL" and reason.startswith(
        f"{OUTPUTS[component]}: more than its number format explains"
    )
    assert {gates[f"parity {ARM} {other}"][0] for other in OUTPUTS if other != component} == {
        "PASS"
    }


def padding_seen(module):
    """The question's padding is taken for words; the inputs' places are those of the masks."""
    place = 1 if hasattr(module, "text_encoder") else 2
    return lambda *inputs: module(
        *(torch.ones_like(x) if i == place else x for i, x in enumerate(inputs))
    )


@pytest.mark.parametrize("component", ["text_encoder", "text_decoder"])
def test_a_wrong_mask_fails_the_gate_of_its_component(chapter, plant, component):
    """Padding that is not masked changes what the component says, in the words that are there."""
    plant(component, padding_seen)
    status, reason = judge_again(chapter)[f"parity {ARM} {component}"]
    assert status == "FAIL" and reason.startswith(OUTPUTS[component])


def test_a_decoder_that_sees_what_comes_fails(chapter, plant, monkeypatch):
    """The causal mask is one, too."""

    def seeing(module):
        def run(*inputs):
            with monkeypatch.context() as patch:
                patch.setattr(
                    components,
                    "causal_mask",
                    lambda ids, dtype: torch.zeros(1, 1, 1, 1, dtype=dtype),
                )
                return module(*inputs)

        return run

    plant("text_decoder", seeing)
    assert judge_again(chapter)[f"parity {ARM} text_decoder"][0] == "FAIL"


def test_another_image_processor_fails(chapter, monkeypatch):
    """A candidate that prepares frames otherwise is named before any component is blamed."""
    pipeline = chapter["panel"].engine.pipelines[ARM]
    other = load_checkpoint("builtin:tiny-pets").processor
    other.image_processor.image_mean = [0.5, 0.5, 0.5]
    monkeypatch.setattr(
        pipeline, "checkpoint", dataclasses.replace(pipeline.checkpoint, processor=other)
    )
    gates = judge_again(chapter)
    status, reason = gates["parity every arm image_processor"]
    assert status == "FAIL" and reason.startswith("pixel_values: more than")
    assert {gates[f"parity {ARM} {name}"][0] for name in OUTPUTS} == {"PASS"}


@pytest.mark.parametrize("component", OUTPUTS)
def test_a_fault_in_one_bucket_alone_fails(chapter, monkeypatch, component):
    """Every bucket is compared, not only the one that the followed frames take: 04 may serve any."""
    for bucket, stages in chapter["panel"].engine.pipelines[ARM].stages.items():
        with monkeypatch.context() as patch:
            patch.setitem(stages, component, nothing_of(stages[component]))
            status, reason = judge_again(chapter)[f"parity {ARM} {component}"]
        assert status == "FAIL" and reason.startswith(OUTPUTS[component]), bucket


def nothing_of(sound: Loaded) -> Loaded:
    """A component that returns zeros."""
    return Loaded(sound.artifact, sound.component, lambda *inputs: torch.zeros_like(sound(*inputs)))


def test_pixels_that_differ_from_a_later_frame_on_fail(chapter, monkeypatch):
    """All frames' pixels are compared: a processor that mirrors the last frames alone is caught."""
    panel = chapter["panel"]
    pipeline = panel.engine.pipelines[ARM]
    prepare, late = pipeline.preprocess, panel.frames[-1].image

    def mirrored(pictures):
        pixels = prepare(pictures)
        if any(picture is late for picture in pictures):
            return pixels.flip(-1)
        return pixels

    monkeypatch.setattr(pipeline, "preprocess", mirrored)
    status, reason = judge_again(chapter)["parity every arm image_processor"]
    assert status == "FAIL" and reason.startswith("pixel_values: more than")


def change_last(chapter, change) -> dict[str, Gate]:
    """Gates of the pipeline's scores and of the answers, after the last frame's were changed."""
    panel = dataclasses.replace(chapter["panel"])  # it has asked nobody yet
    vars(panel)["engine"] = chapter["panel"].engine
    asked = {arm: list(rows) for arm, rows in chapter["panel"].answers.items()}
    asked[ARM][-1] = [change(answer) for answer in asked[ARM][-1]]
    vars(panel)["answers"] = asked
    gates = [*compare_end_to_end(panel).gates(), *compare_answers(panel).gates()]
    return {gate.gate: gate for gate in gates}


def test_scores_of_the_last_frame_count(chapter):
    """Scores of all frames are judged, though no answer changes: here half as large again."""

    def louder_scores(answer):
        return dataclasses.replace(answer, scores=tuple(1.5 * score for score in answer.scores))

    gate = change_last(chapter, louder_scores)[f"parity {ARM} pipeline"]
    assert gate.status == "FAIL" and gate.reason.startswith("scores: more than")


def test_a_little_noise_at_one_frame_fails(chapter):
    """A ten-thousandth of one frame's scores is more than float32 costs: float64 shows it."""

    def noisier(answer):
        return dataclasses.replace(answer, scores=tuple(1.0001 * score for score in answer.scores))

    gate = change_last(chapter, noisier)[f"parity {ARM} pipeline"]
    assert gate.status == "FAIL" and gate.measured < 1e-4 and gate.limit < 1e-5


def test_an_end_token_that_is_not_scored_fails(chapter, monkeypatch):
    """Scores without the end token's are other scores, though the answers are the same."""
    panel = dataclasses.replace(chapter["panel"])  # it has asked nobody yet
    vars(panel)["engine"] = chapter["panel"].engine
    pipeline = panel.engine.pipelines[ARM]
    rank = pipeline._rank

    def endless(bucket, states, mask, options):
        return rank(bucket, states, mask, [[ids[:-1] for ids in one or []] for one in options])

    monkeypatch.setattr(pipeline, "_rank", endless)
    (gate,) = compare_end_to_end(panel).gates()
    assert gate.status == "FAIL" and gate.reason.startswith("scores: more than")


def test_states_that_nothing_reads_are_not_compared(chapter, monkeypatch):
    """Question states behind the last token may be anything: zeros there pass."""
    for stages in chapter["panel"].engine.pipelines[ARM].stages.values():
        sound = stages["text_encoder"]

        def run(*inputs, sound=sound):
            return sound(*inputs) * inputs[1].unsqueeze(-1)

        monkeypatch.setitem(stages, "text_encoder", Loaded(sound.artifact, sound.component, run))
    gates = {gate.gate: gate for gate in compare_components(chapter["panel"]).gates()}
    assert gates[f"parity {ARM} text_encoder"].status == "PASS"


@pytest.mark.parametrize("component", ["text_encoder", "text_decoder"])
def test_what_bfloat16_would_hide_fails_in_float32(chapter, plant, component):
    """Another epsilon in the layer norms, 1e-5 for 1e-12: below 1e-4, and far above rounding."""
    plant(component, norms_with(1e-5))
    gate = {g.gate: g for g in compare_components(chapter["panel"]).gates()}[
        f"parity {ARM} {component}"
    ]
    assert gate.status == "FAIL" and gate.limit < gate.measured < 1e-4


def test_one_answer_that_is_not_a_number_fails(chapter):
    """A NaN at the last frame is FAIL whatever share of the answers it is, and says where."""
    panel = chapter["panel"]

    def broken(answer):
        return dataclasses.replace(answer, probability=math.nan)

    gate = change_last(chapter, broken)[f"decisions {ARM}"]
    assert gate.status == "FAIL" and "answers are not numbers, first: " in gate.reason
    assert panel.frames[-1].name in gate.reason


def test_the_pipeline_shows_what_its_components_do(chapter, plant):
    """End to end the fault is in the scores, and at wide margins it is in the answers."""
    plant("text_decoder", transposed)
    again = dataclasses.replace(chapter["panel"])  # it has asked nobody yet
    vars(again)["engine"] = chapter["panel"].engine  # where the fault is
    ends, answers = compare_end_to_end(again), compare_answers(again)
    assert len(ends.rows) == 2  # all frames beside the reference, the worst of them beside float64
    by_name: dict[str, Gate] = {gate.gate: gate for gate in (*ends.gates(), *answers.gates())}
    assert {(call.component, call.output) for call in ends.rows} == {("pipeline", "scores")}
    assert all(call.comparison.relative_l2 > 1e-2 for call in ends.rows)
    assert by_name[f"parity {ARM} pipeline"].status == "FAIL"
    assert by_name[f"decisions {ARM}"].status == "FAIL"


def test_a_sound_candidate_passes_all_of_it(chapter):
    """What the faults are planted in, as the chapter left it."""
    assert {g.status for g in chapter["gates"]} <= {"PASS", "WARN"}
    routes = [g.reason for g in chapter["gates"] if g.gate.startswith("parity ")]
    assert len(routes) == 5 and all("(route: float32 limit)" in reason for reason in routes)
