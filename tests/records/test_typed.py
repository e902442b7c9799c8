import json
import math
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from studies import recorded

from blipkit.errors import BadInput
from blipkit.records.gates import not_recorded
from blipkit.records.results import Results
from blipkit.records.typed import (
    interval,
    interval_of,
    keys_of,
    measure_typed,
    part,
    read_typed,
    record_of,
    row_of,
    stored_as,
    write_typed,
)
from blipkit.statistics import UNKNOWN, Interval


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


@dataclass(frozen=True)
class Place:
    """A part of a row for these tests."""

    arm: str
    servers: int


@dataclass(frozen=True)
class Note:
    """A row inside a row."""

    word: str


@dataclass(frozen=True)
class Wide:
    """A row with all that a record can hold."""

    place: Place = part()
    latency_ms: Interval = interval("latency{}_ms")
    per_s: Interval
    notes: list[Note]
    counts: tuple[int, ...]
    note: Note | None
    since: str = "today"


WIDE = Wide(Place("a", 2), Interval(5.0, 4.0, None), UNKNOWN, [Note("w")], (1, 2), Note("n"))
FLAT = {
    "arm": "a",
    "servers": 2,
    "latency_ms": 5.0,
    "latency_low_ms": 4.0,
    "latency_high_ms": None,
    "per_s": None,
    "per_s_low": None,
    "per_s_high": None,
    "notes": [{"word": "w"}],
    "counts": (1, 2),
    "note": {"word": "n"},
    "since": "today",
}


def test_a_record_is_flat_and_gives_the_row_back():
    """An interval is three keys, a part lends its own; what JSON makes of it reads as the same row."""
    assert record_of(WIDE) == FLAT and list(FLAT) == keys_of(Wide)
    assert row_of(Wide, json.loads(json.dumps(FLAT))) == WIDE
    without = {key: value for key, value in FLAT.items() if key not in ("since", "per_s")}
    assert row_of(Wide, without) == WIDE  # a default, and an interval without a figure


@dataclass(frozen=True)
class Pair:
    """Two parts of one type, whose keys would be the same without a prefix."""

    first: Place = part()
    second: Place = part("second_")


def test_a_parts_keys_may_have_a_prefix():
    """In the record alone, and in what is said of keys that lack."""
    pair = Pair(Place("a", 1), Place("b", 2))
    record = {"arm": "a", "servers": 1, "second_arm": "b", "second_servers": 2}
    assert record_of(pair) == record and list(record) == keys_of(Pair)
    assert row_of(Pair, record) == pair
    del record["second_arm"]
    with pytest.raises(BadInput, match="has no second_arm; expected"):
        row_of(Pair, record)


def test_a_record_that_lacks_a_key_is_refused_by_it():
    """Also where a part or the end of an interval lacks."""
    short = {key: FLAT[key] for key in FLAT if key not in ("servers", "latency_low_ms", "notes")}
    with pytest.raises(BadInput, match="no servers, latency_low_ms, notes; expected one of this"):
        row_of(Wide, {**short, "kind": "k"})


def test_rows_are_written_and_read_by_their_type(tmp_path):
    """Another notebook reads what one wrote; nothing where nobody did."""
    write_typed(Results(tmp_path, "n"), "k", [WIDE])
    assert read_typed(Results(tmp_path), "k", Wide) == [WIDE]
    assert read_typed(Results(tmp_path), "other", Wide) == []


@dataclass(frozen=True)
class Share:
    share: Interval = interval_of("accuracy", "low", "high")


def test_an_interval_may_have_keys_of_its_own():
    """Where records have had other names for its ends from the first."""
    share = Share(Interval(0.5, 0.4, 0.6))
    assert record_of(share) == {"accuracy": 0.5, "low": 0.4, "high": 0.6}
    assert row_of(Share, record_of(share)) == share


@dataclass(frozen=True)
class Range:
    """A row whose keys are not its fields' names, with a figure that an older kit kept alone."""

    start: float = stored_as("from")
    p99_ms: Interval = interval("p99{}_ms", default=UNKNOWN)


def test_a_field_may_be_stored_under_another_key():
    """A word that Python keeps for itself is a key all the same, and is named where it is missing."""
    record = {"from": 1.0, "p99_ms": 2.0, "p99_low_ms": 1.5, "p99_high_ms": 3.0}
    assert record_of(Range(1.0, Interval(2.0, 1.5, 3.0))) == record
    assert row_of(Range, record) == Range(1.0, Interval(2.0, 1.5, 3.0))
    assert keys_of(Range)[0] == "from"
    with pytest.raises(BadInput, match="has no from"):
        row_of(Range, {})


