"""`blipkit route`: which backend gets how much, at the API tier or at a load balancer of AWS's."""

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from blipkit.errors import BadInput, BlipkitError, nearest, shown
from blipkit.run.arguments import named_values, not_named
from blipkit.run.ending import told_to_end
from blipkit.service.route_client import API, in_words

if TYPE_CHECKING:
    from blipkit.service.route_client import Routed

commands = typer.Typer()

WATCHED_S = 300.0

WEIGHTS = typer.Argument(
    help="name=percent of each backend, 100 in all; none: say how it is", metavar="NAME=PERCENT"
)
RULE = typer.Option(metavar="RULE_ARN", help="a weighted listener rule of an ALB, in its place")
RATED = typer.Option(
    metavar="NAME=PER_S", help="requests/s that one target holds, as 04 says; repeatable"
)
DEMAND = typer.Option(metavar="PER_S", help="requests/s that are asked of all together")
ALARM = typer.Option(help="of CloudWatch: where it is on, the old weights are set; repeatable")
WATCH = typer.Option(
    metavar="S", help=f"how long the alarms are looked at, s; {WATCHED_S:g} unless said"
)


@commands.command()
def route(
    weights: Annotated[list[str], WEIGHTS] = [],
    api: Annotated[str, typer.Option(metavar="URL", help="the API tier")] = API,
    alb: Annotated[str, RULE] = "",
    rated: Annotated[list[str], RATED] = [],
    demand: Annotated[float, DEMAND] = 0.0,
    alarm: Annotated[list[str], ALARM] = [],
    watch: Annotated[float | None, WATCH] = None,
) -> None:
    """Set the backends' weights while traffic goes on: blipkit route gpu=90 inf2=10.

    A backend that gets more has to be healthy, and rated for 1.2 times its share of --demand.
    """
    from blipkit.service.routing import check_weights

    given = numbers_of("weight", weights)
    if given:
        check_weights(given, given)
    holds = numbers_of("--rated", rated)
    if watch is not None and not alarm:
        raise BadInput("--watch is said and no --alarm to look at; name one, or leave --watch out")
    watch_s = WATCHED_S if watch is None else watch
    check_amounts(holds, demand, watch_s)
    if alb:
        route_alb(alb, given, holds, demand, Alarms(alarm, watch_s))
        return
    if alarm:
        raise BadInput("--alarm is looked at with --alb alone; expected both, or neither")
    route_api(api, given, holds, demand)


@dataclass(frozen=True)
class Alarms:
    """Names of alarms, and for how many seconds they are looked at."""

    names: list[str]
    watch_s: float


def numbers_of(what: str, texts: list[str]) -> dict[str, float]:
    """Name -> number of `name=number` texts; BadInput for another text, or a name twice."""
    found: dict[str, float] = {}
    for name, text in named_values(what, texts).items():
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise not_named(what, f"{name}={text}")
        found[name] = value
    return found


def check_amounts(rated: dict[str, float], demand: float, watch_s: float) -> None:
    """Refuse rates and times that cannot be."""
    for what, value in (*rated.items(), ("--demand", demand), ("--watch", watch_s)):
        if not 0 <= value < math.inf:
            raise BadInput(f"{what} is {value}; expected a number, 0 or more")
    if bool(rated) != bool(demand):
        said, other = ("--rated", "--demand") if rated else ("--demand", "--rated")
        raise BadInput(f"{said} is said and {other} is not; expected both, or neither")


def route_alb(
    rule: str, weights: dict[str, float], rated: dict[str, float], demand: float, alarms: Alarms
) -> None:
    """Set the weights of an ALB's rule, and watch its alarms."""
    from blipkit.service.alb import LOOK_S, Capacity, check_step, connect, set_and_watch, sticky_s

    if not weights:
        raise BadInput("--alb without weights; expected each target group's, such as gpu=95 inf2=5")
    for name, weight in weights.items():
        if weight != int(weight):
            expected = "expected whole percents: ALB takes no others"
            raise BadInput(f"weight of {name} is {weight:g}; {expected}")
    whole = {name: int(weight) for name, weight in weights.items()}
    alb = connect(rule)
    state = alb.state(rule, whole)
    check_step(state, whole, Capacity(demand, rated))
    looks = math.ceil(alarms.watch_s / LOOK_S) if alarms.names else 0
    typer.echo(f"before: {in_words(state.weights())}; to be set: {in_words(whole)}")
    if seconds := sticky_s(state.actions):
        typer.echo(f"the rule is sticky: a caller stays with its group for up to {seconds} s")
    if looks:
        typer.echo(f"looking at {', '.join(alarms.names)} for {alarms.watch_s:g} s")
    with told_to_end():
        silent = set_and_watch(alb, state, whole, alarms.names, looks, time.sleep)
    typer.echo("set" if not looks else "set, and no alarm went off")
    if silent:
        typer.echo(f"without data to the end, so that they said nothing: {', '.join(silent)}")


def route_api(url: str, weights: dict[str, float], rated: dict[str, float], demand: float) -> None:
    """Set the weights of an API tier, or say how they are."""
    from blipkit.service.extra import check_extra
    from blipkit.service.route_client import RouteClient

    check_extra(("httpx",))
    tier = RouteClient(url)
    before = tier.route()
    if weights:
        check_backends(before.backends, weights, rated, demand)
        after = tier.set(weights)
        typer.echo(f"before: {in_words(before.weights)}; now: {in_words(after.weights)}")
        return
    for name, one in before.backends.items():
        ready = "ready" if one.ready else f"not ready: {one.reason}"
        typer.echo(f"{name} {one.weight:g} %, {one.url}, {ready}")


def check_backends(
    route: "dict[str, Routed]", weights: dict[str, float], rated: dict[str, float], demand: float
) -> None:
    """Refuse more for a backend that is not known, not ready, or rated for less than its share."""
    from blipkit.service.switch import no_room

    for what, names in (("weights name", weights), ("--rated names", rated)):
        for name in names:
            if name not in route:
                raise BadInput(f"{what} {shown(name)}; {nearest(name, route)}")
    for name, percent in weights.items():
        if percent <= route[name].weight:
            continue
        if not route[name].ready:
            reason = route[name].reason or "not asked yet"
            raise BlipkitError(f"{name} is not ready ({reason}), and gets no more: nothing was set")
        if demand and name not in rated:
            expected = f"expected --rated {name}=REQUESTS_PER_S beside --demand"
            raise BadInput(f"{name} gets more, and nobody says what it holds; {expected}")
        if demand and (problem := no_room(name, rated[name], percent / 100 * demand)):
            raise BlipkitError(f"{problem}: nothing was set")
