"""The whole inf2 profile, rehearsed: compiled without a device, carried to a fake device, and disbelieved when it lies."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import rehearsal

from blipkit.paths import ROOT
from blipkit.records.results import Results

pytestmark = pytest.mark.slow
SETTINGS = [
    "common.checkpoint=builtin:tiny-pets",
    "parity.frames=20",
    "parity.frame_flip_limit=0.3",
    "common.buckets=[{frames: 1, questions: 5, tokens: 10, candidates: 2, answer_tokens: 4}]",
    "concurrency.batch_sizes=[1]",
    "concurrency.placements=[processes, contexts]",
    "concurrency.servers=[2]",
    "concurrency.clients=[2]",
    "concurrency.seconds=0.5",
    "concurrency.warmup=0.2",
    "concurrency.percentile=50.0",
    "common.shared=true",
    'trace.neuron_stack=""',
]


def arguments(results: Path, *options: str) -> list[str]:
    """What follows the program's name."""
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    return ["run", "inf2", "--results", str(results), *options, *settings]


def run(system: Path, results: Path, *options: str, **variables: str) -> tuple[int, dict]:
    """`blipkit run inf2` on a fake machine: exit status and verdict."""
    command = [sys.executable, "-m", "blipkit", *arguments(results, *options)]
    environment = {**os.environ, **rehearsal.environment(system), **variables}
    # taken for a quiet machine: the tests themselves take the CPU that a setting needs
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT / "tests/quiet"), environment["PYTHONPATH"]]
    )
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    print(done.stdout, done.stderr)
    return done.returncode, json.loads((results / "verdict.json").read_text())


def gates(verdict: dict) -> dict:
    return {gate["gate"]: gate for gate in verdict["gates"]}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """02 to 05 where the wheels are and no device is."""
    folder = tmp_path_factory.mktemp("elsewhere")
    chapters = ("02_trace", "03_parity", "04_concurrency", "05_cost")
    only = [word for stem in chapters for word in ("--only", stem)]
    return folder / "results", run(
        rehearsal.make_system(folder / "system", 0), folder / "results", *only
    )


@pytest.fixture(scope="module")
def carried(elsewhere, tmp_path_factory):
    """Everything on a device, with the artifacts of elsewhere."""
    folder = tmp_path_factory.mktemp("carried")
    shutil.copytree(elsewhere[0] / "artifacts", folder / "results/artifacts")
    system = rehearsal.make_system(folder / "system")
    return system, folder / "results", run(system, folder / "results")


def test_without_a_device_it_compiles_and_the_rest_is_not_run(elsewhere):
    """02 compiles nine components; 03 to 05 say that there is no device, and what to do."""
    folder, (status, verdict) = elsewhere
    by_name = gates(verdict)
    assert status == 1 and by_name["every component compiles"]["status"] == "PASS"
    assert by_name["plugs back in"]["status"] == "NOT-RUN"
    assert {by_name[stem]["status"] for stem in ("03_parity", "04_concurrency", "05_cost")} == {
        "NOT-RUN"
    }
    for stem in ("03_parity", "04_concurrency"):
        assert (
            "no Neuron device here (no /dev/neuron0): copy the results folder's artifacts/"
            in by_name[stem]["reason"]
        )
    ahead = Results(folder).read("compile_forecast")[0]
    assert ahead["compiles"] == 9 and ahead["evidence"] == "forecast" and ahead["usd"] > 0


def test_carried_to_a_device_nothing_is_compiled_and_every_gate_holds(carried):
    """The content keys match; what was sent is what the witnesses counted; both placements answered right."""
    _, folder, (status, verdict) = carried
    by_name, results = gates(verdict), Results(folder)
    assert status == 0, by_name
    assert results.read("compile_forecast")[0]["compiles"] == 0 and all(
        r["skipped"] for r in results.read("artifacts")
    )
    for name in ("execution parity", "execution load"):
        assert (
            by_name[name]["status"] == "PASS"
            and by_name[name]["measured"] == by_name[name]["limit"] > 0
        )
    assert {row["placement"] for row in results.read("executions")} == {"processes", "contexts"}
    flags = next(
        row["flags"] for row in results.read("artifacts") if row["arm"] == "neuron matmult bf16"
    )
    assert (
        flags["casts_as_read"] == "matmult bf16"
        and "--enable-saturate-infinity" in flags["compiler_args"]
    )


