"""What follows for a row from the others: what was predicted, who feeds it, whether it is saturated."""

import math

import pytest
from load_rows import cell, changed

from blipkit.load.derived import fed_by, grid_rows, overhead_rows, predicted_latency_ms
from blipkit.load.rows import GridRow
from blipkit.load.summary import INVALID
from blipkit.load.target import Target
from blipkit.statistics import Interval

TARGET = Target(percentile=99, limit_ms=40, shared=False)


def grid() -> list[GridRow]:
    """Two rows of overhead, then three settings on one server and one on two."""
    overhead = [
        cell(1, 1, 8000, 0.2, arm="null float32", call=call, mean_ms=ms)
        for call, ms in (("nothing", 0.1), ("pipeline", 4.0))
    ]
    measured = [
        cell(1, 1, 90, 13, mean_ms=10.0),
        cell(1, 2, 99, 25, mean_ms=19.0),
        cell(1, 4, 100, 50, mean_ms=44.0),
    ]
    return [*overhead, *measured, cell(2, 4, 160, 30, mean_ms=21.0)]


def test_nobody_waits_until_clients_outnumber_servers():
    """C / S times the service time, and never less than that."""
    assert predicted_latency_ms(10, 2, 1) == predicted_latency_ms(10, 2, 2) == 10
    assert predicted_latency_ms(10, 2, 8) == 40


def test_a_row_is_held_against_what_the_first_setting_predicts():
    """Its latency over that predicted; overhead is predicted from itself."""
    rows = grid_rows(grid(), TARGET)
    assert [row.predicted_ms for row in rows] == [0.1, 4.0, 10.0, 20.0, 40.0, 20.0]
    assert rows[4].ratio == pytest.approx(1.1) and rows[3].ratio == pytest.approx(0.95)


def test_a_first_setting_of_several_clients_predicts_by_what_they_wait():
    """Two clients of two servers wait for nobody, so their 10 ms are the service; four wait once."""
    for clients, mean_ms in ((2, 10.0), (4, 20.0)):
        rows = [*grid()[:2], cell(2, clients, 180, 13, mean_ms=mean_ms), cell(2, 8, 190, 50)]
        rows = grid_rows(rows, TARGET)
        assert (rows[2].predicted_ms, rows[2].ratio) == pytest.approx((mean_ms, 1))
        assert rows[3].predicted_ms == pytest.approx(40)


def test_feeding_is_that_of_the_null_row_for_as_many_requests():
    """40 percent of the host for 8000 requests a second; the harness alone feeds nothing."""
    rows = grid_rows(grid(), TARGET)
    assert rows[0].feeding_percent is None and rows[1].feeding_percent == pytest.approx(40)
    assert rows[2].feeding_percent == pytest.approx(40 * 90 / 8000)


def test_feeding_is_that_of_a_frame_s_whole_way_where_frames_travel_as_jpegs():
    """The third row's: 50 percent of the host for 500 requests a second; rows before it feed nothing."""
    measured = grid()
    jpegs = changed(measured[1], call="pipeline from JPEG", host_percent=50.0)
    jpegs = changed(jpegs, requests_per_s=Interval(500.0))
    rows = grid_rows([*measured[:2], jpegs, *measured[2:]], TARGET)
    assert [row.feeding_percent for row in rows[:3]] == [None, None, pytest.approx(50)]
    assert rows[3].feeding_percent == pytest.approx(50 * 90 / 500)
    assert [row.name for row in rows[3:]] == ["1-1", "1-2", "1-4", "2-4"]
    assert fed_by(rows) == "clients, frames' bytes, decoding and preprocessing"
    assert (overhead_rows(rows), overhead_rows(rows[3:])) == (3, 0)


def test_an_older_folder_has_two_rows_of_overhead_and_says_what_its_feeding_is():
    """No frame travelled as a JPEG there."""
    rows = grid_rows(grid(), TARGET)
    assert overhead_rows(rows) == 2 and fed_by(rows) == "clients and preprocessing"


def test_saturated_is_near_the_most_of_as_many_servers():
    """99 of at most 100 requests a second is; 90 is not; other servers do not matter."""
    rows = grid_rows(grid(), TARGET)
    assert [row.saturated for row in rows[2:]] == [False, True, True, True]
    assert [row.name for row in rows[2:]] == ["1-1", "1-2", "1-4", "2-4"]


def test_one_setting_of_an_arm_is_the_best_and_overhead_never_is():
    """The most answers within the target, whatever the null rows do."""
    rows = grid_rows(grid(), TARGET)
    assert [row.best for row in rows] == [False, False, False, False, False, True]


def test_a_first_setting_without_an_answer_predicts_nothing():
    """Not zero, and no division by it."""
    measured = grid()
    measured[2] = changed(measured[2], mean_ms=None)
    rows = grid_rows(measured, TARGET)
    assert math.isnan(rows[3].predicted_ms) and math.isnan(rows[3].ratio)


def test_an_invalid_row_is_no_measure_of_others():
    """Neither the service time, nor feeding, nor the highest throughput is taken from one."""
    measured = grid()
    measured[2] = changed(measured[2], state=INVALID)
    measured[4] = changed(measured[4], state=INVALID)
    rows = grid_rows(measured, TARGET)
    assert math.isnan(rows[3].predicted_ms)
    assert [row.saturated for row in rows[2:]] == [False, True, False, True]
    measured[1] = changed(measured[1], state=INVALID)
    assert math.isnan(grid_rows(measured, TARGET)[3].feeding_percent)
