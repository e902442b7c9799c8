import itertools
import random
import shlex
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import system

from blipkit.cost.decision import NOT_ENOUGH, weigh
from blipkit.cost.missing import LONGEST_H, SECTION_OF, hours_taken
from blipkit.cost.prices import find_price, load_prices
from blipkit.cost.rows import AnswerCost, Conditions
from blipkit.cost.systems import Gap

TABLE = load_prices()
PRICES = {
    "candidate": [find_price(TABLE, "inf2.xlarge", "us-east-1")],
    "incumbent": [find_price(TABLE, name, "us-east-1") for name in ("g5.xlarge", "g6.xlarge")],
}
PARITY = Gap("decisions is NOT-RUN", "03_parity")
LOAD = Gap("latency target is FAIL", "04_concurrency")
# answers/s that make Inf2 cheaper, dearer, as dear
FASTER, SLOWER, ALIKE = (
    900.0,
    100.0,
    300.0 * 0.7582 / 1.006,
)


def decide(systems, first_run=1.0, again=0.25):
    return weigh(systems, PRICES, lambda folder, notebooks: first_run if folder is None else again)


SIDE = {
    "absent": None,
    "whole": [],
    "no parity": [PARITY],
    "no load": [LOAD],
    "neither": [PARITY, LOAD],
}
WORK = {"alike": {}, "unlike": {"threads": 2, "weights_digest": "w2"}}
TIMES = {FASTER: "move", SLOWER: "stay", ALIKE: NOT_ENOUGH}


@pytest.mark.parametrize(
    ("ours", "theirs", "work", "rate"), list(itertools.product(SIDE, SIDE, WORK, TIMES))
)
def test_every_combination_of_missing_evidence(ours, theirs, work, rate):
    """Both sides whole, asked alike and told apart: move or stay. Else each missing thing stands there once, with its price."""
    systems, expected, hourly = [], [], {"neuron": 0.7582, "cuda": 1.006}
    for kind, state, profile in (("neuron", ours, "inf2"), ("cuda", theirs, "gpu")):
        if state == "absent":
            expected.append((f"make run PROFILE={profile}", 1.0, hourly[kind]))
        else:
            conditions = Conditions(threads=1, weights_digest="w1")
            if kind == "neuron":
                conditions = replace(conditions, **WORK[work])
            answers = rate if kind == "neuron" else 300.0
            systems.append(system(kind, answers, gaps=SIDE[state], conditions=conditions))
            again = [
                f"blipkit run {profile} --only {gap.notebook} --only 05_cost" for gap in SIDE[state]
            ]
            expected += [(command, 0.25, 0.25 * hourly[kind]) for command in again]
    if len(systems) == 2 and work == "unlike":
        command = "blipkit run gpu --only 04_concurrency --only 05_cost --set common.threads=2"
        expected.append((command, 0.25, 0.25 * hourly["cuda"]))
    decision = decide(systems)
    if expected:
        assert decision.answer == NOT_ENOUGH and decision.saving is None
        assert [(step.command, step.hours, step.usd) for step in decision.missing] == expected
        assert {gap.reason for one in systems for gap in one.gaps} <= set(decision.because)
    else:
        assert decision.answer == TIMES[rate] and bool(decision.missing) == (rate == ALIKE)
    assert all(step.what and shlex.split(step.command) for step in decision.missing)


def test_what_a_command_cannot_set_is_named():
    """Other weights: the step says that no --set states them."""
    conditions = Conditions(threads=1, weights_digest="w1")
    other = replace(conditions, weights_digest="w2")
    decision = decide([system("neuron", conditions=conditions), system("cuda", conditions=other)])
    (step,) = decision.missing
    assert step.what.startswith(
        "the same weights digest on both machines; the command does not set"
    )
    assert "--set" not in step.command


def test_a_condition_that_a_profile_states_is_one():
    """The table of sections knows no other."""
    assert set(SECTION_OF) <= {one.name for one in fields(Conditions)}


def test_the_reason_for_a_move_names_both_sides_and_the_interval():
    """What a stakeholder reads: how much less, on what, against what, how sure."""
    decision = decide([system("neuron", FASTER), system("cuda")])
    (reason,) = decision.because
    assert reason.startswith(
        "a good answer costs 75% less on inf2.xlarge (arm of neuron) than on g5.xlarge (arm of cuda)"
    )
    assert "interval of the saving 74% to 76%" in reason
    assert decision.incumbent.instance == "g5.xlarge"
    assert "more on inf2.xlarge" in decide([system("neuron", SLOWER), system("cuda")]).because[0]


def test_the_cheapest_incumbent_without_gaps_is_the_one_to_beat():
    """Eager on g5 would be beaten, compiled on g6 is not; a cheaper one whose parity is open does not count."""
    eager = system("cuda", 50.0, arm="eager")
    compiled = system("cuda", 600.0, arm="compiled", instance="g6.xlarge", usd=0.8048)
    ours = system("neuron", 300.0)
    assert decide([ours, eager]).answer == "move"
    assert decide([ours, eager, compiled]).answer == "stay"
    assert decide([ours, eager, compiled]).incumbent.arm == "compiled"
    assert decide([ours, eager, replace(compiled, gaps=[PARITY])]).answer == "move"


