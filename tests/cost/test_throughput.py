"""By which throughput the operating point is priced: planted folders with a rate of 08, and without."""

from dataclasses import fields as fields_of
from dataclasses import replace

import pytest
from made_up import WHOLE, cost_row, rate_row, study_of

from blipkit.cost.points import price_points
from blipkit.cost.pricing import choose_prices, price_settings
from blipkit.cost.rows import CLIENTS_WAIT, CLOSED_LOOP, MeasuredSetting
from blipkit.cost.throughput import basis_of, pattern_of
from blipkit.load.summary import INVALID
from blipkit.records.results import Results
from blipkit.records.typed import record_of, write_typed
from blipkit.statistics import Interval

LIMIT = {"percentile": WHOLE.percentile, "latency_limit_ms": WHOLE.latency_limit_ms}
BY_ARRIVALS = "open arrivals, poisson: rate that holds p90 <= 250 ms"


def setting(answers: float, **fields) -> dict:
    """A record of 04: a setting, and what was asked there."""
    row = vars(cost_row(answers, **LIMIT, **fields))
    measured = MeasuredSetting(**{one.name: row[one.name] for one in fields_of(MeasuredSetting)})
    asked = record_of(WHOLE)
    del asked["throughput_basis"], asked["weights_digest"]  # 04 does not say the one
    return {**asked, **record_of(measured), "shared": False}


ROWS = [
    setting(60.0, servers=1, clients=1),
    setting(100.0, best=True, within_target=0.98, good_share=0.99),
    setting(110.0, clients=64, within_target=0.1),
]


def priced(folder, rates=(), **knobs):
    """05 on a folder with 04's rows and, where there are any, these rates of 08's."""
    Results(folder, "04_concurrency", "p", weights_digest="w1").write("concurrency", ROWS)
    if rates:
        write_typed(Results(folder, "08_arrivals", "p", weights_digest="w1"), "rates", rates)
    study = study_of(folder, **knobs)
    return study, price_settings(study, choose_prices(study))


def test_without_a_rate_it_is_04s_throughput_and_says_so(tmp_path):
    """A closed loop: clients wait."""
    study, pricing = priced(tmp_path)
    best = pricing.best
    assert (best.answers_per_s.value, best.basis) == (100.0, CLIENTS_WAIT)
    assert best.conditions.throughput_basis == CLOSED_LOOP and not best.is_by_arrivals
    assert {row["basis"] for row in study.results.read("cost")} == {CLIENTS_WAIT}


def test_a_rate_of_08_is_the_operating_points_throughput(tmp_path, capsys):
    """From the last pass to the first fail; the percentile's share is in time; other settings stay 04's."""
    study, pricing = priced(tmp_path, [rate_row(25.0, 24.0, 27.0, answers=2)])
    best = pricing.best
    assert vars(best.answers_per_s) == {"value": 50.0, "low": 48.0, "high": 54.0}
    assert best.requests_per_s.value == 25.0 and best.within_target == 0.9
    assert (best.basis, best.conditions.throughput_basis) == (BY_ARRIVALS, "open arrivals, poisson")
    assert best.cost.good_per_s.value == pytest.approx(45.0) and best.is_by_arrivals
    recorded = study.results.read("cost")
    assert [row["basis"] for row in recorded] == [CLIENTS_WAIT, BY_ARRIVALS, CLIENTS_WAIT]
    assert [row["answers_per_s"] for row in recorded] == [60.0, 50.0, 110.0]
    pricing.table()
    assert BY_ARRIVALS in capsys.readouterr().out


def test_the_latency_is_that_of_the_rate_that_is_priced(tmp_path):
    """By the fit the percentile is the limit there, however short it was at the last pass; it is that one's where every rate held."""
    short = Interval(17.0, 15.0, 20.0)
    _, pricing = priced(tmp_path / "fit", [rate_row(25.0, 12.0, 27.0, latency_ms=short)])
    assert pricing.best.latency_ms.value == 250.0
    assert pricing.best.latency_text == "p90 at its limit of 250 ms, by the fit"
    _, pricing = priced(tmp_path / "held", [rate_row(40.0, 40.0, None, latency_ms=short)])
    assert pricing.best.latency_ms == short


def test_what_is_compared_with_the_closed_loop_is_the_closed_loop(tmp_path):
    """Saturation, and the setting as people leave it, are of clients who wait; so is the point beside them."""
    study, pricing = priced(tmp_path, [rate_row(25.0, 24.0, 27.0)])
    assert pricing.best_while_clients_wait.answers_per_s.value == 100.0
    assert (pricing.single.answers_per_s.value, pricing.peak.answers_per_s.value) == (60.0, 110.0)
    points = {point.at: point for point in price_points(study, pricing).rows}
    assert points["operating point"].basis == BY_ARRIVALS
    assert points["saturation"].basis == CLIENTS_WAIT
    assert points["operating point"].cost.good_per_s.value == pytest.approx(22.5)


