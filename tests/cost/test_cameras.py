"""What a camera costs: what its cost is made of, what a slider asks, and where nothing is known."""

from dataclasses import replace

import pytest
from made_up import BASIS, cost_row, study_of

from blipkit.cost.cameras import Fleets, find_payback, size_fleet, vary_knobs
from blipkit.cost.comparison import Savings
from blipkit.cost.pricing import Pricing, choose_prices
from blipkit.cost.rows import CostRow
from blipkit.statistics import Interval

DEMAND = {"cameras": 1000, "events_per_day": 96.0, "utilisation": 0.5}


def pricing_of(*rows: CostRow) -> Pricing:
    return Pricing(list(rows), list(rows), BASIS, "a machine", 0.1008, shared=False)


def cost(answers: float, high_ms: float, **fields) -> CostRow:
    latency = Interval(high_ms, high_ms, high_ms)
    return cost_row(
        answers,
        0.1008,
        requests=answers / 5,
        latency_ms=latency,
        latency_limit_ms=100.0,
        **fields,
    )


def test_only_operating_points_get_a_fleet(tmp_path):
    """A row for each, with the basis of its price; recorded."""
    study = study_of(tmp_path, **DEMAND)
    fleets = size_fleet(study, pricing_of(cost(100.0, 50.0), cost(300.0, 80.0, best=True)))
    (row,) = study.results.read("fleet")
    assert row["instance"] == "m7i.large"
    assert row["machines"] == fleets.rows[0].fleet.machines.value == 1
    assert row["basis"] == "closed loop: clients wait"


def test_another_target_is_another_setting(tmp_path, monkeypatch):
    """Within 60 ms the slower setting, within 100 ms the faster; within 10 ms none, which it says."""
    shown = []
    monkeypatch.setattr("blipkit.cost.cameras.show_table", lambda rows, _: shown.extend(rows))
    fleets = size_fleet(
        study_of(tmp_path, **DEMAND),
        pricing_of(cost(100.0, 50.0, clients=1), cost(300.0, 80.0, best=True)),
    )
    for target_ms in (60.0, 100.0, 10.0):
        fleets.what_if(target_ms, 1.0, 1.0, 1000.0)
    assert [row["setting"] for row in shown] == ["2-1", "2-4"] and shown[0]["machines"] == 1
    assert {row["basis"] for row in shown} == {"closed loop: clients wait"}
    assert shown[0]["usd_per_million"] == pytest.approx(3 * shown[1]["usd_per_million"])


def test_headless_the_sliders_leave_one_table(tmp_path, monkeypatch):
    """Nobody to move them: what belongs to the knobs' values."""
    shown = []
    monkeypatch.setattr(
        "blipkit.cost.cameras.show_table", lambda rows, caption: shown.append(caption)
    )
    pricing = pricing_of(cost(300.0, 80.0, best=True))
    size_fleet(study_of(tmp_path, **DEMAND), pricing).explore()
    size_fleet(study_of(tmp_path), pricing).explore()
    assert shown == [
        "Within 100 ms at 0.1008 USD/h, busy 50%, 1,000 cameras",
        "Within 100 ms at 0.1008 USD/h, busy 100%",
    ]


@pytest.mark.parametrize(
    ("knobs", "checkpoint", "reason"),
    [
        ({"cameras": 1000}, "a hub's", "cost.events_per_day, cost.utilisation not stated"),
        (DEMAND, "builtin:tiny-pets", "builtin:tiny-pets is a demonstration model"),
    ],
)
def test_no_fleet_is_sized_for_nobody(tmp_path, capsys, knobs, checkpoint, reason):
    """Without a stated demand, or of a demonstration model, there are no dollars a month, and the reason stands there."""
    study = study_of(tmp_path, **knobs)
    fleets = size_fleet(study, pricing_of(cost(300.0, 80.0, best=True, checkpoint=checkpoint)))
    fleets.table()
    assert fleets.rows == [] and study.results.read("fleet") == []
    assert capsys.readouterr().out == f"no fleet is sized: {reason}\n"


def test_the_price_is_varied_over_regions_and_the_shares_by_half(tmp_path):
    """A share that would pass one stops there; without an operating point there is nothing to vary."""
    study = study_of(tmp_path, utilisation=0.8)
    prices = choose_prices(study)
    swings = vary_knobs(study, prices, pricing_of(cost(300.0, 80.0, best=True))).rows
    busy = next(swing for swing in swings if swing.what == "utilisation")
    assert (busy.start, busy.end) == (0.4, 1.0)
    assert vary_knobs(study, prices, pricing_of(cost(300.0, 80.0))).rows == []
    unstated = study_of(tmp_path / "unstated")
    swings = vary_knobs(unstated, prices, pricing_of(cost(300.0, 80.0, best=True))).rows
    assert {swing.what for swing in swings} == {"usd_per_hour", "answers_per_s"}


def test_an_end_that_is_not_known_is_not_varied_to(tmp_path):
    """Every rate of arrivals that was tried held: from the last pass to the figure itself."""
    row = cost(300.0, 80.0, best=True)
    row = replace(row, cost=replace(row.cost, good_per_s=Interval(300.0, 290.0, None)))
    study = study_of(tmp_path)
    swings = vary_knobs(study, choose_prices(study), pricing_of(row)).rows
    answers = next(swing for swing in swings if swing.what == "answers_per_s")
    assert (answers.start, answers.end) == (290.0, 300.0) and answers.at_start > answers.at_end


def test_without_settings_nothing_is_shown_but_a_line(tmp_path, capsys):
    """An older kit's rows: no fleet, no sliders, no bars; the payback says what it takes."""
    study, nothing = study_of(tmp_path), pricing_of()
    fleets = size_fleet(study, nothing)
    assert fleets == Fleets([], nothing, study.knobs, fleets.reason)
    fleets.table()
    fleets.explore()
    vary_knobs(study, choose_prices(study), nothing).figure()
    expected = (
        "A camera: not recorded\nWhat if: not recorded\nno operating point, so nothing to vary\n"
    )
    assert capsys.readouterr().out == expected
    (row,) = find_payback(study, Savings([], [], "")).rows
    assert row.payback.months is None
    assert row.payback.reason.startswith("NOT-RUN: it takes a measured candidate")