def test_a_rehearsal_is_never_called_measured(carried):
    """Every record says rehearsal, the machine's name too; the decision begins with it and still lacks a run on Inf2."""
    _, folder, (_, verdict) = carried
    for path in (folder / "records").glob("*.jsonl"):
        for row in Results(folder).read(path.stem):
            assert "measured" not in row["evidence"] and row["machine"].startswith(
                "rehearsal of Neuron"
            )
    decision = verdict["decision"]
    assert decision["because"][0] == "a rehearsal, in which nothing ran on a Neuron device"
    assert decision["missing"][0]["command"] == "make run PROFILE=inf2"
    page = (folder / "report/index.html").read_text()
    assert (
        "<strong>A rehearsal.</strong>" in page
        and "First caveat: " in page
        and ">rehearsal, priced by assumption</td>" in page
    )


def test_a_device_that_counts_nothing_makes_the_run_invalid(carried, tmp_path):
    """The answers are right and the load was carried, but monitor and driver saw nothing of it."""
    system, folder, _ = carried
    shutil.copytree(folder, tmp_path / "results")
    status, verdict = run(
        system, tmp_path / "results", "--only", "04_concurrency", REHEARSAL_IDLE="1"
    )
    gate = gates(verdict)["execution load"]
    assert status == 1 and gate["status"] == verdict["status"] == "INVALID"
    assert (
        "executions were sent, neuron-monitor counted 0, the driver's counters counted 0"
        in gate["reason"]
    )
    assert gates(verdict)["answers under load"]["status"] == "PASS"
    assert "INVALID" in (tmp_path / "results/report/index.html").read_text()


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """An environment as an image has one: torch, a fake Neuron stack with its programs, no blipkit."""
    venv = tmp_path_factory.mktemp("image") / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / "bin/python"
    # of its own: older than torch wants it
    subprocess.run([python, "-m", "pip", "uninstall", "-y", "-q", "setuptools"], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    packages = Path(done.stdout.strip())
    # instead of installing torch again; what those packages' own .pth files add is left out
    (packages / "here.pth").write_text(sysconfig.get_path("purelib"))
    for place in rehearsal.FAKE.iterdir():
        if place.name == "bin":
            shutil.copytree(place, venv / "bin", dirs_exist_ok=True, symlinks=True)
        else:
            shutil.copytree(place, packages / place.name)
    return venv


@pytest.fixture
def coreutils(tmp_path) -> Path:
    """All that PATH has: no Python's programs, no Neuron's."""
    folder = tmp_path / "coreutils"
    folder.mkdir()
    for name in ("cat", "cp", "env", "ls", "mkdir", "mv", "rm", "sh", "uname"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def has_index(venv: Path, folder: Path) -> bool:
    """Whether pip finds what builds this package."""
    command = [venv / "bin/python", "-m", "pip", "download", "--no-deps", "-d", folder, "hatchling"]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_an_image_that_nobody_activated_reaches_a_verdict(image, coreutils, tmp_path):
    """make setup into it, then its own blipkit: every program of the stack is found beside its Python."""
    if not has_index(image, tmp_path):
        pytest.skip("pip has no index here, which make setup needs")
    make = ["make", "setup", f"VENV={image}"]
    plain = {**os.environ, "PATH": os.defpath}  # with make, and no blipkit
    done = subprocess.run(make, cwd=ROOT, env=plain, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f'in this terminal: export PATH="{image}/bin:$PATH"' in done.stdout
    environment = {
        "PATH": str(coreutils),
        "HOME": str(tmp_path),
        "BLIPKIT_SYSTEM": str(rehearsal.make_system(tmp_path / "system")),
        "HF_HUB_OFFLINE": "1",
    }
    blipkit = str(image / "bin/blipkit")
    doctor = subprocess.run([blipkit, "doctor", "--json"], env=environment, capture_output=True)
    parts = {part["part"]: part for part in json.loads(doctor.stdout)["parts"]}
    assert parts["torch-neuronx"]["status"] == parts["neuronx-cc"]["status"] == "PASS"

    results = tmp_path / "results"
    command = [blipkit, *arguments(results)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    decision = json.loads((results / "verdict.json").read_text())["decision"]
    assert decision["because"][0] == "a rehearsal, in which nothing ran on a Neuron device"
    versions = json.loads((results / "environment.json").read_text())["versions"]
    assert versions["neuronx-cc"].endswith("+rehearsal")
