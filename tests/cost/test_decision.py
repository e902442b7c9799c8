import itertools
import random
import shlex
from dataclasses import fields, replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import ARMS, WHOLE, system

from blipkit.cost.decision import MOVE, NOT_ENOUGH, STAY, weigh
from blipkit.cost.knobs import Cost
from blipkit.cost.missing import LONGEST_H, SECTION_OF, hours_taken
from blipkit.cost.offers import choose_offers, priced_alike
from blipkit.cost.prices import load_prices
from blipkit.cost.provenance import Gap
from blipkit.cost.rows import AnswerCost, Choices, Conditions

KNOBS = Cost()
KNOWN = load_prices()
TODAY = date(2026, 11, 1)
PARITY = Gap("decisions is NOT-RUN", "03_parity")
LOAD = Gap("latency target is FAIL", "04_concurrency")
# answers/s that make Inf2 cheaper, dearer, as dear
FASTER, SLOWER, ALIKE = (
    900.0,
    100.0,
    300.0 * 0.7582 / 1.006,
)


def decide(systems, first_run=1.0, again=0.25, knobs=KNOBS, offers=None):
    def hours(folder, notebooks):
        return first_run if folder is None else again

    return weigh(systems, offers or choose_offers(knobs, KNOWN), knobs, hours, TODAY)


SIDE = {
    "absent": None,
    "whole": [],
    "no parity": [PARITY],
    "no load": [LOAD],
    "neither": [PARITY, LOAD],
}
WORK = {"alike": {}, "unlike": {"percentile": 99.0, "weights_digest": "w2"}}
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
            conditions = WHOLE
            if kind == "neuron":
                conditions = replace(conditions, **WORK[work])
            answers = rate if kind == "neuron" else 300.0
            systems.append(system(kind, answers, gaps=SIDE[state], conditions=conditions))
            again = [
                f"blipkit run {profile} --only {gap.notebook} --only 05_cost" for gap in SIDE[state]
            ]
            expected += [(command, 0.25, 0.25 * hourly[kind]) for command in again]
    if len(systems) == 2 and work == "unlike":
        command = "blipkit run gpu --only 04_concurrency --only 05_cost"
        command += " --set concurrency.percentile=99.0"
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
    other = replace(WHOLE, weights_digest="w2")
    decision = decide([system("neuron"), system("cuda", conditions=other)])
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
    reason, fleet = decision.because
    assert reason.startswith(
        "a good answer costs 75% less on inf2.xlarge (neuron matmult bf16) "
        "than on g5.xlarge (torchscript float16 cuda)"
    )
    assert "interval of the saving 74% to 76%; both as busy as each other" in reason
    assert fleet.startswith(
        "no fleet is sized: cost.cameras, cost.events_per_day, cost.utilisation"
    )
    assert decision.incumbent.instance == "g5.xlarge"
    assert "more on inf2.xlarge" in decide([system("neuron", SLOWER), system("cuda")]).because[0]


def test_the_cheapest_incumbent_without_gaps_is_the_one_to_beat():
    """Eager on g5 would be beaten, compiled on g6 is not; a cheaper one whose parity is open blocks the move, one whose answers are others does not."""
    eager = system("cuda", 50.0, arm="eager float16 cuda")
    compiled = system("cuda", 600.0, instance="g6.xlarge", usd=0.8048)
    ours = system("neuron", 300.0)
    assert decide([ours, eager]).answer == MOVE
    assert decide([ours, eager, compiled]).answer == STAY
    assert decide([ours, eager, compiled]).incumbent.arm == compiled.arm
    blocked = decide([ours, eager, replace(compiled, gaps=[PARITY])])
    assert blocked.answer == NOT_ENOUGH
    assert blocked.because[-1] == (
        "g6.xlarge, torchscript float16 cuda may be cheaper: decisions is NOT-RUN"
    )
    assert [step.what for step in blocked.missing] == ["this settled: decisions is NOT-RUN"]
    failed = Gap("decisions is FAIL", "03_parity", ruled_out=True)
    assert decide([ours, eager, replace(compiled, gaps=[failed])]).answer == MOVE


def test_a_cheaper_candidate_with_gaps_blocks_staying():
    """The same for the other side: what may yet be cheap is measured first."""
    slow = system("neuron", SLOWER)
    open_ = system("neuron", FASTER, gaps=[LOAD], arm="neuron all bf16")
    decision = decide([slow, open_, system("cuda")])
    assert decision.answer == NOT_ENOUGH and "neuron all bf16 may be cheaper" in decision.reason
    assert decide([slow, system("cuda")]).answer == STAY


