"""`blipkit shadow`: do two endpoints, or the logs of two, answer the same?"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blipkit.errors import BadInput, BlipkitError
from blipkit.run.arguments import file_for, folder_for

if TYPE_CHECKING:
    from blipkit.records.gates import Gate
    from blipkit.service.alerts import AlertChange, AlertRule
    from blipkit.service.endpoints import Endpoints, NotCompared
    from blipkit.service.shadow import Pair, Tally
    from blipkit.statistics import Interval

commands = typer.Typer()

ASKED_TWICE = 0.05  # share of the requests
SHOWN_FLIPS = 20  # lines
SHOWN_PROBLEMS = 5  # requests that were not compared


URL = "an endpoint that answers POST /v1/answers"
LOGS = typer.Option(
    metavar="A.jsonl B.jsonl",
    help="logs of both instead, joined by request_id",
    parser=file_for("--logs"),
)
FRAMES = typer.Option(
    metavar="FOLDER",
    help="what to ask about: images, or a folder of them for each camera",
    parser=folder_for("--frames"),
)


SAMPLE = typer.Option(
    help="share of the cameras that are asked about, or of one's frames; all unless said"
)
TWICE = typer.Option(help=f"share that the primary is asked again; {ASKED_TWICE:g} unless said")
PARITY = typer.Option(
    metavar="FOLDER",
    help="results in which 03 says what is rounding, in place of --excused",
    parser=folder_for("--parity"),
)
LEAST_EXCUSED = 1e-4  # nats
EXCUSED = Annotated[
    float | None,
    typer.Option(
        metavar="NATS",
        help=f"a flip below this margin is rounding, as 03 says; {LEAST_EXCUSED:g} unless said",
    ),
]
ARM = Annotated[str, typer.Option(help="the candidate's, as 03 calls it, with --parity")]


@commands.command()
def shadow(
    primary: Annotated[str, typer.Option(metavar="URL", help=f"what answers today: {URL}")] = "",
    candidate: Annotated[str, typer.Option(metavar="URL", help="what may replace it")] = "",
    frames: Annotated[Path | None, FRAMES] = None,
    question: Annotated[list[str], typer.Option(help="what is asked; repeatable")] = [],
    candidates: Annotated[str, typer.Option(help="answers to choose from: yes,no")] = "",
    sample: Annotated[float | None, SAMPLE] = None,
    twice: Annotated[float | None, TWICE] = None,
    logs: Annotated[tuple[Path, Path] | None, LOGS] = None,
    excused: EXCUSED = None,
    parity: Annotated[Path | None, PARITY] = None,
    arm: ARM = "",
    limit: Annotated[
        float, typer.Option(help="upper 95 % bound of the share of frames that flip, at most")
    ] = 0.02,
    alert: Annotated[
        list[str], typer.Option(help="'yes in 2 of 5 frames of a camera'; repeatable")
    ] = [],
) -> None:
    """Say whether a candidate answers as the primary does, and what it does to alerts.

    Exit 1 where the gate does not hold.
    """
    check_share("--limit", limit, least=1e-9)

    from blipkit.service.alerts import parse_rule

    rules = [parse_rule(text) for text in alert]
    tally = tally_of(excused, parity, arm)
    if logs:
        check_alone(primary, candidate, frames, question, candidates, sample, twice)
        pairs = pairs_of_logs(*logs, tally)
    else:
        shares = shares_of(sample, twice)
        asked = Wanted(primary, candidate, frames, tuple(question), candidates, *shares)
        pairs = pairs_of_endpoints(asked, rules, tally)

    for pair in pairs:
        tally.add(pair)
    if not tally.pairs:
        raise BlipkitError("no request was answered by both; see above why")
    raise typer.Exit(tell(tally, rules, limit))


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line, of two endpoints."""

    primary: str
    candidate: str
    frames: Path | None
    questions: tuple[str, ...]
    candidates: str
    sample: float
    twice: float

    def endpoints(self) -> "Endpoints":
        """Both, and the form; BadInput for what is missing or cannot be."""
        from blipkit.service.endpoints import Endpoints, Form, check_url

        for option in ("primary", "candidate", "frames", "questions"):
            if not getattr(self, option):
                name = option.removesuffix("s") if option == "questions" else option
                expected = "expected it, or --logs A.jsonl B.jsonl of two that were asked already"
                raise BadInput(f"--{name} is not said; {expected}")
        primary = check_url(self.primary, "--primary")
        candidate = check_url(self.candidate, "--candidate")
        if primary == candidate:
            advice = "two of them, or --twice, which asks the primary again"
            raise BadInput(f"--primary and --candidate are both {primary}; expected {advice}")
        words = tuple(filter(None, (word.strip() for word in self.candidates.split(","))))
        return Endpoints(primary, candidate, Form(self.questions, words), self.twice)


