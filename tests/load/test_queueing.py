"""The closed queue's law: its throughput is the machine repairman's, and it is found again in what was measured."""

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual import closed, drive

from blipkit.load.queueing import QueuePoint, closed_throughput, fit_queue
from blipkit.serving.scheduler import Dispatcher
from blipkit.statistics import UNKNOWN, Interval

GRID = [(servers, clients) for servers in (1, 2, 4) for clients in (1, 2, 4, 8)]


def point(servers: int, clients: int, pause_s: float, per_second=None, width=0.02) -> QueuePoint:
    """With this throughput, and an interval of so much of it to either side."""
    ends = UNKNOWN
    if per_second is not None:
        ends = Interval(per_second, (1 - width) * per_second, (1 + width) * per_second)
    return QueuePoint(servers, clients, pause_s, ends)


def by_law(pause_s: float, service_s: float, contention: float, grid=GRID, **options):
    """Points that follow the law."""
    empty = [point(servers, clients, pause_s) for servers, clients in grid]
    return [
        point(
            one.servers,
            one.clients,
            pause_s,
            closed_throughput(one, service_s, contention),
            **options,
        )
        for one in empty
    ]


@given(st.integers(1, 8), st.integers(1, 64), st.floats(1e-3, 10), st.floats(1e-3, 1))
def test_without_contention_it_is_the_machine_repairman(servers, clients, pause_s, service_s):
    """Exactly, by the formula that the dispatcher is held against, too."""
    exact, _ = closed(servers, clients, pause_s, service_s)
    law = closed_throughput(point(servers, clients, pause_s), service_s, 0.0)
    assert law == pytest.approx(exact, rel=1e-9)


def test_clients_that_do_not_pause_keep_their_servers_busy():
    """Two servers of 10 ms with 4 clients: 200 a second; with a contention of a half, 133; a pause of next to nothing is none."""
    assert closed_throughput(point(2, 4, 0.0), 0.01, 0.0) == pytest.approx(200)
    assert closed_throughput(point(2, 4, 0.0), 0.01, 0.5) == pytest.approx(200 / 1.5)
    assert closed_throughput(point(2, 4, 1e-12), 0.01, 0.5) == pytest.approx(200 / 1.5)


@settings(max_examples=20)
@given(st.floats(1e-3, 1), st.floats(0, 0.8), st.floats(0, 2))
def test_the_law_is_found_again(service_s, contention, pauses):
    """Throughputs that follow the law give its two figures, whatever they are; pauses: service times."""
    law = fit_queue(by_law(pauses * service_s, service_s, contention))
    assert law.service_ms.value == pytest.approx(1e3 * service_s, rel=1e-3)
    assert law.contention.value == pytest.approx(contention, abs=5e-3)
    assert law.misfit < 1e-3 and law.settings == 12
    assert law.service_ms.low <= law.service_ms.value <= law.service_ms.high
    assert 0 <= law.contention.low <= law.contention.value <= law.contention.high


@pytest.mark.parametrize("pause_s", [0.0, 0.005, 0.05])
def test_an_ideal_queue_fits_and_has_no_contention(pause_s):
    """The machine repairman's exact throughputs, with and without pauses: a misfit below 3 %, and nothing shared."""
    points = [point(s, c, pause_s, closed(s, c, max(pause_s, 1e-9), 0.01)[0]) for s, c in GRID]
    law = fit_queue(points)
    assert law.misfit < 0.03 and law.contention.value < 0.01
    assert law.service_ms.value == pytest.approx(10, rel=0.01)
    assert law.servers == 4 and law.speedup == pytest.approx(4, rel=0.03)


@pytest.mark.parametrize("service", ["exponential", "even"])
def test_a_simulated_queue_fits(service):
    """The dispatcher on a virtual clock, clients that pause for a tenth of the service: a misfit below 3 %."""
    rng = random.Random(11)

    def serve() -> float:
        return rng.expovariate(1 / 0.01) if service == "exponential" else 0.01

    points = []
    for servers, clients in itertools.product((1, 2), (1, 2, 4)):
        ended = drive(
            Dispatcher(servers, clients),
            [0.0] * clients,
            serve,
            lambda: rng.expovariate(1 / 0.001),
            until=15_000,
        )
        points.append(point(servers, clients, 0.001, len(ended) / ended[-1].finished))
    law = fit_queue(points)
    assert law.misfit < 0.03
    assert law.service_ms.value == pytest.approx(10, rel=0.03)
    assert law.contention.value < 0.02


def test_an_interval_gets_wider_with_those_of_the_throughputs():
    """What the throughputs leave open, the law leaves open; where one has no interval, the law has none."""
    narrow = fit_queue(by_law(0.0, 0.01, 0.2, width=0.01))
    wide = fit_queue(by_law(0.0, 0.01, 0.2, width=0.04))
    for name in ("service_ms", "contention"):
        one, other = getattr(narrow, name), getattr(wide, name)
        assert other.high - other.low == pytest.approx(4 * (one.high - one.low), rel=0.02)
    points = by_law(0.0, 0.01, 0.2)
    points[3] = replace(points[3], per_second=Interval(points[3].per_second.value))
    law = fit_queue(points)
    assert law.contention.value == pytest.approx(0.2, rel=0.01) and law.contention.high is None


def test_three_points_are_no_law():
    """Nor are more, one of which has no throughput."""
    points = by_law(0.0, 0.01, 0.1)
    assert fit_queue(points[:3]) is None and fit_queue([]) is None
    assert fit_queue([*points[:4], point(1, 1, 0.0, 0.0)]) is None


def test_one_server_shows_no_contention():
    """As many were busy in all settings: how long service takes is known, what more servers do is not."""
    law = fit_queue(by_law(0.0, 0.01, 0.3, grid=[(1, 1), (1, 2), (1, 4), (1, 8)]))
    assert law.contention == UNKNOWN and law.service_ms.value == pytest.approx(10)
    assert law.speedup == 1
