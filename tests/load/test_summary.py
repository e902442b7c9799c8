"""A setting's summary follows from its requests, and says when it is not to be believed."""

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from load_rows import counted, run_counts

from blipkit.load.counts import RunCounts
from blipkit.load.summary import INVALID, STABLE, UNCLEAR, UNSTABLE, Criteria, Summary, summarise
from blipkit.machine.monitor import Usage
from blipkit.records.typed import record_of
from blipkit.statistics import UNKNOWN

TIMES = ("scheduled", "sent", "dequeued", "started", "finished", "received")


def run_of(
    latencies, clients: int = 2, lag_s: float = 0.0, number: int = 0
) -> tuple[pandas.DataFrame, RunCounts]:
    """The requests and counts of closed-loop clients without think time, whose answers take `latencies` in turn (s)."""
    rows, free = [], [0.0] * clients
    for place, latency in enumerate(latencies):
        client = place % clients
        due = free[client]
        free[client] = due + latency
        queued = due + lag_s
        began, ended = queued + 0.5 * (latency - lag_s), due + 0.9 * latency
        times = (due, queued, queued, began, ended, due + latency)
        rows.append((client, "answered", number, *times))
    frame = pandas.DataFrame(rows, columns=["client", "status", "run", *TIMES])
    return frame, run_counts(len(rows), min(free))


def row_of(latencies, percent: float = 99, **options) -> Summary:
    frame, counts = run_of(latencies, **options)
    return summarise(frame, [counts], Criteria(4, options.get("clients", 2), percent))


def noisy(count: int, seed: int = 1) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).uniform(0.9, 1.1, count)


def test_a_quiet_run_is_stable_and_its_figures_follow_from_its_requests():
    """Two clients, 10 ms: 200 requests and 800 answers a second; the parts add up; Little's law holds."""
    row = row_of(noisy(600))
    assert row.state == STABLE and row.requests == 600 and row.unaccounted == 0
    per_second, times, median = row.requests_per_s.value, row.times, row.p50_ms
    assert per_second == pytest.approx(200, rel=0.02) and row.answers_per_s.value == 4 * per_second
    assert row.littles_law_ratio == pytest.approx(1, abs=0.02)
    assert times.mean_ms == pytest.approx(10, rel=0.02)
    parts_ms = times.queued_ms + times.service_ms + times.overhead_ms
    assert parts_ms == pytest.approx(times.mean_ms)
    assert median.low <= median.value <= median.high <= row.p99_ms.value <= row.latency_ms.high
    assert row.latency_ms == row.p99_ms and row.percentile == 99


@pytest.mark.parametrize(("count", "shown"), [(43, "p50"), (458, "p90"), (459, "p99")])
def test_no_percentile_without_its_samples(count, shown):
    """p90 takes 44 requests, p99 459: with fewer there is none, and no end of its interval either."""
    row = row_of(noisy(count))
    percentiles = {"p50": row.p50_ms, "p90": row.p90_ms, "p99": row.p99_ms}
    known = [name for name, percentile in percentiles.items() if percentile != UNKNOWN]
    assert known[-1] == shown and (row.latency_ms.high is None) == (count < 459)


def test_latency_counts_from_when_a_request_was_due():
    """A client that sends 5 ms late is charged for it, and its row is INVALID."""
    row = row_of(noisy(600), lag_s=0.005)
    assert row.times.mean_ms == pytest.approx(10, rel=0.02)
    assert (row.state, row.reason) == (
        INVALID,
        "the clients sent up to 5 ms late (p99), limit 1.1 ms",
    )


def test_a_drifting_run_is_unstable():
    """Latency that keeps growing has no percentile worth a verdict."""
    row = row_of(noisy(600) * np.linspace(1, 2, 600))
    assert row.state == UNSTABLE and "differs by a factor of" in row.reason


def test_a_client_that_stops_asking_breaks_littles_law():
    """Four were to ask, two did: N = X R does not hold, the row is INVALID."""
    frame, counts = run_of(noisy(600), clients=2)
    row = summarise(frame, [counts], Criteria(4, 4, 99))
    assert row.state == INVALID and "is 0.50 times the 4 clients (Little's law)" in row.reason


