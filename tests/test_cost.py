import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.cost import (
    missing_evidence,
    needed_incumbent_price,
    needed_throughput_ratio,
    priced,
    saving,
    usd_per_million,
)
from blipkit.prices import Price, find_price, load_prices

POSITIVE = st.floats(1e-3, 1e4)


def test_a_million_answers_by_hand():
    """At 3.6 USD/h and 100 answers a second, a million answers take 10,000 s and cost 10 USD."""
    assert usd_per_million(3.6, 100) == pytest.approx(10)


@given(POSITIVE, POSITIVE, st.floats(1.1, 10))
def test_cost_follows_price_and_throughput(price, rate, factor):
    """Twice the price is twice the cost; twice the throughput is half of it."""
    assert usd_per_million(price * factor, rate) == pytest.approx(factor * usd_per_million(price, rate))
    assert usd_per_million(price, rate * factor) == pytest.approx(usd_per_million(price, rate) / factor)


@given(POSITIVE, POSITIVE, POSITIVE, st.floats(0.01, 0.95))
def test_the_needed_ratio_gives_the_target(candidate, incumbent, rate, target):
    """A candidate with just the needed throughput saves just the target."""
    a, b = (Price("i", "r", "o", usd, "", "", "") for usd in (candidate, incumbent))
    ratio = needed_throughput_ratio(a, b, target)
    saved = saving(usd_per_million(candidate, rate * ratio), usd_per_million(incumbent, rate))
    assert saved == pytest.approx(target)


@pytest.mark.parametrize(
    ("gpu", "ratio", "at_equal"),
    [
        ("g4dn.xlarge", 8.48, -0.44),
        ("g6.xlarge", 5.54, 0.06),
        ("g5.xlarge", 4.43, 0.25),
        ("p3.2xlarge", 1.46, 0.75),
        ("g5.12xlarge", 0.79, 0.866),
    ],
)
def test_the_83_percent_against_todays_prices(gpu, ratio, at_equal):
    """What 83 % takes against each GPU, on demand in us-east-1, from the committed table."""
    table = load_prices()
    inf2, other = (find_price(table, name, "us-east-1") for name in ("inf2.xlarge", gpu))
    assert needed_throughput_ratio(inf2, other, 0.83) == pytest.approx(ratio, abs=0.006)
    assert saving(inf2.usd_per_hour, other.usd_per_hour) == pytest.approx(at_equal, abs=0.006)
    assert needed_incumbent_price(inf2, 0.83) == pytest.approx(4.46, abs=0.005)


def test_the_cost_interval_is_the_throughputs_turned_round():
    """The fewest answers per second are the dearest; a throughput that may be zero has no upper end."""
    row = priced({"answers_per_s": 100.0, "answers_per_s_low": 50.0, "answers_per_s_high": 200.0}, 3.6)
    assert [row[f"usd_per_million{end}"] for end in ("_low", "", "_high")] == [5, 10, 20]
    idle = priced({"answers_per_s": 100.0, "answers_per_s_low": 0.0, "answers_per_s_high": 200.0}, 3.6)
    assert idle["usd_per_million_high"] is None


def test_only_what_was_not_measured_is_missing():
    """A GPU's results beside this machine's leave Inf2, with its hours and dollars."""
    price = Price("inf2.xlarge", "r", "o", 0.5, "", "", "")
    wanted = {"neuron": (price, "make run PROFILE=inf2"), "cuda": (price, "make run PROFILE=gpu")}
    (row,) = missing_evidence(["cpu", "cuda"], wanted, hours=2)
    assert row["kind"] == "neuron" and row["usd"] == 1.0 and row["command"] == "make run PROFILE=inf2"