def test_a_figure_of_an_older_kit_is_read_without_its_ends():
    """Where the field has a default; without the figure, too, it has just that."""
    assert row_of(Range, {"from": 1.0, "p99_ms": 2.0}).p99_ms == Interval(2.0)
    assert row_of(Range, {"from": 1.0}).p99_ms == UNKNOWN


@dataclass(frozen=True)
class Kinds:
    """A row with a field of each kind that JSON can get wrong."""

    count: int
    share: float
    name: str
    flag: bool
    status: Literal["PASS", "FAIL"]
    texts: list[str]
    pair: tuple[float, ...]
    note: Note | None
    notes: dict[str, Note]
    measured: float | str | None
    place: Place = part()
    latency_ms: Interval = interval("latency{}_ms")


KINDS = Kinds(
    *(1, 0.5, "n", True, "PASS", ["t"], (1.0, 2.0), Note("w"), {"k": Note("v")}, None),
    *(Place("a", 2), Interval(5.0, 4.0, None)),
)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("count", "many", "count is 'many'; expected a valid integer"),
        ("count", 1.5, "count is 1.5; expected a valid integer"),
        ("count", True, "count is True; expected a valid integer"),
        ("count", float("nan"), "count is nan; expected a valid integer"),
        ("count", None, "count is None; expected a valid integer"),
        ("share", "0.5", "share is '0.5'; expected a valid number"),
        ("name", 3, "name is 3; expected a valid string"),
        ("flag", "yes", "flag is 'yes'; expected a valid boolean"),
        ("status", "GOOD", "status is 'GOOD'; expected 'PASS' or 'FAIL'"),
        ("texts", "t", "texts is 't'; expected a valid list"),
        ("texts", ["t", 3], "texts.1 is 3; expected a valid string"),
        ("pair", {"a": 1}, "pair is {'a': 1}; expected a valid tuple"),
        ("note", 3, "note is 3; expected an instance of Note"),
        ("note", {"word": 3}, "word is 3; expected a valid string"),
        ("note", {}, "Note has no word; expected all of them"),
        ("notes", {"k": []}, r"notes is \[\]; expected an instance of Note"),
        ("notes", [], r"notes is \[\]; expected a valid dictionary"),
        ("measured", [], r"measured is \[\]; expected a valid number or a valid string"),
        ("servers", "2", "servers is '2'; expected a valid integer"),
        ("latency_ms", "5", "latency_ms is '5'; expected a number or null"),
        ("latency_low_ms", True, "latency_low_ms is True; expected a number or null"),
    ],
)
def test_a_value_of_another_type_is_refused_by_file_line_and_key(tmp_path, key, value, message):
    """Whoever reads the record gets the place, what was expected, and the command that writes it again."""
    out = Results(tmp_path, "02_trace", "tiny")
    write_typed(out, "k", [KINDS, KINDS])
    assert read_typed(out, "k", Kinds) == [KINDS, KINDS]
    records = [record_of(KINDS), record_of(KINDS) | {key: value}]
    out.write("k", records)
    command = f"blipkit run tiny --only 02_trace --results {tmp_path}"
    with pytest.raises(BadInput, match=f"k.jsonl, line 2: {message}.*; run .* again: {command}"):
        read_typed(Results(tmp_path), "k", Kinds)


def test_whole_numbers_are_numbers_and_stay_whole():
    """JSON has one kind of number; a figure of 3 is not shown as 3.0."""
    row = row_of(Kinds, record_of(KINDS) | {"share": 1, "measured": 3, "latency_ms": 5})
    assert row.share == 1 and repr(row.measured) == "3" and repr(row.latency_ms.value) == "5"
    assert math.isnan(row_of(Kinds, record_of(KINDS) | {"share": math.nan}).share)


WRONG = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)


@given(st.dictionaries(st.sampled_from(keys_of(Kinds)), WRONG))
def test_any_record_is_a_row_or_a_sentence(changed):
    """No value in any place raises anything else."""
    try:
        row_of(Kinds, json.loads(json.dumps(record_of(KINDS) | changed)))
    except BadInput as error:
        assert "run the notebook that writes it again" in str(error)
