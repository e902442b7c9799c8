"""Offers sent by real processes over real sockets, to servers without a model: everything is answered and counted once."""

import pytest

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.outcome import outcome_of
from blipkit.arrivals.schedule import Offer
from blipkit.arrivals.session import NULL_SERVER, Session
from blipkit.frames.source import FrameSource
from blipkit.load.measure import open_host
from blipkit.load.runs import Run
from blipkit.load.setting import ServerOptions, Setting, Workload
from blipkit.load.target import Target
from blipkit.profiles.common import Common
from blipkit.runners.artifacts import Artifacts
from blipkit.serving.answering import NOTHING

SETTING = Setting("null float32", NOTHING, "threads", 1, 4)


class Null:
    """Stands in for `Hosts`, with servers that answer nothing in a process of their own; study: with the knobs' defaults."""

    def __init__(self):
        self.study, self.common, self.asked = self, Common(), []
        self.knobs = type("Knobs", (), {"batch_wait_ms": 0.0, "start_gap_s": 0.0})
        work = Workload("x", (), FrameSource("synthetic", 4, 3), 1.0, 0.1)
        self.host = open_host(Artifacts([]), SETTING, work, ServerOptions(), 1)

    def host_of(self, run: Run):
        self.asked.append(run)
        return self.host


@pytest.fixture(scope="module")
def hosts():
    null = Null()
    yield null
    null.host.close()


@pytest.mark.parametrize("pattern", ["poisson", "fixed", "bursts"])
def test_all_that_is_offered_is_answered(hosts, pattern):
    """300 requests a second for 0.4 s by four connections, in one run after another on the same pipelines."""
    session = Session(hosts, Basis(None, SETTING, 1.0, 1.0, "here"), 1.0, 4)
    offer = Offer(pattern, 300.0, 0.4, 0.1, 3, 0.05, schedule_seed=4)
    sent = session.send(NULL_SERVER, offer)
    outcome = outcome_of(sent, Target(90.0, 1e9, shared=False))
    assert outcome.generator.sent == outcome.generator.offered == (offer.times() >= 0).sum()
    assert sent.row.counts.problem == "" and sent.row.counts.unaccounted == 0
    assert set(sent.requests.status) == {"answered"} and set(sent.requests.client) == set(range(4))
    assert hosts.asked[-1].limit == len(offer.times()) == len(sent.requests)
    assert (sent.requests.scheduled < 0).any() and sent.machine.run.eq(sent.row.run).all()


def test_where_an_answer_takes_too_long_patience_ends(hosts):
    """No patience at all: what is in flight at the end is lost, and the process that serves goes on."""
    session = Session(hosts, Basis(None, SETTING, 1.0, 1.0, "here"), 0.0, 1)
    for _ in range(2):
        counts = session.send(NULL_SERVER, Offer("fixed", 20.0, 0.2, 0.0)).row.counts
        assert counts.clients.answered + counts.clients.lost == counts.clients.sent == 4
        assert counts.problem == ""
