"""What another machine handed over: compiled components, golden outputs, checkpoints."""

import json
import shutil
from pathlib import Path

import mutators
import torch
from campaign import Target
from PIL import Image
from sandbox import Case

from blipkit.frames.frames import Frame
from blipkit.model.buckets import Bucket
from blipkit.model.builtin import TINY_PETS
from blipkit.model.checkpoints import load_checkpoint
from blipkit.model.pipeline import Answer, Step
from blipkit.parity.golden import (
    MANIFEST,
    TENSORS,
    FrameDigest,
    Manifest,
    describe_step,
    frame_digest,
    read_golden_outputs,
    software_gate,
)
from blipkit.parity.golden_capture import write_golden_outputs
from blipkit.reading.files import file_digest
from blipkit.runners.arms import REFERENCE, Arm
from blipkit.runners.artifacts import artifact_folder, read_artifact, write_artifact
from blipkit.runners.second_call import CALLED_TWICE, remembered
from blipkit.runners.spec import Build

SAME = {
    "questions": [["is the dog barking?", ["yes", "no"]], ["what is the dog doing?", "open"]],
    "buckets": ["1f"],
}
PLANTED = "import os\nopen('EXECUTED', 'w').close()\n"
PICKLE = b"cposix\nsystem\n(S'touch EXECUTED'\ntR."


def artifact_seeds(place: Path) -> None:
    """A component as two runners would leave it."""
    for runner in ("torchscript", "null"):
        build = Build(
            component="image_encoder",
            runner=runner,
            precision="float32",
            device="cpu",
            weights_digest="w" * 16,
            code_digest="c" * 16,
            input_shapes={"pixel_values": [[1, 3, 48, 48], "float32"]},
            output_shape=[1, 10, 32],
            flags={"compiler_args": ["--optlevel=2"]},
            versions={"torch": "2.13.0"},
        )

        def compiled(path: Path, *ignored) -> None:
            path.write_bytes(b"compiled " * 500)

        arm = Arm(runner, "float32")
        folder = artifact_folder(place / runner, arm, build)
        write_artifact(folder, build, compiled, None, ())
        (folder / CALLED_TWICE).write_text('{"machines": ["0123456789abcdef01234567"]}\n')


def spoil_artifact(case: Case) -> None:
    """A change in the manifest or the file, or something else in the place of one."""
    rng = case.rng
    (folder,) = case.folder.iterdir()
    manifest, file, called = (
        folder / name for name in ("manifest.json", "compiled.pt", CALLED_TWICE)
    )
    kind = rng.random()
    if kind < 0.15:
        case.did.append(
            mutators.replace_file(rng, rng.choice([manifest, file, called, folder]), case.world)
        )
    elif kind < 0.35:
        data, said = mutators.spoil_bytes(rng, file.read_bytes())
        file.write_bytes(data)
        case.did.append(said)
    elif kind < 0.5:
        written = json.loads(manifest.read_text())
        names = [
            "../compiled.pt",
            "/etc/passwd",
            "../../outside/keep.txt",
            "manifest.json",
            "",
            ".",
        ]
        written["file"] = rng.choice([*names, "./compiled.pt", "a\0b", "x" * 300])
        path = folder / "compiled.pt"
        if rng.random() < 0.5 and written["file"] in names:
            path = folder / written["file"]
        if path.is_file():
            written["sha256"] = file_digest(path)
        manifest.write_text(json.dumps(written))
        case.did.append(f"file is {written['file'][:30]!r}")
    elif kind < 0.6:
        data, said = mutators.spoil_json(rng, called.read_text())
        called.write_bytes(data)
        case.did.append(said)
    else:
        data, said = mutators.spoil_json(rng, manifest.read_text())
        manifest.write_bytes(data)
        case.did.append(said)


def read_compiled(case: Case) -> None:
    """An artifact, and what 02 says of it; the file is its own folder's."""
    folder = next(case.folder.iterdir(), case.folder / "gone")
    assert all(isinstance(machine, str) for machine in remembered(folder / CALLED_TWICE))
    artifact = read_artifact(folder, Bucket())
    inside = artifact.path.resolve().parent == folder.resolve()
    assert inside, f"its file is {artifact.path}"
    f"{artifact.arm} {artifact.component} {artifact.manifest.bytes / 1e6:.1f} {artifact.manifest.seconds:.1f}"
    artifact.build.flags.get("compiler_args")
    f"{artifact.manifest.key[:8]} {artifact.manifest.compiled_on.lower()}"


def _frames() -> list[Frame]:
    return [Frame(f"frame {i}", Image.new("RGB", (4, 4), (i, 0, 0))) for i in range(3)]


def _steps() -> list[Step]:
    inputs = (torch.zeros(1, 3),)
    return [Step("image_encoder", Bucket(), ("pixel_values",), inputs, torch.zeros(1, 2))]


def golden_seeds(place: Path) -> None:
    """Golden outputs of three frames and two questions."""
    answers = [
        [
            Answer("yes", 0.9, 2.2, scores=(-0.1, -2.3)),
            Answer("sleeping", 0.5, 0.1, tokens=(5, 3), gaps=(0.2, 0.1)),
        ]
        for _ in range(3)
    ]
    steps = [describe_step(step) for step in _steps()]
    manifest = Manifest(
        captured="2026-01-02T03:04:05+00:00",
        machine="A machine, 2 cores",
        arm="eager bfloat16",
        checkpoint="builtin:tiny-pets",
        same=SAME,
        versions={"torch": "2.13.0", "transformers": "5.23.0"},
        frames=[FrameDigest(frame.name, frame_digest(frame)) for frame in _frames()],
        followed=1,
        steps=steps,
        answers=answers,
    )
    tensors = {f"000.{arm}": torch.zeros(1, 2) for arm in (REFERENCE, "eager bfloat16")}
    (place / "golden").mkdir()
    write_golden_outputs(place / "golden/golden", manifest, tensors, [])


