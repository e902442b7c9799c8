"""Whole runs: every notebook under papermill, exit status, a run that is killed, a folder in use."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import papermill
import pytest

from blipkit.errors import BadInput
from blipkit.params import NOTEBOOKS, ROOT, load_profile, notebooks
from blipkit.records import Results
from blipkit.run import check_early, choose, in_use, put_in_place
from blipkit.verdict import exit_status

STEMS = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def blipkit(*arguments, cwd=ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "blipkit", *map(str, arguments)], cwd=cwd, capture_output=True, text=True
    )


def verdict_of(folder: Path) -> dict:
    return json.loads((folder / "verdict.json").read_text())


@pytest.mark.parametrize("stem", STEMS)
def test_every_notebook_ran(smoke, stem):
    """Each notebook in notebooks/ went through papermill with the smoke profile, to its last cell."""
    notebook = nbformat.read(smoke / f"{stem}.ipynb", as_version=4)
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"][-1] is not None
    assert json.loads((smoke / "run.json").read_text())["notebooks"][stem]["status"] == "ran"
    assert not [o for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "error"]


def test_the_answer_gates_of_smoke_hold(smoke):
    """No gate of answers failed; those of timing may warn on a machine that is shared."""
    verdict = verdict_of(smoke)
    assert {
        g["gate"]: g["status"]
        for g in verdict["gates"]
        if g["kind"] == "answer" and g["status"] not in ("PASS", "NOT-RUN")
    } == {}
    assert verdict["status"] in ("PASS", "WARN")
    assert exit_status(verdict, load_profile("smoke").required) == 0


def test_the_verdict_has_its_shape(smoke):
    """verdict.json holds what scripts rely on; the decision without Inf2 and GPU is that evidence is missing."""
    verdict = verdict_of(smoke)
    assert set(verdict) >= {"schema", "kit_version", "profile", "status", "decision", "gates"}
    assert set(verdict["gates"][0]) == {"gate", "kind", "status", "measured", "limit", "evidence", "reason", "next"}
    assert verdict["decision"]["answer"] == "not enough evidence"
    assert [set(m) for m in verdict["decision"]["missing"]] == [{"what", "command", "hours", "usd"}] * 2
    assert all(m["usd"] > 0 for m in verdict["decision"]["missing"])


def test_what_a_run_leaves(smoke):
    """Executed notebooks, records, samples, profile, environment, verdict, JUnit and report are where people look."""
    for name in (
        "profile.yaml",
        "environment.json",
        "verdict.md",
        "gates.xml",
        "report/index.html",
        "samples/requests.parquet",
    ):
        assert (smoke / name).is_file(), name
    kinds = {path.stem for path in (smoke / "records").glob("*.jsonl")}
    assert {"environment", "components", "artifacts", "parity", "decisions", "concurrency", "cost"} <= kinds
    assert not (smoke / ".stage").exists() and not (smoke / "run.pid").exists()


def test_every_record_says_where_it_is_from(smoke):
    """Machine, versions, profile, evidence and schema stand in every row."""
    for path in (smoke / "records").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            assert {"schema", "kind", "machine", "versions", "profile", "evidence", "notebook"} <= set(
                json.loads(line)
            ), path


def test_a_foreign_checkpoint_goes_through_every_notebook(foreign):
    """A folder of another shape stops no notebook: float32 parity passes, the drawn scenes' labels are not its own."""
    state = json.loads((foreign / "run.json").read_text())["notebooks"]
    assert {stem: one["status"] for stem, one in state.items()} == dict.fromkeys(STEMS, "ran")
    status = {g["gate"]: g["status"] for g in verdict_of(foreign)["gates"]}
    assert {s for name, s in status.items() if name.startswith("parity torchscript float32")} == {"PASS"}
    assert status["decisions torchscript float32"] == "PASS" and status["accuracy"] == "NOT-RUN"


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_bare_papermill_runs_a_notebook(stem, smoke, tmp_path):
    """A notebook needs nothing of ours around it: papermill alone runs it, from any folder."""
    known = {
        "results": str(smoke),
        "arms": ["torchscript float32"],
        "frames": 20,
        "flip_limit": 0.1,
        "servers": [1],
        "clients": [1],
    }
    own = {name: value for name, value in known.items() if name in notebooks()[stem]}
    papermill.execute_notebook(
        NOTEBOOKS / f"{stem}.ipynb", tmp_path / "out.ipynb", own, cwd=tmp_path, progress_bar=False
    )


