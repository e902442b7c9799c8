"""Files that a script made which knows nothing of this project, in the place of the kit's own."""

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import plain_trace
import pytest
import rehearsal
import torch
from studies import statuses, study_of

from blipkit import Bucket, isolate, load_checkpoint, plug_in, trace
from blipkit.errors import BadInput, BlipkitError
from blipkit.frames.frames import images, synthetic_frames
from blipkit.machine import fork_server, host
from blipkit.model.builtin import TINY_PETS
from blipkit.model.outputs import first_tensor
from blipkit.parity import compare_components, open_panel
from blipkit.paths import ROOT
from blipkit.runners import ComponentLoader
from blipkit.runners.adopted import Offer, adopt
from blipkit.runners.arms import parse_arm
from blipkit.runners.artifacts import read_artifact
from blipkit.runners.assemble import load_artifact
from blipkit.runners.compiled import compile_again, compile_arms

BUCKET = Bucket(1, 1, 8, 1, 4)
SIZES = {"frames": 1, "questions": 1, "tokens": 8, "candidates": 2, "answer_tokens": 4}
CPU = parse_arm("torchscript float32")
INT64 = ("int64", "int64", "float32", "int64")
OPEN = [{"text": "what is the dog doing?", "candidates": "open"}]


@pytest.fixture(scope="module")
def pets():
    return load_checkpoint("builtin:tiny-pets")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """What the user's script leaves."""
    folder = tmp_path_factory.mktemp("theirs")
    plain_trace.trace_all(str(TINY_PETS), folder)
    return folder


def offered(pets, file: Path, component: str, arm=CPU, **said) -> Offer:
    return Offer(file, isolate(pets)[component], arm, **said)


def adopted(pets, file: Path, component: str, root: Path, bucket=BUCKET, **said):
    return adopt(offered(pets, file, component, **said), [bucket], root)


