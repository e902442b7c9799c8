"""Whole runs: every notebook under papermill, exit status, a run that is killed, a folder in use."""

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from threading import Timer

import nbformat
import papermill
import psutil
import pytest
from studies import TODAY

from blipkit.errors import BadInput, BlipkitError
from blipkit.machine import host
from blipkit.paths import NOTEBOOKS, ROOT
from blipkit.profiles.common import Common
from blipkit.profiles.profile import load_profile
from blipkit.profiles.sections import main_chapters, section_class, section_of
from blipkit.records.listing import evidence_in, read_listing
from blipkit.records.moves import in_use, put_in_place
from blipkit.records.results import Results
from blipkit.records.run_record import ChapterRun, read_run
from blipkit.records.typed import row_of
from blipkit.report.verdict import Verdict, exit_status
from blipkit.run.notebooks import choose, in_thread, run_notebook, run_profile

QUIET = ROOT / "tests/quiet"  # what a run takes its machine for
STEMS = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def blipkit(*arguments, cwd=ROOT) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "blipkit", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def verdict_of(folder: Path) -> dict:
    return json.loads((folder / "verdict.json").read_text())


@pytest.mark.parametrize("stem", main_chapters())
def test_every_notebook_of_the_main_job_ran(smoke, stem):
    """Each went through papermill with the smoke profile, to its last cell."""
    notebook = nbformat.read(smoke / f"{stem}.ipynb", as_version=4)
    assert [c.execution_count for c in notebook.cells if c.cell_type == "code"][-1] is not None
    assert json.loads((smoke / "run.json").read_text())["notebooks"][stem]["status"] == "ran"
    assert not [o for c in notebook.cells for o in c.get("outputs", []) if o.output_type == "error"]


def test_the_answer_gates_of_smoke_hold(smoke):
    """No gate of answers failed; those of an arm whose control smoke leaves out only warn, and those of timing may on a machine that is shared."""
    verdict = verdict_of(smoke)
    others = {
        g["gate"]: g["status"]
        for g in verdict["gates"]
        if g["kind"] == "answer" and g["status"] not in ("PASS", "NOT-RUN")
    }
    of_the_emulated = [name for name in others if "neuron_emulated matmult bf16" in name]
    assert len(of_the_emulated) == 4
    assert others == dict.fromkeys([*of_the_emulated, "platform_support"], "WARN")
    assert verdict["status"] in ("PASS", "WARN")
    assert (
        exit_status(
            row_of(Verdict, verdict), load_profile("smoke").resolved()["common"]["required"]
        )
        == 0
    )


def test_the_verdict_has_its_shape(smoke):
    """verdict.json holds what scripts rely on; the decision without Inf2 and GPU is that evidence is missing."""
    verdict = verdict_of(smoke)
    assert set(verdict) >= {"schema", "kit_version", "profile", "status", "decision", "gates"}
    assert set(verdict["gates"][0]) == {
        "gate",
        "kind",
        "status",
        "measured",
        "limit",
        "evidence",
        "reason",
        "next",
        "unit",
    }
    assert verdict["decision"]["answer"] == "not enough evidence"
    assert [set(m) for m in verdict["decision"]["missing"]] == [
        {"what", "command", "hours", "usd"}
    ] * 2
    assert all(m["usd"] > 0 for m in verdict["decision"]["missing"])


def test_what_a_run_leaves(smoke):
    """Executed notebooks, records, samples, profile, environment, verdict, JUnit and report are where people look."""
    for name in (
        "profile.yaml",
        "environment.json",
        "verdict.md",
        "gates.xml",
        "report/index.html",
        "samples/machine.parquet",
    ):
        assert (smoke / name).is_file(), name
    kinds = {path.stem for path in (smoke / "records").glob("*.jsonl")}
    assert {
        "environment",
        "components",
        "artifacts",
        "parity",
        "decisions",
        "runs",
        "concurrency",
        "cost",
    } <= kinds
    # three of overhead, two settings, one limited
    assert len(list((smoke / "samples/requests").glob("*.parquet"))) == 6
    assert not (smoke / ".stage").exists() and not (smoke / "run.pid").exists()


