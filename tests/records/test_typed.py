from dataclasses import dataclass

import pytest
from studies import recorded

from blipkit.errors import BadInput
from blipkit.records.gates import not_recorded
from blipkit.records.results import Results
from blipkit.records.typed import measure_typed


@dataclass(frozen=True)
class Row:
    """A row for these tests."""

    error: float
    arm: str


ROWS = [Row(0.5, "a"), Row(0.25, "b")]


def test_what_goes_in_typed_comes_back_typed(tmp_path):
    """Each row is a record with every field, machine and evidence; what is returned was read back."""
    out = Results(tmp_path, "02_trace")
    assert measure_typed(out, "k", Row, lambda: ROWS, evidence="emulated") == ROWS
    assert [(r["error"], r["arm"], r["evidence"]) for r in out.read("k")] == [
        (0.5, "a", "emulated"),
        (0.25, "b", "emulated"),
    ]
    assert measure_typed(out, "none", Row, list) == []


def refused():
    """What measures, where nothing may be."""
    raise AssertionError("a replay measures nothing")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"error": 0.5, "arm": "a", "other": 3}], [Row(0.5, "a")]),
        ([{"error": 0.5}], []),
        ([], []),
    ],
)
def test_in_a_replay_the_recorded_rows_come_back(tmp_path, capsys, rows, expected):
    """Keys that are no field are left out; where a record lacks a field there are no rows, and a line says so."""
    out = Results(tmp_path / "out", "02_trace", replay=str(recorded(tmp_path / "far", k=rows)))
    assert measure_typed(out, "k", Row, refused) == expected
    assert ("k" in out.lacking) == (rows == [{"error": 0.5}])
    assert ("of an older kit, without arm" in capsys.readouterr().out) == ("k" in out.lacking)


def test_a_kind_that_a_replays_folder_lacks_gives_no_rows(tmp_path):
    """What rests on it is NOT-RUN."""
    out = Results(tmp_path / "out", "02_trace", replay=str(recorded(tmp_path / "far")))
    assert measure_typed(out, "k", Row, refused) == [] and out.lacking == {"k"}
    gate = not_recorded("g", "answer")
    assert (gate.status, gate.evidence) == ("NOT-RUN", "none") and gate.next


def test_a_row_that_says_what_every_record_says_is_refused(tmp_path):
    """A field may not be called as what each record has already."""

    @dataclass(frozen=True)
    class Bad:
        machine: str

    with pytest.raises(BadInput, match="expected a list of rows without"):
        measure_typed(Results(tmp_path, "02_trace"), "k", Bad, lambda: [Bad("m")])
