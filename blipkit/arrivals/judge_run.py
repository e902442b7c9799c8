"""One run of MLPerf's LoadGen against the servers of a setting: its verdict, its files, and our
counts.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from blipkit.arrivals.clients import Sending
from blipkit.arrivals.judge_child import BEYOND, Asking
from blipkit.arrivals.judge_log import KEPT, Verdict, read_verdict
from blipkit.arrivals.judge_settings import Judging
from blipkit.arrivals.schedule import Offer
from blipkit.errors import BlipkitError
from blipkit.load.counts import RunCounts
from blipkit.load.host import STOP_S, TIMEOUT_S, Asker, Host
from blipkit.load.measure import measure_asked
from blipkit.load.setting import ServerOptions, Setting
from blipkit.machine.scratch import ScratchFolder
from blipkit.reading.files import read_text
from blipkit.records.results import TEXT_EXPECTED, TEXT_LIMIT

WARMUP_S = 0.5  # of requests one after another, before LoadGen begins
PATIENCE_S = 30.0  # after its last query, for what is still in flight
LONGEST = 2.0  # times its schedule's expected length: a Poisson schedule is no longer


@dataclass(frozen=True)
class JudgedRun:
    """counts: what we counted beside LoadGen; files: its own, by name."""

    verdict: Verdict
    counts: RunCounts
    files: Mapping[str, str]


def run_judge(host: Host, setting: Setting, options: ServerOptions, judging: Judging) -> JudgedRun:
    """Have LoadGen judge a setting, by as many connections as that has clients.

    BlipkitError where it came to no verdict, or to one on servers of which something died: what
    they left unanswered was late there, whatever the rate.
    """
    with ScratchFolder() as logs:
        asker = asker_of(judging, setting.clients, logs)
        measured = measure_asked(host, setting, options, asker, judging.expected_s)
        try:
            verdict = read_verdict(Path(logs))
        except BlipkitError as error:
            problems = filter(None, [measured.counts.problem, str(error)])
            raise BlipkitError("; ".join(problems)) from None
        if problem := measured.counts.problem:
            seen = f"it says {verdict.validity}, {verdict.late} of {verdict.queries} late"
            raise BlipkitError(f"{problem}; {seen}, which is no verdict on the rate")
        files = {name: read_text(Path(logs, name), TEXT_LIMIT, TEXT_EXPECTED) for name in KEPT}
    return JudgedRun(verdict, measured.counts, files)


def asker_of(judging: Judging, connections: int, logs: str) -> Asker:
    """LoadGen, in a process of its own; logs: the folder for its files."""
    offer = Offer("poisson", judging.rate_per_s, judging.expected_s, WARMUP_S)
    sending = Sending(asdict(offer), connections, PATIENCE_S, judging.schedule_seed)
    asking = Asking(asdict(judging), asdict(sending), logs)
    waiting_s = PATIENCE_S + BEYOND * judging.limit_ms / 1e3
    most_s = LONGEST * judging.expected_s + waiting_s + TIMEOUT_S + STOP_S
    return Asker("blipkit.arrivals.judge_child:ask", asdict(asking), connections, most_s)


def in_flight_at_most(judging: Judging) -> int:
    """Enough that the servers refuse none of LoadGen's queries: they wait, and are late."""
    return 2 * round(judging.rate_per_s * judging.expected_s) + 1
