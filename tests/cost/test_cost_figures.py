"""The pictures of 05 say in their captions what they show, and draw what is known."""

import matplotlib.pyplot as plt
import pytest
from made_up import BASIS, cost_row, system

from blipkit.cost import figures
from blipkit.cost.claim import Baseline
from blipkit.cost.comparison import ComparedSystem
from blipkit.cost.dollars import Swing, answer_cost, compare_costs, needed_throughput_ratio
from blipkit.cost.points import Point
from blipkit.cost.prices import find_price, load_prices
from blipkit.cost.rows import CostRow
from blipkit.records.typed import record_of

TABLE = load_prices()


@pytest.fixture
def shown(monkeypatch):
    """(caption, rows, lines or bars of the axes) of each figure that is shown."""
    figures_shown = []

    def show(figure, caption, rows, detail=False):
        figures_shown.append(
            (caption, rows, len(figure.axes[0].lines) + len(figure.axes[0].patches))
        )
        plt.close(figure)

    monkeypatch.setattr(figures, "show", show)
    return figures_shown


def point(at: str, row: CostRow, busy: float = 1.0) -> Point:
    cost = answer_cost(row, row.cost.usd_per_hour, busy)
    return Point(at, row.servers, row.clients, row.within_target, BASIS, cost)


def test_the_formula_holds_every_setting_that_has_a_cost(shown):
    """Two lines, a dot a setting, a mark a point; a setting without one good answer is left out."""
    rows = [cost_row(rate, 1.0, servers=1, clients=1) for rate in (100.0, 200.0)]
    dead = cost_row(0.0, 1.0, within_target=None, servers=2, clients=2)
    points = [point("operating point", rows[1]), point("half idle", rows[1], 0.5)]
    figures.draw_points([*rows, dead], points)
    ((caption, table, lines),) = shown
    assert caption.startswith(
        "A million good answers, by the formula. operating point: 1.39 USD; half idle: 2.78"
    )
    assert len(table) == 4 and lines == 2 + 1 + 2


def test_nothing_is_drawn_where_nothing_has_a_cost(shown):
    """Every server died: no picture."""
    figures.draw_points([cost_row(0.0, 1.0, within_target=None)], [])
    assert shown == []


def test_costs_without_an_end_are_drawn_without_it(shown):
    """A throughput that may be zero has no dearest cost; its mark is there."""
    weighed = ComparedSystem(system=system("cuda", wide=1.0), weighed=True, unlike="")
    published = ComparedSystem(system=system("neuron"), weighed=False, unlike="")
    figures.draw_costs([weighed, published])
    ((caption, table, bars),) = shown
    assert (
        "torchscript float16 cuda on cuda machine: 0.931 USD" in caption
        and table[0]["usd_per_million_high"] is None
    )
    assert bars >= 2


def test_a_system_of_another_model_looks_like_no_other(shown):
    """Three standings, three marks and their names; only this machine's and those beside it are weighed."""
    one = system("cuda")
    standings = [
        ComparedSystem(system=one, weighed=weighed, unlike=unlike).standing
        for weighed, unlike in [(True, ""), (False, "frames_digest"), (False, "weights_digest")]
    ]
    assert standings == ["weighed", "published", "published, another model"]
    assert set(standings) == set(figures.COST_LOOKS)


def test_the_map_has_a_star_for_each_pair_that_was_measured(shown):
    """Three savings, the GPUs, and the stars."""
    candidate, gpu = (find_price(TABLE, name, "us-east-1") for name in ("inf2.xlarge", "g5.xlarge"))
    row = Baseline(
        candidate=candidate.instance,
        target_saving=0.83,
        region=gpu.region,
        option=gpu.option,
        incumbent=gpu.instance,
        usd_per_hour=gpu.usd_per_hour,
        price_as_of=gpu.as_of,
        saving_at_equal_throughput=0.25,
        needed_throughput_ratio=needed_throughput_ratio(candidate, gpu, 0.83),
    )
    cost = system("neuron").row.cost
    savings = [compare_costs(cost, system("cuda", rate).row.cost) for rate in (50.0, 300.0)]
    figures.draw_break_even([row], candidate, 0.83, savings)
    ((caption, _, lines),) = shown
    assert caption == "g5.xlarge needs 4.43 times" and lines == 3 + 1 + 2


def test_each_knob_has_its_bar(shown):
    """From one end to the other, with both figures in the caption."""
    swing = Swing("usd_per_hour", start=1.0, end=2.0, at_start=3.0, at_end=6.0, swing=3.0)
    figures.draw_sensitivity([swing])
    assert shown == [("usd_per_hour from 3 to 6 USD", [record_of(swing)], 1)]
    assert list(record_of(swing)) == ["what", "from", "to", "at_from", "at_to", "swing"]
