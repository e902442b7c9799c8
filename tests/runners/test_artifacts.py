import json
import shutil
from dataclasses import fields

import pytest

from blipkit import Bucket, isolate, trace
from blipkit.errors import BlipkitError
from blipkit.runners.arms import Arm
from blipkit.runners.artifacts import CompileJob, content_key, read_artifact
from blipkit.runners.spec import Build

BUCKET = Bucket(1, 1, 6, 2, 3)


@pytest.fixture(scope="module")
def compiled(small, artifact_root):
    return trace(isolate(small), artifact_root, "torchscript", shapes=BUCKET)


def test_the_manifest_says_how_it_was_made(compiled):
    """Seconds, bytes, digest, shapes, versions and key stand beside the file."""
    for artifact in compiled:
        manifest = artifact.manifest
        assert manifest.bytes == artifact.path.stat().st_size and manifest.seconds > 0
        assert manifest.key in artifact.folder.name and len(manifest.sha256) == 64
        assert manifest.build.output_shape and artifact.arm == Arm("torchscript", "float32")


def test_a_job_reaches_a_child_as_it_was(tmp_path):
    """What JSON makes of it is the same job again."""
    arm = Arm("neuron", "matmult bf16")
    job = CompileJob("text_encoder", BUCKET, arm, tmp_path, ("--optlevel=2",))
    assert CompileJob.from_json(json.loads(json.dumps(job.to_json()))) == job


DAMAGES = ["truncated", "changed", "no manifest", "broken manifest", "a key less"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_artifact_is_refused_by_name(compiled, tmp_path, damage):
    """Nothing is loaded from a file that is not the one that was compiled."""
    whole = next(iter(compiled))
    copy = tmp_path / whole.folder.name
    shutil.copytree(whole.folder, copy)
    file, manifest = copy / whole.path.name, copy / "manifest.json"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:100])
    elif damage == "changed":
        file.write_bytes(file.read_bytes()[:-1] + b"!")
    elif damage == "no manifest":
        manifest.unlink()
    elif damage == "a key less":
        manifest.write_text(manifest.read_text().replace('"sha256"', '"sha1"'))
    else:
        manifest.write_text("{")
    with pytest.raises(BlipkitError, match=rf"artifact {copy.name} is damaged.*delete .*02_trace"):
        read_artifact(copy, BUCKET)


def to_another_build(folder, manifest):
    """Weights that the folder's name does not say."""
    manifest["weights_digest"] = "0" * 16


def to_another_build_with_its_key(folder, manifest):
    """The manifest of somebody else's folder."""
    to_another_build(folder, manifest)
    build = {one.name: manifest[one.name] for one in fields(Build)}
    manifest["key"] = content_key(Build(**build))


def to_a_file_outside(folder, manifest):
    """The same file, beside the folder."""
    (folder / manifest["file"]).rename(folder.parent / manifest["file"])
    manifest["file"] = f"../{manifest['file']}"


def to_a_link(folder, manifest):
    """The same file, through a link."""
    (folder / manifest["file"]).rename(folder.parent / "elsewhere.pt")
    (folder / manifest["file"]).symlink_to(folder.parent / "elsewhere.pt")


CHANGES = [
    (to_another_build, "has the key '.*', what it was built from has"),
    (to_another_build_with_its_key, "is of the artifact ...-"),
    (to_a_file_outside, "names the file '../compiled.pt'; expected one in the folder"),
    (to_a_link, "names the file 'compiled.pt'; expected one in the folder"),
    ({"file": "/etc/passwd"}, "names the file '/etc/passwd'; expected one in the folder"),
    ({"file": ""}, "names the file ''; expected"),
    ({"file": ".."}, "names the file '..'; expected"),
    ({"file": "a\0b"}, r"names the file 'a\\x00b'; expected"),
    ({"file": "n" * 10**4}, r"names the file 'nnn.*\.\.\.n.*'; expected"),
    ({"bytes": 10**15}, "bytes, its manifest says 1000000000000000"),
    ({"bytes": "many"}, "bytes is 'many'; expected a valid integer"),
    ({"seconds": []}, r"seconds is \[\]; expected a valid number"),
    ({"input_shapes": 3}, "input_shapes is 3; expected a valid dictionary"),
    ({"output_shape": ["x"]}, "output_shape.0 is 'x'; expected a valid integer"),
    ({"sha256": None}, "sha256 is None; expected a valid string"),
    ({"flags": {"a": [[[[]]]]}}, "has the key"),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=range(len(CHANGES)))
def test_a_manifest_of_something_else_is_refused(compiled, tmp_path, change, message):
    """Its key is that of what it says it was built from and of its folder; its file is in the folder, whole."""
    whole = next(iter(compiled))
    copy = shutil.copytree(whole.folder, tmp_path / whole.folder.name)
    manifest = json.loads((copy / "manifest.json").read_text())
    if callable(change):
        change(copy, manifest)
    else:
        manifest.update(change)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        BlipkitError, match=rf"artifact {copy.name} is damaged: .*{message}"
    ) as said:
        read_artifact(copy, BUCKET)
    assert str(said.value).count("run 02_trace again") == 1


def test_a_leftover_of_a_killed_compile_is_not_an_artifact(small, tmp_path):
    """Half a folder is compiled over, not read."""
    first = trace(isolate(small), tmp_path, "null", shapes=BUCKET)
    folder = next(iter(first)).folder
    folder.rename(folder.with_name(folder.name + ".part"))
    again = trace(isolate(small), tmp_path, "null", shapes=BUCKET)
    assert [a.skipped for a in again] == [False, True, True]