def test_a_server_that_died_marks_the_row():
    """What went wrong comes first, whatever the figures look like."""
    frame, counts = run_of(noisy(600))
    row = summarise(
        frame, [counted(counts, problem="the servers: died (SIGKILL)")], Criteria(4, 2, 99)
    )
    assert (row.state, row.reason) == (INVALID, "the servers: died (SIGKILL)")


def test_no_request_at_all_is_a_row_too():
    """Nothing answered: INVALID, with empty figures."""
    frame, counts = run_of(noisy(5))
    row = summarise(
        frame.assign(status="failed"), [counted(counts, answered=0, failed=5)], Criteria(4, 2, 99)
    )
    assert (
        row.state == INVALID
        and row.requests == 0
        and row.reason.startswith("no request was answered")
    )


def test_requests_that_end_after_the_time_add_no_throughput():
    """An answer that comes late is in the latencies and not in the rate; one of the warm-up is in neither."""
    frame, counts = run_of([0.5, 1.0, 0.5, 1.0], clients=2)
    counts = counted(counts, seconds=1.5)
    early = frame.iloc[:1].assign(scheduled=-0.5, sent=-0.5, received=-0.1)
    row = summarise(pandas.concat([frame, early]), [counts], Criteria(1, 2, 50))
    assert row.requests_per_s.value == pytest.approx(3 / 1.5) and row.requests == 4


def test_runs_are_put_together_and_their_spread_is_the_interval():
    """Three runs of 200, 210 and 190 requests a second: the t-interval of three."""
    parts = [
        run_of(noisy(600, seed) * pace, number=seed) for seed, pace in enumerate((1.0, 1.05, 0.95))
    ]
    row = summarise(
        pandas.concat([frame for frame, _ in parts]),
        [counted(c, seconds=2.8) for _, c in parts],
        Criteria(1, 2, 99),
    )
    assert (
        row.runs == 3
        and row.outcomes.sent == 1800
        and row.requests_per_s.value == pytest.approx(200, rel=0.02)
    )
    assert row.requests_per_s.high - row.requests_per_s.value == pytest.approx(25, rel=0.1)


def test_think_time_counts_as_a_client():
    """Ten clients that think nine times as long as they wait are one request inside."""
    rows = []
    for client in range(10):
        for k in range(100):
            due = client * 0.01 + 0.1 * k
            rows.append((client, "answered", 0, due, due, due, due, due + 0.01, due + 0.01))
    frame = pandas.DataFrame(rows, columns=["client", "status", "run", *TIMES])
    row = summarise(frame, [run_counts(1000, 10.0)], Criteria(1, 10, 99, think_s=0.09))
    assert row.littles_law_ratio == pytest.approx(1, abs=0.02) and row.state == STABLE


@settings(max_examples=10)
@given(st.permutations(list(range(60))))
def test_the_order_of_the_rows_does_not_matter(order):
    """Clients write as answers come; the row is the same in any order, but for the last bits of a sum."""
    frame, counts = run_of(noisy(60))
    shuffled = summarise(frame.iloc[order], [counts], Criteria(1, 2, 90))
    in_order = summarise(frame, [counts], Criteria(1, 2, 90))
    assert record_of(shuffled) == pytest.approx(record_of(in_order))


def test_a_run_without_an_answer_is_a_throughput_of_zero():
    """Of two runs one answered nothing in time: the mean is half of the other's, and the interval reaches zero."""
    frame, counts = run_of(noisy(600))
    row = summarise(frame, [counts, counts], Criteria(1, 2, 99))
    alone = summarise(frame, [counts], Criteria(1, 2, 99))
    half = alone.requests_per_s.value / 2
    assert row.requests_per_s.value == pytest.approx(half, rel=0.02)
    assert row.requests_per_s.low == 0


