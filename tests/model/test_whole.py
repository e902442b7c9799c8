import dataclasses

import pytest
import torch
from conftest import unpadded_scores
from studies import recorded, statuses

from blipkit import Bucket, Question, assemble, isolate, trace
from blipkit.frames.frames import synthetic_frames
from blipkit.model import whole
from blipkit.model.whole import (
    AdapterDifference,
    AdapterDifferences,
    Padding,
    PaddingCheck,
    check_padding,
    compare_adapters,
)
from blipkit.records.results import Results

ASKED = [Question("is the dog barking?"), Question("what is the dog doing?", None)]


@pytest.fixture
def out(tmp_path, small):
    return Results(tmp_path / "out", "01_components", **small.provenance())


@pytest.fixture(scope="module")
def pipeline(small, tmp_path_factory):
    buckets = [Bucket(2, 2, 12, 2, 3)]
    return assemble(
        small, trace(isolate(small), tmp_path_factory.mktemp("eager"), "eager", shapes=buckets)
    )


def test_every_adapter_is_its_submodule_to_the_bit(checkpoint, tmp_path):
    """On checkpoints of several shapes; a row for each component, kept as a record."""
    out = Results(tmp_path, "01_components", **checkpoint.provenance())
    adapters = compare_adapters(out, checkpoint, synthetic_frames(1, 5)[0], ASKED[0])
    assert [row.max_difference for row in adapters.rows] == [0.0, 0.0, 0.0]
    assert [row.component for row in adapters.rows] == [
        "image_encoder",
        "text_encoder",
        "text_decoder",
    ]
    assert [row.output for row in adapters.rows] == ["image_states", "question_states", "logits"]
    assert sum(row.weights for row in adapters.rows) >= sum(
        p.numel() for p in checkpoint.model.parameters()
    )
    assert statuses(adapters.gates()) == {"wrappers equal submodules": "PASS"}
    assert [row["max_difference"] for row in out.read("components")] == [0.0, 0.0, 0.0]


def test_an_adapter_that_differs_by_one_bit_fails(small, out, monkeypatch):
    """The gate has the largest difference of all."""
    real = whole.submodule_calls

    def off(*arguments):
        image, text, decoder = real(*arguments)
        nudged = torch.nextafter(text.output, torch.tensor(torch.inf))
        return [image, dataclasses.replace(text, output=nudged), decoder]

    monkeypatch.setattr(whole, "submodule_calls", off)
    adapters = compare_adapters(out, small, synthetic_frames(1, 5)[0], ASKED[0])
    (gate,) = adapters.gates()
    assert gate.status == "FAIL" and gate.measured == adapters.rows[1].max_difference > 0
    assert adapters.rows[0].max_difference == adapters.rows[2].max_difference == 0


def truth_of(checkpoint):
    return lambda image, question: unpadded_scores(checkpoint, image, question)


def test_padding_changes_no_answer(small, pipeline, out):
    """Scores of questions with candidates are the unpadded ones up to rounding; an open question is left out."""
    frames = synthetic_frames(3, 5)
    padding = check_padding(out, pipeline, frames, ASKED, truth_of(small)).padding
    assert (padding.frames, padding.questions, padding.wrong) == (3, 1, 0)
    assert 0 <= padding.largest_difference < 1e-4
    (row,) = out.read("padding")
    expected = dataclasses.asdict(padding)
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(("margin", "wrong"), [(1.0, 2), (1e-6, 0)])
def test_an_answer_counts_as_wrong_where_the_truth_is_sure(pipeline, out, margin, wrong):
    """Every answer is turned round: sure ones are counted, undecided ones are excused."""

    def turned(image, question):
        scores = pipeline.answer([image], [question])[0][0].scores
        loser = min(range(len(scores)), key=scores.__getitem__)
        return [margin if place == loser else 0.0 for place in range(len(scores))]

    check = check_padding(out, pipeline, synthetic_frames(2, 5), ASKED, turned)
    assert check.padding.wrong == wrong
    (gate,) = check.gates()
    assert gate.status == "FAIL"  # where no answer counts, scores as far away as these do
    assert gate.measured == (wrong or check.padding.largest_difference)
    assert gate.next.startswith("look at the masks" if wrong else "are the start and end tokens")


