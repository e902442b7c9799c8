"""The compiled queues meet queueing theory, count every request once, and send it where they should."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import (
    erlang_b,
    erlang_c,
    mdc_wait,
    mmc_wait,
    square_root_delay,
    square_root_servers,
)
from queues import exponential, fleet_of, machine, poisson_arrivals

from blipkit.capacity import engine
from blipkit.capacity.fleet import Fleet
from blipkit.capacity.stations import Retrying, Service, Station

DAY = 86_000.0  # what is sent within a day has a minute to be counted in


def wait(servers: int, load: float, service, count: int) -> float:
    """Mean wait in the engine, in units of the mean service, where what arrived is just this load."""
    times, draws = poisson_arrivals(1.0, count)
    served = np.asarray(service)[(draws * len(service)).astype(int)].mean()
    times *= 0.9 * DAY / times[-1]  # so that all is sent within a day
    scale = load / served * times[-1] / count
    fleet = fleet_of(1, Station(servers, 20_000), np.asarray(service) * scale)
    fleet.advance(times, draws, engine_end(times))
    assert fleet.tallies.minutes["answered"].sum() == count
    return fleet.mean_s / scale - served


def engine_end(times) -> float:
    return float(times[-1]) + 1e6


SERVERS = [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(5, marks=pytest.mark.slow)]


@pytest.mark.parametrize("servers", SERVERS)
def test_mean_waits_of_mmc_are_erlangs(servers):
    """M/M/c by Erlang C, within 1 %."""
    load = 0.6 * servers
    expected = mmc_wait(servers, load)
    assert wait(servers, load, exponential(), 3_000_000) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("servers", SERVERS)
def test_mean_waits_of_mdc_are_exact(servers):
    """M/D/c by the chain of the numbers in the system one service apart, within 1 %."""
    load = 0.7 * servers
    assert wait(servers, load, [1.0], 3_000_000) == pytest.approx(mdc_wait(servers, load), rel=0.01)


def test_the_oracle_of_one_server_is_pollaczek_and_khinchines():
    """M/D/1 waits rho / 2 (1 - rho), which the chain gives."""
    assert mdc_wait(1, 0.7) == pytest.approx(0.7 / (2 * 0.3), rel=1e-6)


def test_without_a_queue_refusals_are_erlang_bs():
    """Three servers and no place to wait, a load of three: 35 % are refused."""
    fleet = fleet_of(1, Station(3, 0), exponential() * 0.1)
    times, draws = poisson_arrivals(30.0, 1_000_000)
    fleet.advance(times, draws, engine_end(times))
    refused = fleet.tallies.minutes["refused"].sum() / len(times)
    assert refused == pytest.approx(erlang_b(3, 3.0), rel=0.01)


@pytest.mark.slow
def test_square_root_staffing_delays_as_the_limit_says():
    """A load of 100 on 110 servers: Erlang C in the engine, near Halfin and Whitt's limit."""
    servers = square_root_servers(100.0, 1.0)
    assert erlang_c(servers, 100.0) == pytest.approx(square_root_delay(1.0), rel=0.1)
    seen = wait(servers, 100.0, exponential(), 2_000_000)
    assert seen == pytest.approx(mmc_wait(servers, 100.0), rel=0.05)


@pytest.mark.slow
def test_a_wrong_load_would_be_seen():
    """The oracles are narrow: half a percent more load is not met within 1 %."""
    seen = wait(2, 1.2, exponential(), 3_000_000)
    assert seen != pytest.approx(mmc_wait(2, 1.206), rel=0.01)


def test_departures_of_a_few_requests_by_hand():
    """Two servers, three requests at once: the third waits for the first that is done."""
    fleet = fleet_of(1, Station(2, 5), [3.0])
    fleet.advance(np.array([1.0, 1.0, 1.5]), np.zeros(3), 1.5)
    assert sorted(fleet._queues.free[0]) == [4.0, 7.0]
    fleet.advance(np.empty(0), np.empty(0), 7.0)
    assert fleet.mean_s == pytest.approx((3.0 + 3.0 + 5.5) / 3)


def test_least_outstanding_takes_the_idle_machine_and_round_robin_the_next():
    """A machine that is slow gets as much by turns, and less by outstanding requests."""
    waits = {}
    for name in (engine.ROUND_ROBIN, engine.LEAST_OUTSTANDING):
        slow = Service(np.array([5.0]), np.zeros(1))
        quick = Service(np.array([0.1]), np.zeros(1))
        fleet = Fleet([Station(1, 1000), Station(1, 1000)], [slow, quick], 10.0)
        fleet.set_balancer(name)
        fleet.start(machine(kind=0))
        fleet.start(machine(kind=1))
        fleet.advance(np.arange(40) * 1.0, np.zeros(40), 1e6)
        waits[name] = fleet.mean_s
    assert waits[engine.LEAST_OUTSTANDING] < waits[engine.ROUND_ROBIN] / 5


