"""What is installed is tried: a version in the metadata does not say that it works."""

from pathlib import Path

import pytest
import rehearsal

from blipkit.machine import surroundings
from blipkit.runners.neuron.installed import compiler_problem, import_problem

CC = "2.26.6360.0+rehearsal"
LIBRARY = "import subprocess\nsubprocess.check_output(['libneuronpjrt-path'])\ndef trace(): pass\n"


@pytest.fixture
def python(monkeypatch, tmp_path):
    """The folder of a Python with no program beside it, and a PATH with nothing."""
    monkeypatch.setenv("PATH", "/nowhere")
    folder = tmp_path / "venv/bin"
    folder.mkdir(parents=True)
    own = surroundings.programs_first
    monkeypatch.setattr(
        surroundings, "programs_first", lambda _, path: own(str(folder / "python"), path)
    )
    return folder


@pytest.fixture
def library(monkeypatch, tmp_path):
    """A function that installs a torch_neuronx with this text."""

    def install(text: str) -> None:
        place = tmp_path / "site/torch_neuronx.py"
        place.parent.mkdir()
        place.write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(place.parent), prepend=":")

    return install


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).symlink_to(rehearsal.FAKE / "bin" / name)


def test_a_library_whose_program_is_beside_its_python_works(python, library):
    """Without activation: PATH has nothing."""
    put(python, "libneuronpjrt-path")
    library(LIBRARY)
    assert import_problem("2.9.0.2.15.32035") == ""


def test_a_library_whose_program_is_nowhere_is_explained(python, library):
    """FileNotFoundError alone helps nobody."""
    library(LIBRARY)
    problem = import_problem("2.9.0.2.15.32035")
    assert problem.startswith("import torch_neuronx fails: saw 'No such file or directory: 'libneu")
    assert "neither PATH nor the folder of this Python has it; run blipkit with" in problem


def test_a_library_without_trace_is_no_use(library):
    """Whatever its version is."""
    library("")
    assert "torch_neuronx 2.9.0 has no trace" in import_problem("2.9.0")


def test_a_compiler_is_asked_for_its_version(python, monkeypatch):
    """It must be there, answer, and be the one whose package is installed."""
    problem = compiler_problem(CC)
    assert problem.startswith("neither the folder of this Python nor PATH has the program")
    put(python, "neuronx-cc")
    assert compiler_problem(CC) == "" and compiler_problem("2.26.6360.0") == ""
    monkeypatch.setenv("REHEARSAL_CC", "2.27.5334.0")
    different = f"{python}/neuronx-cc is 2.27.5334.0, the installed package {CC}"
    assert different in compiler_problem(CC)
    (python / "neuronx-cc").unlink()
    (python / "neuronx-cc").write_text("#!/bin/sh\nexit 1\n")
    (python / "neuronx-cc").chmod(0o755)
    assert compiler_problem(CC) == f"{python}/neuronx-cc --version fails: run it to see why"
