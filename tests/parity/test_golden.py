"""Golden outputs: what one machine recorded and another compares with, kept whole, refused by name where it is of something else."""

import contextlib
import dataclasses
import io
import json
import shutil
import sys

import pytest
import torch
from conftest import run_chapter
from PIL import Image

from blipkit import isolate, load_checkpoint
from blipkit.cli import entry
from blipkit.errors import BadInput
from blipkit.frames.frames import Frame, load_frames, synthetic_frames
from blipkit.frames.questions import parse_questions
from blipkit.machine import host
from blipkit.model.buckets import parse_buckets
from blipkit.parity.golden import (
    FRAMES,
    MANIFEST,
    TENSORS,
    check_golden_outputs,
    find_golden_outputs,
    frame_digest,
    read_golden_outputs,
    software_gate,
)
from blipkit.parity.golden_capture import capture
from blipkit.parity.golden_checks import manifest_digest
from blipkit.profiles.profile import Profile, load_profile
from blipkit.run import preflight

ARM = "eager bfloat16"
SETTINGS = [
    "parity.frames=12",
    "parity.compared_frames=2",
    f"common.arms=[{ARM}]",
    "common.required=[]",
]


def profile(*settings: str) -> Profile:
    return load_profile("smoke", [*SETTINGS, *settings])


@pytest.fixture(scope="module")
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(scope="module")
def golden(tmp_path_factory, printed):
    """What a machine in bfloat16 answered about 12 frames."""
    root = tmp_path_factory.mktemp("there")
    with contextlib.redirect_stdout(printed):
        capture(profile(), ARM, root / "bundle", root / "artifacts")
    return read_golden_outputs(root / "bundle")


@pytest.fixture
def copied(golden, tmp_path):
    """A copy of it to spoil."""
    return shutil.copytree(golden.folder, tmp_path / "bundle")


