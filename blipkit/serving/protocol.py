"""The messages between clients and servers, over a local socket.

A connection may carry many requests at a time: a reply has its request's number, and goes back on
the connection that asked. Who sends without waiting for replies must read them meanwhile, as a
server waits until a reply is taken. The clients' process starts fast, so nothing is imported here
but the standard library.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

# What became of a request: the place in STATUSES is what a reply carries. wrong (answered, but
# otherwise than without load) and lost (no reply ever came) are decided by the client.
STATUSES = ("answered", "refused", "failed", "wrong", "lost")
ANSWERED, REFUSED, FAILED, WRONG, LOST = range(len(STATUSES))

# The request's number, the frame's index, and how many bytes of its picture follow: none where the
# index is all that travels.
REQUEST = struct.Struct("<QII")
REPLY = struct.Struct("<QBIHIHddd")  # the request's number, its status, the digest, then Served


class Asked(NamedTuple):
    """A request: its number, the frame's index, and its picture, b"" where only the index came."""

    number: int
    frame: int
    picture: bytes = b""

    def packed(self) -> bytes:
        """As it travels."""
        return REQUEST.pack(self.number, self.frame, len(self.picture)) + self.picture


class Served(NamedTuple):
    """How a request was served; times by this machine's monotonic clock, in s.

    worker: which one; batch: the number of its batch; size: requests in it; dequeued: when the
    batch was taken from the queue; started, finished: when the worker began and ended it.
    """

    worker: int
    batch: int
    size: int
    dequeued: float
    started: float
    finished: float


NOT_SERVED = Served(0, 0, 0, math.nan, math.nan, math.nan)


def digest(texts: Sequence[str]) -> int:
    """32 bits of the answers about one frame: clients compare them with those without load."""
    return zlib.crc32("\n".join(texts).encode())
