import math

import pytest
from made_up_pairs import ASKED, made_up_pairs, pair_of, said

from blipkit.errors import BadInput
from blipkit.service.routing import is_sampled
from blipkit.service.shadow import SHADOW_AGREES, Pair, Tally
from blipkit.service.switch import Plan, Side, Switch
from blipkit.service.wire import Answered

EXCUSED = 0.05  # nats


def tally_of(pairs, excused=EXCUSED) -> Tally:
    tally = Tally(excused)
    for pair in pairs:
        tally.add(pair)
    return tally


def test_the_same_answers_agree():
    """Counts, an agreement of 1 with its interval, and a gate that holds once enough frames were compared."""
    tally = tally_of(made_up_pairs(200, 1))
    found = tally.summary()
    assert (found.frames, found.answers, found.flips, found.unexcused) == (200, 600, 0, 0)
    assert found.agreement.value == 1 and found.agreement.low > 0.99 and not tally.flipped
    gate = tally.gate(0.02)
    assert (gate.gate, gate.status, gate.evidence) == (SHADOW_AGREES, "PASS", "measured")


def test_too_few_frames_are_a_warning():
    """Ten frames without a flip bound nothing by 2 %."""
    gate = tally_of(made_up_pairs(10, 1)).gate(0.02)
    assert gate.status == "WARN" and "ask more frames" in gate.next
    assert Tally(EXCUSED).gate(0.02).status == "NOT-RUN"


def test_flips_at_a_wide_margin_are_not_excused():
    """By 03's rule: at a margin that rounding does not reach; `add` says so at once."""
    tally = Tally(EXCUSED)
    assert tally.add(pair_of(["yes"], ["no"], margins=[0.06])) is True
    assert tally.add(pair_of(["yes"], ["no"], "s", margins=[0.04])) is False
    found = tally.summary()
    assert (found.flips, found.unexcused, found.flipped_frames) == (2, 1, 1)


def test_a_worse_candidate_fails_and_a_noisy_one_does_not():
    """2 % of answers differ; or all margins move within the precision, and the smallest flip."""
    worse = tally_of(made_up_pairs(400, 2, differs=0.02))
    noisy = tally_of(made_up_pairs(400, 2, noise=EXCUSED))
    gate = worse.gate(0.02)
    assert gate.status == "FAIL" and "do not switch" in gate.next and "03_parity" not in gate.next
    assert noisy.summary().flips > 0 and noisy.summary().unexcused == 0
    assert noisy.gate(0.02).status == "PASS"


def test_a_margin_that_moves_too_far_is_no_rounding():
    """Though nothing flipped: 03's rule about movements."""
    pairs = list(made_up_pairs(300, 3))
    first = (said(ASKED[0], "yes", 9.0),)
    moved = Pair("m", "porch", 0, first, (said(ASKED[0], "yes", 8.0),))
    gate = tally_of([*pairs, moved]).gate(0.02)
    assert gate.status == "FAIL" and "a margin moved by 1 nats" in gate.reason


def test_an_answer_that_is_not_a_number_is_never_excused():
    """null where the primary has a margin; a probability that is none."""
    for broken in (said(ASKED[0], "yes", None), said(ASKED[0], "yes", math.nan)):
        tally = Tally(EXCUSED)
        assert tally.add(Pair("r", "", 0, (said(ASKED[0], "yes", 0.01),), (broken,)))
        assert tally.gate(0.02).status == "FAIL"


def test_a_probability_may_be_left_out():
    """As in a log that has none: nothing is held against it, on either side or both."""
    with_it, without = (said(ASKED[0], "yes"),), (Answered(ASKED[0], "yes", None, 3.0),)
    for first, second in ((without, without), (with_it, without), (without, with_it)):
        tally = tally_of(Pair(f"r{n}", "", n, first, second) for n in range(200))
        assert tally.gate(0.02).status == "PASS" and tally.summary().flips == 0


def test_a_margin_of_the_primary_that_is_none_says_the_same_wherever_it_stands():
    """First or last: what cannot be compared has not moved."""
    pairs = [pair_of(["yes"], ["yes"], f"r{n}") for n in range(200)]
    broken = Pair("b", "", 0, (said(ASKED[0], "yes", math.nan),), (said(ASKED[0], "yes"),))
    assert tally_of([broken, *pairs]).gate(0.02) == tally_of([*pairs, broken]).gate(0.02)


def test_asking_twice_excuses_nothing():
    """A primary that contradicts itself is said to, and no flip is excused by it."""
    pairs = [pair_of(["yes"], ["yes"], f"r{n}", again=["yes"]) for n in range(200)]
    steady = tally_of(pairs)
    assert steady.gate(0.02).status == "PASS" and steady.summary().asked_twice == 200
    wavering = tally_of([*pairs, pair_of(["yes"], ["yes"], "w", again=["no"])])
    gate = wavering.gate(0.02)
    assert gate.status == "WARN" and "answers 1 of 201 otherwise when asked twice" in gate.reason
    assert wavering.summary().unexcused == 0
    worse = tally_of([pair_of(["yes"], ["no"], f"r{n}", again=["no"]) for n in range(200)])
    assert worse.gate(0.02).status == "FAIL" and worse.summary().unexcused == 200