def change(folder, **changes) -> None:
    """Other values, by somebody who knows how the manifest is sealed."""
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    manifest["digest"] = manifest_digest(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_golden_outputs_say_whose_answers_they_are(golden, printed):
    """Arm, machine, time; the size was printed before anything was written, and was right."""
    assert str(golden).startswith(f"{ARM}, recorded on {host.describe().name}, 20")
    (line,) = printed.getvalue().splitlines()
    size = float(line.partition("about ")[2].split()[0]) * 1e6
    assert (
        "without frames; asking eager bfloat16 about 12" in line
        and not (golden.folder / "frames").exists()
    )
    # printed to 0.1 MB; names besides
    assert (golden.folder / TENSORS).stat().st_size == pytest.approx(size, abs=6e4)


def test_answers_are_found_by_the_picture(golden):
    """In our order and of our choice, whatever the frames are called here."""
    ours = [
        dataclasses.replace(frame, name=f"other {i}")
        for i, frame in enumerate(reversed(synthetic_frames(12, 3)))
    ]
    there = golden.answers(golden.places(synthetic_frames(12, 3)))
    assert (
        golden.places(ours) == list(range(12))[::-1]
        and golden.answers(golden.places(ours)) == there[::-1]
    )
    assert len(there[0][0].scores) == 2 and there[0][4].tokens
    assert golden.followed == [0, 1] and golden.places(ours[-2:] * 2) == [1, 0, 1, 0]


def test_a_picture_that_stands_twice_is_one(copied):
    """Its answers are those of the first."""
    manifest = json.loads((copied / MANIFEST).read_text())
    manifest["frames"][1] = manifest["frames"][0]
    change(copied, **manifest)
    golden = read_golden_outputs(copied)
    assert golden.followed == [0, 0] and golden.places(synthetic_frames(1, 3)) == [0]


def test_frames_that_were_not_asked_there_are_refused(golden):
    """One pixel is enough; the first of them is named, and what to bring. So is one that was followed and is not here."""
    picture = synthetic_frames(1, 3)[0].image.copy()
    picture.putpixel((0, 0), (1, 2, 3))
    with pytest.raises(
        BadInput, match="1 frames are not on both machines, first: no mine there; bring the same"
    ):
        golden.places([synthetic_frames(1, 3)[0], Frame("mine", picture)])
    with pytest.raises(
        BadInput, match="1 frames are not on both machines, first: no scene 3-1 here"
    ):
        golden.places(synthetic_frames(1, 3))


def test_a_picture_is_its_pixels(tmp_path):
    """Saved without loss under another name it is the same, cropped it is not."""
    frame = synthetic_frames(1, 3)[0]
    frame.image.save(tmp_path / "x.png")
    assert frame_digest(Frame("x", tmp_path / "x.png")) == frame_digest(frame)
    assert frame_digest(Frame("x", frame.image.crop((0, 0, 8, 8)))) != frame_digest(frame)
    flat = [Frame("a", Image.new("RGB", (2, 8))), Frame("b", Image.new("RGB", (8, 2)))]
    assert frame_digest(flat[0]) != frame_digest(flat[1])


OTHER = [
    ("common.checkpoint=SMALL", r"weights of image_encoder is \w{16} there and \w{16} here"),
    (
        'common.questions=["is the dog barking?"]',
        r"questions is \[\['is the dog barking\?', \['yes', 'no'\]\], \['is the dog pl",
    ),
    (
        "common.buckets=[{frames: 2, questions: 5, answer_tokens: 4}]",
        r"buckets is .* here; .*compare the same checkpoint",
    ),
]


@pytest.mark.parametrize(("setting", "message"), OTHER)
def test_golden_outputs_of_something_else_are_refused(golden, checkpoint_folders, setting, message):
    """Other weights, questions or shapes are named, with both sides."""
    common = profile(setting.replace("SMALL", str(checkpoint_folders["shallow"]))).common
    asked, shapes = parse_questions(common.questions), parse_buckets(common.buckets)
    with pytest.raises(BadInput, match=message):
        check_golden_outputs(golden, load_checkpoint(common.checkpoint), asked, shapes)


def test_another_image_processor_is_refused(golden):
    """The fixed frame's pixels are not those of the other machine."""
    pets, common = load_checkpoint("builtin:tiny-pets"), profile().common
    asked, shapes = parse_questions(common.questions), parse_buckets(common.buckets)
    check_golden_outputs(golden, pets, asked, shapes)
    pets.processor.image_processor.image_mean = [0.5, 0.5, 0.5]
    fresh = dataclasses.replace(pets)
    with pytest.raises(
        BadInput, match=r"the fixed frame's pixel_values is \w{16} there and \w{16} here"
    ):
        check_golden_outputs(golden, fresh, asked, shapes)


@pytest.fixture(scope="module")
def steps(golden, tmp_path_factory):
    """The reference's way through the frames that were followed there."""
    from blipkit import assemble, trace

    pets, common = load_checkpoint("builtin:tiny-pets"), profile().common
    here = tmp_path_factory.mktemp("here")
    artifacts = trace(isolate(pets), here, "eager", shapes=parse_buckets(common.buckets))
    frames = [frame.image for frame in synthetic_frames(2, 3)]
    return assemble(pets, artifacts).walk(frames, parse_questions(common.questions))


def test_outputs_are_those_of_the_same_inputs(golden, steps):
    """Of every call, the arm's and the reference's, in their shapes; the reference's there is the reference's here."""
    golden.check_inputs(steps)
    assert len(golden.tensors) == 2 * len(steps)
    for number, step in enumerate(steps):
        theirs = golden.tensors[f"{number:03}.{ARM}"]
        assert theirs.shape == step.output.shape and theirs.dtype == torch.bfloat16
        assert torch.equal(golden.tensors[f"{number:03}.eager float32"], step.output)


def test_inputs_that_differ_are_refused(golden, steps):
    """A token or a pixel more or less is named with its component; so is a shape, and a call too few."""
    text = next(i for i, s in enumerate(steps) if s.component == "text_encoder")
    for place, name in ((0, "image_encoder: pixel_values"), (text, "text_encoder: input_ids")):
        inputs = (steps[place].inputs[0] + 1, *steps[place].inputs[1:])
        changed = [
            *steps[:place],
            dataclasses.replace(steps[place], inputs=inputs),
            *steps[place + 1 :],
        ]
        with pytest.raises(
            BadInput, match=rf"{name} is \w{{16}} there and \w{{16}} here; compare the same frames"
        ):
            golden.check_inputs(changed)
    with pytest.raises(
        BadInput,
        match=rf"number of calls is {len(steps)} there and 1 here; compare the same frames",
    ):
        golden.check_inputs(steps[:1])
    other = dataclasses.replace(steps[0], output=steps[0].output[:1])
    with pytest.raises(BadInput, match=r"image_encoder: output is \(8, .* there and \(1, "):
        golden.check_inputs([other, *steps[1:]])


def spoil(folder, how: str) -> None:
    if how == "cut off":
        path = folder / MANIFEST
        path.write_text(path.read_text()[:-50])
    elif how == "other tensors":
        path = folder / TENSORS
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    elif how == "no tensors":
        (folder / TENSORS).unlink()
    elif how == "a list":
        (folder / MANIFEST).write_text("[]")


MANIFESTS = [
    ({"answers": []}, "answers about 0 frames, and 12 frames"),
    ({"answers": [[]] * 12}, "0 answers about frame 0, and 5 questions"),
    ({"answers": 3}, "answers is 3; expected a valid list"),
    ({"answers": [[{"text": "no"}]] * 12}, "Answer has no probability, margin"),
    ({"answers": [[{"text": 3, "probability": 1, "margin": 1}]] * 12}, "text is 3; expected a"),
    ({"followed": 13}, "followed is 13; expected 0 to 12"),
    ({"followed": 10**15}, "followed is 1000000000000000; expected 0 to 12"),
    ({"frames": [{"name": "a"}] * 12}, "FrameDigest has no digest"),
    ({"same": {}}, "questions are None; expected a list"),
    ({"same": []}, r"same is \[\]; expected a valid dictionary"),
    ({"steps": [{"bucket": "b"}]}, "step 0 has no component, output"),
    ({"steps": []}, "tensor '000.eager bfloat16' is not in its manifest"),
    ({"arm": "eager float16"}, "tensor '000.eager bfloat16' is not in its manifest"),
    ({"versions": {"torch": 3}}, "versions is 3; expected a valid string"),
]


@pytest.mark.parametrize(("changes", "message"), MANIFESTS, ids=range(len(MANIFESTS)))
def test_a_manifest_that_does_not_fit_is_refused(copied, changes, message):
    """Wrong types, counts that disagree, steps without tensors: each by its name, before anything is compared."""
    change(copied, **changes)
    with pytest.raises(BadInput, match=rf"holds no whole golden outputs \(.*{message}"):
        read_golden_outputs(copied)


def test_tensors_of_another_shape_are_refused(copied, golden):
    """What a step's output was is said in the manifest, and holds for both sides."""
    steps = [dict(step) for step in golden.manifest.steps]
    steps[0]["output"] = "(1, 2)"
    change(copied, steps=steps)
    with pytest.raises(BadInput, match=r"tensor '000.eager float32' is .*expected .* \(1, 2\)"):
        read_golden_outputs(copied)


def test_an_answer_that_was_changed_is_not_believed(copied, golden):
    """The manifest is sealed by a digest; an older kit's, which has none, is read and said to be not verified."""
    path = copied / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["answers"][0][0]["margin"] += 1
    path.write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="its manifest was changed: it has another digest"):
        read_golden_outputs(copied)
    del manifest["digest"]
    path.write_text(json.dumps(manifest))
    older = read_golden_outputs(copied)
    assert str(older).endswith("not verified (an older kit kept no digest of the answers)")
    assert "not verified" in software_gate(older.software_difference()).reason
    assert "not verified" not in str(golden)


