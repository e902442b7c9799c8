"""A run's requests are counted once, by clients and servers alike, or are unaccounted."""

import pytest
from load_rows import counted, run_counts

from blipkit.load.counts import RunCounts
from blipkit.records.typed import record_of, row_of


@pytest.mark.parametrize(
    "changed",
    [
        {"sent": 601},
        {"twice": 1},
        {"server_answered": 599},
        {"server_received": 601},
        {"answered": 599, "wrong": 2},
    ],
)
def test_what_is_counted_differently_is_unaccounted(changed):
    """A request that one side has not seen, or that was answered twice."""
    counts = run_counts(600, 3.0)
    assert counts.unaccounted == 0 and counted(counts, **changed).unaccounted > 0


def test_where_something_died_the_two_sides_may_differ():
    """Each side's own count must still add up."""
    died = counted(run_counts(600, 3.0), problem="the servers: died", server_answered=0)
    assert counted(died, server_received=0).unaccounted == 0 < died.unaccounted


def test_the_clients_own_share_of_the_cpu():
    """0.1 s in 2 s on two cores."""
    assert run_counts(600, 2.0).clients_percent == pytest.approx(2.5)


def test_a_run_recorded_with_its_tries_is_read():
    """Earlier kits measured again what did not hold still, and said how often."""
    counts = run_counts(600, 2.0)
    assert row_of(RunCounts, {**record_of(counts), "tries": 3}) == counts
