"""The file of requests: a record of fixed size for each, written by the clients as it is answered.

A million of them take no memory. The clients' process starts fast, so nothing is imported with this
module but the standard library and numpy.
"""

import struct
from pathlib import Path

import numpy as np

from blipkit.serving.protocol import STATUSES

# The fields of a request, with their formats in struct and in numpy. TIME: by this machine's
# monotonic clock, in s; in a frame that was read, from the start of measuring.
TIME = "d"
FIELDS = {
    "client": "H",
    "number": "Q",
    "frame": "I",
    "status": "B",
    "scheduled": TIME,
    "sent": TIME,
    "worker": "H",
    "batch": "I",
    "size": "H",
    "dequeued": TIME,
    "started": TIME,
    "finished": TIME,
    "received": TIME,
}
TIMES = [name for name, code in FIELDS.items() if code == TIME]
RECORD = struct.Struct("<" + "".join(FIELDS.values()))
FORMATS = np.dtype([(name, f"<{code}") for name, code in FIELDS.items()])


def read_requests(path: Path, start: float | None):
    """(pandas frame, start): what the clients wrote, times in s from `start`, status in words.

    start: None where the clients died before they said it; times count from the first request.
    """
    import pandas

    path.touch()
    requests = pandas.DataFrame(np.fromfile(path, FORMATS))
    if start is None:
        start = 0.0
        if len(requests):
            start = requests.scheduled.min()
    requests[TIMES] -= start
    words = [STATUSES[status] for status in requests.status]
    return requests.assign(status=words), start