def test_a_run_and_its_replay_are_verified(smoke, replayed):
    """Each file of records and samples stands in the listing, with its digest."""
    for folder in (smoke, replayed):
        assert verdict_of(folder)["verified"] and verdict_of(folder)["not_verified"] == ""
        listed = {one.name for outputs in read_listing(folder).values() for one in outputs}
        assert evidence_in(folder) <= listed and "03_parity.ipynb" in listed


def test_every_record_says_where_it_is_from(smoke):
    """Machine, versions, profile, evidence and schema stand in every row."""
    for path in (smoke / "records").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            assert {
                "schema",
                "kind",
                "machine",
                "versions",
                "profile",
                "evidence",
                "notebook",
            } <= set(json.loads(line)), path


def test_a_foreign_checkpoint_goes_through_every_notebook(foreign):
    """A folder of another shape stops no notebook: float32 parity passes; synthetic scenes prove little about its decisions."""
    state = json.loads((foreign / "run.json").read_text())["notebooks"]
    assert {stem: one["status"] for stem, one in state.items()} == dict.fromkeys(
        main_chapters(), "ran"
    )
    status = {g["gate"]: g["status"] for g in verdict_of(foreign)["gates"]}
    assert {s for name, s in status.items() if name.startswith("parity torchscript float32")} == {
        "PASS"
    }
    assert status["decisions torchscript float32"] == "WARN" and status["accuracy"] == "NOT-RUN"


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_bare_papermill_runs_a_notebook(stem, smoke, tmp_path, monkeypatch):
    """A notebook needs nothing of ours around it: papermill alone runs it, from any folder."""
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(QUIET), os.environ.get("PYTHONPATH", "")])
    )
    known = {
        "frames": 20,
        "frame_flip_limit": 0.3,
        "servers": [1],
        "clients": [1],
        "percentile": 50.0,
    }
    if stem == "09_service":
        del known["servers"], known["frame_flip_limit"]
    knobs = {one.name for one in fields(section_class(section_of(stem)))}
    own = {name: value for name, value in known.items() if name in knobs}
    own |= {"results": str(smoke), "profile": "smoke"}
    papermill.execute_notebook(
        NOTEBOOKS / f"{stem}.ipynb", tmp_path / "out.ipynb", own, cwd=tmp_path, progress_bar=False
    )


def test_a_killed_run_starts_again_and_ends_as_if_it_never_was(killed, smoke):
    """Killed in the middle of 02, the run leaves nothing that the next one trips over."""
    folder, halfway, status = killed
    assert halfway and status == 0, "what other notebooks would judge is not required of this one"
    again, whole = Results(folder), Results(smoke)
    keys = ("arm", "component", "bucket", "key")
    assert [[row[k] for k in keys] for row in again.read("artifacts")] == [
        [row[k] for k in keys]
        for row in whole.read("artifacts")
        if row["arm"] == "torchscript float32"
    ]
    ours = [g for g in whole.gates() if g.gate in {a.gate for a in again.gates()}]
    assert again.gates() == ours and len(ours) == 6


SITUATIONS = {
    "raises": "print('so far so good')\nraise ValueError('a knob too far')",
    "fails_its_gate": "from blipkit.errors import GateFailed\nraise GateFailed('parity: FAIL')",
    "needs_records": "from blipkit.records.results import Results\nResults('.').read('parity')",
    "kernel_dies": "import os, signal, time\nprint('about to use all memory', flush=True)\ntime.sleep(1)\nos.kill(os.getpid(), signal.SIGKILL)",
    "hangs": "import time\nprint('step 7 of 9', flush=True)\ntime.sleep(60)",
}


class OneCell:
    """Stands in for a profile whose notebook has no knobs."""

    common = Common(cell_limit_s=2)

    def parameters(self, *_) -> dict:
        return {}


