"""A generator that sent less than the schedule says, or late, is seen."""

import pandas
import pytest

from blipkit.arrivals.validity import generator_of, late_generator, state_of
from blipkit.load.summary import INVALID, STABLE, UNSTABLE


def requests(count=200, lag_s=0.0, stretch=1.0):
    due = pandas.Series(range(count)) / 100
    return pandas.DataFrame({"scheduled": due, "sent": due * stretch + lag_s})


def test_what_is_sent_in_time_is_believed():
    """All of 200, half a millisecond late, for a target of 100 ms."""
    generator = generator_of(requests(lag_s=5e-4), 200)
    assert generator.achieved == pytest.approx(1, abs=1e-3)
    assert generator.lag_ms == pytest.approx(0.5) and late_generator(generator, 100.0) == ""


@pytest.mark.parametrize(
    ("generator", "why"),
    [
        (generator_of(requests(190), 200), "95.0% of the offered rate was sent, limit 99%"),
        (generator_of(requests(stretch=1.05), 200), "95.2% of the offered rate was sent"),
        (
            generator_of(requests(lag_s=0.002), 200),
            r"requests were sent up to 2 ms late \(p99\), limit 1 ms, 1% of the target",
        ),
        (generator_of(requests()[:0], 200), "none of 200 requests was sent"),
    ],
    ids=["unsent", "slower", "late", "nothing"],
)
def test_what_is_not_sent_or_late_is_said(generator, why):
    """With what was seen and the limit."""
    with pytest.raises(AssertionError, match=why):
        assert not late_generator(generator, 100.0), late_generator(generator, 100.0)


def test_the_gravest_decides_the_state():
    """What died is INVALID anywhere; a late generator only where the machine is ours alone; neighbours never."""
    assert state_of("a worker died", "late", "steal", True) == (INVALID, "a worker died")
    assert state_of("", "late", "steal", False) == (INVALID, "late")
    assert state_of("", "late", "steal", True) == (UNSTABLE, "late")
    assert state_of("", "", "steal", False) == (UNSTABLE, "steal")
    assert state_of("", "", "", False) == (STABLE, "")