@pytest.mark.parametrize("how", ["cut off", "other tensors", "no tensors", "a list"])
def test_damaged_golden_outputs_are_refused(copied, how):
    """Whatever is missing or changed, the folder is named with what was expected."""
    spoil(copied, how)
    with pytest.raises(
        BadInput,
        match="holds no whole golden outputs .*; expected a folder that blipkit capture wrote",
    ):
        read_golden_outputs(copied)


def test_golden_outputs_of_a_newer_kit_are_refused(copied):
    """Its keys may mean something else."""
    change(copied, schema=99)
    with pytest.raises(BadInput, match="has schema 99; this kit reads up to 1: update blipkit"):
        read_golden_outputs(copied)


def test_an_incumbent_is_a_folder_or_an_arm(golden):
    """A path is read; an arm's name, or none, names no golden outputs."""
    assert find_golden_outputs(str(golden.folder)).arm == ARM
    assert find_golden_outputs("torchscript bfloat16") is None and find_golden_outputs("") is None


def test_other_libraries_there_are_a_warning(copied):
    """Named with both versions; the same ones pass."""
    golden = read_golden_outputs(copied)
    assert software_gate(golden.software_difference()).status == "PASS"
    change(copied, versions={**golden.manifest.versions, "torch": "1.0"})
    gate = software_gate(read_golden_outputs(copied).software_difference())
    assert gate.status == "WARN" and gate.evidence == "recorded" and gate.next
    assert f"torch 1.0 there, {host.versions()['torch']} here" in gate.reason


