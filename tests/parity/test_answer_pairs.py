"""Pairs of answers: what a flip is, where two answers part, and the samples that keep them."""

import math

import pandas
from parity_rows import ARM, answers, labelled, open_pair, pair, pairs_of

from blipkit import Question
from blipkit.frames.frames import Frame
from blipkit.model.pipeline import Answer
from blipkit.parity.answer_pairs import frame_of, pair_answers, pairs_in
from blipkit.parity.figures import show_margins

COLUMNS = [
    *("arm", "frame", "question", "open", "label", "flipped", "moved", "first_divergence"),
    *("reference", "reference_margin", "reference_probability", "reference_gap"),
    *("candidate", "candidate_margin", "candidate_probability", "candidate_gap"),
]


def test_a_flip_is_a_changed_text_and_moves_through_zero():
    """How far a margin moved counts through zero where the answer flipped."""
    question = [Question("a?"), Question("b?")]
    same, flipped = pair_answers(
        ARM,
        [Frame("f", None)],
        question,
        answers(("yes", 2.0), ("yes", 0.5)),
        answers(("yes", 1.5), ("no", 0.25)),
    )
    assert not same.flipped and same.movement == 0.5
    assert flipped.flipped and flipped.movement == 0.75


def test_the_first_token_that_differs_is_found_with_its_gaps():
    """The place, and on each side how far the two best logits were apart there."""
    ours = Answer("a dog", 0.9, 0.1, tokens=(5, 6, 2), gaps=(3.0, 0.1, 4.0))
    theirs = Answer("a cat", 0.9, 0.2, tokens=(5, 7, 2), gaps=(3.1, 0.2, 4.1))
    answer = open_pair(ours, theirs)
    assert (answer.first_divergence, answer.reference.gap, answer.candidate.gap) == (1, 0.1, 0.2)
    same = open_pair(ours, ours)
    assert not same.flipped and same.first_divergence is same.reference.gap is None


def test_an_answer_that_ends_sooner_differs_where_it_ends():
    """The end is a token, too."""
    ours = Answer("a", 0.9, 0.1, tokens=(5, 2), gaps=(3.0, 0.5))
    longer = Answer("a dog", 0.9, 0.1, tokens=(5, 6, 2), gaps=(3.0, 0.4, 9.0))
    answer = open_pair(ours, longer)
    assert answer.first_divergence == 1 and answer.reference.gap == 0.5


def test_samples_give_the_pairs_back(tmp_path):
    """Through parquet, which has no None among numbers; a folder without samples has no pair."""
    ours = Answer("a dog", 0.9, 0.1, tokens=(5, 6, 2), gaps=(3.0, 0.1, 4.0))
    other = Answer("a cat", 0.8, 0.2, tokens=(5, 7, 2), gaps=(3.1, 0.2, 4.1))
    several = [*pairs_of(1, 2, 1.0), *labelled(("yes", "no")), open_pair(ours, other)]
    for pairs in (several, pairs_of(1, 2, 1.0)):
        frame_of(pairs).to_parquet(tmp_path / "x.parquet", index=False)
        samples = pandas.read_parquet(tmp_path / "x.parquet")
        assert list(samples) == COLUMNS and pairs_in(samples) == pairs
        assert list(samples.flipped) == [pair.flipped for pair in pairs]
        assert list(samples.moved) == [pair.movement for pair in pairs]
    assert pairs_in(pandas.DataFrame([])) == []


def test_answers_that_are_not_a_number_are_counted_beside_the_figure(capsys):
    """What has no movement cannot be drawn: also where no answer of an arm has one."""
    broken = pair(candidate_margin=math.nan)
    show_margins({ARM: [pair(2.0, 1.5), broken], "other": [broken, broken]})
    printed = capsys.readouterr().out
    assert f"{ARM} moved margins by up to 0.5 nats, 1 flips, 1 answers not a number" in printed
    assert "2 flips, 2 answers not a number" in printed
