"""`blipkit switch`: from one backend of an API tier to another, watched, and back on failure."""

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blipkit.errors import BadInput, nearest, shown
from blipkit.run.arguments import file_for
from blipkit.run.ending import status_of, told_to_end
from blipkit.run.shadowing import ARM, EXCUSED, PARITY, tally_of
from blipkit.run.switching import numbers_of
from blipkit.run.tier_files import check_apart, say_line
from blipkit.service.route_client import API

if TYPE_CHECKING:
    from blipkit.service.feed import Files
    from blipkit.service.live_switch import LiveSwitch
    from blipkit.service.switch import Plan
    from blipkit.service.watch import Rules

commands = typer.Typer()

STEPS = "0,5,50,100"
STEP_S = 60.0
LATE_MS = 250.0  # the target that 04 holds unless a profile says otherwise

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
    metavar="CANDIDATE=PER_S", help="requests/s that it holds, as 04 says: its share needs room"
)
TIER = typer.Option(metavar="URL", help="the API tier")
SHARES = typer.Option(metavar="PERCENTS", help="the candidate's shares, one after another")
STAYS = typer.Option(metavar="S", help="a share stays so long at least")
LATE = typer.Option(metavar="MS", help="above it an answer is late")
TOGETHER = typer.Option(
    metavar="N", help="so many compared frames may flip alike, as those of a clip; 1 unless said"
)
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
    excused: EXCUSED = None,
    parity: Annotated[Path | None, PARITY] = None,
    arm: ARM = "",
    flips_together: Annotated[int | None, TOGETHER] = None,
    without_answers: Annotated[bool, WITHOUT] = False,
    most_s: Annotated[float | None, MOST] = None,
) -> None:
    """Give a candidate more and more of an API tier's traffic, and take it back where it fails.

    Run it on the tier's machine. Exit 1 where it went back, or could not go on.
    """
    check_files(ledger, pairs, candidate, without_answers)
    if without_answers:
        refuse_said({"--excused": excused, "--parity": parity, "--arm": arm or None})
        refuse_said({"--flips-together": flips_together})
    rules = rules_of(not without_answers, flips_together)
    plan = plan_of(primary, candidate, steps, step_s, rules)
    holds = numbers_of("--rated", rated)
    check_numbers(plan, holds, late_ms, most_s)
    margin = tally_of(excused, parity, arm).excused_margin

    from blipkit.service.extra import check_extra

    check_extra(("httpx",))

    from blipkit.service.live_switch import Bounds, LiveSwitch, check_start
    from blipkit.service.route_client import RouteClient

    tier = RouteClient(api)
    check_start(tier.route(), plan)
    bounds = Bounds(margin, late_ms, holds, math.inf if most_s is None else most_s)
    files = files_of(ledger, pairs)
    for line in first_lines(plan, steps, holds, files):
        typer.echo(line)
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
    check_apart({"--ledger": ledger, "--pairs": pairs})


def refuse_said(how: Mapping[str, Any]) -> None:
    """Refuse what would not be looked at. how: option -> what it says of comparing answers, None
    where nothing.
    """
    for option, value in how.items():
        if value is not None:
            problem = f"{option} stands beside --without-answers, with which none is compared"
            raise BadInput(f"{problem}; expected the one or the other")


def rules_of(compares: bool, flips_together: int | None) -> "Rules":
    """What is watched, and how many frames that flip count as one."""
    from blipkit.service.watch import Rules

    if flips_together is None:
        return Rules(compares=compares)
    if flips_together < 1:
        raise BadInput(f"--flips-together is {flips_together}; expected frames, at least 1")
    return Rules(compares=compares, flips_together=flips_together)


def plan_of(primary: str, candidate: str, steps: str, step_s: float, rules: "Rules") -> "Plan":
    """What is to be done; BadInput for what cannot be."""
    from blipkit.service.switch import Plan

    return Plan(primary, candidate, shares_in(steps), step_s=step_s, rules=rules)


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
        if name == plan.primary:
            problem = f"--rated names {name}, which gets less and less"
            raise BadInput(f"{problem}; expected --rated {plan.candidate}=PER_S alone")
        if name != plan.candidate:
            raise BadInput(f"--rated names {shown(name)}; {nearest(name, [plan.candidate])}")
        if value <= 0:
            raise BadInput(f"--rated {name}={value:g}; expected requests/s, above 0")


def files_of(ledger: Path, pairs: Path | None) -> "Files":
    """The files that the API tier writes, from where they end now."""
    from blipkit.service.feed import LEDGER, PAIRS, Files
    from blipkit.service.following import Followed

    return Files(Followed(ledger, LEDGER), pairs and Followed(pairs, PAIRS))


def first_lines(
    plan: "Plan", steps: str, rated: Mapping[str, float], files: "Files"
) -> Iterator[str]:
    """What is going to be done, and what is missing."""
    from blipkit.service.watch import pairs_needed, pairs_needed_at

    candidate = plan.candidate
    yield f"from {plan.primary} to {candidate}: {steps} %, each for {plan.step_s:g} s at least"
    if plan.rules.compares:
        later = max(pairs_needed_at(plan.rules, share) for share in plan.shares)
        also = f", and {later} at each share after it but 100 %" if later else ""
        yield f"before the first step {pairs_needed(plan.rules)} frames are compared{also}"
    if not rated:
        yield f"--rated {candidate}=PER_S is not said: nobody looks whether it has room"
    for file in filter(None, (files.ledger, files.pairs)):
        if not file.path.exists():
            yield f"{file.path} is not there yet; it is read once it is"


def say(text: str) -> None:
    """Print a line with the time of day."""
    say_line(f"{time.strftime('%H:%M:%S')} {text}")


def run_until_told(live: "LiveSwitch") -> int:
    """Switch until it is over, or told to end; the exit status."""
    try:
        with told_to_end():
            return live.run()
    except KeyboardInterrupt as told:
        say(f"told to end; {live.standing()}")
        return status_of(told)
