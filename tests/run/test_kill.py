"""Runs that are killed at random times, and run again: make test-kill; KILLS=6 for a short one.

A kill takes the process group, the run's own process, or one that it has started. After each nothing
of the run goes on, its folder is whole and free, and a run to the end gives the answers that it
would have given.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from blipkit.paths import ROOT
from blipkit.records.evidence import open_evidence
from blipkit.records.listing import evidence_in, read_listing
from blipkit.records.moves import JOURNAL, in_use
from blipkit.records.results import Results

KILLS = int(os.environ.get("KILLS", "60"))
SEED = int(os.environ.get("KILL_SEED", "19"))
SEQUENCE = 10  # kills, before a run is let to its end
ENDS_S = 30.0  # for what a killed run has started to end by itself
LIMIT_S = 600.0  # of a whole run
MARK = "BLIPKIT_TEST_KILL"
# what 03 records of answers and numbers; the rest of it is about time
ANSWERS = ("decisions", "labels", "pairs", "parity", "parity_noise", "parity_scores")
pytestmark = pytest.mark.kill


def start(folder: Path, mark: str) -> subprocess.Popen:
    """A run of smoke into a folder, in a process group of its own; mark: by which what it starts is known."""
    command = [sys.executable, "-m", "blipkit", "run", "smoke", "--results", str(folder)]
    with folder.with_suffix(".log").open("a") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, MARK: mark},
            start_new_session=True,
            stdout=log,
            stderr=log,
        )


def alive(mark: str) -> list[psutil.Process]:
    """What carries the mark in its environment, and has not ended."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(run: subprocess.Popen, kind: str, chance: random.Random) -> None:
    """One SIGKILL: to the group, to the run's own process, or to one that it has started."""
    if kind == "group":
        os.killpg(run.pid, signal.SIGKILL)
    elif kind == "parent":
        run.kill()
    elif children := psutil.Process(run.pid).children(recursive=True):
        chance.choice(sorted(children, key=lambda child: child.pid)).kill()


def check_whole(folder: Path, mark: str) -> None:
    """Nothing goes on, nobody holds the folder, and each record in it is as its chapter left it."""
    deadline = time.monotonic() + ENDS_S
    while (left := alive(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert [process.cmdline() for process in left] == []
    if not folder.is_dir():
        return
    assert open_evidence(folder).verified
    assert not (folder / JOURNAL).exists()
    with in_use(folder):
        pass
    listed = {output.name for outputs in read_listing(folder).values() for output in outputs}
    assert evidence_in(folder) <= listed


def answers_of(folder: Path) -> dict[str, list]:
    """03's records of answers, and how the gates of answers ended."""
    results = Results(folder)
    kept = {kind: [json.dumps(row) for row in results.read(kind)] for kind in ANSWERS}
    gates = [gate for gate in results.gates() if gate.kind == "answer"]
    kept["gates"] = [(gate.gate, gate.status) for gate in gates]
    return kept


def run_to_its_end(folder: Path, mark: str) -> int:
    """The exit status of a run that nobody kills."""
    return start(folder, mark).wait(LIMIT_S)


def test_killed_runs_end_as_if_they_never_were(tmp_path):
    """Kills at random times, each followed by another run; every few of them one to the end."""
    chance = random.Random(SEED)
    began = time.monotonic()
    assert run_to_its_end(tmp_path / "whole", f"{tmp_path}/whole") == 0
    takes = time.monotonic() - began
    whole = answers_of(tmp_path / "whole")
    assert len(whole["gates"]) > 5

    folder = tmp_path / "killed"
    for number in range(KILLS):
        mark = f"{tmp_path}/{number}"
        kind = ("group", "parent", "child")[number % 3]
        run = start(folder, mark)
        moment = chance.uniform(0.5, takes)
        try:
            run.wait(moment)
        except subprocess.TimeoutExpired:
            kill(run, kind, chance)
        run.wait(LIMIT_S)  # one that lost a child goes on, and says so
        print(f"kill {number}: {kind} after {moment:.1f} of {takes:.0f} s", flush=True)
        check_whole(folder, mark)
        if (number + 1) % SEQUENCE == 0 or number + 1 == KILLS:
            assert run_to_its_end(folder, mark) == 0
            check_whole(folder, mark)
            assert answers_of(folder) == whole