@pytest.mark.parametrize(
    ("situation", "status", "messages"),
    [
        ("raises", "stopped", ["cell 2: ValueError: a knob too far"]),
        ("fails_its_gate", "gate", ["cell 2: GateFailed: parity: FAIL"]),
        ("needs_records", "skipped", ["cell 2: NotMeasured: no records of 'parity'"]),
        (
            "kernel_dies",
            "stopped",
            [
                "cell 2: its kernel died, perhaps out of memory; peak memory",
                "about to use all memory",
            ],
        ),
        (
            "hangs",
            "stopped",
            ["cell 2: took longer than 2 s; raise common.cell_limit_s; peak memory", "step 7 of 9"],
        ),
    ],
)
def test_a_notebook_that_ends_early_says_where_and_why(
    tmp_path, monkeypatch, situation, status, messages
):
    """The cell, the reason, the memory and the last lines are kept, and what it had executed is in the folder."""
    (tmp_path / "notebooks").mkdir()
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(source) for source in ("1 + 1", SITUATIONS[situation])
    ]
    nbformat.write(notebook, tmp_path / f"notebooks/{situation}.ipynb")
    monkeypatch.setattr("blipkit.run.notebooks.NOTEBOOKS", tmp_path / "notebooks")
    folder = tmp_path / "results"
    folder.mkdir()
    ended = run_notebook(OneCell(), situation, folder, None)
    assert ended.status == status and all(message in ended.error for message in messages)
    assert (folder / f"{situation}.ipynb").is_file() and not (folder / ".stage").exists()


def test_ctrl_c_stops_what_was_started():
    """Neither the thread nor the process that it started outlives Ctrl-C; what ran before does."""
    started, older = [], subprocess.Popen(["sleep", "60"])

    def wait():
        started.append(subprocess.Popen(["sh", "-c", "sleep 60 & wait"]))
        started.extend(psutil.Process(started[0].pid).children())
        started[0].wait()

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        in_thread(wait)
    assert started[0].returncode == -signal.SIGKILL and older.poll() is None
    assert not psutil.wait_procs(started[1:], timeout=5)[1]
    older.kill()


def test_a_profile_may_name_its_notebooks(tmp_path, monkeypatch):
    """`common.only` is what runs; the command line's --only goes before it."""
    ran = []

    def run(profile, stem, folder, replay, progress):
        ran.append(stem)
        return ChapterRun(seconds=1)

    monkeypatch.setattr("blipkit.run.notebooks.run_notebook", run)
    chosen = load_profile("smoke", ["common.only=[02_trace, 00_environment]"])
    for only in ([], ["01_components"]):
        run_profile(chosen, tmp_path, only)
    assert ran == ["00_environment", "02_trace", "01_components"]


def test_a_run_names_the_chapters_whose_figures_are_behind(tmp_path, monkeypatch, capsys):
    """08 alone finds a rate that 05 has not priced yet; with 05 beside it, or without one, nothing is behind."""
    monkeypatch.setattr("blipkit.run.notebooks.run_notebook", lambda *_: ChapterRun(seconds=1))
    monkeypatch.setattr("blipkit.run.notebooks.conclude", lambda *_: 0)
    monkeypatch.setattr("blipkit.run.preflight.check_apart", lambda *_: None)
    said = []
    for only in (["08_arrivals"], ["05_cost"], ["08_arrivals"], ["08_arrivals", "05_cost"]):
        run_profile(load_profile("smoke"), tmp_path, only)
        said.append("older than what they are made of: " in (words := capsys.readouterr().out))
        if said[-1]:
            assert f"05_cost; blipkit run smoke --only 05_cost --results {tmp_path}\n" in words
    assert said == [False, False, True, False]


def test_a_run_says_what_of_a_recorded_profile_is_left_out(tmp_path, monkeypatch, capsys):
    """The profile is that of an older kit's run, with a knob that is gone: it runs without it."""
    monkeypatch.setattr("blipkit.run.notebooks.run_notebook", lambda *_: ChapterRun(seconds=1))
    monkeypatch.setattr("blipkit.run.preflight.check_apart", lambda *_: None)
    (tmp_path / "run.json").write_text("{}")
    recorded = tmp_path / "profile.yaml"
    recorded.write_text("capacity: {beside_as_of: '2026-11-28'}\n")
    run_profile(load_profile(str(recorded)), tmp_path / "new", ["00_environment"])
    said = capsys.readouterr().out
    assert "left out of what was recorded: capacity.beside_as_of was '2026-11-28'" in said


