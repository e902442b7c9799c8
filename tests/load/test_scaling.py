"""How throughput grows with clients: the law is found again in made-up rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from load_rows import GRID, cell, changed

from blipkit.load.scaling import Scalability, fit_usl, throughput_at
from blipkit.statistics import Interval


@given(st.floats(1, 1e4), st.floats(0, 0.5), st.floats(0, 0.05))
def test_the_law_is_found_again(a, s, k):
    """Throughputs that follow the law give its coefficients, whatever they are."""
    clients = (1, 2, 4, 8, 16)
    rows = [
        cell(1, n, rate, 1)
        for n, rate in zip(clients, throughput_at(np.array(clients), a, s, k), strict=True)
    ]
    fit = fit_usl(rows)
    coefficients = (fit.one_client_per_s, fit.contention, fit.coherency)
    values = [coefficient.value for coefficient in coefficients]
    assert values == pytest.approx([a, s, k], rel=1e-5, abs=1e-6) and fit.misfit < 1e-5
    assert all(coefficient.low <= coefficient.high for coefficient in coefficients)


def test_where_throughput_peaks():
    """sqrt((1 - s) / k) clients; without coherency it only levels off; a server that does one thing at a time, at one."""
    clients = np.array((1, 2, 4, 8, 16))
    rows = [
        cell(1, n, rate, 1)
        for n, rate in zip(clients, throughput_at(clients, 100, 0.1, 0.01), strict=True)
    ]
    assert fit_usl(rows).peak == pytest.approx((0.9 / 0.01) ** 0.5, rel=1e-3)
    rows = [
        cell(1, n, rate, 1)
        for n, rate in zip(clients, throughput_at(clients, 100, 0.1, 0), strict=True)
    ]
    assert fit_usl(rows).peak > 1e3


def test_two_points_are_no_law():
    """Three coefficients need three numbers of clients."""
    assert fit_usl(GRID[3:]) is None and fit_usl([]) is None


def test_an_interval_gets_wider_with_those_of_the_throughputs():
    """What the throughputs leave open, the law leaves open."""
    wide = [
        changed(row, requests_per_s=Interval(rate.value, 0.8 * rate.value, rate.high))
        for row in GRID[:3]
        for rate in [row.summary.requests_per_s]
    ]
    narrow, wider = fit_usl(GRID[:3]).one_client_per_s, fit_usl(wide).one_client_per_s
    assert wider.high - wider.low > narrow.high - narrow.low > 0


def test_what_was_not_fitted_says_why(capsys):
    """Too few numbers of clients, or a recorded folder without settings, are different things."""
    Scalability([]).table()
    assert "three numbers of clients are needed" in capsys.readouterr().out
    Scalability([], recorded=False).table()
    assert "not recorded" in capsys.readouterr().out