def spoil_golden(case: Case) -> None:
    """A change in the manifest or the tensors, with the digest put right or not."""
    rng, folder = case.rng, case.folder / "golden"
    manifest, tensors = folder / MANIFEST, folder / TENSORS
    kind = rng.random()
    if kind < 0.1:
        case.did.append(
            mutators.replace_file(rng, rng.choice([manifest, tensors, folder]), case.world)
        )
        return
    if kind < 0.5:
        case.did.append(_spoil_safetensors(rng, tensors))
    document = json.loads(manifest.read_text())
    if rng.random() < 0.8:
        document["tensors_digest"] = file_digest(tensors)
        document.pop("digest", None)  # of the manifest, which an older kit did not write
    if kind > 0.4:
        data, said = mutators.spoil_json(rng, json.dumps(document))
        manifest.write_bytes(data)
        case.did.append(said)
    else:
        manifest.write_text(json.dumps(document))


def _spoil_safetensors(rng, path: Path) -> str:
    """A change in the header's structure, in its length or in any byte."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, rest = data[8 : 8 + size], data[8 + size :]
    kind = rng.choice(["header", "header", "length", "bytes"])
    said = kind
    if kind == "bytes":
        data, said = mutators.spoil_bytes(rng, data)
    elif kind == "length":
        size = rng.choice([0, 1, size - 1, size + 1, 2**31, 2**63, 2**64 - 1, 100_000_001])
        data = size.to_bytes(8, "little") + header + rest
    else:
        tree, said = mutators.spoil_tree(rng, json.loads(header))
        spoiled = mutators.as_json(tree).encode()
        data = len(spoiled).to_bytes(8, "little") + spoiled + rest
    path.write_bytes(data)
    return f"tensors: {said}"


def read_golden(case: Case) -> None:
    """Golden outputs, and all that 03 asks of them."""
    golden = read_golden_outputs(Path("golden"))
    software_gate(golden.software_difference())
    places = golden.places(_frames())
    for answers in golden.answers(places):
        for answer in answers:
            f"{answer.text.lower()} {answer.probability:.3f} {answer.margin:.3f}"
            sum(answer.scores) + sum(answer.tokens) + sum(answer.gaps)
    assert all(0 <= place < 3 for place in golden.followed)
    golden.check_same(golden.manifest.same, SAME, "compare the same")
    golden.check_inputs(_steps())


def checkpoint_seeds(place: Path) -> None:
    """The kit's own checkpoint."""
    shutil.copytree(TINY_PETS, place / "pets" / "checkpoint")


def spoil_checkpoint(case: Case) -> None:
    """A change in one of its documents or in the header of its weights, planted code, or something else in a file's place."""
    rng, folder = case.rng, case.folder / "checkpoint"
    documents = sorted(path for path in folder.glob("*.json") if path.name != "training.json")
    kind = rng.random()
    if kind < 0.12:
        path = rng.choice([*documents, folder / "model.safetensors", folder])
        case.did.append(mutators.replace_file(rng, path, case.world))
    elif kind < 0.3:
        case.did.append(_plant(rng, folder, documents))
    elif kind < 0.45:
        case.did.append(_spoil_safetensors(rng, folder / "model.safetensors"))
    else:
        path = rng.choice(documents)
        data, said = mutators.spoil_json(rng, path.read_text())
        path.write_bytes(data)
        case.did.append(f"{path.name}: {said}")


def _plant(rng, folder: Path, documents: list[Path]) -> str:
    """Code beside the weights, which a document names, or weights that are a pickle."""
    if rng.random() < 0.3:
        name = rng.choice(["pytorch_model.bin", "model.safetensors", "training_args.bin"])
        (folder / "model.safetensors").unlink()
        (folder / name).write_bytes(PICKLE)
        return f"{name} is a pickle"
    (folder / "planted.py").write_text(PLANTED)
    path = rng.choice(documents)
    document = json.loads(path.read_text())
    classes = ["AutoConfig", "AutoModel", "AutoProcessor", "AutoTokenizer", "AutoImageProcessor"]
    if rng.random() < 0.7:
        document["auto_map"] = dict.fromkeys(classes, "planted.Planted")
    else:
        key = rng.choice(
            [
                "auto_map",
                "processor_class",
                "tokenizer_class",
                "image_processor_type",
                "architectures",
            ]
        )
        document[key] = rng.choice(
            ["planted.Planted", ["planted.Planted"], "os.system", {}, "Planted"]
        )
    if rng.random() < 0.3:
        document["chat_template"] = "{{ cycler.__init__.__globals__.os.system('touch EXECUTED') }}"
    if rng.random() < 0.4:
        document["model_type"] = "planted"
    path.write_text(json.dumps(document))
    return f"{path.name} names planted code"


def read_checkpoint(case: Case) -> None:
    """A folder's checkpoint, whole."""
    checkpoint = load_checkpoint("./checkpoint")
    checkpoint.provenance()


TARGETS = [
    Target("artifacts", 900, 15, artifact_seeds, spoil_artifact, read_compiled),
    Target("golden", 1000, 15, golden_seeds, spoil_golden, read_golden),
    Target(
        "checkpoints",
        250,
        3,
        checkpoint_seeds,
        spoil_checkpoint,
        read_checkpoint,
        ("transformers",),
    ),
]