def test_pictures_go_along_only_when_asked_to(tmp_path):
    """They are then frames to ask about on the other machine, labels and all."""
    capture(profile(), ARM, tmp_path / "bundle", tmp_path / "artifacts", with_frames=True)
    golden = read_golden_outputs(tmp_path / "bundle")
    brought = load_frames(str(golden.folder / "frames"), 12, seed=9)
    assert sorted(map(frame_digest, brought)) == sorted(map(frame_digest, synthetic_frames(12, 3)))
    assert sorted(golden.places(brought)) == list(range(12)) and all(
        frame.answers for frame in brought
    )


def test_frames_of_ones_own_are_not_handed_on_by_accident(tmp_path):
    """A folder's pictures need a word of permission; nothing is written without it."""
    folder = tmp_path / "own"
    folder.mkdir()
    for frame in synthetic_frames(12, 5):
        frame.image.save(folder / f"{frame.name}.png")
    loaded = profile(f"common.frames_from={folder}")
    with pytest.raises(BadInput, match="--set common.share_frames=true"):
        capture(loaded, ARM, tmp_path / "bundle", tmp_path / "artifacts", with_frames=True)
    assert not (tmp_path / "bundle").exists()


def test_an_emulated_arm_answers_nowhere(tmp_path):
    """It is no incumbent."""
    with pytest.raises(BadInput, match="imitates a device, and answers nowhere today"):
        capture(profile(), "neuron_emulated all bf16", tmp_path / "bundle", tmp_path / "artifacts")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    """Nothing of the user's is replaced."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(
        BadInput, match="is there and holds no golden outputs; pass another folder with --to"
    ):
        capture(profile(), ARM, tmp_path / "mine", tmp_path / "artifacts")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_run_is_refused_before_it_starts(golden, tmp_path):
    """Frames that the incumbent was not asked about are bad input."""
    for settings, message in (
        (["common.seed=4"], "12 frames are not on both machines, first: no scene 4-0 there"),
        (["parity.frames=13"], "1 frames are not on both machines, first: no scene 3-12 there"),
        (['common.questions=["is it a?", "is it b?", "is it c?", "is it d?"]'], "questions is"),
    ):
        with pytest.raises(BadInput, match=message):
            preflight.check(profile(f"parity.incumbent={golden.folder}", *settings), tmp_path)
    preflight.check(profile(f"parity.incumbent={golden.folder}"), tmp_path)


def test_an_incumbent_that_is_neither_is_refused(tmp_path):
    """Neither a folder nor an arm."""
    for incumbent, message in (
        ("gpu-bundle", "expected a runner and a precision"),
        ("no/such", "no/such holds no whole golden outputs"),
    ):
        with pytest.raises(BadInput, match=message):
            preflight.check(profile(f"parity.incumbent={incumbent}"), tmp_path)


def ask_beside(golden, arm: str, results) -> dict:
    """03's names after it compared an arm of this machine with golden outputs."""
    knobs = {"frames": 12, "compared_frames": 2, "frame_flip_limit": 0.3}
    here = {"incumbent": str(golden.folder), "results": str(results)}
    return run_chapter("03_parity", knobs | here, {"arms": [arm]})[0]


