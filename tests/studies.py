"""Studies and recorded folders as a test needs them, without a notebook and without a run."""

import json
from dataclasses import replace
from pathlib import Path

from blipkit.machine import host
from blipkit.profiles.common import Common
from blipkit.profiles.profile import Profile
from blipkit.profiles.sections import section_class, section_of
from blipkit.records.documents import write_machine
from blipkit.records.results import Results
from blipkit.records.run_record import RunRecord, write_run
from blipkit.study import Study

BUCKETS = [{"frames": 1, "questions": 2, "tokens": 8, "candidates": 2, "answer_tokens": 3}]
TODAY = {"price age", "platform_support"}  # gates that measure the age of something
QUESTIONS = ["is the dog barking?", {"text": "what is the dog doing?", "candidates": "open"}]


def study_of(
    stem: str,
    folder: Path,
    checkpoint,
    replay: Path | str = "",
    knobs: dict | None = None,
    **common,
) -> Study:
    """The chapter `stem` on a checkpoint; knobs: its own, common: those it shares, else small ones."""
    common = Common(**{"buckets": BUCKETS, "questions": QUESTIONS, **common})
    own = section_class(section_of(stem))(**(knobs or {}))
    provenance = {"seed": common.seed, "threads": common.threads, **checkpoint.provenance()}
    results = Results(folder, stem, "made", str(replay), **provenance)
    return Study(stem, common, own, results, str(replay), checkpoint, Profile("made", {}))


def recorded(folder: Path, **kinds: list[dict]) -> Path:
    """A folder as a run on another machine left it, with these rows by kind."""
    (folder / "records").mkdir(parents=True)
    write_run(folder, RunRecord(started="2026-11-22 16:03 UTC"))
    write_machine(folder, replace(host.describe(), name="far away"))
    for kind, rows in kinds.items():
        lines = [json.dumps({"schema": 1, "kind": kind, **row}) for row in rows]
        (folder / f"records/{kind}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return folder


def statuses(gates) -> dict[str, str]:
    """Gate -> its status."""
    return {gate.gate: gate.status for gate in gates}


def displayed(monkeypatch) -> list[tuple[str, str]]:
    """A list that grows with what is displayed from now on: (html, text)."""
    found = []

    def keep(data, raw):
        found.append((data["text/html"], data["text/plain"]))

    monkeypatch.setattr("IPython.display.display", keep)
    return found
