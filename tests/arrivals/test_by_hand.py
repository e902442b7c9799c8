"""The schedule drawn by hand: arithmetic that a reader can follow."""

from studies import displayed

from blipkit.arrivals.by_hand import (
    STALLED,
    closed_loop,
    draw_why_closed_loops_flatter,
    late,
    open_loop,
)


def test_a_stall_makes_many_late_by_a_schedule_and_one_from_a_client_who_waits():
    """Eight of ten beyond 60 ms, against the one that stalled."""
    assert late(open_loop(), 60.0) == 8
    assert [row.request for row in closed_loop() if row.latency_ms > 60] == [STALLED]


def test_both_are_served_alike():
    """One server, one request at a time, and the same service times: the answers come at the same moments."""
    opened, closed = open_loop(), closed_loop()
    assert [row.answered_ms for row in opened] == [row.answered_ms for row in closed]
    assert all(row.due_ms <= row.started_ms for row in opened)
    assert all(row.due_ms == row.started_ms for row in closed)


def test_the_picture_says_it_in_words(monkeypatch):
    """Its caption counts both."""
    shown = displayed(monkeypatch)
    draw_why_closed_loops_flatter()
    ((_, text),) = shown
    assert text.startswith("Later than 60 ms: 8 of 10 requests that come by a schedule, and 1 of")