def test_the_script_knows_nothing_of_this_project():
    """It imports torch, transformers and Python's own alone."""
    tree = ast.parse(Path(plain_trace.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    named = {
        one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names
    }
    assert imported | named == {"pathlib", "sys", "torch", "transformers"}


def test_a_file_says_what_it_takes_and_its_manifest_what_nobody_knows(pets, files, tmp_path):
    """Formats as they were traced, in its order; by whom, from which weights and when is unknown."""
    done = adopted(pets, files / "text_encoder.pt", "text_encoder", tmp_path)
    assert done.is_new and done.bucket == BUCKET
    assert tuple(done.build.adopted.takes.values()) == INT64
    manifest = read_artifact(done.folder, BUCKET).manifest
    assert manifest.build == done.build and manifest.seconds is None
    assert (manifest.compiled_on, manifest.build.weights_digest) == ("unknown", "unknown")
    again = adopted(pets, files / "text_encoder.pt", "text_encoder", tmp_path)
    assert not again.is_new and again.folder == done.folder


def test_where_the_file_says_nothing_the_formats_are_said(pets, files, tmp_path):
    """Then it is called here as they say, and the bucket says the shapes."""
    with pytest.raises(BadInput, match="does not say what it was traced with.*such as --dtypes"):
        adopted(pets, files / "frozen.pt", "text_encoder", tmp_path)
    done = adopted(pets, files / "frozen.pt", "text_encoder", tmp_path, dtypes=INT64)
    assert tuple(done.build.adopted.takes.values()) == INT64
    two = [BUCKET, replace(BUCKET, tokens=9)]
    with pytest.raises(BadInput, match="several buckets; say --bucket, one of 1f-1q-8t-1c-4a, 1f"):
        adopt(offered(pets, files / "frozen.pt", "text_encoder", dtypes=INT64), two, tmp_path)


REFUSED = {
    "an image encoder": (
        "image_encoder",
        "text_encoder",
        {},
        r"are 1: float32 \(1, 3, 64, 64\)\nthose of text_encoder are 4: input_ids \(1, 8\).*\n"
        "these are image_encoder's: --component image_encoder",
    ),
    "a text encoder": ("text_encoder", "image_encoder", {}, "these are text_encoder's"),
    "other shapes": (
        "text_encoder",
        "text_encoder",
        {"bucket": Bucket(1, 3, 8, 1, 4)},
        r"are 4: int64 \(1, 8\).*\nthose of text_encoder are 4: input_ids \(3, 8\).*\ncompile it "
        "for a bucket of the profile",
    ),
    "formats that are not its own": (
        "text_encoder",
        "text_encoder",
        {"dtypes": ("int32", "int64", "float32", "int64")},
        "--dtypes says int32,int64,float32,int64, .* was traced with int64,int64,float32,int64",
    ),
    "ids that are no integers": (
        "frozen",
        "text_encoder",
        {"dtypes": ("float32", "int64", "float32", "int64")},
        "text_encoder.input_ids is float32; expected int32 or int64: is it another input",
    ),
    "states that are integers": (
        "frozen",
        "text_encoder",
        {"dtypes": ("int64", "int64", "int64", "int64")},
        "text_encoder.image_states is int64; expected float32 or bfloat16 or float16",
    ),
    "a format that is none": (
        "frozen",
        "text_encoder",
        {"dtypes": ("int63", "int64", "float32", "int64")},
        "'int63' is no number format; did you mean 'int",
    ),
    "too few formats": (
        "frozen",
        "text_encoder",
        {"dtypes": ("int64",)},
        "--dtypes names 1 formats, text_encoder takes 4: input_ids",
    ),
    "a format that it cannot compute in": (
        "frozen",
        "text_encoder",
        {"dtypes": ("int64", "int64", "bfloat16", "int64")},
        "called as text_encoder with .*image_states bfloat16.*\nfailed: .* dtype.*; is it of this",
    ),
    "another component, called": (
        "frozen",
        "text_decoder",
        {"dtypes": ("int64", "float32", "int64")},
        r"called as text_decoder with answer_ids int64, .*\nfailed: .* missing value for argument",
    ),
    "an arm that loads none": (
        "text_encoder",
        "text_encoder",
        {"arm": parse_arm("eager float32")},
        "arm 'eager float32' loads no file of torch.jit.save; take an arm of torchscript or neuron",
    ),
    "an arm on a device": (
        "text_encoder",
        "text_encoder",
        {"arm": parse_arm("neuron none")},
        "calls nothing that torch_neuronx compiled; for 'neuron none' expected a file that does",
    ),
    "flags of a compiler that was not there": (
        "text_encoder",
        "text_encoder",
        {"flags": ("--auto-cast=none",)},
        "--flags and --neuronx-cc are of neuronx-cc, which did not compile for 'torchscript fl",
    ),
    "a compiler that was not there": (
        "text_encoder",
        "text_encoder",
        {"neuronx_cc": "2.26.6360.0"},
        "--flags and --neuronx-cc are of neuronx-cc.*leave them out",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_the_components_is_refused_by_name(pets, files, tmp_path, what):
    """Inputs, shapes, formats, arm: what was seen, what was expected, what to do; nothing is kept."""
    file, component, said, message = REFUSED[what]
    with pytest.raises(BadInput, match=message):
        adopted(pets, files / f"{file}.pt", component, tmp_path, **said)
    assert list(tmp_path.iterdir()) == []


def test_one_that_returns_something_else_is_refused(pets, tmp_path):
    """Two components of the same inputs differ in what they return."""

    class Short(torch.nn.Module):
        def forward(self, pixel_values):
            return pixel_values.mean((2, 3))

    pixels = torch.rand(1, 3, 64, 64)
    torch.jit.save(torch.jit.trace(Short().eval(), (pixels,)), tmp_path / "short.pt")
    message = r"returned torch.float32 \(1, 3\); image_encoder returns floats \(1, 65, 96\)"
    with pytest.raises(BadInput, match=message):
        adopted(pets, tmp_path / "short.pt", "image_encoder", tmp_path / "root")


def test_one_for_a_gpu_that_is_not_here_is_taken_at_its_word(pets, files, tmp_path, monkeypatch):
    """What it says of its inputs is checked all the same; nothing is called."""
    machine = replace(host.describe(), gpus=[])
    monkeypatch.setattr(host, "describe", lambda: machine)
    arm = parse_arm("torchscript float32 cuda")
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("it was loaded"))
    done = adopted(pets, files / "image_encoder.pt", "image_encoder", tmp_path, arm=arm)
    assert done.build.device == "cuda"
    with pytest.raises(BadInput, match="these are text_encoder's"):
        adopted(pets, files / "text_encoder.pt", "image_encoder", tmp_path, arm=arm)


def test_one_that_changes_while_it_is_copied_is_refused(pets, files, tmp_path, monkeypatch):
    """What was checked is what is kept."""

    def copy_half(source, target):
        Path(target).write_bytes(Path(source).read_bytes()[:-1])

    monkeypatch.setattr("shutil.copyfile", copy_half)
    with pytest.raises(BadInput, match="text_encoder.pt changed while it was read; adopt it again"):
        adopted(pets, files / "text_encoder.pt", "text_encoder", tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_second_file_for_the_same_place_is_refused(pets, files, tmp_path):
    """Which of two would be asked must not depend on their digests."""
    first = adopted(pets, files / "text_encoder.pt", "text_encoder", tmp_path)
    with pytest.raises(
        BadInput, match=f"text_encoder is adopted already .*{first.folder.name}; delete"
    ):
        adopted(pets, files / "frozen.pt", "text_encoder", tmp_path, dtypes=INT64)


def test_a_damaged_one_says_that_it_is_adopted_again(pets, files, tmp_path):
    """02 cannot make it anew; and a format that is none is no manifest of ours."""
    done = adopted(pets, files / "text_encoder.pt", "text_encoder", tmp_path)
    (done.folder / "compiled.pt").write_bytes(b"half")
    with pytest.raises(BlipkitError, match="is damaged: .*, adopt its file again and run 02_trace"):
        read_artifact(done.folder, BUCKET)
    manifest = json.loads((done.folder / "manifest.json").read_text())
    manifest["adopted"]["takes"]["input_ids"] = "load"
    (done.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BlipkitError, match="has the key|has the number formats"):
        read_artifact(done.folder, BUCKET)


def study(folder: Path, pets, stem: str = "03_parity", **knobs):
    questions = ["is the dog barking?", *OPEN]
    common = {"arms": [str(CPU)], "buckets": [SIZES], "questions": questions}
    return study_of(stem, folder, pets, knobs=knobs, **common)


def test_the_gates_of_an_adopted_file_are_those_of_our_own(pets, files, tmp_path, capsys):
    """Component by component, to the last figure; 02 and 03 say which files were brought along."""
    gates = {}
    for name in ("ours", "theirs"):
        folder = tmp_path / name
        if name == "theirs":
            shutil.copytree(tmp_path / "ours/artifacts", folder / "artifacts")
            for component in ("image_encoder", "text_encoder"):
                file = files / f"{component}.pt"
                adopted(pets, file, component, folder / "artifacts", Bucket(**SIZES))
        chapter = study(folder, pets, "02_trace", neuron_stack="")
        compiled = compile_arms(chapter)
        assert compile_again(chapter, compiled).recompiled == 0
        expected = {"every component compiles": "PASS"}
        if name == "theirs":
            expected["adopted components"] = "WARN"
            assert [row.seconds is None for row in compiled.rows] == [True, True, False]
            assert "weights: unknown" in compiled.gates()[1].reason
        assert statuses(compiled.gates()) == expected
        panel = open_panel(study(folder, pets, frames=3, compared_frames=2, incumbent=""))
        capsys.readouterr()
        panel.table()
        said = capsys.readouterr().out
        assert ("text_encoder is an adopted file, compiled by: unknown" in said) == (
            name == "theirs"
        )
        gates[name] = compare_components(panel).gates()
    assert len(gates["ours"]) >= 3 and gates["ours"] == gates["theirs"]


def test_a_decoder_with_a_mask_of_its_own_answers_as_ours(pets, files, tmp_path):
    """transformers' decoder takes a mask of the answer's ids, which an adopted one gets, too."""
    for component in ("image_encoder", "text_encoder", "text_decoder"):
        adopted(pets, files / f"{component}.pt", component, tmp_path / "theirs")
    questions = ["is the dog chewing furniture?"]  # as long as the bucket: nothing is padded
    inputs = pets.processor(
        images=images(synthetic_frames(2, seed=8)), text=questions * 2, return_tensors="pt"
    )
    answers = []
    for folder in ("theirs", "ours"):
        artifacts = trace(isolate(pets), tmp_path / folder, "torchscript", shapes=BUCKET)
        assert all(bool(one.build.adopted) == (folder == "theirs") for one in artifacts)
        answers.append(plug_in(pets, artifacts).generate(**inputs, max_new_tokens=3))
    assert torch.equal(*answers)


def test_a_file_that_returns_something_else_later_is_refused_when_asked(pets, files, tmp_path):
    """What a device returns is seen only there."""
    done = adopted(pets, files / "image_encoder.pt", "image_encoder", tmp_path)
    component = isolate(pets)["image_encoder"]
    loaded = load_artifact(read_artifact(done.folder, BUCKET), component)
    other = replace(loaded, run=lambda *inputs: inputs[0])
    with pytest.raises(
        BlipkitError, match=r"returned \(1, 3, 64, 64\), expected \(1, 65, 96\); del"
    ):
        other(*component.example_inputs(BUCKET))


def test_the_first_tensor_of_what_a_module_returns():
    """Alone, in a tuple, a list or a dict; anything else is named."""
    one = torch.ones(2)
    for output in (one, (one, 3), [one], {"states": one}):
        assert first_tensor(output) is one
    with pytest.raises(BlipkitError, match="returned int; expected a tensor"):
        first_tensor(3)
    with pytest.raises(BlipkitError, match="returned tuple; expected a tensor"):
        first_tensor(())


@pytest.fixture
def inf2(monkeypatch, tmp_path):
    """This process, and its children, on a fake machine with one device."""
    rehearsal.enter(monkeypatch, rehearsal.make_system(tmp_path / "system"))
    yield
    rehearsal.forget()


@pytest.fixture(scope="module")
def neuron_file(tmp_path_factory) -> Path:
    """A text encoder that the user compiled by the published recipe, without a device: 64-bit ids, one flag."""
    folder = tmp_path_factory.mktemp("compiled")
    module, inputs = plain_trace.parts_of(str(TINY_PETS))["text_encoder"]
    module = plain_trace.TextForNeuron(module.model).eval()
    arguments = ["--target", "inf2", "--auto-cast-type", "fp16", "--logfile", str(folder / "log")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEURON_PLATFORM_TARGET_OVERRIDE", "inf2")
        rehearsal.enter(patch, rehearsal.make_system(folder / "system", 0))
        import torch_neuronx

        patch.setattr(torch_neuronx, "TAKES", [torch.int64, torch.float32])
        traced = torch_neuronx.trace(module, inputs, compiler_args=arguments, cpu_backend=True)
        torch.jit.save(traced, folder / "text_encoder.pt")
    rehearsal.forget()
    return folder / "text_encoder.pt"


def test_one_compiled_for_neuron_runs_there_with_the_formats_of_its_own(
    pets, inf2, neuron_file, tmp_path
):
    """The rehearsed device refuses any other than it was traced with; the SDK of the file is not asked."""
    arm = parse_arm("neuron none")
    done = adopted(pets, neuron_file, "text_encoder", tmp_path / "root", arm=arm)
    assert done.build.flags == {"casts_as_read": "unknown"} and done.build.versions == {}
    component = isolate(pets)["text_encoder"]
    run = load_artifact(read_artifact(done.folder, BUCKET), component)
    others = component.example_inputs(BUCKET, seed=5)
    torch.testing.assert_close(run(*others), component.module(*others))
    with pytest.raises(BadInput, match="was compiled for Neuron, which arm 'torchscript float32'"):
        adopted(pets, neuron_file, "text_encoder", tmp_path / "root")


FLAGS = [
    (
        "neuron none",
        ("--auto-cast-type", "fp16"),
        "",
        "none from neuronx-cc 2.22 on, matmult fp16 before",
    ),
    ("neuron none", ("--auto-cast-type=fp16",), "2.26.6360.0", "none"),
    ("neuron matmult fp16", ("--auto-cast-type=fp16",), "2.21.33363.0", "matmult fp16"),
    (
        "neuron default fp16",
        ("--auto-cast-type=fp16",),
        "",
        "none from neuronx-cc 2.22 on, matmult fp16 before",
    ),
    ("neuron default fp16", ("--auto-cast-type=fp16",), "2.26.6360.0", "none"),
    ("neuron all bf16", ("--auto-cast", "all", "--optlevel=2"), "", "all bf16"),
    ("neuron bfloat16", ("--auto-cast=none",), "", "none"),
]


@pytest.mark.parametrize(("arm", "flags", "version", "read"), FLAGS)
def test_what_the_compiler_was_told_is_kept_as_it_reads_it(
    pets, neuron_file, tmp_path, arm, flags, version, read
):
    """Without the compiler's version, the published recipe's one flag has two readings."""
    said = {"arm": parse_arm(arm), "flags": flags, "neuronx_cc": version}
    done = adopted(pets, neuron_file, "text_encoder", tmp_path / "root", **said)
    assert done.build.flags == {"casts_as_read": read, "compiler_args": list(flags)}


CONTRADICTIONS = [
    (
        "neuron matmult bf16",
        ("--auto-cast=none",),
        "",
        "--flags mean 'none', arm .* 'matmult bf16'",
    ),
    (
        "neuron all fp16",
        ("--auto-cast-type=fp16",),
        "2.26.0",
        "expected both alike: --arm 'neuron none'",
    ),
    ("neuron none", ("--auto-cast-type=fp16",), "2.21.0", "--arm 'neuron matmult fp16'"),
]


@pytest.mark.parametrize(("arm", "flags", "version", "message"), CONTRADICTIONS)
def test_flags_that_contradict_the_arm_are_refused(
    pets, neuron_file, tmp_path, arm, flags, version, message
):
    """By its arm's name a file is judged, so the name has to be true."""
    said = {"arm": parse_arm(arm), "flags": flags, "neuronx_cc": version}
    with pytest.raises(BadInput, match=message):
        adopted(pets, neuron_file, "text_encoder", tmp_path / "root", **said)


@pytest.mark.slow
def test_the_loader_of_03_takes_it_too(pets, inf2, neuron_file, tmp_path):
    """In a child on a core, as any other of Neuron's."""
    arm = parse_arm("neuron none")
    done = adopted(pets, neuron_file, "text_encoder", tmp_path / "root", arm=arm)
    component = isolate(pets)["text_encoder"]
    loader = ComponentLoader()
    run = loader.load(read_artifact(done.folder, BUCKET), component)
    inputs = component.example_inputs(BUCKET, seed=5)
    torch.testing.assert_close(run(*inputs), component.module(*inputs))
    assert len(loader.close()) == 1


SETTINGS = [
    "common.checkpoint=builtin:tiny-pets",
    "common.shared=true",
    "parity.frames=20",
    "parity.frame_flip_limit=0.3",
    "concurrency.servers=[2]",
    "concurrency.clients=[2]",
    "concurrency.seconds=2.0",
    "concurrency.warmup=0.2",
    "concurrency.percentile=50.0",
    'trace.neuron_stack=""',
]


@pytest.mark.slow
def test_the_published_recipe_runs_with_the_file_that_it_compiled(inf2, neuron_file, tmp_path):
    """Adopted, then 02 to 04 of published-inf2 on a fake device: in the table, in the gates, under load."""
    results = str(tmp_path / "results")
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    common = [*settings[:2], "--results", results]
    adopting = ["adopt", str(neuron_file), "--profile", "published-inf2"]
    adopting += ["--component", "text_encoder", "--flags", "--auto-cast-type fp16"]
    running = ["run", "published-inf2", *settings[2:]]
    for stem in ("02_trace", "03_parity", "04_concurrency"):
        running += ["--only", stem]
    environment = {**os.environ, fork_server.VARIABLE: ""}  # the one of the tests knows no device
    for command in (adopting, running):
        words = [sys.executable, "-m", "blipkit", *command, *common]
        done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
        print(done.stdout, done.stderr)
    verdict = json.loads(Path(results, "verdict.json").read_text())
    gates = {gate["gate"]: gate for gate in verdict["gates"]}
    arm = "neuron default fp16"
    for name in ("text_encoder", "image_encoder", "text_decoder"):
        assert gates[f"parity {arm} {name}"]["status"] == "PASS"
        assert gates[f"parity {arm} {name}"]["evidence"] == "rehearsal"
    assert gates["answers under load"]["status"] == "PASS"
    assert gates["adopted components"]["status"] == "WARN"
    reason = gates["adopted components"]["reason"]
    assert "casts: none from neuronx-cc 2.22 on, matmult fp16 before" in reason
