"""Requests come out of a stream whole and in order, however it hands them over; replies go in whole."""

import contextlib
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blipkit.serving import connection as module
from blipkit.serving.connection import Connection
from blipkit.serving.protocol import ANSWERED, REPLY, REQUEST, Asked, digest
from blipkit.serving.scheduler import Dispatcher
from blipkit.serving.server import Server

ASKED = st.builds(
    Asked, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=99)
)


@contextlib.contextmanager
def pair():
    """The client's stream, and the server's end as a Connection."""
    here, there = socket.socketpair()
    here.settimeout(20)
    with here, there:
        yield here, Connection(there)


def read(stream: socket.socket, size: int) -> bytes:
    """So many bytes, in as many pieces as they come."""
    got = b""
    while len(got) < size:
        got += stream.recv(size - len(got))
    return got


def heard(connection: Connection) -> list[Asked]:
    """All requests that are whole by now, each as often as one listens."""
    requests = []
    while asked := connection.hear():
        requests.append(asked)
    return requests


@given(st.lists(ASKED, max_size=5), st.integers(1, 60))
def test_requests_come_out_as_they_went_in_whatever_pieces_they_come_in(asked, size):
    """Several at once, or a few bytes at a time, through their heads and their pictures."""
    sent = b"".join(one.packed() for one in asked)
    got = []
    with pair() as (stream, connection):
        for start in range(0, len(sent), size):
            stream.sendall(sent[start : start + size])
            got += heard(connection)
    assert got == asked


def test_no_more_is_read_than_one_request(monkeypatch):
    """What waits behind it must wake the next thread that listens: the selector tells of what was not read. A large picture is read in pieces."""
    monkeypatch.setattr(module, "PIECE", 10)
    with pair() as (stream, connection):
        stream.sendall(Asked(1, 2, b"x" * 35).packed() + Asked(2, 3).packed())
        assert connection.hear() == Asked(1, 2, b"x" * 35)
        left = connection.stream.recv(1000, socket.MSG_PEEK)
        assert left == Asked(2, 3).packed() and len(left) == REQUEST.size


def test_a_client_that_hangs_up_amid_a_request_is_an_error_and_no_request():
    """A part of one is never taken for a whole one."""
    with pair() as (stream, connection):
        stream.sendall(Asked(1, 2, b"picture").packed()[:-1])
        assert connection.hear() is None
        stream.close()
        with pytest.raises(OSError, match="hung up"):
            connection.hear()


def test_replies_of_two_threads_are_not_mixed_however_little_the_stream_takes():
    """They do not fit its buffer at once: each waits until the client has read, and comes whole."""
    replies = {number: bytes([number]) * 300_000 for number in (1, 2, 3)}
    with pair() as (stream, connection):
        for reply in replies.values():
            threading.Thread(target=connection.tell, args=[reply], daemon=True).start()
        got = [read(stream, 300_000) for _ in replies]
    assert sorted(got) == sorted(replies.values())


def test_one_connection_carries_many_requests_that_do_not_wait_for_replies(tmp_path):
    """All of them in one piece, with pictures and without: each gets its own reply, here and nowhere else."""

    def answer(asked):
        return [[str(one)] for one in asked]

    asked = [Asked(number, number % 7, bytes([number]) * (number % 3)) for number in range(200)]
    server = Server([answer] * 2, Dispatcher(2, 999, batch=3), str(tmp_path / "socket"), 2)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    with socket.socket(socket.AF_UNIX) as stream, socket.socket(socket.AF_UNIX) as other:
        stream.settimeout(20)
        for each in (stream, other):
            each.connect(str(tmp_path / "socket"))
        stream.sendall(b"".join(one.packed() for one in asked))
        replies = {}
        for _ in asked:
            number, status, answers, *_ = REPLY.unpack(read(stream, REPLY.size))
            replies[number] = status, answers
        with pytest.raises(BlockingIOError):
            other.recv(1, socket.MSG_DONTWAIT)
    thread.join(30)
    assert replies == {
        one.number: (ANSWERED, digest([str(one.picture or one.frame)])) for one in asked
    }
    assert not thread.is_alive()