def test_an_interrupted_run_keeps_what_finished_and_says_how_to_go_on(tmp_path, monkeypatch):
    """Neither stage nor half-written artifact is left; the notebooks that are left are named."""

    def interrupted(profile, stem, folder, replay, progress):
        if stem == "00_environment":
            return ChapterRun(seconds=1)
        (folder / ".stage").mkdir()
        (folder / "artifacts/half.part").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr("blipkit.run.notebooks.run_notebook", interrupted)
    with pytest.raises(
        BlipkitError,
        match="interrupted in 01_components.*blipkit run smoke --only 01_components --only 02",
    ):
        run_profile(load_profile("smoke"), tmp_path)
    assert list(read_run(tmp_path).notebooks) == ["00_environment"]
    assert not (tmp_path / ".stage").exists() and not list((tmp_path / "artifacts").iterdir())
    with in_use(tmp_path):
        pass


def test_an_interrupted_run_ends_as_shells_expect(said, monkeypatch):
    """130, as for Ctrl-C in any command: not the 1 of a run with a finding."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setenv("BLIPKIT_FORK_SERVER", "off")
    monkeypatch.setattr("blipkit.run.notebooks.run_notebook", interrupted)
    status, error = said("run", "smoke", "--results", "here")
    assert status == 130 and "interrupted in 00_environment" in error


def test_to_go_on_is_the_whole_command(tmp_path, monkeypatch):
    """The profile by a path that works, every --set, --results and what is left, as a shell takes them."""

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("blipkit.run.notebooks.run_notebook", stopped)
    monkeypatch.setattr("blipkit.run.preflight.check_apart", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "my profile.yaml"
    mine.write_text("common: {required: []}\nparity: {frames: 20, frame_flip_limit: 0.1}\n")
    settings = [
        "parity.frames=30",
        "concurrency.servers=[1, 2]",
        "common.questions=['is it a \"dog\"?', {text: what is it, candidates: open}]",
        "parity.frame_flip_limit=0.00001",
        "common.threads=2",
    ]
    first = load_profile("./my profile.yaml", settings)
    with pytest.raises(BlipkitError) as ended:
        run_profile(first, Path("my results"), ["01_components", "00_environment"])
    command = str(ended.value).partition("To go on: ")[2]
    words = shlex.split(command)
    assert words[:3] == ["blipkit", "run", str(mine)]
    named = {"--set": [], "--only": [], "--results": []}
    for option, value in zip(words[3::2], words[4::2], strict=True):
        named[option].append(value)
    assert named["--results"] == ["my results"]
    assert named["--only"] == ["00_environment", "01_components"]
    assert load_profile(words[2], named["--set"]).resolved() == first.resolved()


def test_a_replay_shows_the_recorded_figures(replayed, smoke):
    """On another machine every record and gate is the recorded one, marked so; nothing was compiled or put under load."""
    here, far = host.describe().name, "A machine far away"
    for path in (smoke / "records").glob("*.jsonl"):
        old = [json.loads(line.replace(here, far)) for line in path.read_text().splitlines()]
        for new, row in zip(Results(replayed).read(path.stem), old, strict=True):
            assert (
                (new.pop("machine"), new.pop("replayed_on"))
                == (row.pop("machine"), here)
                == (far, here)
            )
            assert new.pop("evidence") == row.pop("evidence").replace("measured", "recorded")
            if row.get("gate") in TODAY:  # midnight may have passed
                del new["measured"], row["measured"]
            assert json.dumps(new) == json.dumps(row), path  # as text: NaN equals NaN
    assert not [path for path in (replayed / "artifacts").iterdir() if "torchscript" in path.name]
    state = json.loads((replayed / "run.json").read_text())
    assert {one["status"] for one in state["notebooks"].values()} == {"ran"}
    assert verdict_of(replayed)["status"] == verdict_of(smoke)["status"]


def test_a_folder_in_use_names_the_process(tmp_path):
    """A second run in the same folder is refused with the first one's pid."""
    with (
        in_use(tmp_path),
        pytest.raises(BadInput, match=f"in use by a run with pid {os.getpid()}"),
        in_use(tmp_path),
    ):
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
    # 05 prices by the rate that 08 finds
    both = choose(["05_cost", "08_arrivals", "04_concurrency"])
    assert both == ["04_concurrency", "08_arrivals", "05_cost"]
