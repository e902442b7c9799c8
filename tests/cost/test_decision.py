import itertools
import random
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import system

from blipkit.cost.decision import LONGEST_H, NOT_ENOUGH, hours_taken, weigh
from blipkit.cost.prices import find_price, load_prices

TABLE = load_prices()
PRICES = {
    "candidate": [find_price(TABLE, "inf2.xlarge", "us-east-1")],
    "incumbent": [find_price(TABLE, name, "us-east-1") for name in ("g5.xlarge", "g6.xlarge")],
}
PARITY, LOAD = ("decisions is NOT-RUN", "03_parity"), ("latency target is FAIL", "04_concurrency")
# answers/s that make Inf2 cheaper, dearer, as dear
FASTER, SLOWER, ALIKE = (
    900.0,
    100.0,
    300.0 * 0.7582 / 1.006,
)


def decide(found, first_run=1.0, again=0.25):
    return weigh(found, PRICES, lambda folder, stems: first_run if folder is None else again)


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
    found, expected, hourly = [], [], {"neuron": 0.7582, "cuda": 1.006}
    for kind, state, profile in (("neuron", ours, "inf2"), ("cuda", theirs, "gpu")):
        if state == "absent":
            expected.append((f"make run PROFILE={profile}", 1.0, hourly[kind]))
        else:
            like = {"threads": 1, "weights_digest": "w1"} | (WORK[work] if kind == "neuron" else {})
            answers = rate if kind == "neuron" else 300.0
            found.append(system(kind, answers, gaps=SIDE[state], like=like))
            again = [
                f"blipkit run {profile} --only {stem} --only 05_cost" for _, stem in SIDE[state]
            ]
            expected += [(command, 0.25, 0.25 * hourly[kind]) for command in again]
    if len(found) == 2 and work == "unlike":
        command = "blipkit run gpu --only 04_concurrency --only 05_cost --set common.threads=2"
        expected.append((command, 0.25, 0.25 * hourly["cuda"]))
    decision = decide(found)
    if expected:
        assert decision["answer"] == NOT_ENOUGH and not decision["saving"]
        assert [(m["command"], m["hours"], m["usd"]) for m in decision["missing"]] == expected
        assert {why for s in found for why, _ in s["gaps"]} <= set(decision["because"])
    else:
        assert decision["answer"] == TIMES[rate] and bool(decision["missing"]) == (rate == ALIKE)
    assert all(set(m) == {"what", "command", "hours", "usd"} for m in decision["missing"])
    assert all(shlex.split(m["command"]) for m in decision["missing"])


def test_the_reason_for_a_move_names_both_sides_and_the_interval():
    """What a stakeholder reads: how much less, on what, against what, how sure."""
    decision = decide([system("neuron", FASTER), system("cuda")])
    (said,) = decision["because"]
    assert said.startswith(
        "a good answer costs 75% less on inf2.xlarge (arm of neuron) than on g5.xlarge (arm of cuda)"
    )
    assert (
        "interval of the saving 74% to 76%" in said
        and decision["saving"]["incumbent"] == "g5.xlarge"
    )
    assert "more on inf2.xlarge" in decide([system("neuron", SLOWER), system("cuda")])["because"][0]


def test_the_cheapest_incumbent_without_gaps_is_the_one_to_beat():
    """Eager on g5 would be beaten, compiled on g6 is not; a cheaper one whose parity is open does not count."""
    eager, compiled = system("cuda", 50.0, arm="eager"), system("cuda", 600.0, arm="compiled", instance="g6.xlarge", usd=0.8048)  # fmt: skip
    ours = system("neuron", 300.0)
    assert decide([ours, eager])["answer"] == "move"
    assert decide([ours, eager, compiled])["answer"] == "stay"
    assert decide([ours, eager, compiled])["saving"]["incumbent_arm"] == "compiled"
    assert decide([ours, eager, compiled | {"gaps": [PARITY]}])["answer"] == "move"


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "rehearsal"},
        {"kind": "cpu"},
        {"instance": "trn1.2xlarge"},
        {"usd_per_million": None},
    ],
)
def test_what_was_not_measured_on_the_candidate_is_no_evidence_for_it(other):
    """A rehearsal, a CPU, another instance and a setting without one good answer leave the run missing."""
    decision = decide([system("neuron", FASTER) | other, system("cuda")])
    assert [m["what"] for m in decision["missing"]] == ["a measured run on inf2.xlarge"]


def test_an_interval_that_holds_zero_says_how_much_longer():
    """Costs 4 % apart with 10 % to either side on both: some 25 times the load, at the best setting alone, on each machine."""
    decision = decide([system("neuron", ALIKE * 1.04, 0.1), system("cuda", wide=0.1)])
    ours, theirs = decision["missing"]
    # how far both reach, over how far they are apart
    times = (1 / 0.9 / 1.04 - 1 / 1.04 + 1 - 1 / 1.1) / (1 - 1 / 1.04)
    assert ours["hours"] == pytest.approx((times**2 - 1) * 10 / 3600, rel=1e-6) == theirs["hours"]
    assert [one["usd"] for one in (ours, theirs)] == pytest.approx(
        [usd * ours["hours"] for usd in (0.7582, 1.006)]
    )
    words = shlex.split(ours["command"])
    assert words[:3] == ["blipkit", "run", "inf2"] and "concurrency.servers=[2]" in words
    seconds = next(
        int(word.partition("=")[2]) for word in words if word.startswith("concurrency.seconds")
    )
    assert seconds == pytest.approx(10 + 3600 * ours["hours"], abs=1)
    longer = [system("neuron", ALIKE * 1.04, 0.1 / times), system("cuda", wide=0.1 / times)]
    assert decide(longer)["answer"] == "move"


def test_costs_that_cannot_be_told_apart_do_not_ask_for_years():
    """The very same cost, or an interval without an end: a day at most, and that it would not tell."""
    for found in (
        [system("neuron", ALIKE), system("cuda")],
        [system("neuron", ALIKE * 2, 1.0), system("cuda")],
    ):
        decision = decide(found)
        assert decision["answer"] == NOT_ENOUGH and {m["hours"] for m in decision["missing"]} == {
            LONGEST_H
        }
        assert "not even a day of load would tell" in decision["because"][-1]


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
    narrow, wide = decide(systems_of(drawn))["answer"], decide(systems_of(drawn, wider))["answer"]
    assert wide in (narrow, NOT_ENOUGH)


@given(FOUND, st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(drawn, chance: random.Random):
    """The same systems in any order give the same decision, word for word."""
    found = systems_of(drawn)
    shuffled = chance.sample(found, len(found))
    assert decide(found) == decide(shuffled)


@given(FOUND)
def test_a_verdict_rests_on_both_sides_and_its_interval(drawn):
    """Move only where the saving's lower end is above zero, stay only where its upper end is below; both sides without gaps."""
    decision, found = decide(systems_of(drawn)), systems_of(drawn)
    if decision["answer"] != NOT_ENOUGH:
        assert {s["kind"] for s in found if not s["gaps"]} == {"neuron", "cuda"} and not decision[
            "missing"
        ]
        end = (
            decision["saving"]["saving_low"]
            if decision["answer"] == "move"
            else -decision["saving"]["saving_high"]
        )
        assert end > 0
    else:
        assert decision["missing"]


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
