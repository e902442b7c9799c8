"""A selector is waited for as long as asked, and no longer than until something comes."""

import selectors
import socket
import time

import pytest

from blipkit.serving.waiting import wait_exactly


@pytest.fixture
def connection():
    """A selector that listens to one end of a pair of sockets, and the other end."""
    here, there = socket.socketpair()
    with here, there, selectors.DefaultSelector() as selector:
        selector.register(here, selectors.EVENT_READ, "client")
        yield selector, there


def test_what_comes_ends_the_wait(connection):
    """A message that is there already, and none."""
    selector, there = connection
    assert wait_exactly(selector, 0.0) == []
    there.send(b"x")
    ((key, _),) = wait_exactly(selector, 60.0)
    assert key.data == "client"


def test_a_wait_is_never_shorter_than_asked(connection):
    """Of a fraction of a ms, too, which epoll alone would make a whole one."""
    selector, _ = connection
    for _ in range(20):
        start = time.perf_counter()
        wait_exactly(selector, 0.0002)
        assert time.perf_counter() - start >= 0.0002


def test_a_wait_is_not_rounded_up_to_a_whole_ms(connection):
    """Of 50 waits of 0.2 ms the shortest is below 0.9 ms; by epoll alone none is."""
    selector, _ = connection
    taken_s = []
    for _ in range(50):
        start = time.perf_counter()
        wait_exactly(selector, 0.0002)
        taken_s.append(time.perf_counter() - start)
    assert min(taken_s) < 0.0009


def test_a_selector_without_a_file_waits_by_itself():
    """Where the system has neither epoll nor kqueue."""
    with selectors.SelectSelector() as selector:
        assert wait_exactly(selector, 0.001) == []
