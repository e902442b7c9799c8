import gc
import json
import multiprocessing
from dataclasses import asdict, fields, replace

import psutil
import pytest
import torch
from compiling import build

from blipkit import Bucket, isolate, load_checkpoint, trace
from blipkit.errors import BlipkitError
from blipkit.model.components import COMPONENT_NAMES
from blipkit.runners.arms import ROUNDOFF, Arm, all_arms
from blipkit.runners.artifacts import content_key
from blipkit.runners.assemble import load_artifact
from blipkit.runners.compile import build_of, trace_arms
from blipkit.runners.kinds import torchscript
from blipkit.runners.spec import Build
from blipkit.runners.tensors import DTYPES
from blipkit.runners.workers import Load, Run, run_components

BUCKET = Bucket(1, 1, 6, 2, 3)


@pytest.fixture(scope="module")
def compiled(small, tmp_path_factory):
    root = tmp_path_factory.mktemp("compiled")
    return root, trace(isolate(small), root, "torchscript", shapes=BUCKET)


COMPILED = [
    arm
    for arm in all_arms()
    if arm.runner not in ("eager", "neuron", "null")
    and arm.device == "cpu"
    and arm.precision != "float16"
]


@pytest.fixture(scope="module")
def by_arm(small, tmp_path_factory):
    """Every arm of a CPU, and eager in each format that its tensors keep, compiled in one go."""
    arms = [Arm("eager", "float32"), Arm("eager", "bfloat16"), *COMPILED]
    return dict(
        zip(
            arms,
            trace_arms(isolate(small), tmp_path_factory.mktemp("arms"), arms, BUCKET),
            strict=True,
        )
    )


@pytest.mark.parametrize("arm", COMPILED, ids=str)
def test_a_compiled_component_computes_what_the_module_does(small, by_arm, arm):
    """A compiled component equals eager in the number format of its tensors, up to the rounding of its own."""
    components = isolate(small)
    stored = arm.precision if arm.precision in DTYPES else "float32"
    for eager, traced in zip(by_arm[Arm("eager", stored)], by_arm[arm], strict=True):
        component = components[eager.component]
        inputs = component.example_inputs(BUCKET, seed=3)
        a, b = (load_artifact(artifact, component)(*inputs) for artifact in (eager, traced))
        assert a.dtype == b.dtype == getattr(torch, stored)
        assert a.shape == b.shape == tuple(traced.build.output_shape)
        coarse = ROUNDOFF[arm.rounds_like] > 1e-6
        atol = 5 * ROUNDOFF[arm.rounds_like] * float(a.abs().max()) if coarse else 1e-4
        torch.testing.assert_close(a.float(), b.float(), rtol=0, atol=atol)


def test_a_second_trace_compiles_nothing(small, compiled):
    """Everything under the same key is skipped."""
    root, first = compiled
    again = trace(isolate(small), root, "torchscript", shapes=BUCKET)
    assert not any(a.skipped for a in first) and all(a.skipped for a in again)
    assert [a.folder for a in first] == [a.folder for a in again]


def test_the_key_holds_everything_that_matters(small, checkpoint_folders):
    """Other weights, shapes, number formats, flags, versions or code are other artifacts."""
    component = isolate(small)["image_encoder"]
    base = build_of(component, Arm("torchscript", "float32"), BUCKET)
    assert content_key(base) == content_key(Build(**json.loads(json.dumps(asdict(base)))))
    changed = [replace(base, **{field.name: "other"}) for field in fields(Build)]
    assert len({content_key(build) for build in (base, *changed)}) == len(changed) + 1
    assert {"torch", "transformers"} <= set(base.versions)


def test_buckets_share_what_does_not_depend_on_them(small, compiled):
    """Two buckets with the same number of frames have one image encoder."""
    root, first = compiled
    both = trace(isolate(small), root, "torchscript", shapes=[BUCKET, Bucket(1, 2, 6, 2, 3)])
    assert len({a.folder for a in both if a.component == "image_encoder"}) == 1
    assert len({a.folder for a in both if a.component == "text_decoder"}) == 2


def test_an_artifact_of_another_checkpoint_is_refused(compiled, checkpoint_folders):
    """Weights that do not match are named before anything runs."""
    other = isolate(load_checkpoint(str(checkpoint_folders["wide"])))
    artifact = next(a for a in compiled[1] if a.component == "image_encoder")
    with pytest.raises(BlipkitError, match="was compiled from weights"):
        load_artifact(artifact, other["image_encoder"])


def test_a_wrong_shape_says_what_was_seen_and_expected(small, compiled):
    """The message has component, input, both shapes, and what to do."""
    artifact = next(a for a in compiled[1] if a.component == "text_encoder")
    loaded = load_artifact(artifact, isolate(small)["text_encoder"])
    ids, mask, states, image_mask = loaded.component.example_inputs(Bucket(1, 1, 7, 2, 3))
    with pytest.raises(
        BlipkitError,
        match=r"text_encoder.input_ids has shape \(1, 7\).*compiled for \(1, 6\).*02_trace",
    ):
        loaded(ids, mask, states, image_mask)
    with pytest.raises(BlipkitError, match="got 1 inputs, expected input_ids"):
        loaded(ids)


def _trace_in_process(folder: str, root: str, queue) -> None:
    queue.put(
        [
            a.skipped
            for a in trace(isolate(load_checkpoint(folder)), root, "torchscript", shapes=BUCKET)
        ]
    )


@pytest.mark.slow
def test_two_processes_asking_at_once_compile_once(checkpoint_folders, tmp_path):
    """The second waits for the first and finds its work done."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    arguments = (str(checkpoint_folders["shallow"]), str(tmp_path), queue)
    both = [context.Process(target=_trace_in_process, args=arguments) for _ in range(2)]
    for process in both:
        process.start()
    answers = [queue.get(timeout=120) for _ in both]
    for process in both:
        process.join()
    assert sorted(answers) == [[False] * len(COMPONENT_NAMES), [True] * len(COMPONENT_NAMES)]


def test_a_component_in_bfloat16_answers_another_process(small, by_arm):
    """A child sends back what a component in bfloat16 makes, exactly, as arrays, which know no bfloat16."""
    artifact = by_arm[Arm("torchscript", "bfloat16")][0]
    component = isolate(small)[artifact.component]
    inputs = component.example_inputs(BUCKET, seed=3)
    answer = run_components()
    answer(Load(artifact.folder))
    array = answer(Run(artifact.folder, [tensor.numpy() for tensor in inputs]))
    output = load_artifact(artifact, component).run(*inputs)
    assert output.dtype == torch.bfloat16 and torch.equal(torch.from_numpy(array), output.float())


def test_compiling_again_and_again_keeps_no_weights(tmp_path):
    """All arms are compiled in one process, so what one leaves behind in memory would add up."""
    layer, sizes = torch.nn.Linear(4096, 2048).eval(), []  # 32 MiB of weights
    for _ in range(6):
        torchscript.compile(
            tmp_path / "compiled.pt",
            build(),
            layer,
            (torch.zeros(1, 4096),),
        )
        gc.collect()
        sizes.append(psutil.Process().memory_info().rss / 2**20)
    assert sizes[-1] - sizes[1] < 64, sizes


def test_float32_is_float32_on_a_gpu_too():
    """Neither products nor convolutions may fall back on tf32, which keeps 11 bits of float32's 24."""
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
