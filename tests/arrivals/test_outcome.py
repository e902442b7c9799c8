"""What came of a run: late, wrong and never answered requests all miss the target; what went astray is said."""

from dataclasses import replace

import numpy as np
import pandas
import pytest
from virtual_arrivals import Machine, answered

from blipkit.arrivals.outcome import outcome_of, problem_of, server_s, trial_of
from blipkit.arrivals.schedule import Offer
from blipkit.arrivals.session import SEARCH, OfferRun, Sent
from blipkit.load.setting import Setting
from blipkit.load.target import Target
from blipkit.machine.monitor import Usage

TARGET = Target(90.0, 15.0, shared=False)
SETTING = Setting("torchscript float32", "pipeline", "threads", 2, 4)


def sent(rate=50.0, change=None, **counted) -> Sent:
    """A fixed schedule of 100 requests in the measured time, each served in 10 ms; change: of the requests."""
    offer = Offer("fixed", rate, 100 / rate, 20 / rate)
    requests = answered(offer, 2, lambda: 0.01)
    if change:
        requests = change(requests)
    measured = Machine().measured(requests, offer.seconds)
    clients = replace(measured.counts.clients, **counted)
    row = OfferRun(3, SEARCH, SETTING, offer, 120, 100, replace(measured.counts, clients=clients))
    return Sent(row, requests, measured.samples)


def spoilt(status: str, count: int):
    """The last requests end so."""

    def change(requests: pandas.DataFrame) -> pandas.DataFrame:
        last = requests.number >= len(requests) - count
        changed = requests.assign(status=np.where(last, status, requests.status))
        if status == "lost":
            changed.loc[last, ["received", "started", "finished", "dequeued"]] = np.nan
        return changed

    return change


def test_a_sound_run_has_its_figures():
    """100 requests of 10 ms, none late, the servers a quarter busy, and the warm-up left out."""
    outcome = outcome_of(sent(), TARGET)
    assert (outcome.generator.offered, outcome.generator.sent, outcome.state) == (
        100,
        100,
        "stable",
    )
    assert outcome.late.value == 0 and 0 < outcome.late.high < 0.1
    assert (outcome.mean_ms, outcome.queued_ms) == pytest.approx((10, 0), abs=1e-6)
    assert outcome.latency_ms.value == pytest.approx(10) and trial_of(sent()).busy == pytest.approx(
        0.25
    )


@pytest.mark.parametrize("status", ["wrong", "lost", "refused", "failed"])
def test_what_is_not_answered_right_is_late(status):
    """Five of 100, whatever their time, for any target."""
    one = sent(change=spoilt(status, 5))
    assert outcome_of(one, TARGET).late.value == 0.05
    assert np.isinf(trial_of(one).latencies_ms).sum() == 5
    counts = outcome_of(one, TARGET)
    seen = {
        "wrong": counts.wrong,
        "lost": counts.never_answered,
        "refused": counts.refused,
        "failed": counts.failed,
    }
    assert seen == dict.fromkeys(seen, 0) | {status: 5}


def test_what_was_not_sent_is_late_too():
    """A generator that leaves out requests makes nothing look faster."""
    one = sent(change=lambda requests: requests[requests.number % 50 != 49])
    assert (
        np.isinf(trial_of(one).latencies_ms).sum() == 2 and len(trial_of(one).latencies_ms) == 100
    )
    outcome = outcome_of(one, TARGET)
    assert outcome.state == "INVALID" and "98.0% of the offered rate" in outcome.reason


def test_a_percentile_beyond_what_was_answered_is_not_known():
    """Of 100 requests 20 were never answered: p90 has no value, and p50 has."""
    one = sent(change=spoilt("lost", 20))
    assert outcome_of(one, TARGET).latency_ms.value is None
    assert outcome_of(one, replace(TARGET, percentile=50.0)).latency_ms.value == pytest.approx(10)


def test_too_few_requests_have_no_percentile():
    """p99 needs 459."""
    assert outcome_of(sent(), replace(TARGET, percentile=99.0)).latency_ms.value is None


def test_what_went_astray_is_a_problem():
    """Requests that nobody wrote down, and answers that nobody asked for."""
    assert problem_of(sent()) == ""
    assert problem_of(sent(sent=121)) == "120 requests were recorded, 121 counted as sent"
    assert problem_of(sent(twice=2)) == "2 answers belong to no request"
    assert outcome_of(sent(twice=2), TARGET).state == "INVALID"


def test_a_run_without_a_request_that_was_due_is_a_problem():
    """It was too short, and its outcome says so."""
    one = sent(change=lambda requests: requests[requests.scheduled < 0], sent=20)
    none = replace(one, row=replace(one.row, due=0))
    outcome = outcome_of(none, TARGET)
    assert outcome.state == "INVALID" and "raise arrivals.length" in outcome.reason
    assert outcome.late.value is None is outcome.mean_ms


def test_requests_of_a_batch_share_their_server_s_time():
    """Two in a batch of 10 ms took 5 ms of it each."""
    requests = pandas.DataFrame({"started": [0.0, 0.0], "finished": [0.01, 0.01], "size": [2, 2]})
    assert server_s(requests) == pytest.approx(0.005) and server_s(requests[:0]) == 0
    alone = pandas.DataFrame({"started": [1.0], "finished": [1.01], "size": [1]})
    assert server_s(pandas.concat([requests, alone])) == pytest.approx(0.005)


def test_who_takes_the_machine_makes_a_run_unstable_and_what_slows_it_does_not():
    """As in 04: heat, power and the clock are this machine's under this load, and are told by `disturbed`."""
    taken = Usage(neighbours_percent=83.0, disturbed="other processes took 83 % of the CPU")
    slowed = Usage(disturbed="heat or power slowed the GPU")
    states = []
    for usage in (taken, slowed):
        one = sent()
        counts = replace(one.row.counts, machine=usage)
        outcome = outcome_of(replace(one, row=replace(one.row, counts=counts)), TARGET)
        states.append((outcome.state, outcome.reason, outcome.disturbed))
    assert states == [
        ("unstable", "other processes took 83 % of the CPU", taken.disturbed),
        ("stable", "", slowed.disturbed),
    ]