def test_a_refused_request_is_sent_again_and_its_latency_counts_from_the_first_time():
    """One place, two requests at once: the second comes again after 2 s and has waited them."""
    fleet = fleet_of(1, Station(1, 0), [1.0], 1.5, Retrying(1, 2.0))
    fleet.advance(np.array([0.0, 0.0]), np.zeros(2), 10.0)
    minutes = fleet.tallies.minutes
    assert (minutes["answered"].sum(), minutes["refused"].sum(), fleet.sent) == (2, 0, 3)
    assert minutes["late"].sum() == 1 and fleet.mean_s == pytest.approx((1.0 + 3.0) / 2)


def test_the_last_refusal_is_counted():
    """Three times sent, three times refused."""
    fleet = fleet_of(1, Station(1, 0), [1000.0], 1.5, Retrying(2, 1.0))
    fleet.advance(np.array([0.0, 5.0]), np.zeros(2), 500.0)
    assert (fleet.tallies.minutes["refused"].sum(), fleet.sent) == (1, 4)


def test_each_retry_waits_twice_as_long_as_the_one_before():
    """Refused at 5, again at 6, and two seconds later at 8."""
    fleet = fleet_of(1, Station(1, 0), [1000.0], 1.5, Retrying(2, 1.0))
    fleet.advance(np.array([0.0, 5.0]), np.zeros(2), 7.9)
    assert fleet.sent == 3
    fleet.advance(np.empty(0), np.empty(0), 8.1)
    assert fleet.sent == 4


def test_what_a_request_takes_beside_queue_and_server_is_of_its_latency():
    """A second on the server and half a second beside it: too late for 1.2 s."""
    fleet = Fleet([Station(1, 5)], [Service(np.array([1.0]), np.array([0.5]))], 1.2)
    fleet.start(machine())
    fleet.advance(np.array([0.0]), np.zeros(1), 10.0)
    assert fleet.mean_s == 1.5 and fleet.tallies.minutes["late"].sum() == 1


def test_a_machine_that_is_stopped_is_paid_for_until_it_has_answered():
    """Stopped at 10, at work until 50; one without work ends at once."""
    fleet = Fleet([Station(1, 5)], [Service(np.array([50.0]), np.zeros(1))], 60.0)
    busy, idle = machine(), machine()
    for one in (busy, idle):
        fleet.start(one)
    fleet.advance(np.array([0.0]), np.zeros(1), 10.0)
    for one in (busy, idle):
        one.ended_s = 10.0
        fleet.stop(one)
    assert (busy.ended_s, idle.ended_s) == (50.0, 10.0)


def test_without_machines_everything_is_refused():
    """Nobody to send to; no answer, no mean latency."""
    fleet = fleet_of(0, Station(1, 5), [1.0])
    fleet.advance(np.array([1.0]), np.zeros(1), 2.0)
    assert fleet.tallies.minutes["refused"].sum() == 1 and np.isnan(fleet.mean_s)


def levels_of(fleet: Fleet) -> np.ndarray:
    """How many machines that are sent to have none outstanding, one, and on, counted anew."""
    queues = fleet._queues
    active = queues.active[: queues.state["active"][0]]
    return np.bincount(queues.machines["outstanding"][active], minlength=len(queues.levels))


@given(
    st.lists(st.floats(0, 500), min_size=1, max_size=60),
    st.integers(1, 3),
    st.integers(0, 4),
    st.integers(0, 3),
    st.lists(st.sampled_from(["start", "stop", "lose", "nothing"]), min_size=6, max_size=6),
)
def test_every_request_is_counted_once_whatever_happens(moments, servers, waiting, times, steps):
    """Answered, refused or failed: machines that come, go and are lost, retries and full queues."""
    fleet = fleet_of(1, Station(servers, waiting), [0.5, 20.0, 90.0], 30.0, Retrying(times, 3.0))
    running = []
    arrivals = np.sort(np.array(moments))
    draws = np.linspace(0, 0.99, len(arrivals))
    for number, step in enumerate(steps):
        begin, end = 100.0 * number, 100.0 * (number + 1)
        if step == "start":
            running.append(machine(begin))
            fleet.start(running[-1])
        elif running and step in ("stop", "lose"):
            gone = running.pop()
            gone.ended_s = begin
            getattr(fleet, step)(gone)
        due = (arrivals >= begin) & (arrivals < end)
        fleet.advance(arrivals[due], draws[due], end)
        assert (fleet._queues.levels == levels_of(fleet)).all()
    fleet.advance(np.empty(0), np.empty(0), 1e9)
    minutes = fleet.tallies.minutes
    counted = sum(minutes[name].sum() for name in ("answered", "refused", "failed"))
    assert counted == len(arrivals) and (minutes["late"] <= minutes["answered"]).all()
    assert fleet.tallies.histogram.sum() == minutes["answered"].sum()
    assert fleet._queues.state["in_system"][0] == 0
    assert not fleet._queues.machines["outstanding"].any()


def test_rings_of_retries_grow_without_losing_any():
    """More refusals at once than a ring had places."""
    fleet = fleet_of(1, Station(1, 0), [1.0], 1.5, Retrying(1, 5.0))
    count = 5000
    fleet.advance(np.linspace(0, 1, count), np.zeros(count), 2.0)
    fleet.advance(np.full(count, 2.5), np.zeros(count), 3.0)
    fleet.advance(np.empty(0), np.empty(0), 1e3)
    minutes = fleet.tallies.minutes
    assert minutes["answered"].sum() + minutes["refused"].sum() == 2 * count