def test_only_right_answers_within_the_target_are_good():
    """Half of the latencies are within the limit, and one of those answers was another one than without load."""
    frame, counts = run_of([0.010] * 300 + [0.020] * 300)
    within = Criteria(1, 2, 90, limit_ms=15)
    assert summarise(frame, [counts], within).within_target == pytest.approx(0.5)
    frame.loc[frame.index[0], "status"] = "wrong"
    assert summarise(frame, [counts], within).within_target == pytest.approx(0.5 - 1 / 600)
    without_limit = summarise(frame, [counts], Criteria(1, 2, 90))
    assert without_limit.within_target == pytest.approx(1 - 1 / 600)


@pytest.mark.parametrize("sent", [0, 599, 601])
def test_what_is_recorded_must_be_what_was_counted(sent):
    """The clients were killed and counted nothing, say, while 600 requests are in the samples."""
    frame, counts = run_of(noisy(600))
    row = summarise(frame, [counted(counts, sent=sent)], Criteria(4, 2, 99))
    assert row.state == INVALID
    assert row.reason == f"600 requests were recorded, {sent} counted as sent"
    died = counted(counts, sent=sent, problem="the clients: died (SIGKILL)")
    reason = summarise(frame, [died], Criteria(4, 2, 99)).reason
    assert reason == f"the clients: died (SIGKILL); {row.reason}"


def test_a_run_that_others_disturbed_is_unstable():
    """More than 5 % of the CPU by other processes, or 2 % by the hypervisor, in any run; up to that it is not."""
    frame, counts = run_of(noisy(600))
    reasons = []
    for usage in (Usage(neighbours_percent=83.0), Usage(steal_percent=2.5), Usage(None, 5.0, 2.0)):
        row = summarise(frame, [counted(counts, machine=usage)], Criteria(4, 2, 99))
        reasons.append((row.state, row.reason))
    assert reasons == [
        (UNSTABLE, "other processes took 83 % of the CPU"),
        (UNSTABLE, "the hypervisor took 2 % of the CPU"),
        (STABLE, ""),
    ]


def test_a_run_too_short_to_tell_is_unclear():
    """Not unstable, not INVALID; without an interval, and so without a figure to hold against a target."""
    row = row_of(noisy(50), percent=50)
    assert row.state == UNCLEAR
    assert row.reason.startswith("cannot tell: 49 answers are worth ")
    assert row.p50_ms.value and row.p50_ms.high is None is row.latency_ms.high
    assert row.requests_per_s.value and row.requests_per_s.high is None
    assert row.effective_requests <= 50


def test_correlated_latencies_have_wider_intervals():
    """Each latency four times in a row: a quarter of them is independent, and the interval twice as wide."""
    once = row_of(noisy(2400), percent=90).latency_ms
    repeated = row_of(np.repeat(noisy(600), 4), percent=90, clients=1)
    assert repeated.effective_requests == pytest.approx(600, rel=0.2)
    assert repeated.latency_ms.high - repeated.latency_ms.low > 1.4 * (once.high - once.low)


@pytest.mark.parametrize(("step", "by"), [("dequeued", -0.02), ("finished", 0.02)])
def test_a_server_with_another_clock_is_seen(step, by):
    """Its times lie before a request was sent, or after its answer came: INVALID, with how many."""
    frame, counts = run_of(noisy(600))
    frame.loc[frame.index[:7], step] += by
    row = summarise(frame, [counts], Criteria(4, 2, 99))
    assert row.state == INVALID
    assert row.reason.startswith("7 answered requests have their steps out of order, none may")


def test_refused_requests_are_not_within_the_target():
    """Of 1,200 sent a half was refused at once: half are good, of the answers all, and refusals have no steps to check."""
    frame, counts = run_of(noisy(600))
    refused = frame.assign(status="refused", dequeued=np.nan, started=np.nan, finished=np.nan)
    counts = counted(counts, sent=1200, refused=600)
    both = pandas.concat([frame, refused], ignore_index=True)
    row = summarise(both, [counts], Criteria(4, 2, 99, limit_ms=20))
    assert (row.within_target, row.good_share) == (0.5, 1.0)
    assert row.state == STABLE, row.reason
