"""What the repository has published can still be stepped through: every chapter, the recorded figures, the recorded gates."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from studies import TODAY

from blipkit.cost.pricing import ANSWERS_GATE, INTERVAL_GATE
from blipkit.load.gates import ADMISSION, OF_GRID
from blipkit.machine import host
from blipkit.paths import PUBLISHED, ROOT
from blipkit.records.results import Results

# what these compare was judged by other rules when some folders were recorded: decisions answer by
# answer, and half-precision arms without the float32 arm beside them
REJUDGED = ("decisions ", "parity ")
# what follows from 04's requests
OF_LOAD = {*OF_GRID, ADMISSION, ANSWERS_GATE, INTERVAL_GATE}
OF_LOAD_KINDS = ("concurrency", "scalability", "admission", "runs")
ADDED = {"machine", "versions", "replayed_on", "seed", "threads", "evidence", "profile"}


def replay(recorded: Path, folder: Path) -> None:
    """`blipkit run` of a recorded profile into a folder of its own, as README says it."""
    options = ["--replay", str(recorded), "--results", str(folder)]
    command = [sys.executable, "-m", "blipkit", "run", str(recorded / "profile.yaml"), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    print(done.stdout, done.stderr)


def folders(profile: str) -> list:
    return [
        pytest.param(path, id=f"{path.parent.name}/{profile}")
        for path in sorted(PUBLISHED.glob(f"*/{profile}"))
    ]


def assert_alike(new, old, where: str) -> None:
    """Equal, and numbers to the last few bits, which a fit or a sum may have otherwise on another processor."""
    if isinstance(old, dict):
        for name in old.keys() - ADDED:
            assert_alike(new[name], old[name], f"{where}.{name}")
    elif isinstance(old, list):
        for place, (one, other) in enumerate(zip(new, old, strict=True)):
            assert_alike(one, other, f"{where}[{place}]")
    else:
        assert new == (
            pytest.approx(old, rel=1e-9, nan_ok=True) if isinstance(old, float) else old
        ), where


def statuses(results: Results) -> dict[str, str]:
    return {gate.gate: gate.status for gate in results.gates() if gate.gate not in TODAY}


def is_priced_anew(recorded: Results, kind: str) -> bool:
    """Whether records of 05 are of a kit with other tables and rules of cost than today's, which wrote no limits."""
    rows = recorded.read(kind)
    return (
        not recorded.has("limits_05_cost") and rows[:1] != [] and rows[0]["notebook"] == "05_cost"
    )


def is_judged_anew(recorded: Results) -> bool:
    """Whether 04's requests were judged by a kit that took each of them for independent of its neighbours."""
    rows = recorded.read("concurrency") if recorded.has("concurrency") else []
    return rows != [] and "effective_requests" not in rows[0]


@pytest.mark.slow
@pytest.mark.parametrize("recorded", [*folders("tiny"), *folders("inf2-dry"), *folders("gpu-tiny")])
def test_a_published_run_is_replayed_with_its_gates_and_figures(recorded, tmp_path):
    """Gates, statuses and records are those recorded, marked so; what an older kit judged by other rules of load, and priced, is judged anew."""
    replay(recorded, tmp_path / "new")
    old, new = Results(recorded), Results(tmp_path / "new")
    before = statuses(old)
    anew = OF_LOAD if is_judged_anew(old) else set()
    for gate, status in statuses(new).items():
        softened = gate.startswith(REJUDGED) and (before[gate], status) == ("PASS", "WARN")
        assert status == before[gate] or softened or gate in anew, gate
    for path in sorted((recorded / "records").glob("*.jsonl")):
        if anew and path.stem.startswith(OF_LOAD_KINDS):
            continue
        rows = new.read(path.stem)
        if not path.stem.startswith("gates_") and not is_priced_anew(old, path.stem):
            assert_alike(rows, old.read(path.stem), path.stem)
        assert {row["replayed_on"] for row in rows} <= {host.describe().name}
        assert not [row for row in rows if row["evidence"].startswith("measured")]
    measured = {gate.gate: gate.measured for gate in old.gates() if gate.gate not in TODAY}
    for gate in new.gates():
        if gate.gate not in TODAY | anew and not gate.gate.startswith("decisions "):
            assert gate.measured == measured[gate.gate], gate.gate


@pytest.mark.slow
@pytest.mark.parametrize("recorded", folders("cpu"))
def test_what_an_older_kit_did_not_record_is_not_run(recorded, tmp_path):
    """A folder without many of today's kinds of records: no chapter stops, and their gates say that they were not run."""
    replay(recorded, tmp_path / "new")
    run = json.loads((tmp_path / "new/run.json").read_text())["notebooks"]
    assert {one["status"] for one in run.values()} == {"ran"}, run
    status = {gate.gate: gate.status for gate in Results(tmp_path / "new").gates()}
    assert status["machine"] == "PASS" and "NOT-RUN" in status.values()
    assert not {"FAIL", "INVALID"} & set(status.values())
