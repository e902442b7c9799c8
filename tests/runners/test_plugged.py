from dataclasses import asdict

import pytest
from compiling import failed_row
from studies import displayed, recorded, statuses, study_of

from blipkit.errors import NotMeasured
from blipkit.frames.frames import synthetic_frames
from blipkit.runners import plugged
from blipkit.runners.compiled import Compiled
from blipkit.runners.plugged import PluggedAnswer, PluggedIn, ask_plugged_in, first_float32

FINE = Compiled([])
ARM = "torchscript float32"


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
    result = ask_plugged_in(study, frame, FINE)
    assert result.arm == ARM
    assert [row.question for row in result.rows] == [question.text for question in study.questions]
    assert all(row.same_tokens and row.transformers == row.compiled for row in result.rows)
    assert statuses(result.gates()) == {"plugs back in": "PASS"}
    (first, *_) = study.results.read("plugged_in")
    assert first["evidence"] == "measured" and first["arm"] == ARM
    assert first["compiled"] == result.rows[0].compiled
    shown = displayed(monkeypatch)
    result.show()
    ((page, text),) = shown
    assert (
        page.count("<img ") == 1
        and text.splitlines()[0] == f"{frame.name}: transformers | torchscript float32"
    )
    assert "2 of 2 answers have the same tokens" in capsys.readouterr().out


def row(same: bool, arm: str = ARM) -> PluggedAnswer:
    return PluggedAnswer("q", arm, transformers="no", compiled="yes", same_tokens=same)


def test_an_answer_with_other_tokens_fails(frame):
    """One of two; the gate counts them."""
    (gate,) = PluggedIn(frame, ARM, [row(True), row(False)]).gates()
    assert (gate.status, gate.measured, gate.limit) == ("FAIL", 1, 0)
    assert gate.reason == "questions of 2 that torchscript float32 answers with other tokens"


def test_an_arm_in_another_precision_is_not_judged_here(frame):
    """It may round to another word, whatever it wrote."""
    arm = "torchscript bfloat16"
    (gate,) = PluggedIn(frame, arm, [row(False, arm)]).gates()
    assert (gate.status, gate.reason) == (
        "NOT-RUN",
        "torchscript bfloat16 may round to another word",
    )


def test_an_emulated_float32_arm_is_judged_and_says_so(frame):
    """`none` casts nothing; its gate's evidence is emulated."""
    arm = "neuron_emulated none"
    (gate,) = PluggedIn(frame, arm, [row(True, arm)]).gates()
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
    result = ask_plugged_in(study, frame, Compiled([failed_row(ARM)]))
    (gate,) = result.gates()
    assert (gate.status, gate.reason) == (
        "NOT-RUN",
        "not every component of torchscript float32 was compiled",
    )
    result.show()
    assert "NOT-RUN: not every component" in capsys.readouterr().out
    monkeypatch.setattr(plugged, "plugged_rows", lambda *_: [row(True)])
    other = Compiled([failed_row("torchscript bfloat16")])
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
    arms = [ARM]
    rows = [{**asdict(row(True)), "weights_digest": small.digest}]
    far = recorded(tmp_path / "far", plugged_in=rows)
    study = study_of("02_trace", tmp_path / "a", small, far, arms=arms)
    result = ask_plugged_in(study, frame, FINE)
    assert result.rows[0].compiled == "yes"
    assert statuses(result.gates()) == {"plugs back in": "PASS"}
    for place, folder in (("b", recorded(tmp_path / "bare")), ("c", far)):
        asked = arms if place == "b" else ["neuron none"]
        study = study_of("02_trace", tmp_path / place, small, folder, arms=asked)
        result = ask_plugged_in(study, frame, FINE)
        result.show()
        assert result.rows == [] and statuses(result.gates()) == {"plugs back in": "NOT-RUN"}
    assert "answers with compiled components: not recorded" in capsys.readouterr().out
