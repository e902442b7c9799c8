"""The whole inf2 profile, rehearsed: compiled without a device, carried to a fake device, and disbelieved when it lies."""

import json
import os
import shutil
import subprocess
import sys
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
    "concurrency.servers=[2]",
    "concurrency.clients=[2]",
    "concurrency.seconds=0.5",
    "concurrency.warmup=0.2",
    "concurrency.percentile=50.0",
    "common.shared=true",
    'trace.neuron_stack=""',
]


def run(system: Path, results: Path, *options: str, **variables: str) -> tuple[int, dict]:
    """`blipkit run inf2` on a fake machine: exit status and verdict."""
    command = [sys.executable, "-m", "blipkit", "run", "inf2", "--results", str(results), *options]
    command += [word for setting in SETTINGS for word in ("--set", setting)]
    environment = {**os.environ, **rehearsal.environment(system), **variables}
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
    """02 compiles six components; 03 to 05 say that there is no device, and what to do."""
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
    assert ahead["compiles"] == 6 and ahead["evidence"] == "forecast" and ahead["usd"] > 0


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
        and "<td>rehearsal, priced by assumption</td>" in page
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
