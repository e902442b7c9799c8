"""Which worker serves what: on a virtual clock the dispatcher meets queueing theory, and whatever happens, nothing is lost."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from virtual import Ended, closed, drive, erlang_b, erlang_c

from blipkit.serving.scheduler import Dispatcher, Request

MANY = 150_000


def poisson(rate: float, count: int, seed: int) -> list[float]:
    return list(np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count)))


def exponential(mean: float, seed: int):
    rng = random.Random(seed)
    return lambda: rng.expovariate(1 / mean)


def latency(rows: list[Ended]) -> float:
    return float(np.mean([row.finished - row.arrived for row in rows]))


def test_one_server_with_fixed_times_is_m_d_1():
    """Half busy, a request waits half a service time on average (Pollaczek and Khinchine): within 1 %."""
    rows = drive(Dispatcher(1, 10**9), poisson(0.5, MANY, 1), lambda: 1.0)
    assert latency(rows) == pytest.approx(1 + 0.5 / (2 * (1 - 0.5)), rel=0.01)


def test_several_servers_are_m_m_c():
    """Three servers, 60 % busy: latency is that of Erlang's C formula, within 1 %."""
    workers, load = 3, 1.8
    rows = drive(Dispatcher(workers, 10**9), poisson(load, MANY, 2), exponential(1.0, 3))
    assert latency(rows) == pytest.approx(1 + erlang_c(workers, load) / (workers - load), rel=0.01)
    waited = np.mean([row.started > row.arrived for row in rows])
    assert waited == pytest.approx(erlang_c(workers, load), abs=0.01)


def test_clients_that_think_are_the_closed_interactive_system():
    """Eight clients on two servers: throughput and latency are the machine repairman's, within 1 %."""
    think, service, clients = 1.0, 0.3, 8
    again = exponential(think, 4)
    rows = drive(
        Dispatcher(2, clients), [0.0] * clients, exponential(service, 5), again, until=MANY
    )
    throughput, expected = closed(2, clients, think, service)
    assert len(rows) / rows[-1].finished == pytest.approx(throughput, rel=0.01)
    assert latency(rows) == pytest.approx(expected, rel=0.01)


def test_a_limit_refuses_as_often_as_erlang_says():
    """With no queue at all (limit: as many as servers) the share refused is Erlang's B formula's, within 1 %."""
    rows = drive(Dispatcher(3, 3), poisson(3.0, MANY, 6), exponential(1.0, 7))
    refused = sum(row.started is None for row in rows) / len(rows)
    assert refused == pytest.approx(erlang_b(3, 3.0), rel=0.01)


def test_the_theory_check_can_fail():
    """A dispatcher that served the newest first would keep the mean, one that left a server idle would not."""
    rows = drive(Dispatcher(1, 10**9), poisson(1.2, 20_000, 2), exponential(0.6, 3))
    assert latency(rows) != pytest.approx(1 + erlang_c(2, 1.2) / 0.8, rel=0.01)


def test_a_batch_waits_for_company_no_longer_than_allowed():
    """Three of four come at once and are served after the wait; four are served at once."""
    rows = drive(Dispatcher(1, 99, batch=4, wait_s=0.5), [0.0, 0.1, 0.2], lambda: 1.0)
    assert [(row.started, row.size) for row in rows] == [(0.5, 3)] * 3
    rows = drive(Dispatcher(1, 99, batch=4, wait_s=0.5), [0.0, 0.1, 0.2, 0.3, 0.35], lambda: 1.0)
    assert [(row.started, row.size) for row in rows] == [(0.3, 4)] * 4 + [(1.3, 1)]


def test_a_server_that_takes_too_long_is_named_and_its_requests_come_back():
    """Overdue at the limit; the last one that is lost takes those that wait with it; later answers do not count."""
    dispatcher = Dispatcher(2, 9, overdue_s=10.0)
    for number in range(3):
        assert dispatcher.offer(Request(0, number, 0), 0.0)
    assert [worker for worker, *_ in dispatcher.assign(0.0)] == [0, 1]
    assert dispatcher.overdue(9.9) == [] and dispatcher.overdue(10.0) == [0, 1]
    assert [r.number for r in dispatcher.lose(0)] == [0] and [
        r.number for r in dispatcher.lose(1)
    ] == [1, 2]
    assert not dispatcher.finish(0) and dispatcher.in_flight == 0
    assert not dispatcher.offer(Request(0, 9, 0), 11.0), "nobody is left to serve it"


def test_a_client_that_leaves_takes_its_waiting_requests_along():
    """What is being served goes on; the others' requests stay in order."""
    dispatcher = Dispatcher(1, 9)
    for number, client in enumerate((0, 0, 1, 0)):
        dispatcher.offer(Request(client, number, 0), 0.0)
    dispatcher.assign(0.0)
    assert (
        dispatcher.leave(0) == 2
        and [one.request.number for one in dispatcher.waiting] == [2]
        and dispatcher.in_flight == 2
    )


@given(
    st.integers(1, 3),
    st.integers(1, 6),
    st.integers(1, 3),
    st.lists(st.sampled_from("oafle"), max_size=60),
)  # offer, assign, finish, lose, leave
def test_whatever_happens_each_admitted_request_ends_once(workers, limit, batch, steps):
    """Admitted = finished + lost + dropped + in flight, at any time; none is handed out twice; the limit holds."""
    dispatcher, ended, given_out, admitted = Dispatcher(workers, limit, batch, 0.0), [], [], 0
    for now, step in enumerate(steps):
        busy = sorted(dispatcher.serving)
        if step == "o":
            admitted += dispatcher.offer(Request(now % 2, now, 0), now)
        elif step == "a":
            given_out += [
                request.number for *_, chosen in dispatcher.assign(now) for request in chosen
            ]
        elif step == "f" and busy:
            ended += [request.number for request in dispatcher.serving[busy[0]].batch]
            assert dispatcher.finish(busy[0])
        elif step == "l" and busy:
            ended += [request.number for request in dispatcher.lose(busy[-1])]
        elif step == "e":
            ended += [None] * dispatcher.leave(now % 2)
        assert dispatcher.in_flight <= limit and admitted == len(ended) + dispatcher.in_flight
        in_service = sum(len(assigned.batch) for assigned in dispatcher.serving.values())
        assert dispatcher.in_flight == in_service + len(dispatcher.waiting)
    assert len(given_out) == len(set(given_out))
