"""The readers of a results folder's documents: run.json, environment.json and records."""

import json
import os

import pytest
from studies import recorded

from blipkit.cost.systems import systems_of
from blipkit.errors import BadInput
from blipkit.paths import PUBLISHED
from blipkit.records.documents import read_document, read_machine, rows_in
from blipkit.records.environment import recorded_gflops
from blipkit.records.results import Results
from blipkit.records.run_record import read_run

TINY = PUBLISHED / "amd-epyc-2-cores/tiny"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": ' * 10**4, r"is damaged \(nests more than 50 deep\)"),
        (b'{"a": ' + b"9" * 10**5 + b"}", r"is damaged \(.*64 bits\)"),
        (b'{"a": 1, "a": 2}', "key 'a' stands twice"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"[1]", r"is \[1\], no JSON object"),
        (b"", "line 1 column 1"),
        (None, "is missing; expected what a run writes there: run the profile again: blipkit run"),
    ],
    ids=range(9),
)
def test_a_damaged_document_is_named_with_what_writes_it(tmp_path, content, message):
    """Whatever the damage; records say their line as well."""
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
        (tmp_path / "k.jsonl").write_bytes(content or b"\n")
        with pytest.raises(BadInput, match=r"k.jsonl, line 1 is damaged \(.*; expected one JSON"):
            rows_in(tmp_path / "k.jsonl")
    with pytest.raises(BadInput, match=message):
        read_document(path)


def test_a_document_is_a_file_of_some_size(tmp_path, monkeypatch):
    """A pipe in its place hangs nobody, and a large one is not read."""
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(BadInput, match="run.json is no regular file; expected what a run writes"):
        read_run(tmp_path)
    monkeypatch.setattr("blipkit.records.documents.RECORDS_LIMIT", 3)
    (tmp_path / "k.jsonl").write_text("{}\n{}\n")
    with pytest.raises(BadInput, match="k.jsonl has more than"):
        rows_in(tmp_path / "k.jsonl")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"started": 5}, "run.json: started is 5; expected a valid string; run the profile again"),
        ({"notebooks": []}, r"run.json: notebooks is \[\]; expected a valid dictionary"),
        ({"notebooks": {"00_environment": 3}}, "expected an instance of ChapterRun"),
        ({"notebooks": {"03_parity": {"seconds": "x"}}}, "seconds is 'x'; expected a valid number"),
        ({"notebooks": {"03_parity": {"status": "fine"}}}, "status is 'fine'; expected 'ran', "),
        ({"stated": {"keys": {}}}, "Stated has no settings"),
    ],
)
def test_a_run_of_other_types_is_refused_by_key(tmp_path, changed, message):
    """run.json, before a report is made of it."""
    (tmp_path / "run.json").write_text(json.dumps(changed))
    with pytest.raises(BadInput, match=message):
        read_run(tmp_path)


def test_a_machine_of_other_types_is_refused_by_key(tmp_path):
    """environment.json, by its name; it is restored from the repository where it was published."""
    facts = json.loads((TINY / "environment.json").read_text())
    (tmp_path / "environment.json").write_text(json.dumps(facts | {"cores": "two"}))
    with pytest.raises(
        BadInput, match="environment.json: cores is 'two'; expected a valid integer"
    ):
        read_machine(tmp_path)
    (tmp_path / "environment.json").write_text("{}")
    with pytest.raises(
        BadInput, match="environment.json: a record of 'Machine' has no name; expected"
    ):
        read_machine(tmp_path)


@pytest.mark.parametrize("name", ["kind", "notebook", "profile", "evidence", "machine"])
def test_what_every_record_says_is_a_text(tmp_path, name):
    """A number in its place is refused, whatever kind of record it is."""
    (tmp_path / "k.jsonl").write_text(json.dumps({"schema": 1, name: 3}))
    with pytest.raises(BadInput, match=f"k.jsonl, line 1: {name} is 3; expected a text"):
        rows_in(tmp_path / "k.jsonl")


def test_a_record_of_a_machines_rate_is_a_number(tmp_path):
    """What 02 predicts the compiler's seconds from."""
    folder = recorded(tmp_path / "far", environment=[{"matmul_gflops": "fast"}])
    with pytest.raises(BadInput, match="line 1: matmul_gflops is 'fast'; expected a valid number"):
        recorded_gflops(Results(folder))


def test_a_published_folders_records_are_restored_from_the_repository(tmp_path, monkeypatch):
    """Nobody runs them again."""
    monkeypatch.setattr("blipkit.records.documents.PUBLISHED", tmp_path)
    (tmp_path / "m/p/records").mkdir(parents=True)
    (tmp_path / "m/p/records/k.jsonl").write_text("{")
    with pytest.raises(BadInput, match=f"restore it: git checkout -- {tmp_path}/m/p$"):
        rows_in(tmp_path / "m/p/records/k.jsonl")


def test_a_cost_without_its_machine_is_refused(tmp_path):
    """A system in the decision has a machine and a profile, or its record is named."""
    lines = (TINY / "records/cost.jsonl").read_text().splitlines()
    best = next(row for row in map(json.loads, lines) if row["best"])
    del best["machine"]
    (tmp_path / "records").mkdir()
    (tmp_path / "records/cost.jsonl").write_text(json.dumps(best))
    with pytest.raises(BadInput, match="cost.jsonl, line 1: a record of 'cost' has no machine"):
        systems_of([Results(tmp_path)])
