"""`blipkit capacity`: a day from what 04 recorded, and a policy on what a fleet really had."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from blipkit.errors import BadInput
from blipkit.run.arguments import PROFILE, RESULTS, SETTINGS, check_settings, file_for

commands = typer.Typer(no_args_is_help=True, help="A fleet through a day, as in chapter 10.")
console = Console(highlight=False)


METRICS = Annotated[
    Path,
    typer.Argument(
        help="CSV of a CloudWatch export: timestamp, requests, instances; a line each minute",
        metavar="METRICS",
        parser=file_for("METRICS"),
    ),
]
TARGET = typer.Option(help="TargetValue of the policy: requests per target per minute")
LEAST = typer.Option("--min", help="MinSize of the group")
MOST = typer.Option("--max", help="MaxSize of the group")
START = typer.Option(help="s: from launch until an instance serves")
WARMUP = typer.Option(help="s: from launch until it counts as warm; default: as it serves")
ADDRESS = typer.Option(help="of a Ray cluster that simulates the days; default: this machine")
DELAY = typer.Option(help="s: from the end of a minute until its metric is seen")


@commands.command()
def plan(
    profile: PROFILE,
    settings: SETTINGS = [],
    results: RESULTS = None,
    address: Annotated[str, ADDRESS] = "",
) -> None:
    """Simulate a profile's day from what 04 recorded in its results folder: chapter 10 alone."""
    from blipkit.profiles.profile import load_profile
    from blipkit.run.notebooks import run_profile

    given = list(settings)
    if address:
        given.append(f"capacity.ray_address={address}")
    check_settings(given)
    raise typer.Exit(run_profile(load_profile(profile, given), results, ["10_capacity"]))


@commands.command()
def backtest(
    metrics: METRICS,
    target: Annotated[float, TARGET],
    start_s: Annotated[float, START],
    least: Annotated[int, LEAST] = 1,
    most: Annotated[int, MOST] = 1000,
    warmup_s: Annotated[float | None, WARMUP] = None,
    metric_delay_s: Annotated[float, DELAY] = 0.0,
) -> None:
    """Set simulated instance counts beside those that a fleet had, minute by minute."""
    from blipkit.capacity import backtest as tested
    from blipkit.capacity.group import GroupRules
    from blipkit.capacity.policies import TargetTracking
    from blipkit.display.tables import terminal_table

    check_positive({"--target": target, "--min": least, "--max": most})
    warm_s = start_s if warmup_s is None else warmup_s
    check_not_negative(
        {"--start-s": start_s, "--warmup-s": warm_s, "--metric-delay-s": metric_delay_s}
    )
    rules = GroupRules(zones=1, min_per_zone=least, most=most, start_s=start_s, warmup_s=warm_s)
    if most < least:
        raise BadInput(f"--max is {most}, less than --min, {least}; expected at least as many")
    read = tested.read_metrics(metrics)
    found = tested.backtest(read, TargetTracking(target), rules, metric_delay_s)
    columns = ("from minute", "requests", "simulated", "actual")
    console.print(terminal_table(columns, found.cells()))
    for line in found.lines():
        typer.echo(line)


def check_positive(options: dict[str, float]) -> None:
    """Refuse an option that is not above zero."""
    for name, value in options.items():
        if not 0 < value < float("inf"):
            raise BadInput(f"{name} is {value:g}; expected more than zero")


def check_not_negative(options: dict[str, float]) -> None:
    """Refuse an option below zero."""
    for name, value in options.items():
        if not 0 <= value < float("inf"):
            raise BadInput(f"{name} is {value:g}; expected zero or more")