def tally_of(said: float | None, parity: Path | None, arm: str) -> "Tally":
    """Counts pairs by a margin in nats, or by all that 03 found out about an arm."""
    from blipkit.service.shadow import Tally, excused_in

    if said is not None and parity:
        raise BadInput("--excused stands beside --parity; expected the one or the other")
    margin = LEAST_EXCUSED if said is None else said
    if not 0 <= margin < math.inf:
        raise BadInput(f"--excused is {margin}; expected nats, 0 or more")
    if parity is None:
        if arm:
            raise BadInput(f"--arm {arm!r} without --parity; expected the folder of 03's results")
        return Tally(margin)
    excused = excused_in(parity, arm)
    typer.echo(f"excused, as 03 found for {excused.arm}: {excused.excused_margin:.2g} nats")
    return Tally(excused.excused_margin, excused)


def check_share(option: str, share: float, least: float) -> None:
    """Refuse what is no share."""
    if not least <= share <= 1:
        raise BadInput(f"{option} is {share}; expected a share, such as 0.05, at most 1")


def shares_of(sample: float | None, twice: float | None) -> tuple[float, float]:
    """What share is asked about, and what share twice, where they are not said."""
    sample = 1.0 if sample is None else sample
    twice = ASKED_TWICE if twice is None else twice
    check_share("--sample", sample, least=1e-9)
    check_share("--twice", twice, least=0.0)
    return sample, twice


def check_alone(*asked) -> None:
    """Refuse logs beside endpoints, or how they are to be asked, which would not be looked at."""
    if any(one not in (None, "", []) for one in asked):
        problem = "--logs stands beside endpoints or frames, or what says how to ask"
        raise BadInput(f"{problem}; expected the one or the other")


def pairs_of_logs(primary: Path, candidate: Path, tally: "Tally") -> "Iterable[Pair]":
    """The pairs of two logs; says how many requests stand in one alone, and counts them."""
    from blipkit.service.replies import join_logs

    joined = join_logs(primary, candidate)
    tally.lacks.left_out = joined.alone_in_primary + joined.alone_in_candidate
    tally.lacks.missing = joined.alone_in_primary
    for path, alone in ((primary, joined.alone_in_primary), (candidate, joined.alone_in_candidate)):
        if alone:
            typer.echo(f"{path}: {alone} requests that the other log does not have; not compared")
    return joined.pairs


