from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up import cost_row

from blipkit.cost.dollars import (
    Fleet,
    compare_costs,
    fleet,
    minutes_more,
    needed_incumbent_price,
    needed_throughput_ratio,
    payback,
    saving,
    sensitivity,
    usd_per_million,
)
from blipkit.cost.prices import find_price, load_prices
from blipkit.statistics import Interval

POSITIVE = st.floats(1e-3, 1e4)
SHARE = st.floats(0.01, 1)
TABLE = load_prices()


def price(instance, option="on_demand", region="us-east-1"):
    return find_price(TABLE, instance, region, option)


def test_a_million_answers_by_hand():
    """At 3.6 USD/h and 100 answers a second, a million answers take 10,000 s and cost 10 USD; half idle, 20 USD."""
    assert usd_per_million(3.6, 100) == pytest.approx(10) and usd_per_million(
        3.6, 100, 0.5
    ) == pytest.approx(20)


@given(POSITIVE, POSITIVE, st.floats(1.1, 10))
def test_cost_follows_price_and_throughput(usd, rate, factor):
    """Twice the price is twice the cost, of answers and of cameras; twice the throughput is half of it."""
    assert usd_per_million(usd * factor, rate) == pytest.approx(factor * usd_per_million(usd, rate))
    assert usd_per_million(usd, rate * factor) == pytest.approx(usd_per_million(usd, rate) / factor)
    once, dearer = (fleet(cost_row(100.0, each), 1000, 96, 0.5) for each in (usd, factor * usd))
    year = once.usd_per_camera_year.value
    assert dearer.usd_per_camera_year.value == pytest.approx(factor * year)


def test_the_cost_interval_is_the_throughputs_turned_round():
    """The fewest answers per second are the dearest; a throughput that may be zero has no upper end."""
    cost = cost_row(100.0, 3.6, low=50.0, high=200.0).cost
    assert cost.usd_per_million == Interval(10, 5, 20)
    assert cost_row(100.0, 3.6, low=0.0).cost.usd_per_million.high is None


def test_only_good_answers_count():
    """Where one in five comes too late, a good one costs five quarters; where all do, it has no cost."""
    late = cost_row(100.0, 3.6, within_target=0.8).cost
    assert late.usd_per_million.value == pytest.approx(12.5)
    assert cost_row(100.0, 3.6, within_target=0.0).cost.usd_per_million.value is None
    nothing = cost_row(0.0, 3.6, within_target=None).cost
    assert nothing.half_width is nothing.usd_per_million.value is None
    assert nothing.good_per_s.value == 0


def test_what_was_refused_costs_nothing_twice():
    """A half was refused, and is no answer: of the answers all are good, whatever share of the requests they are."""
    row = cost_row(100.0, 3.6, within_target=0.5, good_share=1.0)
    assert row.good_per_s.value == 100 and row.cost.usd_per_million.value == pytest.approx(10)


def test_a_wide_interval_says_how_much_longer():
    """An interval of 20 % to either side needs four times the load: 3 times 10 s more; a narrow one nothing."""
    wide, narrow = (cost_row(100.0, 1.0, low=100 - w, high=100 + w, seconds=10.0) for w in (20, 5))
    assert wide.cost.half_width == pytest.approx(0.2)
    assert wide.cost.minutes_more == pytest.approx(0.5)
    assert narrow.cost.minutes_more == 0
    assert minutes_more(replace(wide, runs=3), 2) == pytest.approx(1.5)


@given(POSITIVE, POSITIVE, POSITIVE, POSITIVE, SHARE, SHARE, SHARE, SHARE)
def test_the_three_effects_multiply_back(
    usd_a, usd_b, rate_a, rate_b, good_a, good_b, busy_a, busy_b
):
    """Price, throughput and utilisation effect give the cost ratio and nothing else, whatever the machines."""
    a = cost_row(rate_a, usd_a, within_target=good_a)
    b = cost_row(rate_b, usd_b, within_target=good_b)
    saved = compare_costs(a.cost, b.cost, (busy_a, busy_b))
    ratio = saved.price_effect * saved.throughput_effect * saved.utilisation_effect
    cost_a = usd_per_million(usd_a, rate_a * good_a, busy_a)
    cost_b = usd_per_million(usd_b, rate_b * good_b, busy_b)
    assert ratio == pytest.approx(cost_a / cost_b, rel=1e-12)
    assert 1 - saved.saving.value == pytest.approx(ratio, rel=1e-9, abs=1e-12)


@given(POSITIVE, POSITIVE, st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0, 0.09))
def test_the_savings_interval_grows_with_both(rate_a, rate_b, wide_a, wide_b, more):
    """It holds the saving, and every saving of narrower intervals."""

    def saving_of(extra):
        costs = []
        for rate, wide in ((rate_a, wide_a), (rate_b, wide_b)):
            low, high = rate * (1 - wide - extra), rate * (1 + wide + extra)
            costs.append(cost_row(rate, 1.0, low=low, high=high).cost)
        return compare_costs(*costs).saving

    narrow, wide = saving_of(0), saving_of(more)
    assert wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high


@given(st.sampled_from(TABLE), st.sampled_from(TABLE), POSITIVE, st.floats(0.01, 0.95))
def test_the_needed_ratio_gives_the_target(candidate, incumbent, rate, target):
    """A candidate with just the needed throughput saves just the target, and so does the needed price at equal throughput."""
    ratio = needed_throughput_ratio(candidate, incumbent, target)
    dear = usd_per_million(incumbent.usd_per_hour, rate)
    assert saving(usd_per_million(candidate.usd_per_hour, rate * ratio), dear) == pytest.approx(
        target
    )
    assert saving(
        candidate.usd_per_hour, needed_incumbent_price(candidate, target)
    ) == pytest.approx(target)


