"""What a command does that somebody else tells to end, as a service manager or a closed shell does:
the same as on Ctrl-C.
"""

import contextlib
import signal
from collections.abc import Iterator

from blipkit.errors import INTERRUPTED

SHELLS = 128  # beside the number of a signal, the exit status that shells give it
TOLD_BY = (signal.SIGTERM, signal.SIGHUP)


class Told(KeyboardInterrupt):
    """A signal that says to end, as if it was Ctrl-C. number: which one."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def told_to_end() -> Iterator[None]:
    """While it is open, the first SIGTERM or SIGHUP raises Told: a shell that closes says so twice,
    and what is put in order then has to come to its end. One that is ignored, as by nohup, stays
    so.
    """
    before = {number: signal.getsignal(number) for number in TOLD_BY}
    heeded = [number for number, what in before.items() if what is not signal.SIG_IGN]

    def tell(number: int, frame) -> None:
        for one in heeded:
            signal.signal(one, signal.SIG_IGN)
        raise Told(number)

    for number in heeded:
        signal.signal(number, tell)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, before[number])


def status_of(told: KeyboardInterrupt) -> int:
    """The exit status of what was told to end."""
    if isinstance(told, Told):
        return SHELLS + told.number
    return INTERRUPTED
