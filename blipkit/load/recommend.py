"""Where to run: at the knee, with the fewest clients that give nearly all answers per second that
hold the latency target.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from blipkit.display.tables import counted
from blipkit.load.rows import GridRow
from blipkit.load.setting import differ_in_clients
from blipkit.load.summary import INVALID, STABLE, UNCLEAR
from blipkit.statistics import Interval

# of the highest throughput: what is above it differs by noise, and by how long a request waits
KNEE = 0.95


# percent of the machine's CPU: where others took more, a row says what a smaller machine carries
MOST_TAKEN = 100 / 3


class Candidate(Protocol):
    """A row that may be the setting to run.

    taken_percent: of the machine's CPU, what others took while it was measured.
    """

    clients: int
    state: str
    latency_ms: Interval
    answers_per_s: Interval
    taken_percent: float


Row = TypeVar("Row", bound=Candidate)


def best_setting(rows: Sequence[Row], limit_ms: float, shared: bool = False) -> Row | None:
    """The row with the fewest clients among those with nearly the most answers per second whose
    latency is within the target.

    Its interval's upper end is what counts. Only stable rows are trusted; on a shared machine,
    where none of them holds the target, unclear ones, and then unstable ones. Never one of which
    others took more than a third of the machine. None where none is left.
    """
    candidates = [row for row in rows if is_trusted(row, shared) and is_within(row, limit_ms)]
    if not candidates:
        return None
    least_doubt = min(map(doubt, candidates))
    candidates = [row for row in candidates if doubt(row) == least_doubt]
    most = max(map(answers_per_s, candidates))
    nearly = [row for row in candidates if answers_per_s(row) >= KNEE * most]
    return min(nearly, key=lambda row: (row.clients, -answers_per_s(row)))


def is_trusted(row: Candidate, shared: bool) -> bool:
    """Whether a row may be recommended."""
    if not is_quiet(row):
        return False
    return row.state == STABLE or (shared and row.state != INVALID)


def is_quiet(row: Candidate) -> bool:
    """Whether most of the machine was there to be measured."""
    return row.taken_percent <= MOST_TAKEN


def doubt(row: Candidate) -> int:
    """How far a row's state is from stable: 0 where it is."""
    if row.state == STABLE:
        return 0
    if row.state == UNCLEAR:
        return 1
    return 2


def is_within(row: Candidate, limit_ms: float) -> bool:
    """Whether a row's latency has an interval, all of it within the target."""
    high_ms = row.latency_ms.high
    return high_ms is not None and high_ms <= limit_ms


def answers_per_s(row: Candidate) -> float:
    """The figure to be as large as possible."""
    return row.answers_per_s.value


def in_words(best: GridRow | None, rows: Sequence[GridRow], target_ms: float) -> str:
    """Where to run, how far below the target that is, and what the next more clients would cost.

    best: one of `rows`, None where none holds the target.
    """
    if best is None:
        return f"no setting holds {target_ms:g} ms"
    per_s = best.answers_per_s.value
    below = 1 - best.latency_ms.high / target_ms
    setting = f"{counted(best.servers, 'server')} for {counted(best.clients, 'client')}"
    run = f"run {setting}: {per_s:.0f} answers/s"
    advice = f"{run}, {below:.0%} below the target of {target_ms:g} ms"
    if best.state != STABLE:
        advice = f"{advice} ({best.state}: {best.summary.reason})"
    more = next_more_clients(best, rows)
    if more is None:
        return advice
    gain = more.answers_per_s.value / per_s - 1
    wait = more.summary.times.mean_ms / best.summary.times.mean_ms - 1
    return f"{advice}; {more.clients} clients: {gain:+.0%} throughput, {wait:+.0%} latency"


def next_more_clients(best: GridRow, rows: Sequence[GridRow]) -> GridRow | None:
    """The next setting of as many servers, placed as these, that answered and is not INVALID."""
    more = [
        row
        for row in rows
        if differ_in_clients(row.setting, best.setting) and row.clients > best.clients
    ]
    answered = [row for row in more if row.summary.requests and row.state != INVALID]
    return min(answered, key=lambda row: row.clients, default=None)
