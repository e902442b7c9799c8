"""The figures of 04 say in words what they show."""

import math

import pandas
import pytest
from load_rows import GRID, cell, changed

from blipkit.load import figures, grid
from blipkit.load.rows import GridRow
from blipkit.load.stability import Window
from blipkit.load.summary import INVALID, UNSTABLE
from blipkit.load.target import Target
from blipkit.statistics import UNKNOWN


@pytest.fixture
def captions(monkeypatch) -> list[str]:
    """Of every figure that is shown; each is drawn, too."""
    shown = []

    def show(figure, caption, rows, detail=False):
        figure.canvas.draw()
        shown.append(caption)

    monkeypatch.setattr(figures, "show", show)
    return shown


def grid_of(rows) -> grid.Grid:
    empty = pandas.DataFrame()
    return grid.Grid(rows, Target(99, 40, False), empty, [], empty, [])


def rows() -> list[GridRow]:
    """GRID, and one setting that is unstable."""
    return [*GRID, cell(2, 8, 190, 60, UNSTABLE)]


def test_the_published_chart_names_each_setting(captions):
    """With its p50; a percentile that some setting lacks is not drawn."""
    figures.draw_chart(rows(), "an arm, threads", 250.0)
    assert captions[0].startswith("an arm, threads: p50 at 1-1 10.0 ms, 1-2 10.0 ms")


@pytest.mark.parametrize("settings", [1, 2])
def test_the_chart_of_settings_with_too_few_answers_says_so(captions, settings):
    """Where only one has them, and where none has."""
    few = [changed(row, p50_ms=UNKNOWN) for row in rows()[:settings]]
    figures.draw_chart(few + rows()[2:3], "an arm", 250.0)
    figures.draw_chart(few, "an arm", 250.0)
    assert captions[0].startswith("an arm: p50 at 1-1 not known, ")
    assert captions[1].endswith("not known")


def test_where_latency_goes_has_a_bar_for_a_setting_without_answers(captions):
    """Of no height."""
    dead = changed(rows()[0], queued_ms=None, service_ms=None, overhead_ms=None, state=INVALID)
    figures.draw_split([rows()[1], dead], "an arm")
    assert captions == ["1-2: 1.0 ms queued, 8.0 ms served; 1-1: 0.0 ms queued, 0.0 ms served"]


def test_each_arm_has_a_picture_of_where_its_latency_goes(captions):
    """Settings of two arms have the same names: one on top of the other they would be one bar."""
    slow = [changed(row, arm="torchscript bfloat16", service_ms=80.0) for row in GRID[:1]]
    grid_of(GRID[:1] + slow).where_latency_goes()
    assert captions == ["1-1: 1.0 ms queued, 8.0 ms served", "1-1: 1.0 ms queued, 80.0 ms served"]


def test_what_feeding_takes_is_not_known_without_our_own_overhead():
    """It was not measured, or an older kit did not say."""
    for unknown in (None, math.nan):
        rows = [changed(row, feeding_percent=unknown) for row in GRID]
        assert grid_of(rows).feeding().startswith("not known: the last row of our own overhead")


@pytest.mark.parametrize(("servers", "clients"), [(1, 1), (2, 2), (2, 1), (1, 4)])
def test_what_feeding_takes_counts_the_servers_that_the_first_setting_kept_busy(servers, clients):
    """Four servers at 10 requests/s each, whether the grid begins with one of them or with two."""
    busy = min(servers, clients)
    first = cell(servers, clients, 10.0 * busy, 20.0, feeding_percent=1.5 * busy)
    said = grid_of([first, cell(4, 8, 38.0, 30.0)]).feeding()
    assert said.startswith(
        "4 servers of torchscript float32 at 40 requests/s would need 6 % of this host"
    )


def test_what_feeding_takes_is_that_of_the_fastest_arm():
    """A slow one that is named first needs less of the host."""
    slow, fast = (
        cell(1, 1, per_s, 20.0, arm=arm, feeding_percent=percent)
        for arm, per_s, percent in (("eager float32", 10.0, 1.5), ("torchscript", 40.0, 6.0))
    )
    said = grid_of([slow, fast]).feeding()
    assert said.startswith("1 server of torchscript at 40 requests/s would need 6 %")


def test_the_curve_is_drawn_with_and_without_a_setting_to_run(captions):
    """What is said of it comes first."""
    settings = rows()
    figures.draw_curve(settings, settings[4], 40.0, "title", "latency, ms", "run 2 servers")
    figures.draw_curve(settings, None, 5.0, "title", "latency, ms", "no setting holds 5 ms")
    assert [caption.partition(".")[0] for caption in captions] == [
        "run 2 servers",
        "no setting holds 5 ms",
    ]


def test_a_setting_without_a_point_in_the_curve_is_named(captions):
    """Its percentile has no interval: the line goes past it."""
    few = cell(2, 2, 150, None)
    figures.draw_curve([*rows(), few], None, 40.0, "title", "latency, ms", "a caption")
    assert captions[0].endswith("Not drawn, with too few answers for an interval: 2-2")


def test_the_published_chart_says_what_a_hollow_mark_is(captions):
    """Where there is one."""
    figures.draw_chart(GRID, "an arm", 250.0)
    figures.draw_chart(rows(), "an arm", 250.0)
    assert "Hollow" not in captions[0]
    assert captions[1].endswith(". Hollow marks: not stable")


def test_latency_over_time_is_drawn_without_the_machine_beside_it(captions):
    """A recorded folder may lack its samples."""
    answered = pandas.DataFrame({"scheduled": [-0.1, 0.0, 0.1], "received": [0.0, 0.1, 0.2]})
    thirds = [Window(from_s=0.0, to_s=0.2, per_s=10.0, latency_s=0.1)]
    figures.draw_over_time(rows()[0], answered, thirds, pandas.DataFrame())
    beside = pandas.DataFrame({"at": [-1.0, 0.1], "cpu_percent": [5.0, 50.0]})
    figures.draw_over_time(rows()[0], answered, thirds, beside)
    expected = "stable: its thirds agree; 10 requests/s at 100.0 ms"
    assert captions == [expected, f"{expected}; CPU 50 %"]


def test_a_request_is_drawn_from_when_each_step_was_reached(captions):
    """In the order in which they are reached."""
    steps = ("scheduled", "sent", "dequeued", "started", "finished", "received")
    figures.draw_request(dict(zip(steps, (0.0, 0.1, 5.0, 5.1, 15.0, 15.2), strict=True)), rows()[0])
    assert captions[0].startswith(
        "one request of setting 1-1: scheduled at 0.00 ms, sent at 0.10 ms"
    )
