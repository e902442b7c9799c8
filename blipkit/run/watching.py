"""`blipkit switch`: from one backend of an API tier to another, watched, and back on failure."""

import contextlib
import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blipkit.errors import INTERRUPTED, BadInput, nearest, shown
from blipkit.run.arguments import file_for
from blipkit.run.shadowing import ARM, EXCUSED, LEAST_EXCUSED, PARITY, tally_of
from blipkit.run.switching import numbers_of
from blipkit.service.route_client import API

if TYPE_CHECKING:
    from blipkit.service.live_switch import Files, LiveSwitch
    from blipkit.service.switch import Plan

commands = typer.Typer()

STEPS = "0,5,50,100"
STEP_S = 60.0
LATE_MS = 250.0  # the target that 04 holds unless a profile says otherwise
TERMINATED = 143  # the exit status of SIGTERM, as shells give it

PRIMARY = typer.Argument(help="the backend that has 100 %", metavar="PRIMARY")
CANDIDATE = typer.Argument(help="the one that gets it", metavar="CANDIDATE")
LEDGER = typer.Option(
    help="what `blipkit api --ledger` writes", parser=file_for("--ledger"), metavar="FILE"
)
PAIRS = typer.Option(
    help="what `blipkit api --shadow CANDIDATE --pairs` writes",
    parser=file_for("--pairs"),
    metavar="FILE",
)
RATED = typer.Option(
    metavar="NAME=PER_S", help="requests/s that a backend holds, as 04 says; repeatable"
)
TIER = typer.Option(metavar="URL", help="the API tier")
SHARES = typer.Option(metavar="PERCENTS", help="the candidate's shares, one after another")
STAYS = typer.Option(metavar="S", help="a share stays so long at least")
LATE = typer.Option(metavar="MS", help="above it an answer is late")
WITHOUT = typer.Option("--without-answers", help="watch failures and lateness alone")
MOST = typer.Option(
    metavar="S", help="end after so long, and leave the weights; no limit unless said"
)


@commands.command()
def switch(
    primary: Annotated[str, PRIMARY],
    candidate: Annotated[str, CANDIDATE],
    ledger: Annotated[Path | None, LEDGER] = None,
    pairs: Annotated[Path | None, PAIRS] = None,
    api: Annotated[str, TIER] = API,
    steps: Annotated[str, SHARES] = STEPS,
    step_s: Annotated[float, STAYS] = STEP_S,
    rated: Annotated[list[str], RATED] = [],
    late_ms: Annotated[float, LATE] = LATE_MS,
    excused: EXCUSED = LEAST_EXCUSED,
    parity: Annotated[Path | None, PARITY] = None,
    arm: ARM = "",
    without_answers: Annotated[bool, WITHOUT] = False,
    most_s: Annotated[float | None, MOST] = None,
) -> None:
    """Give a candidate more and more of an API tier's traffic, and take it back where it fails.

    Run it on the tier's machine. Exit 1 where it went back, or could not go on.
    """
    check_files(ledger, pairs, candidate, without_answers)
    plan = plan_of(primary, candidate, steps, step_s, compares=not without_answers)
    holds = numbers_of("--rated", rated)
    check_numbers(plan, holds, late_ms, most_s)
    margin = tally_of(excused, parity, arm).excused_margin

    from blipkit.service.extra import check_extra

    check_extra(("httpx",))

    from blipkit.service.live_switch import Bounds, LiveSwitch, check_start
    from blipkit.service.route_client import RouteClient

    tier = RouteClient(api)
    check_start(tier.route(), plan, not without_answers)
    bounds = Bounds(margin, late_ms, holds, math.inf if most_s is None else most_s)
    files = files_of(ledger, pairs)
    typer.echo(f"from {primary} to {candidate}: {steps} %, each for {step_s:g} s at least")
    for path in filter(None, (ledger, pairs)):
        if not path.exists():
            typer.echo(f"{path} is not there yet; it is read once it is")
    raise typer.Exit(run_until_told(LiveSwitch(plan, tier, files, bounds, say)))