def test_eager_float32_alone_is_not_the_gpu_that_people_run():
    """A move needs half precision measured there, and names the arms; a loss against float32 stays one."""
    alone = system("cuda", arm="eager float32 cuda")
    decision = decide([system("neuron", FASTER), alone])
    assert decision.answer == NOT_ENOUGH
    assert "only eager float32 cuda was measured" in decision.reason
    (step,) = decision.missing
    words = shlex.split(step.command)
    assert words[words.index("--set") + 1] == (
        'common.arms=["eager float32 cuda", "eager float16 cuda", "torchscript float16 cuda"]'
    )
    assert decide([system("neuron", SLOWER), alone]).answer == STAY


def test_a_verdict_is_at_the_stated_use_of_both_sides():
    """Busy 10 % against 60 %: four times the answers a second are no saving; one side's use alone gives no verdict."""
    systems = [system("neuron", FASTER), system("cuda")]
    idle = Cost(utilisation=0.1, incumbent_utilisation=0.6)
    decision = decide(systems, knobs=idle)
    assert decision.answer == STAY
    assert "with machines busy 10% of the time, the incumbent's 60%" in decision.reason
    assert decision.saving.utilisation_effect == pytest.approx(6)
    half = decide(systems, knobs=Cost(utilisation=0.5))
    assert half.answer == NOT_ENOUGH
    assert half.missing[0].command.endswith("--set cost.incumbent_utilisation=SHARE")


def test_whole_machines_stand_beside_the_rate():
    """At 200 cameras it is one machine a side, whatever an answer costs; a demonstration model gets no fleet."""
    stated = {"utilisation": 0.5, "incumbent_utilisation": 0.5, "events_per_day": 96.0}
    systems = [system("neuron", FASTER), system("cuda")]
    few = decide(systems, knobs=Cost(cameras=200, **stated))
    assert few.because[-1] == (
        "200 cameras with 96 events a day each: 1 machine, about 550 USD a month on inf2.xlarge, "
        "1 machine, about 730 USD a month on g5.xlarge"
    )
    shown = [replace(one, row=replace(one.row, checkpoint="builtin:tiny-pets")) for one in systems]
    demo = decide(shown, knobs=Cost(cameras=200, **stated))
    assert demo.because[-1] == ("no fleet is sized: builtin:tiny-pets is a demonstration model")


def repriced(**changes):
    """The offers of the knobs, the candidate's price with these changes."""
    offers = choose_offers(KNOBS, KNOWN)
    return replace(offers, candidate=offers.candidate.model_copy(update=changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"as_of": "2019-03-01"}, "2802 days old, a verdict takes 365 at most"),
        ({"as_of": "2099-01-01"}, "is dated in the future"),
        ({"option": "spot"}, "one figure of a price that moves"),
        ({"option": "spot", "usd_per_hour_low": 0.1, "usd_per_hour_high": 0.2}, "interruptions"),
    ],
)
def test_a_price_of_another_time_carries_no_verdict(changes, reason):
    """Of 2019, of 2099, or a single figure of the spot market: the price is what is missing."""
    decision = decide([system("neuron", FASTER), system("cuda")], offers=repriced(**changes))
    assert decision.answer == NOT_ENOUGH and reason in decision.reason
    assert decision.missing[0].what == "a price of inf2.xlarge of today"


def test_a_price_that_moves_counts_with_its_range():
    """With its range and the interruptions stated, the interval of the saving holds every price of it."""
    spot = {"option": "spot", "interruption": "two minutes' notice, 5-10 % a month"}
    offers = repriced(**spot, usd_per_hour=0.2, usd_per_hour_low=0.1, usd_per_hour_high=0.9)
    systems = priced_alike([system("neuron", 300.0), system("cuda")], offers.all())
    decision = decide(systems, offers=offers)
    share = decision.saving.saving
    assert share.value == pytest.approx(1 - 0.2 / 1.006, rel=1e-6)
    assert share.low < 1 - 0.9 / 1.006 < 1 - 0.1 / 1.006 < share.high


def test_what_a_system_chooses_for_itself_is_no_reason_not_to_compare():
    """Other buckets, batch and threads: each runs at its own best."""
    ours = system("neuron", FASTER, choices=Choices([{"frames": 1}], 1, [1], 0.0))
    theirs = system("cuda", choices=Choices([{"frames": 16}], 4, [1, 16], 5.0))
    assert decide([ours, theirs]).answer == MOVE


