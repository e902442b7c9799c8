"""Knobs of 08_arrivals. The target, the frames and how servers serve are `concurrency`'s: two
chapters that disagreed about them could not be compared.
"""

from dataclasses import dataclass

from blipkit.profiles.knobs import SHARE, ZERO_OR_MORE, Range, Section, knob

PATTERN_NAMES = ("poisson", "fixed", "bursts")
AT_MOST_15 = Range("2 to 15", lambda value: 2 <= value <= 15)
CONNECTIONS = Range("1 to 64", lambda value: 1 <= value <= 64)
AT_MOST_4 = Range("0 to 4", lambda value: 0 <= value <= 4)
BURST = Range("1 to 1,000", lambda value: 1 <= value <= 1000)


@dataclass(frozen=True, kw_only=True)
class Arrivals(Section):
    """08: cameras do not wait for answers: what rate holds the target?"""

    name = "arrivals"

    pattern: str = knob(
        "poisson",
        "how requests arrive: poisson (many cameras), fixed (equal gaps), bursts",
        one_of=PATTERN_NAMES,
    )
    beside: list[str] = knob(
        ["bursts"],
        "other patterns, each tried once at the highest rate that held the target",
        one_of=PATTERN_NAMES,
        may_be_empty=True,
    )
    burst_size: int = knob(4, "that one event sends, in bursts", "requests", within=BURST)
    burst_s: float = knob(1.0, "within which an event sends them", "s", within=ZERO_OR_MORE)
    length: float = knob(
        5.0,
        "of a run: so many times the requests that the percentile needs, and so many times the"
        " target; 25 finds the rate within 5 %",
    )
    most_runs: int = knob(8, "of the search, at most", "runs", within=AT_MOST_15)
    resolution: float = knob(
        0.1, "how far apart the last pass and the first fail may be", "share", within=SHARE
    )
    tighter: int = knob(
        2,
        "at half the lowest rate and halves of that, at most, for targets near the service time",
        "runs",
        within=AT_MOST_4,
    )
    connections: int = knob(
        4, "by which requests are sent, many in flight on each", within=CONNECTIONS
    )
    judge: bool = knob(
        False,
        "whether MLPerf's LoadGen judges the rate that was found; pip install 'blipkit[mlperf]'",
    )