def check_files(
    ledger: Path | None, pairs: Path | None, candidate: str, without_answers: bool
) -> None:
    """Refuse to watch what nobody writes."""
    if ledger is None:
        expected = "expected the FILE of blipkit api --ledger FILE, by which requests are watched"
        raise BadInput(f"--ledger is not said; {expected}")
    if pairs is None and not without_answers:
        seen = "--pairs is not said, so that answers would not be watched"
        expected = f"expected the FILE of blipkit api --shadow {candidate} --pairs FILE"
        raise BadInput(f"{seen}; {expected}, or --without-answers")
    if pairs is not None and without_answers:
        raise BadInput("--pairs stands beside --without-answers; expected the one or the other")


def plan_of(primary: str, candidate: str, steps: str, step_s: float, compares: bool) -> "Plan":
    """What is to be done; BadInput for what cannot be."""
    from blipkit.service.switch import Plan
    from blipkit.service.watch import Rules

    shares = shares_in(steps)
    return Plan(primary, candidate, shares, step_s=step_s, rules=Rules(compares=compares))


def shares_in(text: str) -> tuple[float, ...]:
    """The shares of a text of percents, 0-1; BadInput for those that do not begin at 0 and rise."""
    try:
        percents = [float(word) for word in text.split(",")]
    except ValueError:
        percents = []
    rises = all(low < high for low, high in zip(percents, percents[1:], strict=False))
    if len(percents) < 2 or percents[0] != 0 or not rises or not percents[-1] <= 100:
        expected = f"expected percents that begin at 0 and rise, to 100 at most, such as {STEPS}"
        raise BadInput(f"--steps {shown(text)}; {expected}")
    return tuple(percent / 100 for percent in percents)


def check_numbers(
    plan: "Plan", rated: dict[str, float], late_ms: float, most_s: float | None
) -> None:
    """Refuse times and rates that cannot be, and rates of others."""
    if not 0 <= plan.step_s < math.inf:
        raise BadInput(f"--step-s is {plan.step_s:g}; expected seconds, 0 or more")
    for option, value in (("--late-ms", late_ms), ("--most-s", most_s)):
        if value is not None and not 0 < value < math.inf:
            raise BadInput(f"{option} is {value:g}; expected a number above 0")
    for name, value in rated.items():
        if name not in (plan.primary, plan.candidate):
            raise BadInput(
                f"--rated names {shown(name)}; {nearest(name, [plan.primary, plan.candidate])}"
            )
        if value <= 0:
            raise BadInput(f"--rated {name}={value:g}; expected requests/s, above 0")


def files_of(ledger: Path, pairs: Path | None) -> "Files":
    """The files that the API tier writes, from where they end now."""
    from blipkit.service.following import Followed
    from blipkit.service.live_switch import LEDGER, PAIRS, Files

    return Files(Followed(ledger, LEDGER), pairs and Followed(pairs, PAIRS))


def say(text: str) -> None:
    """Print a line with the time of day."""
    typer.echo(f"{time.strftime('%H:%M:%S')} {text}")


class Terminated(KeyboardInterrupt):
    """SIGTERM, as if it was Ctrl-C."""


@contextlib.contextmanager
def obeying_sigterm() -> Iterator[None]:
    """While it is open, SIGTERM raises Terminated."""

    def raise_terminated(number: int, frame) -> None:
        raise Terminated

    was = signal.signal(signal.SIGTERM, raise_terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, was)


def run_until_told(live: "LiveSwitch") -> int:
    """Switch until it is over, or told to end; the exit status."""
    try:
        with obeying_sigterm():
            return live.run()
    except KeyboardInterrupt as told:
        say(f"told to end; {live.standing()}")
        return TERMINATED if isinstance(told, Terminated) else INTERRUPTED
