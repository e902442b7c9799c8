import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.cli import entry
from blipkit.errors import LINE, SHOWN, BlipkitError, first_of, nearest, shortened, shown


def test_a_value_is_quoted_in_short():
    """As Python writes it, with its middle left out; what Python cannot write is said to be so."""
    assert shown("a") == "'a'" and shown([1]) == "[1]"
    assert len(shown("x" * 10**6)) == SHOWN and shown("x" * 10**6).startswith("'xxx")
    assert shown(10**5000) == "<int too large to show>"
    deep = []
    for _ in range(10**5):
        deep = [deep]
    assert shown(deep) == "<list too large to show>"


@given(st.text(), st.integers(4, 60))
def test_a_shortened_text_keeps_its_ends(text, length):
    """And is never longer than asked for."""
    short = shortened(text, length)
    assert len(short) <= max(length, 3) and (short == text) == (len(text) <= length)
    assert text.startswith(short.partition("...")[0]) or text == short


def test_each_line_of_a_message_is_cut():
    """A notebook's error keeps its lines, each of them short."""
    said = str(BlipkitError("seen\n" + "x" * 10**5 + "; what to do\nend"))
    first, long, last = said.split("\n")
    assert (first, last) == ("seen", "end")
    assert len(long) == LINE and long.endswith("; what to do")


def test_advice_on_a_long_word_is_short():
    """And takes no long time."""
    assert nearest("x" * 10**6, ["frames"]) == "known: frames"


def test_a_word_that_is_cut_short_is_completed():
    """Before one that resembles it; not where several begin so."""
    assert nearest("rate", ["frames", "rate_per_s"]) == "did you mean 'rate_per_s'?"
    assert nearest("08", ["04_load", "08_arrivals"]) == "did you mean '08_arrivals'?"
    assert nearest("te", ["text_a", "text_b"]) == "known: text_a, text_b"
    assert nearest("", ["frames"]) == "known: frames"


def test_the_command_line_cuts_what_it_says(monkeypatch, capsys):
    """Whatever was quoted on the way."""
    monkeypatch.setattr(sys, "argv", ["blipkit", "doctor", "--lowering", "x" * 10**5])
    with pytest.raises(SystemExit) as ended:
        entry()
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("blipkit: profile 'xxx") and len(said) < 520


def test_the_first_few_are_named_and_the_others_counted():
    """By semicolons or by commas; all of them where they are no more than that."""
    assert first_of([], 2) == "" and first_of(["a", "b"], 2) == "a; b"
    assert first_of(["a", "b", "c", "d", "e"], 2) == "a; b; and 3 more"
    assert first_of(["a", "b", "c"], 2, ", ") == "a, b and 1 more"