def test_the_chapter_compares_with_golden_outputs(golden, tmp_path):
    """03 on the other machine: the incumbent's rows are recorded ones, its flips are compared, its software is judged."""
    names = ask_beside(golden, "eager float32", tmp_path)
    gates = {gate.gate: gate for gate in names["gates"]}
    assert gates["incumbent's software"].status == "PASS"
    assert gates["parity eager float32 text_decoder"].status == "PASS"
    assert names["answers"].incumbent_flips == set()
    assert gates["decisions eager float32"].limit == 0.3
    rows = names["study"].results.read("parity")
    assert {row["evidence"] for row in rows if row["arm"] == "incumbent"} == {"recorded"}
    assert {row["baseline"] for row in rows if row["arm"] == "incumbent"} == {"eager bfloat16"}
    last = names["pairs"].rows[-1]
    assert (last.arm, last.against) == ("eager float32", "incumbent")
    assert FRAMES not in {path.name for path in golden.folder.iterdir()}


def test_capture_and_the_chapter_ask_the_same_engine(golden, tmp_path):
    """What an arm answered when it was captured, it answers in 03: no number and no answer differs by a bit.

    03 follows the buckets that the captured requests did not use, too, after those that they did.
    """
    names = ask_beside(golden, ARM, tmp_path)
    rows = names["numbers"].rows
    here, captured = (
        [dataclasses.replace(call, arm="", evidence="") for call in rows if call.arm == arm]
        for arm in (ARM, "incumbent")
    )
    assert len(captured) > 3 and here[: len(captured)] == captured
    assert {call.comparison.l2_ratio for call in here} == {1}
    assert {call.comparison.max_abs for call in rows if call.arm == "eager float32"} == {0}
    assert names["panel"].answers[ARM] == names["panel"].answers["incumbent"]
    last = names["pairs"].rows[-1]
    assert (last.differ, last.against) == (0, "incumbent")


def test_the_command_says_size_first_and_how_to_compare_last(tmp_path, monkeypatch, capsys):
    """`blipkit capture` takes the profile's first arm; a bad arm ends with 2 and leaves nothing."""
    monkeypatch.setattr("blipkit.paths.ROOT", tmp_path)

    def call(*arguments) -> int:
        monkeypatch.setattr(
            sys,
            "argv",
            ["blipkit", "capture", "smoke", *sum((["--set", s] for s in SETTINGS), []), *arguments],
        )
        with pytest.raises(SystemExit) as end:
            entry()
        return end.value.code

    assert (
        call("--arm", "eager float61") == 2 and "eager takes precision" in capsys.readouterr().err
    )
    assert not list(tmp_path.rglob("*-bundle"))
    assert call() == 0
    first, last = capsys.readouterr().out.splitlines()
    folder = tmp_path / "results" / "smoke-bundle"
    assert first.startswith(f"{folder}: about ") and last.endswith(
        f"compare with it there: --set parity.incumbent={folder}"
    )
    assert read_golden_outputs(folder).arm == ARM
