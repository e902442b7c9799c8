"""May a run with arrivals be believed? What the schedule says must have been sent, and in time.

Requests that were sent late are charged for it, so a late generator makes servers look slower than
they are, never faster.
"""

from dataclasses import dataclass

import pandas

from blipkit.load.summary import INVALID, STABLE, UNSTABLE

ACHIEVED = 0.99  # of the offered rate that must have been sent
LAG_SHARE = 0.01  # of the target, that the p99 of being late to send may be


@dataclass(frozen=True)
class Generator:
    """How well requests were sent.

    offered, sent: requests in the measured time; achieved: the rate sent over that offered; lag_ms:
    p99 of how late they were sent, None where none was.
    """

    offered: int
    sent: int
    achieved: float
    lag_ms: float | None


def generator_of(requests: pandas.DataFrame, offered: int) -> Generator:
    """How well these were sent, of so many that were due. requests: of the measured time."""
    if requests.empty:
        return Generator(offered, 0, 0.0, None)
    lag_s = requests.sent - requests.scheduled
    first_s = requests.scheduled.min()
    due_s = requests.scheduled.max() - first_s
    took_s = requests.sent.max() - first_s
    stretch = due_s / took_s if took_s > due_s > 0 else 1.0
    achieved = len(requests) / max(offered, 1) * stretch
    return Generator(offered, len(requests), float(achieved), float(1e3 * lag_s.quantile(0.99)))


def late_generator(generator: Generator, limit_ms: float) -> str:
    """Why the generator cannot be trusted at this target, in words; "" where it can."""
    if not generator.sent:
        return f"none of {generator.offered} requests was sent"
    if generator.achieved < ACHIEVED:
        share = f"{generator.achieved:.1%} of the offered rate was sent"
        return f"{share}, limit {ACHIEVED:.0%}"
    allowed_ms = LAG_SHARE * limit_ms
    if generator.lag_ms > allowed_ms:
        late = f"requests were sent up to {generator.lag_ms:.2g} ms late (p99)"
        return f"{late}, limit {allowed_ms:.2g} ms, {LAG_SHARE:.0%} of the target"
    return ""


def state_of(problem: str, late: str, taken: str, shared: bool) -> tuple[str, str]:
    """A run's state, and why it is not stable.

    problem: what went wrong in it; late: what the generator failed at; taken: by others, of
    the CPU; each in words, "" for nothing. On a shared machine a late generator leaves the run
    unstable: drawn as such, and no reason to stop.
    """
    if problem:
        return INVALID, problem
    if late:
        return (UNSTABLE if shared else INVALID), late
    if taken:
        return UNSTABLE, taken
    return STABLE, ""
