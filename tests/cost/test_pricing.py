"""What a study's settings cost: 04's rows made up, an older kit's, or none."""

import shutil
from dataclasses import fields as fields_of
from dataclasses import replace

import pytest
from made_up import WHOLE, cost_row, study_of
from older_kit import older_folder

from blipkit.cost.points import price_points
from blipkit.cost.pricing import choose_prices, price_settings
from blipkit.cost.rows import MeasuredSetting
from blipkit.errors import NotMeasured
from blipkit.load.summary import INVALID
from blipkit.records.gates import Gate
from blipkit.records.results import Results
from blipkit.records.typed import record_of
from blipkit.statistics import Interval


def setting(servers: int, clients: int, answers: float, **fields) -> MeasuredSetting:
    """A setting as 04 records it."""
    row = vars(cost_row(answers, servers=servers, clients=clients, **fields))
    return MeasuredSetting(**{one.name: row[one.name] for one in fields_of(MeasuredSetting)})


def priced_study(folder, rows, **knobs):
    out = Results(folder, "04_concurrency", "p")
    out.write("concurrency", [{**record_of(row), "shared": False} for row in rows])
    study = study_of(folder, **knobs)
    return study, price_settings(study, choose_prices(study))


def test_prices_are_those_that_the_knobs_name(tmp_path):
    """The candidate, the incumbents and what the machine is priced as, of one region and option."""
    knobs = {"incumbents": ["g5.xlarge"], "priced_as": "g5.xlarge", "region": "ap-northeast-1"}
    prices = choose_prices(study_of(tmp_path, **knobs))
    assert list(prices.used) == ["inf2.xlarge", "g5.xlarge"]
    assert {(price.region, price.option) for price in prices.on_offer()} == {
        ("ap-northeast-1", "on_demand")
    }
    assert [gate.gate for gate in prices.gates()] == ["price age"]


def test_every_setting_is_priced_but_those_without_a_model(tmp_path):
    """The null arm is the kit's own overhead; its rows have no cost."""
    rows = [
        setting(1, 1, 100.0),
        setting(2, 4, 300.0, best=True),
        setting(2, 4, 9e9, arm="null float32"),
    ]
    study, pricing = priced_study(tmp_path, rows)
    assert [row["answers_per_s"] for row in study.results.read("cost")] == [100.0, 300.0]
    assert pricing.best.clients == 4 and pricing.single.clients == 1
    assert all(row.conditions.transformers for row in pricing.rows)


def test_saturation_is_the_most_answers_whatever_the_wait(tmp_path):
    """Three points where a setting held the target, saturation alone where none did."""
    rows = [setting(1, 1, 100.0, best=True), setting(1, 64, 400.0, within_target=0.1)]
    study, pricing = priced_study(tmp_path / "held", rows, utilisation=0.5)
    idle, operating, saturation = price_points(study, pricing).rows
    assert (operating.clients, saturation.clients, idle.clients) == (1, 64, 1)
    usd = operating.cost.usd_per_million.value
    assert saturation.cost.usd_per_million.value == pytest.approx(2.5 * usd)
    assert idle.cost.usd_per_million.value == pytest.approx(2 * usd)
    study, pricing = priced_study(tmp_path / "unstated", rows)
    assert [point.at for point in price_points(study, pricing).rows] == [
        "operating point",
        "saturation",
    ]
    study, pricing = priced_study(tmp_path / "missed", [replace(row, best=False) for row in rows])
    assert [point.at for point in price_points(study, pricing).rows] == ["saturation"]
    assert [(gate.gate, gate.status) for gate in pricing.gates()] == [
        ("dollars per million answers", "NOT-RUN")
    ]


