import json
import shutil

import pytest

from blipkit import Bucket, isolate, trace
from blipkit.errors import BlipkitError
from blipkit.runners.arms import Arm
from blipkit.runners.artifacts import CompileJob, read_artifact

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


def test_a_leftover_of_a_killed_compile_is_not_an_artifact(small, tmp_path):
    """Half a folder is compiled over, not read."""
    first = trace(isolate(small), tmp_path, "null", shapes=BUCKET)
    folder = next(iter(first)).folder
    folder.rename(folder.with_name(folder.name + ".part"))
    again = trace(isolate(small), tmp_path, "null", shapes=BUCKET)
    assert [a.skipped for a in again] == [False, True, True]
