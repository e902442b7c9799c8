import pytest
from studies import displayed, recorded, statuses, study_of

from blipkit.errors import NotMeasured
from blipkit.frames.frames import synthetic_frames
from blipkit.runners import plugged
from blipkit.runners.compiled import Compiled
from blipkit.runners.plugged import PluggedIn, ask_plugged_in, first_float32

FINE = Compiled([])


@pytest.fixture
def frame():
    return synthetic_frames(1, 5)[0]


@pytest.fixture
def study(small, tmp_path):
    return study_of(
        "02_trace", tmp_path, small, arms=["torchscript bfloat16", "torchscript float32"]
    )


def test_a_float32_arm_writes_the_same_tokens(study, frame, monkeypatch, capsys):
    """transformers' class on compiled components answers every question as it does without them."""
    found = ask_plugged_in(study, frame, FINE)
    assert found.arm == "torchscript float32"
    assert [row["question"] for row in found.rows] == [
        question.text for question in study.questions
    ]
    assert all(row["same tokens"] and row["transformers"] == row[found.arm] for row in found.rows)
    assert statuses(found.gates()) == {"plugs back in": "PASS"}
    (first, *_) = study.results.read("plugged_in")
    assert (
        first["evidence"] == "measured"
        and first["torchscript float32"] == found.rows[0]["torchscript float32"]
    )
    shown = displayed(monkeypatch)
    found.show()
    ((page, text),) = shown
    assert (
        page.count("<img ") == 1
        and text.splitlines()[0] == f"{frame.name}: transformers | torchscript float32"
    )
    assert "2 of 2 answers have the same tokens" in capsys.readouterr().out


def row(same: bool) -> dict:
    return {
        "question": "q",
        "transformers": "no",
        "torchscript float32": "yes",
        "same tokens": same,
    }


def test_an_answer_with_other_tokens_fails(frame):
    """One of two; the gate counts them."""
    (gate,) = PluggedIn(frame, "torchscript float32", [row(True), row(False)]).gates()
    assert (gate.status, gate.measured, gate.limit) == ("FAIL", 1, 0)
    assert gate.reason == "questions of 2 that torchscript float32 answers with other tokens"


def test_an_arm_in_another_format_is_not_judged_here(frame):
    """It may round to another word, whatever it wrote."""
    (gate,) = PluggedIn(
        frame, "torchscript bfloat16", [{**row(False), "torchscript bfloat16": "yes"}]
    ).gates()
    assert (gate.status, gate.reason) == (
        "NOT-RUN",
        "torchscript bfloat16 may round to another word",
    )


def test_an_emulated_float32_arm_is_judged_and_says_so(frame):
    """`none` casts nothing; its gate's evidence is emulated."""
    (gate,) = PluggedIn(
        frame, "neuron_emulated none", [{**row(True), "neuron_emulated none": "no"}]
    ).gates()
    assert (gate.status, gate.evidence) == ("PASS", "emulated")


@pytest.mark.parametrize(
    ("arms", "first"),
    [
        (["torchscript bfloat16", "torchscript float32", "neuron none"], "torchscript float32"),
        (["neuron matmult bf16", "neuron none"], "neuron none"),
        (["torchscript bfloat16", "neuron all fp16"], "torchscript bfloat16"),
    ],
)
def test_the_first_float32_arm_is_plugged_in(arms, first):
    """And where there is none, the first of all."""
    assert first_float32(arms) == first


def refused(*_, **__):
    raise AssertionError("nothing may be plugged in")


def test_components_that_were_not_compiled_are_not_plugged_in(study, frame, monkeypatch, capsys):
    """Those of the arm that would be; another arm's failure is no hindrance."""
    monkeypatch.setattr(plugged, "plugged_rows", refused)
    failed = Compiled(
        [{"arm": "torchscript float32", "component": "text_encoder", "failed": "it died"}]
    )
    found = ask_plugged_in(study, frame, failed)
    (gate,) = found.gates()
    assert (gate.status, gate.reason) == (
        "NOT-RUN",
        "not every component of torchscript float32 was compiled",
    )
    found.show()
    assert "NOT-RUN: not every component" in capsys.readouterr().out
    monkeypatch.setattr(plugged, "plugged_rows", lambda *_: [row(True)])
    other = Compiled(
        [{"arm": "torchscript bfloat16", "component": "text_encoder", "failed": "it died"}]
    )
    assert statuses(ask_plugged_in(study, frame, other).gates()) == {"plugs back in": "PASS"}


def test_compiled_for_a_device_that_is_elsewhere_is_not_run(study, frame, monkeypatch):
    """The reason is the runner's, and what to do is to go there."""

    def elsewhere(*_):
        raise NotMeasured("no Neuron device here")

    monkeypatch.setattr(plugged, "plugged_rows", elsewhere)
    (gate,) = ask_plugged_in(study, frame, FINE).gates()
    assert (gate.status, gate.reason) == ("NOT-RUN", "no Neuron device here")
    assert gate.next == "copy artifacts/ to an Inf2 instance and run there"


def test_in_a_replay_answers_are_read_or_not_run(small, frame, tmp_path, monkeypatch, capsys):
    """Those of the arm that the knobs name; a folder without them, or with another arm's, has none."""
    monkeypatch.setattr(plugged, "plugged_rows", refused)
    arms = ["torchscript float32"]
    rows = [{**row(True), "weights_digest": small.digest}]
    far = recorded(tmp_path / "far", plugged_in=rows)
    found = ask_plugged_in(study_of("02_trace", tmp_path / "a", small, far, arms=arms), frame, FINE)
    assert found.rows[0]["torchscript float32"] == "yes" and statuses(found.gates()) == {
        "plugs back in": "PASS"
    }
    for place, folder in (("b", recorded(tmp_path / "bare")), ("c", far)):
        asked = arms if place == "b" else ["neuron none"]
        found = ask_plugged_in(
            study_of("02_trace", tmp_path / place, small, folder, arms=asked), frame, FINE
        )
        found.show()
        assert found.rows == [] and statuses(found.gates()) == {"plugs back in": "NOT-RUN"}
    assert "answers with compiled components: not recorded" in capsys.readouterr().out
