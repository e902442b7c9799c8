"""Formulas of queueing theory meet the dispatcher on a virtual clock, and each other where they are exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual import drive
from virtual import erlang_c as by_weights

from blipkit.arrivals.queueing import erlang_c, mean_wait_s, served
from blipkit.arrivals.schedule import Offer
from blipkit.serving.scheduler import Dispatcher


@given(st.integers(1, 30), st.floats(0.01, 0.99))
def test_erlang_c_is_that_of_the_tests_clock(servers, busy):
    """Two ways to the same share; with one server it is how busy that is."""
    assert erlang_c(servers, busy * servers) == pytest.approx(by_weights(servers, busy * servers))
    assert erlang_c(1, busy) == pytest.approx(busy)


def test_one_server_waits_as_pollaczek_and_khinchine_say():
    """Half busy with fixed times: half a service time; with exponential ones: a whole one."""
    assert mean_wait_s(0.5, 1.0, 0.0, 1) == pytest.approx(0.5)
    assert mean_wait_s(0.5, 1.0, 1.0, 1) == pytest.approx(1.0)


def test_fixed_times_on_two_servers_are_near_the_approximation():
    """80 % busy, 60,000 requests on the virtual clock: within 5 %."""
    times = Offer("poisson", 1.6, 40_000.0, 0.0, schedule_seed=4).times()
    rows = drive(Dispatcher(2, 10**9), list(times), lambda: 1.0)
    waited = np.mean([row.started - row.arrived for row in rows])
    assert waited == pytest.approx(mean_wait_s(1.6, 1.0, 0.0, 2), rel=0.05)


def test_more_than_the_servers_can_do_waits_without_end():
    """No mean exists."""
    assert mean_wait_s(2.0, 1.0, 0.0, 2) == float("inf")


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.integers(1, 4))
def test_who_comes_first_is_served_first(arrivals, servers):
    """By arithmetic and by the dispatcher, the same answers at the same times."""
    arrivals = sorted(arrivals)
    rows = drive(Dispatcher(servers, 10**9), arrivals, lambda: 3.0)
    by_dispatcher = sorted(row.finished for row in rows)
    assert sorted(served(arrivals, [3.0] * len(arrivals), servers)) == pytest.approx(by_dispatcher)
