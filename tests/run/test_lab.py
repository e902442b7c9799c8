"""Stepping through chapters by hand: copies with a profile's knobs, and nothing that was done in them is lost."""

import ast
import json
import os
import subprocess
import sys

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager

from blipkit.paths import NOTEBOOKS
from blipkit.profiles.profile import load_profile
from blipkit.profiles.sections import chapters
from blipkit.run.lab import KERNEL, copy_chapters, open_lab


def parameters(path) -> dict:
    (source,) = [
        c.source
        for c in nbformat.read(path, as_version=4).cells
        if "parameters" in c.metadata.get("tags", [])
    ]
    return {node.target.id: ast.literal_eval(node.value) for node in ast.parse(source).body}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A checkout's results of its own: the real ones are left alone."""
    monkeypatch.setattr("blipkit.run.lab.ROOT", tmp_path)


@pytest.mark.parametrize("name", ["tiny", "inf2"])
def test_a_copy_has_the_knobs_of_its_profile(tmp_path, elsewhere, name):
    """What a run would set stands in the copy's own cell; all else is the chapter."""
    profile = load_profile(name)
    folder, changed = copy_chapters(profile, tmp_path / "lab")
    assert changed == [] and sorted(p.stem for p in folder.glob("*.ipynb")) == list(chapters())
    for stem in chapters():
        own = os.path.relpath(folder, NOTEBOOKS)
        assert parameters(folder / f"{stem}.ipynb") == profile.parameters(stem, own)
        ours, theirs = (
            nbformat.read(base / f"{stem}.ipynb", as_version=4).cells
            for base in (folder, NOTEBOOKS)
        )
        assert [c.source for c in ours if not c.metadata.get("tags")] == [
            c.source for c in theirs if not c.metadata.get("tags")
        ]


def test_an_edited_copy_is_kept_and_changes_no_profile(tmp_path, elsewhere):
    """Think time is edited in a copy of 04: the copy stays, and `tiny` and `inf2` mean what they did."""
    before = {name: load_profile(name).resolved() for name in ("tiny", "inf2")}
    folder, _ = copy_chapters(load_profile("tiny"), tmp_path / "lab")
    copy = folder / "04_concurrency.ipynb"
    copy.write_text(copy.read_text().replace("think_ms: float = 0.0", "think_ms: float = 100.0"))
    edited = copy.read_text()
    _, changed = copy_chapters(load_profile("tiny"), tmp_path / "lab")
    assert (
        changed == ["04_concurrency.ipynb"] and copy.read_text() == edited and "= 100.0" in edited
    )
    assert {name: load_profile(name).resolved() for name in ("tiny", "inf2")} == before


def test_copies_begin_with_a_runs_records_and_leave_them_alone(tmp_path, elsewhere):
    """05 can be opened first; what is written here, by a chapter or by hand, is the copies' own."""
    kept = tmp_path / "results/smoke/records/concurrency.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text("as the run left it")
    folder, _ = copy_chapters(load_profile("smoke"))
    copy = folder / "records/concurrency.jsonl"
    assert copy.read_text() == "as the run left it"
    copy.write_text("changed here")
    copy_chapters(load_profile("smoke"))
    assert copy.read_text() == "changed here" and kept.read_text() == "as the run left it"
    (folder / "artifacts/compiled").mkdir()
    assert (tmp_path / "results/smoke/artifacts/compiled").is_dir()


@pytest.mark.parametrize("before", ["0", "1"])
def test_chapters_are_opened_on_this_python(tmp_path, monkeypatch, before):
    """Whatever kernels are installed for a user, and wherever Jupyter looks first."""
    theirs = tmp_path / "home/.local/share/jupyter/kernels/python3"
    theirs.mkdir(parents=True)
    spec = {"argv": ["/another/python"], "display_name": "theirs", "language": "python"}
    (theirs / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", before)
    monkeypatch.setenv("JUPYTER_PATH", str(theirs.parents[1]))
    seen = []

    def run(command, cwd, env):
        monkeypatch.setenv("JUPYTER_PATH", env["JUPYTER_PATH"])
        assert env["PATH"].split(os.pathsep)[0] == os.path.dirname(sys.executable)
        seen.append(KernelSpecManager().get_kernel_spec("python3").argv[0])
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr("blipkit.run.lab.subprocess.run", run)
    assert open_lab(tmp_path) == 3 and seen == [sys.executable]


def test_every_chapter_asks_for_that_kernel():
    """By the name under which it is described."""
    notebooks = [nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4) for stem in chapters()]
    names = {notebook.metadata.kernelspec.name for notebook in notebooks}
    assert names == {KERNEL}