@pytest.mark.parametrize(
    "other",
    [
        {"arm": "b"},
        {"servers": 1},
        {"batch_size": 4},
        {"placement": "processes"},
        {"call": "generate"},
        {"percentile": 99.0},
        {"limit_ms": 100.0},
        {"questions": ["is the dog playing?"]},
        {"frames_digest": "f2"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_rate_of_another_setting_or_target_is_not_its_throughput(tmp_path, other):
    """The closed loop's stays."""
    _, pricing = priced(tmp_path, [rate_row(**other)])
    assert pricing.best.basis == CLIENTS_WAIT


def test_a_rate_of_another_model_is_not_its_throughput(tmp_path):
    """08 ran on other weights than 04."""
    write_typed(Results(tmp_path, "08_arrivals", "p", weights_digest="w2"), "rates", [rate_row()])
    _, pricing = priced(tmp_path)
    assert pricing.best.basis == CLIENTS_WAIT


@pytest.mark.parametrize(
    ("rate", "why"),
    [
        (rate_row(state=INVALID, reason="it was late"), "08's rate is INVALID (it was late)"),
        (rate_row(None, None, 20.0), "08 found no rate that is sure to hold the target"),
    ],
)
def test_a_rate_that_cannot_be_used_is_named(tmp_path, capsys, rate, why):
    """The closed loop's is priced, which a line says."""
    _, pricing = priced(tmp_path, [rate])
    assert pricing.best.basis == CLIENTS_WAIT
    assert f"a, 2-4: {why}, so that {CLIENTS_WAIT} is priced" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "rate", "name"),
    [
        ({"threads": 2}, {}, "threads"),
        ({"buckets": [{"frames": 4}]}, {"buckets": [{"frames": 1}]}, "buckets"),
        ({"batch_wait_ms": 5.0}, {}, "batch wait"),
    ],
)
def test_a_rate_of_servers_that_ran_otherwise_is_not_their_throughput(
    tmp_path, capsys, asked, rate, name
):
    """04 was measured again since, with other knobs."""
    Results(tmp_path, "04_concurrency", "p", weights_digest="w1").write(
        "concurrency", [{**row, **asked} for row in ROWS]
    )
    out = Results(tmp_path, "08_arrivals", "p", weights_digest="w1", threads=1)
    write_typed(out, "rates", [rate_row(**rate)])
    study = study_of(tmp_path)
    assert price_settings(study, choose_prices(study)).best.basis == CLIENTS_WAIT
    assert f"08's rate is of other {name} than 04 measured with" in capsys.readouterr().out


def test_where_every_rate_held_the_highest_counts(tmp_path):
    """There is no first fail, so its upper end is not known, and the gate says how to find it."""
    _, pricing = priced(tmp_path, [rate_row(None, 40.0, None)])
    best = pricing.best
    assert vars(best.requests_per_s) == {"value": 40.0, "low": 40.0, "high": None}
    gate = pricing.gates()[1]
    assert gate.status == "WARN" and "search more finely in 08_arrivals" in gate.next
    assert gate.reason.startswith("no rate that was tried is sure to miss the target, open arr")


@pytest.mark.parametrize(("high", "status"), [(26.0, "PASS"), (40.0, "WARN")])
def test_a_wide_search_is_searched_more_finely(tmp_path, high, status):
    """More load in 04 would not narrow it."""
    _, pricing = priced(tmp_path, [rate_row(25.0, 24.0, high)])
    assert pricing.best.cost.minutes_more is None
    gate = pricing.gates()[1]
    assert gate.status == status
    assert ("--set arrivals.resolution=" in gate.next) == (status == "WARN")
    assert ("--set arrivals.length=25" in gate.next) == (status == "WARN")
    assert "open arrivals" in gate.reason


def test_an_unstable_rate_is_an_unstable_throughput(tmp_path):
    """Its state is the row's, which keeps it out of a verdict."""
    _, pricing = priced(tmp_path, [rate_row(state="unstable", reason="disturbed")])
    assert pricing.best.state == "unstable" and pricing.best.is_by_arrivals


def test_a_basis_names_its_pattern():
    """Bursts hold another rate than Poisson arrivals, so that they are another basis."""
    bursts = replace(rate_row(), pattern="bursts")
    assert basis_of(bursts) != basis_of(rate_row())
    assert pattern_of(basis_of(bursts)) == "bursts"
