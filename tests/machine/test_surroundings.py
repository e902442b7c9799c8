"""Whatever the kit starts finds its own Python's programs, also where nobody activated an environment."""

import ast
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import blipkit
from blipkit.cli import entry
from blipkit.machine import child, fork_server, host
from blipkit.machine.surroundings import programs_first, surroundings

OWN = os.path.dirname(sys.executable)
NAME = Path(sys.executable).name
STARTERS = (
    "Popen",
    "subprocess.Popen",
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """A PATH on which there is nothing."""
    monkeypatch.setenv("PATH", str(tmp_path))


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@given(st.lists(st.text("/abc", min_size=1), max_size=5))
def test_own_programs_come_first_and_the_rest_keeps_its_order(entries):
    """Once, however often a process of ours starts another."""
    path = os.pathsep.join(entries)
    found = programs_first("/venv/bin/python", path)
    assert found.split(os.pathsep)[0] == "/venv/bin" and found.endswith(path)
    assert programs_first("/venv/bin/python", found) == found


def test_a_link_is_not_followed(tmp_path):
    """An environment's python is a link to another folder's, which has none of its programs."""
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert programs_first(str(link), "/usr/bin") == f"{tmp_path}:/usr/bin"


def test_what_is_added_stays_and_a_path_among_it_comes_second(monkeypatch):
    """Ours, then what a child gets besides; without any PATH the system's own follows."""
    monkeypatch.setenv("OURS", "1")
    added = surroundings("/other/bin/python", {"PATH": "/tools", "THEIRS": "2"})
    assert added["PATH"] == "/other/bin:/tools"
    assert (added["OURS"], added["THEIRS"]) == ("1", "2")
    monkeypatch.delenv("PATH")
    assert surroundings()["PATH"] == f"{OWN}:{os.defpath}"


@pytest.mark.parametrize("forked", [False, True])
def test_a_child_finds_the_programs_of_its_python(bare, forked):
    """A fresh one, and one of the fork server."""
    if forked and not fork_server.is_possible():
        pytest.skip("no safe fork here")
    found = child.call("shutil:which", timeout_s=60, forked=forked, cmd=NAME)
    assert found == sys.executable


def test_a_child_of_another_environment_finds_that_ones_programs(bare, tmp_path):
    """Not ours: each has its own neuronx-cc."""
    python = script(tmp_path / "bin/python", f'exec {sys.executable} "$@"')
    program = script(tmp_path / "bin/libneuronpjrt-path", "true")
    asked = {"timeout_s": 60, "python": str(python), "cmd": program.name}
    assert child.call("shutil:which", **asked) == str(program)


def test_a_program_that_is_asked_is_our_own(bare):
    """Its answer, not nothing."""
    assert host.output_of(NAME, "-c", "print(4)") == "4"


def test_the_command_line_finds_them_itself(bare, monkeypatch, capsys):
    """As /path/to/venv/bin/blipkit, without activation."""
    monkeypatch.setattr(sys, "argv", ["blipkit", "--help"])
    with pytest.raises(SystemExit):
        entry()
    assert os.environ["PATH"].split(os.pathsep)[0] == OWN


def test_nothing_is_started_without_them():
    """Every process that the package starts is given its environment."""
    bare = []
    for path in Path(blipkit.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or ast.unparse(node.func) not in STARTERS:
                continue
            if "env" not in [keyword.arg for keyword in node.keywords]:
                bare.append(f"{path.name}, line {node.lineno}")
    assert not bare
