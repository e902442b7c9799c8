import shutil

import pytest

from blipkit import Bucket, isolate, trace
from blipkit.errors import BlipkitError
from blipkit.runners.artifacts import read_artifact

BUCKET = Bucket(1, 1, 6, 2, 3)


@pytest.fixture(scope="module")
def compiled(small, artifact_root):
    return trace(isolate(small), artifact_root, "torchscript", shapes=BUCKET)


def test_the_manifest_says_how_it_was_made(compiled):
    """Seconds, bytes, digest, shapes, versions and key stand beside the file."""
    for artifact in compiled:
        about = artifact.manifest
        assert about["bytes"] == artifact.path.stat().st_size and about["seconds"] > 0
        assert (
            about["key"] in artifact.folder.name
            and len(about["sha256"]) == 64
            and about["output_shape"]
        )


@pytest.mark.parametrize("damage", ["truncated", "changed", "no manifest", "broken manifest"])
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