@pytest.mark.parametrize("name", [one.name for one in fields(Conditions)])
def test_a_condition_that_differs_gives_no_verdict(name):
    """Whatever else is whole."""
    other = replace(WHOLE, **{name: "another"})
    assert decide([system("neuron", FASTER), system("cuda", conditions=other)]).answer == NOT_ENOUGH


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
    limit = next(int(word.partition("=")[2]) for word in words if "cell_limit_s" in word)
    assert limit >= 2 * FAST.row.runs * seconds, "all runs are in one cell"
    longer = [system("neuron", ALIKE * 1.04, 0.1 / times), system("cuda", wide=0.1 / times)]
    assert decide(longer).answer == "move"


def test_the_load_that_would_tell_is_that_of_the_costs_as_used():
    """Twice the answers a second at half the use cost as much, and take as much load to tell apart."""
    alike = decide([system("neuron", ALIKE * 1.04, 0.1), system("cuda", wide=0.1)])
    used = Cost(utilisation=0.3, incumbent_utilisation=0.6)
    twice = decide([system("neuron", ALIKE * 2.08, 0.1), system("cuda", wide=0.1)], knobs=used)
    hours = [step.hours for step in twice.missing]
    assert hours == pytest.approx([step.hours for step in alike.missing]) and hours[0] < 1


def test_no_load_narrows_what_a_price_may_be():
    """4 % apart: where a price moves by little, load tells in what it leaves; by more, none does."""
    spot = {"option": "spot", "interruption": "two minutes' notice", "usd_per_hour_low": 0.75}
    systems = [system("neuron", ALIKE * 1.04, 0.1), system("cuda", wide=0.1)]
    decisions = []
    for most in (0.76, 0.9):
        offers = repriced(**spot, usd_per_hour_high=most)
        decisions.append(decide(priced_alike(systems, offers.all()), offers=offers))
    little, much = decisions
    # how far both reach, over how far they are apart but for what the price takes of it
    room = 1 - 1 / 1.04 - (0.76 / 0.7582 - 1) / 0.9 / 1.04
    times = (1 / 0.9 / 1.04 - 1 / 1.04 + 1 - 1 / 1.1) / room
    assert little.missing[0].hours == pytest.approx((times**2 - 1) * 10 / 3600)
    assert much.missing[0].hours == LONGEST_H and "not even a day of load" in much.reason


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
        system(kind, rate, min(wide * wider, 1.0), gaps, arm=f"{ARMS[kind]} {i}")
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


RATIO = st.floats(1.5, 20)  # of the two costs: far enough apart to be told from each other
CONDITION = st.sampled_from([one.name for one in fields(Conditions)])
OLD = st.integers(366, 10_000)


@st.composite
def spoilt(draw):
    """Systems that would give a move, and their offers and knobs, with one thing unlike, missing or stale."""
    ours, theirs = system("neuron", 300 * draw(RATIO)), system("cuda")
    offers, knobs = choose_offers(KNOBS, KNOWN), KNOBS
    match draw(st.sampled_from(["unlike", "gap", "stale", "future", "beside", "float32", "use"])):
        case "unlike":
            other = replace(WHOLE, **{draw(CONDITION): "another"})
            theirs = system("cuda", conditions=other)
        case "gap":
            ours, theirs = draw(
                st.sampled_from(
                    [(replace(ours, gaps=[PARITY]), theirs), (ours, replace(theirs, gaps=[LOAD]))]
                )
            )
        case "stale":
            day = TODAY - timedelta(days=draw(OLD))
            offers = repriced(as_of=str(day))
        case "future":
            offers = repriced(as_of=str(TODAY + timedelta(days=draw(st.integers(2, 30_000)))))
        case "beside":
            cheaper = system("cuda", 300 * draw(st.floats(1.01, 50)), gaps=[PARITY], arm="int8")
            return [ours, theirs, cheaper], offers, knobs
        case "float32":
            theirs = system("cuda", arm="eager float32 cuda")
        case "use":
            knobs = Cost(utilisation=draw(st.floats(0.01, 1)))
    return [ours, theirs], offers, knobs


@settings(max_examples=1000)
@given(spoilt())
def test_one_thing_unlike_missing_or_stale_never_gives_a_move(drawn):
    """Whatever the saving would be."""
    systems, offers, knobs = drawn
    decision = decide(systems, knobs=knobs, offers=offers)
    assert decision.answer == NOT_ENOUGH and decision.missing


@pytest.mark.parametrize("moves", [True, False])
@given(ratio=RATIO, wide=st.floats(0, 0.1))
def test_sound_pairs_give_the_verdict_of_their_costs(ratio, wide, moves):
    """A clear saving is always a move, a clear loss always a stay: a hundred of each."""
    at_equal_cost = 300 * 0.7582 / 1.006
    answers = at_equal_cost * ratio if moves else at_equal_cost / ratio
    decision = decide([system("neuron", answers, wide), system("cuda", wide=wide)])
    assert decision.answer == (MOVE if moves else STAY) and not decision.missing


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
