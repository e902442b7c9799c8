"""The files that set the project up agree with each other."""

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def name_of(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9_.-]+", requirement)[0]).lower()


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins() -> tuple[dict, dict]:
    """constraints.txt: what the project asks for, and what that brings along."""
    blocks = re.split(r"^#.*$", (ROOT / "constraints.txt").read_text(), flags=re.M)[1:]
    direct, rest = ({name_of(line): line.split("==")[1] for line in b.split()} for b in blocks)
    return direct, rest


def test_constraints_pin_every_dependency():
    """What pyproject.toml names is what constraints.txt pins first."""
    asked = {
        name_of(r) for r in project()["dependencies"] + project()["optional-dependencies"]["dev"]
    }
    assert set(pins()[0]) == asked
    assert not set(pins()[0]) & set(pins()[1])


def test_conda_names_the_same_versions():
    """environment.yml and constraints.txt agree, version by version."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    listed = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert {name_of(line): line.split("==")[1] for line in listed} == pins()[0]


def test_pins_lie_in_their_ranges():
    """The tested versions are ones that pyproject.toml allows."""
    from packaging.requirements import Requirement

    for text in project()["dependencies"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins()[0][name_of(text)]), text


def test_floors_are_those_that_were_tried():
    """Pillow 11.3 is on the vendor's images and reads AVIF; typer and nbconvert start where they work."""
    lowest = dict(text.split(">=") for text in project()["dependencies"])
    assert {name: lowest[name] for name in ("pillow", "typer", "nbconvert", "psutil")} == {
        "pillow": "11.3",
        "typer": "0.16",
        "nbconvert": "7.16.6",
        "psutil": "5.9",
    }


def test_make_help_lists_every_target():
    """`make help` and the Makefile agree."""
    text = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.M)[1].split())
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {line.split()[0] for line in shown.splitlines()} == phony


def test_make_takes_an_interpreter_that_fits(tmp_path):
    """A Python that is too old is named, before anything is made."""
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo Python 3.9.1 && exit\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "setup", f"PYTHON={old}", f"VENV={tmp_path}/venv"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (
        done.returncode
        and "needs Python 3.11, 3.12 or 3.13" in done.stdout
        and "3.9.1" in done.stdout
    )


INSTALLED = ("torch==2.9.1", "torch-neuronx==2.9.0.2.15.32035+de43f57c", "transformers==4.56.0")
BROUGHT = ("tokenizers==0.21.0", "huggingface_hub==0.34.0", "tokenizers-more==1.0")


def fake_venv(folder: Path) -> Path:
    """An environment that exists: its python lists what is installed, and keeps the constraints of an install."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin/python"
    listed = "\\n".join(INSTALLED + BROUGHT)
    python.write_text(f'#!/bin/sh\ncase "$*" in *list*) printf "{listed}\\n";; esac\nexit 0\n')
    python.chmod(0o755)
    return folder


def set_up(venv: Path, *options: str) -> str:
    """What `make setup` lets pip choose from in an environment that exists."""
    command = ["make", "setup", f"VENV={venv}", *options]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return (venv / ".blipkit-pins").read_text().split()


def test_nothing_moves_in_an_environment_that_exists(tmp_path):
    """What is installed is what pip may choose, and a second time nothing is done."""
    venv = fake_venv(tmp_path / "venv")
    assert set(set_up(venv)) == {*INSTALLED, *BROUGHT}
    (venv / ".blipkit-pins").write_text("kept")
    assert set_up(venv) == ["kept"]


def test_an_environment_that_another_clone_took_runs_this_one_s_code_again(tmp_path):
    """Its results would be those of the other's code."""
    venv = fake_venv(tmp_path / "venv")
    set_up(venv)
    assert (venv / ".blipkit-ready").read_text() == f"{ROOT.resolve()}\n"
    (venv / ".blipkit-ready").write_text("/another/clone\n")
    (venv / ".blipkit-pins").write_text("old")
    assert set(set_up(venv)) == {*INSTALLED, *BROUGHT}
    assert (venv / ".blipkit-ready").read_text() == f"{ROOT.resolve()}\n"


def test_one_transformers_on_both_machines_moves_nothing_else(tmp_path):
    """transformers is the one asked for, what it brings along is free to follow, torch and the rest stay; also the second time."""
    venv = fake_venv(tmp_path / "venv")
    set_up(venv)
    for version in ("4.57.6", "5.23.0"):
        pins = set_up(venv, f"TRANSFORMERS={version}")
        assert set(pins) == {*INSTALLED[:2], f"transformers=={version}", "tokenizers-more==1.0"}


def test_citation_agrees_with_the_project():
    """CITATION.cff names the version and the licence of pyproject.toml."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {k: citation[k] for k in ("title", "version", "license")} == {
        "title": project()["name"],
        "version": project()["version"],
        "license": project()["license"],
    }


def test_the_neuron_set_is_the_same_everywhere():
    """Extra, conda environment, Dockerfile and messages name the release that the kit is pinned to."""
    from blipkit.runners.neuron.options import IMAGE
    from blipkit.runners.neuron.support import platform_facts, release_of

    pinned = release_of(None)
    environment = yaml.safe_load((ROOT / "environment-neuron.yml").read_text())
    listed = next(d["pip"] for d in environment["dependencies"] if isinstance(d, dict))
    assert "--extra-index-url=https://pip.repos.neuron.amazonaws.com" in listed
    versions = dict(line.split("==") for line in listed if "==" in line)
    assert {name: versions[name] for name in ("torch-neuronx", "neuronx-cc")} == {
        name: pinned.packages[name] for name in ("torch-neuronx", "neuronx-cc")
    }
    assert versions["transformers"] == pins()[0]["transformers"]
    extra = project()["optional-dependencies"]["neuron"]
    assert {f"{name}=={pinned.packages[name]}" for name in ("torch-neuronx", "neuronx-cc")} < set(
        extra
    )
    stack = project()["optional-dependencies"]["neuron-stack"]
    assert {f"{name}=={versions[name]}" for name in ("torch", "torch-xla")} == set(stack)
    assert f"\nFROM {IMAGE}\n" in (ROOT / "Dockerfile").read_text()
    assert f"sdk{platform_facts().pinned}-" in IMAGE
    assert f"islpy=={versions['islpy']}" in extra and versions["islpy"] == "2026.1"