FAST = system("neuron", FASTER)


@pytest.mark.parametrize(
    "other",
    [
        replace(FAST, kind="rehearsal"),
        replace(FAST, kind="cpu"),
        system("neuron", FASTER, instance="trn1.2xlarge"),
        replace(FAST, row=replace(FAST.row, cost=AnswerCost())),
    ],
    ids=["rehearsal", "cpu", "another instance", "no good answer"],
)
def test_what_was_not_measured_on_the_candidate_is_no_evidence_for_it(other):
    """A rehearsal, a CPU, another instance and a setting without one good answer leave the run missing."""
    decision = decide([other, system("cuda")])
    assert [step.what for step in decision.missing] == ["a measured run on inf2.xlarge"]


def test_an_interval_that_includes_zero_says_how_much_longer():
    """Costs 4 % apart with 10 % to either side on both: some 25 times the load, at the best setting alone, on each machine."""
    decision = decide([system("neuron", ALIKE * 1.04, 0.1), system("cuda", wide=0.1)])
    ours, theirs = decision.missing
    # how far both reach, over how far they are apart
    times = (1 / 0.9 / 1.04 - 1 / 1.04 + 1 - 1 / 1.1) / (1 - 1 / 1.04)
    assert ours.hours == pytest.approx((times**2 - 1) * 10 / 3600, rel=1e-6) == theirs.hours
    assert [step.usd for step in (ours, theirs)] == pytest.approx(
        [usd * ours.hours for usd in (0.7582, 1.006)]
    )
    words = shlex.split(ours.command)
    assert words[:3] == ["blipkit", "run", "inf2"] and "concurrency.servers=[2]" in words
    seconds = next(
        int(word.partition("=")[2]) for word in words if word.startswith("concurrency.seconds")
    )
    assert seconds == pytest.approx(10 + 3600 * ours.hours, abs=1)
    longer = [system("neuron", ALIKE * 1.04, 0.1 / times), system("cuda", wide=0.1 / times)]
    assert decide(longer).answer == "move"


def test_costs_that_cannot_be_told_apart_do_not_ask_for_years():
    """The very same cost, or an interval without an end: a day at most, and that it would not tell."""
    for systems in (
        [system("neuron", ALIKE), system("cuda")],
        [system("neuron", ALIKE * 2, 1.0), system("cuda")],
    ):
        decision = decide(systems)
        assert decision.answer == NOT_ENOUGH
        assert {step.hours for step in decision.missing} == {LONGEST_H}
        assert "not even a day of load would tell" in decision.because[-1]


RATES, WIDTHS = st.floats(10, 1000), st.floats(0, 0.8)
GAPS = st.lists(st.sampled_from([PARITY, LOAD]), max_size=2)
FOUND = st.lists(st.tuples(st.sampled_from(["neuron", "cuda"]), RATES, WIDTHS, GAPS), max_size=5)


def systems_of(drawn, wider=1.0):
    return [
        system(kind, rate, min(wide * wider, 1.0), gaps, arm=f"arm {i}")
        for i, (kind, rate, wide, gaps) in enumerate(drawn)
    ]


@given(FOUND, st.floats(1, 5))
def test_a_wider_interval_never_turns_not_enough_into_a_verdict(drawn, wider):
    """Whatever was measured: with wider intervals a verdict stays or is withdrawn, and never another one."""
    narrow, wide = decide(systems_of(drawn)).answer, decide(systems_of(drawn, wider)).answer
    assert wide in (narrow, NOT_ENOUGH)


@given(FOUND, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(drawn, rng: random.Random):
    """The same systems in any order give the same decision, word for word."""
    systems = systems_of(drawn)
    shuffled = rng.sample(systems, len(systems))
    assert decide(systems) == decide(shuffled)


@given(FOUND)
def test_a_verdict_rests_on_both_sides_and_its_interval(drawn):
    """Move only where the saving's lower end is above zero, stay only where its upper end is below; both sides without gaps."""
    decision, systems = decide(systems_of(drawn)), systems_of(drawn)
    if decision.answer == NOT_ENOUGH:
        assert decision.missing
        return
    assert {one.kind for one in systems if not one.gaps} == {"neuron", "cuda"}
    assert not decision.missing
    share = decision.saving.saving
    assert share.low > 0 if decision.answer == "move" else share.high < 0


def test_hours_are_those_that_the_notebooks_took(tmp_path):
    """From run.json, of those named or of all; a folder that does not say leaves the allowance."""
    assert hours_taken(None, []) is None and hours_taken(str(tmp_path), []) is None
    (tmp_path / "run.json").write_text(
        '{"notebooks": {"03_parity": {"seconds": 360}, "04_concurrency": {"seconds": 720}}}'
    )
    assert hours_taken(str(tmp_path), ["03_parity"]) == 0.1 and hours_taken(
        str(tmp_path), []
    ) == pytest.approx(0.3)
    assert hours_taken(str(tmp_path), ["05_cost"]) is None
