import re
from dataclasses import fields

import pytest

from blipkit.errors import BadInput
from blipkit.profiles.profile import check_sections, load_profile, read_profile, translated
from blipkit.profiles.sections import section_class
from blipkit.records.gates import decide
from blipkit.renamed import BECAME_LISTS, GATES, KNOBS, RECORD_KEYS, REMOVED, record_today
from blipkit.report.verdict import unmeasured
from blipkit.study import replayed


@pytest.mark.parametrize(("old", "new"), KNOBS.items())
def test_a_renamed_knob_is_one_today(old, new):
    """The new name is a knob, the old one is none; a recorded profile's value moves to it, a profile's is refused by it."""
    section, key = new.split(".")
    known = {one.name for one in fields(section_class(section))}
    assert key in known and old.split(".")[1] not in known
    old_section, old_key = old.split(".")
    value = [7] if new in BECAME_LISTS else 7
    assert translated({old_section: {old_key: 7}})[section][key] == value
    with pytest.raises(BadInput, match=f"it is {new} now"):
        check_sections({old_section: {old_key: 7}}, "mine.yaml")


@pytest.mark.parametrize(("name", "gone"), REMOVED.items())
def test_a_removed_knob_is_left_out_of_what_is_recorded_and_refused_in_a_profile(
    name, gone, tmp_path
):
    """It is none today; a run's profile is read without it, and says so once; whoever writes it now is told since when it is gone."""
    section, key = name.split(".")
    assert key not in {one.name for one in fields(section_class(section))}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d: .*[^.]", gone)
    path = tmp_path / "profile.yaml"
    path.write_text(f"{section}: {{{key}: 5}}\n")
    refusal = f"unknown key '{key}'; it is gone since {gone}; leave it out"
    with pytest.raises(BadInput, match=re.escape(refusal)):
        load_profile(str(path))
    with pytest.raises(BadInput, match=re.escape(refusal)):
        load_profile("tiny", [f"{name}=5"])
    (tmp_path / "run.json").write_text("{}")
    loaded = load_profile(str(path))
    note = f"{name} was 5, which is gone since {gone}"
    assert loaded.sections == {section: {}} and loaded.notes == [note]
    assert read_profile(tmp_path).notes == [note]
    assert replayed(loaded, tmp_path)[0].notes == [note]


@pytest.mark.parametrize(
    ("limit", "questions", "today"),
    [
        (0.005, ["a?", "b?", {"text": "c?", "candidates": "open"}], 0.01),
        (0.4, ["a?", "b?", "c?"], 0.99),
        ("many", ["a?", "b?"], "many"),
    ],
)
def test_a_limit_an_answer_becomes_one_a_frame(limit, questions, today):
    """Each answer about a frame may be the one that flips: times the questions with candidates."""
    recorded = {"parity": {"flip_limit": limit}, "common": {"questions": questions}}
    assert translated(recorded)["parity"] == {"frame_flip_limit": today}


def test_a_renamed_value_is_read_in_a_record_and_refused_in_a_profile():
    """Frames that were "drawn" are synthetic; whoever writes the old word is told the new one."""
    old = {"common": {"frames_from": "drawn", "required": ["every piece compiles", "accuracy"]}}
    assert translated(old)["common"] == {
        "frames_from": "synthetic",
        "required": ["every component compiles", "accuracy"],
    }
    with pytest.raises(BadInput, match="frames_from is 'drawn'; it is called 'synthetic' now"):
        check_sections({"common": {"frames_from": "drawn"}}, "mine.yaml")


def test_a_record_has_the_names_of_today():
    """Its keys, by its kind; its state; the gate that it is about. All else stays as it was."""
    assert record_today({"kind": "concurrency", "little": 1.0, "state": "settled"}) == {
        "kind": "concurrency",
        "littles_law_ratio": 1.0,
        "state": "stable",
    }
    assert record_today({"kind": "gates_04", "gate": "steady load"})["gate"] == "stable load"
    assert record_today({"kind": "other", "little": 1.0}) == {"kind": "other", "little": 1.0}
    assert all(old not in keys.values() for keys in RECORD_KEYS.values() for old in keys)


def test_a_plugged_in_answer_stood_under_its_arm():
    """Every arm's records had keys of their own; today the arm is a value."""
    old = {"kind": "plugged_in", "question": "q", "transformers": "no"}
    old |= {"neuron_emulated none": "yes", "same tokens": False, "machine": "m"}
    today = {"kind": "plugged_in", "question": "q", "transformers": "no", "machine": "m"}
    today |= {"arm": "neuron_emulated none", "compiled": "yes", "same_tokens": False}
    assert record_today(old) == record_today(today) == today


@pytest.mark.parametrize(("old", "new"), GATES.items())
def test_a_required_gate_may_be_called_as_it_was(old, new):
    """A profile that requires it by its old name gets it."""
    assert unmeasured([decide(new, "answer", True)], [old]) == []
    assert unmeasured([], [old]) == [new]