def test_scores_that_all_arms_get_wrong_fail_here(small, pipeline, out, monkeypatch):
    """An end token that the pipeline does not score turns no answer, and no other arm's scores differ from it: transformers' do."""
    rank = pipeline._rank

    def endless(bucket, states, mask, options):
        return rank(bucket, states, mask, [[ids[:-1] for ids in one or []] for one in options])

    frames = synthetic_frames(2, 5)
    (sound,) = check_padding(out, pipeline, frames, ASKED, truth_of(small)).gates()
    monkeypatch.setattr(pipeline, "_rank", endless)
    check = check_padding(out, pipeline, frames, ASKED, truth_of(small))
    (gate,) = check.gates()
    assert (sound.status, gate.status) == ("PASS", "FAIL")
    assert gate.measured == check.padding.wrong or gate.measured > gate.limit


def test_scores_far_from_zero_may_differ_by_more():
    """Rounding is a share of what is rounded; never less than what leaves an answer undecided."""
    assert Padding(1, 1, 0, 0.0).rounding == Padding(1, 1, 0, 0.0, 2.0).rounding == 1e-5
    assert Padding(1, 1, 0, 0.0, 20.0).rounding == pytest.approx(3.8e-5, rel=0.01)


def test_without_a_question_with_candidates_padding_is_not_judged(small, pipeline, out):
    """NOT-RUN, with what to add."""
    check = check_padding(out, pipeline, synthetic_frames(1, 5), ASKED[1:], truth_of(small))
    (gate,) = check.gates()
    assert (gate.status, gate.reason) == ("NOT-RUN", "no question with candidates was asked")


def refused(*_):
    raise AssertionError("a replay measures nothing")


def test_in_a_replay_what_was_not_recorded_is_not_run(small, pipeline, tmp_path, capsys):
    """A folder without these kinds, or with an older kit's keys: a line says so, and the gates are NOT-RUN."""
    older = [{"component": "image_encoder", "weights": 3, "output": "image_states"}]
    far = recorded(tmp_path / "far", components=older)
    out = Results(tmp_path / "out", "01_components", replay=str(far), **small.provenance())
    adapters = compare_adapters(out, small, synthetic_frames(1, 5)[0], ASKED[0])
    padding = check_padding(out, pipeline, synthetic_frames(1, 5), ASKED, refused)
    assert adapters == AdapterDifferences([]) and padding == PaddingCheck(None)
    adapters.table()
    padding.table()
    assert capsys.readouterr().out.count("not recorded") == 2
    gates = statuses([*adapters.gates(), *padding.gates()])
    assert gates == {
        "wrappers equal submodules": "NOT-RUN",
        "pipeline equals transformers": "NOT-RUN",
    }


def test_in_a_replay_the_recorded_rows_are_judged(small, pipeline, tmp_path, capsys):
    """What was found there is shown here, and nothing is computed."""
    provenance = {"weights_digest": small.digest}
    rows = [
        provenance
        | {
            "component": "image_encoder",
            "weights": 3,
            "output": "image_states",
            "max_difference": 0.5,
        }
    ]
    padded = [provenance | {"frames": 8, "questions": 4, "wrong": 1, "largest_difference": 3.3e-6}]
    far = recorded(tmp_path / "far", components=rows, padding=padded)
    out = Results(tmp_path / "out", "01_components", replay=str(far), **small.provenance())
    adapters = compare_adapters(out, small, None, None)
    padding = check_padding(out, pipeline, [], ASKED, refused)
    assert adapters.rows == [AdapterDifference("image_encoder", 3, "image_states", 0.5)]
    assert padding.padding == Padding(8, 4, 1, 3.3e-6)
    padding.table()
    assert (
        "4 questions with candidates each: 1 answers differ, largest difference of a score 3.3e-06"
        in capsys.readouterr().out
    )
    assert set(statuses([*adapters.gates(), *padding.gates()]).values()) == {"FAIL"}