def test_a_killed_run_starts_again_and_ends_as_if_it_never_was(tmp_path, smoke):
    """Killed in the middle of 02, the run leaves nothing that the next one trips over."""
    options = ["--only", "01_components", "--only", "02_trace", "--results", str(tmp_path)]
    command = [sys.executable, "-m", "blipkit", "run", "smoke", *options]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("artifacts/*torchscript*")) and time.monotonic() < deadline:
        time.sleep(0.05)  # until compiling has begun, which 02 does
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (tmp_path / ".stage").exists(), "it was killed in the middle"
    assert blipkit("run", "smoke", *options).returncode == 1, "required gates of other notebooks were not measured"
    again, whole = Results(tmp_path), Results(smoke)
    for kind, keys in {
        "components": ("component", "weights", "max_difference"),
        "artifacts": ("arm", "component", "bucket", "key"),
    }.items():
        assert [[row[k] for k in keys] for row in again.read(kind)] == [
            [row[k] for k in keys] for row in whole.read(kind)
        ]
    ours = [g for g in whole.gates() if g.gate in {a.gate for a in again.gates()}]
    assert again.gates() == ours and len(ours) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "tinny"], "did you mean 'tiny'"),
        (["run", "tiny", "--set", "parity.frame=3"], "did you mean 'frames'"),
        (["run", "tiny", "--only", "03_party"], "did you mean '03_parity'"),
        (["run", "tiny", "--set", "common.checkpoint=builtin:big-pets"], "did you mean 'tiny-pets'"),
        (["run", "tiny", "--set", "common.arms=[torchscrip float32]"], "did you mean 'torchscript'"),
        (["run", "tiny", "--set", "common.buckets=[{frame: 1}]"], "unknown size 'frame'; did you mean 'frames'"),
        (["run", "tiny", "--set", "common.questions=[]"], "the list is empty"),
        (["run", "tiny", "--results", str(ROOT / "README.md")], "is a file; expected a folder"),
        (["report", "nowhere"], "not a results folder"),
    ],
)
def test_bad_input_ends_with_2_and_one_message(arguments, message, tmp_path):
    """Nothing is run or written; the message says what was seen and what to do."""
    done = blipkit(
        *arguments, *([] if "--results" in arguments or arguments[0] == "report" else ["--results", tmp_path / "new"])
    )
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_in_use_names_the_process(tmp_path):
    """A second run in the same folder is refused with the first one's pid."""
    with in_use(tmp_path), pytest.raises(BadInput, match=f"in use by a run with pid {os.getpid()}"), in_use(tmp_path):
        pass
    with in_use(tmp_path):
        pass


def test_new_outputs_replace_the_old_ones_together(tmp_path):
    """Old files of the notebook go to previous/, those of other notebooks stay."""
    folder, stage = tmp_path / "results", tmp_path / "results/.stage"
    for names in (("records/a.jsonl", "old.ipynb"), ("records/a.jsonl",)):
        (stage / "records").mkdir(parents=True)
        for name in names:
            (stage / name).write_text(str(names))
        put_in_place(stage, folder, "02_trace")
    assert (folder / "records/a.jsonl").read_text() == "('records/a.jsonl',)"
    assert (folder / "previous/old.ipynb").is_file() and not (folder / "old.ipynb").exists()


def test_only_keeps_the_running_order():
    """Notebooks named in any order run in their own."""
    assert choose(["03_parity", "01_components"]) == ["01_components", "03_parity"]


def test_every_profile_can_start():
    """No committed profile names a checkpoint, question, arm or bucket that is refused at once."""
    for path in (ROOT / "params").glob("*.yaml"):
        try:
            check_early(load_profile(str(path)))
        except BadInput as error:
            assert "needs an NVIDIA GPU" in str(error)
