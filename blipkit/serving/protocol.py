"""What clients and servers say to each other: fixed-size messages over a local socket."""

import math
import struct

REQUEST = struct.Struct("<QI")  # number, frame


REPLY = struct.Struct("<QBIHIHddd")  # number, status, digest of the answers, then how it was served:


NOT_SERVED = (0, 0, 0, math.nan, math.nan, math.nan)  # worker, batch, its size, dequeued, started, finished


ANSWERED, REFUSED, FAILED, WRONG, LOST = range(5)  # WRONG and LOST are the client's to say


STATUSES = ("answered", "refused", "failed", "wrong", "lost")
