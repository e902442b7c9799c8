"""What a command does that is told to end by a service manager, or by a shell that closes."""

import os
import signal

import pytest

from blipkit.run.ending import Told, status_of, told_to_end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_is_told_once(hangups, number):
    """The first signal is as Ctrl-C, with its name and its status; what comes behind it breaks off nothing; then all is as it was."""
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]
    with told_to_end():
        with pytest.raises(KeyboardInterrupt) as told:
            os.kill(os.getpid(), number)
        for one in (signal.SIGHUP, signal.SIGTERM):
            os.kill(os.getpid(), one)
    assert isinstance(told.value, Told) and str(told.value) == number.name
    assert status_of(told.value) == 128 + number and status_of(KeyboardInterrupt()) == 130
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)] == before


def test_what_is_ignored_stays_so():
    """As by nohup: the shell may close."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with told_to_end():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
