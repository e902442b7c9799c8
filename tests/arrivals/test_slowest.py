"""The slowest requests taken apart: what made them slow is named, with the machine's share at that time."""

import pandas
import pytest
from studies import displayed
from virtual_arrivals import Machine

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.schedule import Offer
from blipkit.arrivals.session import SEARCH, OfferRun, Sent
from blipkit.arrivals.slowest import slowest_of, usage
from blipkit.load.setting import Setting


def sent(requests: pandas.DataFrame, machine: pandas.DataFrame | None = None) -> Sent:
    setting = Setting("torchscript float32", "pipeline", "threads", 1, 1)
    offer = Offer("fixed", 10.0, 100.0, 0.0)
    measured = Machine().measured(requests, 100.0)
    row = OfferRun(0, SEARCH, setting, offer, 99, 99, measured.counts)
    return Sent(row, requests, measured.samples if machine is None else machine)


def requests(count=300, queued_s=0.0, lag_s=0.0, service_s=0.0) -> pandas.DataFrame:
    """Served in 10 ms each; one in a hundred takes longer by these, in one of its parts."""
    due = pandas.Series(range(count)) / 10
    slow = due.index % 100 == 0
    sent_at = due + lag_s * slow
    started = sent_at + 0.001 + queued_s * slow
    finished = started + 0.01 + service_s * slow
    return pandas.DataFrame(
        {
            "number": range(count),
            "status": "answered",
            "scheduled": due,
            "sent": sent_at,
            "dequeued": started,
            "started": started,
            "finished": finished,
            "received": finished + 0.001,
        }
    )


@pytest.mark.parametrize(
    ("longer", "named"),
    [
        ({"queued_s": 0.2}, "in the queue"),
        ({"service_s": 0.2}, "being served"),
        ({"lag_s": 0.2}, "before they were sent"),
    ],
)
def test_what_made_them_slow_is_named(longer, named):
    """Three of 300, 200 ms slower by one part."""
    slowest = slowest_of(sent(requests(**longer)))
    every, slow = slowest.parts
    assert (every.requests, slow.requests) == (300, 3)
    assert str(slowest).endswith(f", 198 ms, {named}")
    assert slow.latency_ms == pytest.approx(212, abs=1)


def test_what_preprocessing_takes_is_said_where_04_measured_it():
    """Beside the parts: no request's own is known."""
    basis = Basis(None, sent(requests()).row.setting, 100.0, 10.0, "by 04", preprocessing_ms=1.25)
    said = str(slowest_of(sent(requests(queued_s=0.2)), basis))
    assert said.endswith(
        "; of what is served, preprocessing takes 1.2 ms of a request that is alone"
    )


def test_steal_while_they_were_on_their_way_is_shown():
    """The hypervisor took half of two cores for the quarter of a second in which the slowest was served."""
    at = pandas.Series(range(0, 400)) / 4
    steal = 0.25 * (at > 10.0)
    machine = pandas.DataFrame({"at": at, "busy": 0.0, "ours": 0.0, "steal": steal})
    slow = requests(count=150, service_s=0.0)
    slow.loc[100, ["finished", "received"]] += 0.2
    every, slowest = slowest_of(sent(slow, machine)).parts
    assert slowest.requests == 3 and slowest.steal_percent > 10 * every.steal_percent > 0
    assert usage(machine, 2).steal_percent.max() == pytest.approx(50)


def test_without_an_answer_there_is_nothing_to_take_apart(monkeypatch):
    """Which the table says."""
    shown = displayed(monkeypatch)
    for none in (None, sent(requests().assign(status="lost"))):
        slowest = slowest_of(none)
        slowest.table()
        slowest.figure()
        assert str(slowest) == "no request was answered"
    assert len(shown) == 2 and "none was answered" in shown[0][1]
