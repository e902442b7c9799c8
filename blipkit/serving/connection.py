"""A client's connection: requests come out whole, and replies go in whole, whichever thread asks.

A stream hands over what was sent in pieces, or several messages at once. So no more is read than
the request at hand has left: what waits behind it wakes the next thread that listens.
"""

import socket
import threading

from blipkit.serving.protocol import REQUEST, Asked

PIECE = 2**20  # bytes read at once, however many a request says will come


class Connection:
    """One end of a stream on which requests come, and replies go back to whoever sent them."""

    def __init__(self, stream: socket.socket):
        self.stream = stream
        self._hearing = threading.Lock()
        self._telling = threading.Lock()
        self._heard = bytearray()  # of the request that is not whole yet

    def hear(self) -> Asked | None:
        """The next request, without waiting; None where it is not whole yet, or another thread
        hears it. OSError where the client has hung up.
        """
        if not self._hearing.acquire(blocking=False):
            return None
        try:
            return self._next_request()
        finally:
            self._hearing.release()

    def tell(self, reply: bytes) -> None:
        """Send a reply, however long the client takes to read it; OSError where it is gone."""
        with self._telling:
            self.stream.sendall(reply)

    def close(self) -> None:
        """Hang up."""
        self.stream.close()

    def _next_request(self) -> Asked | None:
        if not self._has_read(REQUEST.size):
            return None
        number, frame, length = REQUEST.unpack_from(self._heard)
        if not self._has_read(REQUEST.size + length):
            return None
        picture = bytes(self._heard[REQUEST.size :])
        self._heard.clear()
        return Asked(number, frame, picture)

    def _has_read(self, size: int) -> bool:
        """Read on until so many bytes of a request are here, none beyond; False where they are not
        sent yet.
        """
        while (missing := size - len(self._heard)) > 0:
            try:
                piece = self.stream.recv(min(missing, PIECE), socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            if not piece:
                raise ConnectionResetError("the client has hung up")
            self._heard += piece
        return True