def test_a_candidate_that_answers_the_easy_frames_alone_does_not_agree():
    """Each frame that it left out counts as one that flips does: a few of many are within the limit."""
    pairs = [pair_of(["yes"], ["yes"], f"r{n}") for n in range(300)]
    for unanswered, status in ((0, "PASS"), (1, "PASS"), (30, "FAIL")):
        tally = tally_of(pairs)
        tally.lacks.unanswered = unanswered
        gate = tally.gate(0.02)
        assert (gate.status, tally.summary().unanswered) == (status, unanswered)
    assert gate.reason.startswith("the candidate gave no answers to 30 of 330 frames that the")


def test_open_answers_are_counted_apart():
    """They have no margin to be excused by: other words are at most a warning."""
    alike = [pair_of(["yes"], ["yes"], f"r{n}") for n in range(300)]
    opened = [
        Pair(f"o{n}", "", 0, (said("what?", "a dog", None),), (said("what?", "a cat", None),))
        for n in range(30)
    ]
    tally = tally_of([*alike, *opened])
    found = tally.summary()
    assert (found.open_answers, found.open_flips, found.flips) == (30, 30, 0)
    gate = tally.gate(0.02)
    assert gate.status == "WARN" and "open answers differ about 30 of 330 frames" in gate.reason
    assert gate.next == "compare them in 03_parity, which knows their margins"


@pytest.mark.parametrize(
    ("text", "count", "status"),
    [("a dog", 300, "PASS"), ("a dog", 30, "WARN"), ("a cat", 300, "WARN")],
)
def test_open_answers_alone_are_judged_by_their_words(text, count, status):
    """The same about enough frames, about too few, and others: never more than a warning."""
    pairs = [
        Pair(f"o{n}", "", 0, (said("what?", "a dog", None),), (said("what?", text, None),))
        for n in range(count)
    ]
    gate = tally_of(pairs).gate(0.02)
    assert gate.status == status and gate.gate == SHADOW_AGREES and gate.evidence == "measured"
    assert f"of {count} frames" in gate.reason and bool(gate.next) == (status == "WARN")


def test_answers_to_other_questions_are_refused():
    """A candidate that was asked something else is not compared."""
    with pytest.raises(BadInput, match="candidate answered .*playing.*; expected answers to"):
        Pair("r", "", 0, (said(ASKED[0], "yes"),), (said(ASKED[1], "yes"),))
    with pytest.raises(BadInput, match="primary, again answered"):
        Pair("r", "", 0, (said(ASKED[0], "yes"),), (said(ASKED[0], "yes"),), ())
    with pytest.raises(BadInput, match="no request was answered by both"):
        Tally(EXCUSED).summary()


def test_a_sample_is_always_the_same():
    """A larger share holds a smaller one; all and none are all and none."""
    names = [f"camera {n}" for n in range(2000)]
    small = [name for name in names if is_sampled(name, 0.05)]
    large = {name for name in names if is_sampled(name, 0.2)}
    assert 60 <= len(small) <= 150 and set(small) <= large
    assert all(is_sampled(name, 1) for name in names)
    assert not any(is_sampled(name, 0) for name in names)


def rolls_back(seed: int, **candidate) -> bool:
    """Whether a switch goes back whose shadow compares such answers, on a virtual clock."""
    switch, tally = Switch(Plan("gpu", "inf2")), Tally(EXCUSED)
    sides = {name: Side(True, 1e9) for name in ("gpu", "inf2")}
    for now, pair in enumerate(made_up_pairs(3000, seed, **candidate)):
        share = switch.share
        ours = (now * share) % 1 + share >= 1
        switch.watch.request(share, ours, failed=False, late=False)
        switch.watch.pair(tally.add(pair))
        switch.look(now, sides, 100)
        if switch.is_over:
            break
    return bool(switch.went_back)


@pytest.mark.parametrize("seeds", [range(4), pytest.param(range(20), marks=pytest.mark.slow)])
def test_a_planted_candidate_is_rolled_back_and_a_noisy_one_is_not(seeds):
    """2 % of questions answered otherwise: found; noise within the precision: not; in at least 19 of 20 seeds."""
    worse = sum(rolls_back(seed, differs=0.02) for seed in seeds)
    noisy = sum(rolls_back(seed, noise=EXCUSED) for seed in seeds)
    assert worse >= len(seeds) * 0.95 and noisy <= len(seeds) * 0.05