def pairs_of_endpoints(
    wanted: Wanted, rules: "list[AlertRule]", tally: "Tally"
) -> "Iterable[Pair]":
    """The pairs of two endpoints as they are answered; says why some are not, and counts for the
    tally those that the candidate left out.
    """
    endpoints = wanted.endpoints()

    from blipkit.service.extra import check_extra

    check_extra(("httpx",))

    from blipkit.service.alerts import check_rule
    from blipkit.service.endpoints import MOST_SILENT, Asker, ask_both, frames_in, lacks_of

    frames = frames_in(wanted.frames, wanted.sample)
    for rule in rules:
        check_rule(rule, wanted.questions, any(frame.camera for frame in frames))
    problems: list[NotCompared] = []
    with Asker() as asker:
        yield from ask_both(asker, endpoints, frames, problems.append)
    for problem in problems[:SHOWN_PROBLEMS]:
        typer.echo(problem.why, err=True)
    lacks = tally.lacks = lacks_of(problems, len(frames) - len(tally.pairs))
    if lacks.not_asked:
        silent = f"{MOST_SILENT} frames in a row got no reply"
        typer.echo(f"{silent}: the last {lacks.not_asked} are not asked about", err=True)
    if problems:
        typer.echo(f"not compared: {lacks.left_out} of {len(frames)} frames", err=True)


def tell(tally: "Tally", rules: "list[AlertRule]", limit: float) -> int:
    """Print what was found; 1 where the gate is FAIL or INVALID, else 0."""
    from blipkit.service.alerts import compare_alerts

    changes = [compare_alerts(rule, tally.pairs) for rule in rules]
    for line in flip_lines(tally):
        typer.echo(line)
    for line in summary_lines(tally):
        typer.echo(line)
    for change in changes:
        typer.echo(alert_line(change))
    if changes and tally.lacks.left_out:
        lacks = f"{tally.lacks.left_out} frames that not both answered are in no alert of these"
        typer.echo(f"{lacks}: what hangs on them is neither lost nor added")
    gate = tally.gate(limit)
    typer.echo(gate_line(gate))
    return int(gate.status in ("FAIL", "INVALID"))


def flip_lines(tally: "Tally") -> list[str]:
    """The first answers that differ."""
    flips = tally.flipped
    lines = [
        f"{one.frame}: {one.question} {one.reference.text} ({one.reference.margin:.3g} nats), "
        f"candidate {one.candidate.text} ({one.candidate.margin:.3g} nats)"
        for one in flips[:SHOWN_FLIPS]
    ]
    if len(flips) > SHOWN_FLIPS:
        lines.append(f"and {len(flips) - SHOWN_FLIPS} more answers that differ")
    return lines


def summary_lines(tally: "Tally") -> list[str]:
    """Counts, with their intervals."""
    found = tally.summary()
    lines = [
        f"frames compared: {found.frames}, with a flip that no rounding excuses: "
        f"{found.flipped_frames}, upper 95 % bound {found.frame_bound:.2%}",
        f"answers: {found.answers}, flipped {found.flips}: {percent(found.flip_rate)}; "
        f"unexcused {found.unexcused}; the same: {percent(found.agreement)}",
    ]
    if found.open_answers:
        lines.append(f"open answers: {found.open_answers}, other words {found.open_flips}")
    if found.asked_twice:
        asked = f"the primary, asked twice: {found.asked_twice} frames"
        lines.append(f"{asked}, answered otherwise {found.changed}")
    return lines


def percent(share: "Interval") -> str:
    """A share with its interval."""
    if share.value is None:
        return "none asked"
    return f"{share.value:.2%} ({share.low:.2%} to {share.high:.2%})"


def alert_line(change: "AlertChange") -> str:
    """What the candidate does to the alerts of a rule."""
    return (
        f"alerts, {change.rule}: {change.alerts} of {change.cameras} cameras; "
        f"lost {change.lost}, per 1,000 {per_1000(change.lost_per_1000)}; "
        f"added {change.added}, per 1,000 {per_1000(change.added_per_1000)}"
    )


def per_1000(rate: "Interval") -> str:
    """A rate with its interval."""
    if rate.value is None:
        return "not known: no alert"
    return f"{rate.value:.1f} ({rate.low:.1f} to {rate.high:.1f})"


def gate_line(gate: "Gate") -> str:
    """The gate in one line."""
    words = "; ".join(filter(None, (gate.reason, gate.next)))
    return f"{gate.gate}: {gate.status}: {words}"