def test_of_several_arms_the_one_whose_answers_hold_is_the_operating_point(tmp_path):
    """However many answers another has; what load alone saves is of one arm."""
    rows = [
        setting(1, 1, 50.0, arm="a"),
        setting(2, 4, 300.0, arm="a", best=True),
        setting(1, 1, 10.0, arm="b"),
        setting(2, 4, 100.0, arm="b", best=True),
    ]
    _, pricing = priced_study(tmp_path, rows)
    assert (pricing.best.arm, pricing.single.answers_per_s.value) == ("a", 50.0)
    flipped = replace(pricing, gates_of_folder=[Gate("decisions a", "answer", "FAIL")])
    assert (flipped.best.arm, flipped.best_while_clients_wait.arm) == ("b", "b")
    assert flipped.single.answers_per_s.value == 10.0 and flipped.peak.arm == "a"
    by_arrivals = replace(row_with_rate(pricing, "b"), answers_per_s=Interval(40.0))
    asked = replace(pricing, rows=[*pricing.rows[:3], by_arrivals])
    assert asked.best.arm == "b" and asked.best_while_clients_wait.answers_per_s.value == 100.0


def row_with_rate(pricing, arm):
    """The recommended row of an arm, as one that 08 found a rate for."""
    row = next(one for one in pricing.rows if one.best and one.arm == arm)
    return replace(row, conditions=replace(WHOLE, throughput_basis="open arrivals, poisson"))


def test_without_records_of_04_the_chapter_is_skipped(tmp_path):
    """Nobody ran 04: not an older kit's rows, and not an error of this chapter."""
    study = study_of(tmp_path)
    with pytest.raises(NotMeasured, match="no records of 'concurrency'"):
        price_settings(study, choose_prices(study))


@pytest.mark.parametrize("kept_by", ["the replay", "the record alone"])
def test_rows_of_an_older_kit_leave_the_gates_not_run(tmp_path, capsys, kept_by):
    """Rows without what a cost is made of: no price, a line that says so, and NOT-RUN with what to do."""
    older, own = older_folder(tmp_path / "older"), tmp_path / "own"
    if kept_by == "the replay":
        (own / "records").mkdir(parents=True)
        shutil.copy(older / "records/concurrency.jsonl", own / "records")
    study = study_of(own, replay=str(older))
    pricing = price_settings(study, choose_prices(study))
    assert pricing.best is pricing.peak is pricing.single is None and study.results.lacking == {
        "concurrency"
    }
    assert {gate.status for gate in pricing.gates()} == {"NOT-RUN"}
    points = price_points(study, pricing)
    for one in (points, pricing):
        one.table()
    points.figure()
    printed = capsys.readouterr().out
    assert (
        "of an older kit, without placement" in printed
        and "Every setting, priced: not recorded" in printed
    )


def test_an_invalid_setting_has_no_cost(tmp_path, capsys):
    """Not even where it is the fastest; where nothing else is left, that is the reason."""
    rows = [setting(1, 1, 100.0, best=True), setting(1, 64, 9e9, state=INVALID, best=True)]
    study, pricing = priced_study(tmp_path / "one", rows)
    assert [row["answers_per_s"] for row in study.results.read("cost")] == [100.0]
    assert pricing.best.clients == pricing.peak.clients == 1
    pricing.table()
    assert "settings of 04 that are INVALID, and have no cost: 1" in capsys.readouterr().out
    _, pricing = priced_study(tmp_path / "none", rows[1:])
    gates = pricing.gates()
    assert {gate.status for gate in gates} == {"NOT-RUN"}
    assert gates[0].reason == "every setting of 04 is INVALID"


def test_a_throughput_without_an_interval_is_a_warning(tmp_path):
    """One run with too few independent answers: the cost is a figure, how far off it may be is not known, and what to do is said."""
    rows = [setting(1, 1, 100.0, best=True, answers_per_s=Interval(100.0))]
    _, pricing = priced_study(tmp_path, rows)
    shown, interval = pricing.gates()
    assert shown.status == "PASS" and pricing.best.cost.usd_per_million.high is None
    assert (interval.status, interval.measured) == ("WARN", None)
    assert interval.next == "raise concurrency.seconds, or concurrency.repeats"