@pytest.mark.parametrize(
    ("gpu", "usd", "at_equal", "on_demand", "reserved", "spot"),
    [
        ("g4dn.xlarge", 0.526, -0.44, 8.48, 3.67, 1.49),
        ("g4dn.2xlarge", 0.752, -0.01, 5.93, 2.57, 1.04),
        ("g6.xlarge", 0.8048, 0.06, 5.54, 2.40, 0.97),
        ("g5.xlarge", 1.006, 0.25, 4.43, 1.92, 0.78),
        ("g5.2xlarge", 1.212, 0.37, 3.68, 1.59, 0.65),
        ("g6e.xlarge", 1.861, 0.59, 2.40, 1.04, 0.42),
        ("p3.2xlarge", 3.06, 0.75, 1.46, 0.63, 0.26),
        ("g4dn.12xlarge", 3.912, 0.81, 1.14, 0.49, 0.20),
        ("g6e.8xlarge", 4.52856, 0.833, 0.98, 0.43, 0.17),
        ("g6.12xlarge", 4.6016, 0.835, 0.97, 0.42, 0.17),
        ("g5.12xlarge", 5.672, 0.866, 0.79, 0.34, 0.14),
        ("p5.4xlarge", 6.88, 0.890, 0.65, 0.28, 0.11),
    ],
)
def test_which_baseline_gives_83_percent(gpu, usd, at_equal, on_demand, reserved, spot):
    """Against each GPU on demand in us-east-1: the saving at equal throughput, and the ratio needed by purchase option."""
    other = price(gpu)
    assert other.usd_per_hour == usd
    assert saving(price("inf2.xlarge").usd_per_hour, usd) == pytest.approx(at_equal, abs=0.006)
    options = {"on_demand": on_demand, "reserved_effective_term_unstated": reserved, "spot": spot}
    for option, ratio in options.items():
        assert needed_throughput_ratio(price("inf2.xlarge", option), other, 0.83) == pytest.approx(
            ratio, abs=0.0051
        )


@pytest.mark.parametrize(
    ("region", "usd"), [("us-east-1", 4.46), ("ap-northeast-1", 6.69), ("eu-west-1", 5.58)]
)
def test_the_price_of_a_gpu_that_gives_83_percent_at_equal_throughput(region, usd):
    """In each region, from the committed table."""
    assert needed_incumbent_price(price("inf2.xlarge", region=region), 0.83) == pytest.approx(
        usd, abs=0.006
    )


def test_a_fleet_by_hand():
    """100,000 cameras with 96 events a day ask 111 times a second: at 20 a second, half busy, 12 machines at 1 USD/h."""
    sized = fleet(cost_row(80.0, 1.0, requests=20.0), 100_000, 96, 0.5)
    assert (round(sized.events_per_s, 1), sized.machines.value) == (111.1, 12)
    assert sized.usd_per_month.value == 12 * 730
    assert sized.usd_per_camera_year.value == pytest.approx(12 * 8760 / 100_000)
    assert sized.usd_per_camera_year.value == 12 * sized.usd_per_camera_month.value
    assert fleet(cost_row(0.0, 1.0, requests=0.0), 10, 1, 1.0).machines.value is None


@given(POSITIVE, st.integers(1, 10**6), st.floats(0.1, 1000), SHARE)
def test_a_fleet_carries_its_events(requests, cameras, events, busy):
    """So many machines are enough, and one fewer is not."""
    sized = fleet(cost_row(requests, 1.0, requests=requests), cameras, events, busy)
    machines = sized.machines.value
    assume(machines < 10**9)
    carried = requests * busy
    assert (machines - 1) * carried < sized.events_per_s <= machines * carried * (1 + 1e-9)


ONE_OFF = {
    "engineer_days": 10.0,
    "usd_per_engineer_day": 800.0,
    "parallel_days": 10.0,
    "compile_hours": 5.0,
    "stranded_usd": 35.0,
}


def fleet_of(machines: int) -> Fleet:
    """So many machines at a dollar an hour."""
    month = Interval(730.0 * machines)
    return Fleet(1, 1.0, 1.0, 1.0, Interval(machines), month, month, month)


CANDIDATE, INCUMBENT = fleet_of(2), fleet_of(4)


def test_payback_by_hand():
    """10 days at 800 USD, four GPUs for 10 days more, 5 h of compiling, 35 USD of a contract that runs on: 9000 USD, at 1460 USD a month 6.16 months."""
    back = payback(ONE_OFF, CANDIDATE, INCUMBENT)
    assert back.one_off_usd == 8000 + 960 + 5 + 35 and back.months == pytest.approx(9000 / 1460)


@pytest.mark.parametrize("name", ONE_OFF)
def test_payback_names_what_is_not_stated(name):
    """One-off costs have no default: without one of them there are no months, and its name."""
    stated = {known: value for known, value in ONE_OFF.items() if known != name}
    back = payback(stated, CANDIDATE, INCUMBENT)
    assert back.months is None and back.reason == f"not stated: {name}"


def test_what_saves_nothing_is_never_paid_back():
    """A dearer candidate has no payback."""
    back = payback(ONE_OFF, INCUMBENT, CANDIDATE)
    assert back.reason == "nothing is saved that could pay for it"


def test_the_widest_swing_comes_first():
    """Each knob alone, the others at their base; a range without width has no swing."""
    swings = sensitivity(
        lambda a, b, c: a * b + c,
        {"a": 1, "b": 2, "c": 0},
        {"a": (1, 1), "b": (0, 3), "c": (-5, 5)},
    )
    assert [(one.what, one.at_start, one.at_end, one.swing) for one in swings] == [
        ("c", -3, 7, 10),
        ("b", 0, 3, 3),
        ("a", 2, 2, 0),
    ]
