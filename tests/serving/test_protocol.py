"""What clients and servers say to each other is whole, and needs no library."""

import math
import subprocess
import sys

from blipkit.serving.protocol import (
    ANSWERED,
    LOST,
    NOT_SERVED,
    REPLY,
    REQUEST,
    STATUSES,
    Asked,
    Served,
    digest,
)


def test_a_message_comes_out_as_it_went_in():
    """A request is number and frame, before its picture, if it has one; a reply says besides how it was served."""
    assert REQUEST.unpack(Asked(2**40, 7).packed()) == (2**40, 7, 0)
    assert Asked(1, 7, b"picture").packed() == REQUEST.pack(1, 7, 7) + b"picture"
    served = Served(worker=1, batch=2, size=3, dequeued=0.1, started=0.2, finished=0.3)
    number, status, answers, *how = REPLY.unpack(REPLY.pack(5, ANSWERED, digest(["yes"]), *served))
    assert (number, STATUSES[status], answers, Served(*how)) == (
        5,
        "answered",
        digest(["yes"]),
        served,
    )


def test_each_status_has_a_word():
    """The constants are places in the words, and what was not served has no times."""
    assert STATUSES[ANSWERED] == "answered" and STATUSES[LOST] == "lost" == STATUSES[-1]
    assert all(math.isnan(at) for at in NOT_SERVED[3:])


def test_a_digest_tells_answers_apart():
    """Their texts and their order."""
    assert digest(["yes", "no"]) != digest(["no", "yes"]) and digest(["yes"]) == digest(["yes"])


def test_the_protocol_brings_no_library():
    """The clients' process starts fast: not even numpy is loaded with it."""
    code = "import sys, blipkit.serving.protocol; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "torch", "pandas"} & set(loaded)
