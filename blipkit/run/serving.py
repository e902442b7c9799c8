"""`blipkit serve` and `blipkit api`: the two tiers, each in this process."""

import contextlib
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blipkit.errors import BlipkitError
from blipkit.paths import ROOT
from blipkit.run.adopting import arm_of
from blipkit.run.arguments import PROFILE, RESULTS, SETTINGS, check_settings, named_values
from blipkit.run.copies import PAIRS, check_pairs, mirror_to, pairs_to
from blipkit.run.tier_files import (
    HOST,
    LEDGER,
    LOOPBACK,
    METRICS,
    Place,
    announcing,
    check_apart,
    opened,
    say_line,
    written_by,
)
from blipkit.run.tier_host import ON, check_installed, check_on

if TYPE_CHECKING:
    from blipkit.profiles.profile import Profile
    from blipkit.service.api import Api
    from blipkit.service.backends import Backend
    from blipkit.service.inference import Inference, Model, Room
    from blipkit.service.knobs import Service
    from blipkit.service.loading import Plan
    from blipkit.service.metrics import Meter
    from blipkit.service.running import Times

commands = typer.Typer()

INFERENCE_PORT, API_PORT = 8001, 8000

BACKENDS = Annotated[
    list[str], typer.Option(help="name=url of an inference tier; repeatable", metavar="NAME=URL")
]
WEIGHTS = Annotated[
    list[str],
    typer.Option(
        help="name=percent; repeatable, 100 in all; default: all to the first backend",
        metavar="NAME=PERCENT",
    ),
]
HELD = Annotated[str, typer.Option(help="the profile whose section `service` holds")]
ADDRESS = Annotated[str, typer.Option(help="of a Ray cluster that exists")]


@commands.command()
def serve(
    profile: PROFILE,
    arm: Annotated[str, typer.Option(help="who answers; default: the profile's first")] = "",
    name: Annotated[str, typer.Option(help="what replies call it; default: the arm")] = "",
    host: HOST = LOOPBACK,
    port: Annotated[int, typer.Option(help="0: any that is free")] = INFERENCE_PORT,
    on: ON = "uvicorn",
    replicas: Annotated[int, typer.Option(help="how many of it run on Ray")] = 1,
    address: ADDRESS = "",
    ledger: LEDGER = None,
    metrics: METRICS = None,
    settings: SETTINGS = [],
    results: RESULTS = None,
) -> None:
    """Answer POST /v1/answers with a profile's arm: the inference tier.

    It answers when /readyz is 200, until it is told to end.
    """
    from blipkit.profiles.profile import load_profile

    check_settings(settings)
    check_on(on, replicas, address, metrics)
    check_apart({"--ledger": ledger, "--metrics": metrics})
    loaded = load_profile(profile, settings)
    chosen = str(arm_of(loaded, arm or loaded.common.arms[0]))
    check_served(chosen, name or chosen, on)
    folder = (results or ROOT / "results" / loaded.name).absolute()
    plan, room = planned(loaded, chosen, name or chosen, folder)
    knobs = loaded.section("service")
    place = Place(host, port, ledger, metrics)
    if on == "ray":
        serve_replicas(plan, room, knobs, place, replicas, address)
        return
    serve_here(plan, room, times_of(knobs), place)


def check_served(arm: str, name: str, on: str) -> None:
    """Refuse an arm that this machine cannot run, where it has to, and a name of it that no metric
    can have.
    """
    from blipkit.runners.arms import check_machine, parse_arm
    from blipkit.service.metrics import Meter

    Meter("inference", {"Backend": name})
    check_installed(on)
    if on == "uvicorn":  # a cluster's machines are others than this one
        check_machine(parse_arm(arm))


def planned(profile: "Profile", arm: str, name: str, folder: Path) -> tuple["Plan", "Room"]:
    """What a server loads of a profile's arm, and how many requests it takes, which is said."""
    from blipkit.service.loading import plan_of, recommended, room_of

    plan = plan_of(profile, arm, name, folder)
    limit_ms = profile.section("concurrency").latency_limit_ms
    found = room_of(profile.section("service"), recommended(folder, arm, limit_ms))
    served = f"{found.room.servers} at once, {found.room.in_flight} in flight ({found.why})"
    typer.echo(f"{arm} of {profile.name}; requests: {served}")
    return plan, found.room


def times_of(knobs: "Service") -> "Times":
    """When a server leaves, and how often it writes metrics."""
    from blipkit.service.running import Times

    return Times(knobs.leave_s, knobs.drain_s, knobs.metrics_every_s)


def serve_here(plan: "Plan", room: "Room", times: "Times", place: Place) -> None:
    """Serve an arm in this process until told to end."""
    from blipkit.service.inference import Inference, inference_app
    from blipkit.service.loading import load
    from blipkit.service.metrics import Meter
    from blipkit.service.running import run_tier, url_of

    meter = Meter("inference", {"Backend": plan.backend})
    with opened(place) as (listening, write, emit):
        say = announcing(f"{url_of(listening)}/v1/answers")

        def load_aloud() -> "Model":
            say("loading")  # from here on a signal ends it in order
            return load(plan)

        tier = Inference(load_aloud, room, meter, write)
        problem = ""
        try:
            run_tier(tier, inference_app(tier), listening, times, say, emit)
        except BlipkitError as error:
            if not tier.is_answering:
                raise
            problem = str(error)
    leave_threads(tier, problem)


def leave_threads(tier: "Inference", problem: str) -> None:
    """End this process where a thread still loads or answers, which a compiler or a device may
    hold for ever: Python would wait for it. problem: what went wrong, "" where nothing did.
    """
    if not (tier.is_loading or tier.is_answering):
        return
    if problem:
        typer.echo(f"blipkit: {problem}", err=True)
    sys.stdout.flush()
    os._exit(1 if problem else 0)


def serve_replicas(
    plan: "Plan", room: "Room", knobs: "Service", place: Place, replicas: int, address: str
) -> None:
    """Serve an arm by replicas on Ray until told to end."""
    from blipkit.service.loading import load
    from blipkit.service.on_ray import Cluster, Deployed, serve_on_ray
    from blipkit.service.replicas import inference_replica

    written = written_by(place, knobs.metrics_every_s)
    build = partial(inference_replica, partial(load, plan), room, plan.backend, written)
    deployed = Deployed("inference", build, replicas, room.in_flight, knobs.drain_s)
    serve_on_ray(deployed, Cluster(address, place.host, place.port), say_line)


@commands.command()
def api(
    backend: BACKENDS = [],
    weight: WEIGHTS = [],
    shadow: Annotated[
        str, typer.Option(help="the backend that gets copies, for which nobody waits")
    ] = "",
    sample: Annotated[
        float | None, typer.Option(help="share of requests that are copied; default 0.05")
    ] = None,
    host: HOST = LOOPBACK,
    port: Annotated[int, typer.Option(help="0: any that is free")] = API_PORT,
    on: ON = "uvicorn",
    address: ADDRESS = "",
    ledger: LEDGER = None,
    pairs: PAIRS = None,
    metrics: METRICS = None,
    profile: HELD = "tiny",
    settings: SETTINGS = [],
) -> None:
    """Hand POST /v1/answers to backends, by weights that can be set while it runs: the API tier.

    PUT /v1/route sets them, on this machine alone.
    """
    from blipkit.profiles.profile import load_profile

    check_settings(settings)
    check_on(on, 1, address, metrics)
    check_pairs(pairs, shadow, on)
    check_apart({"--ledger": ledger, "--metrics": metrics, "--pairs": pairs})
    knobs = load_profile(profile, settings).section("service")
    check_installed(on)
    share = knobs.shadow_share if sample is None else sample
    make = maker_of(backend, weight, (shadow, share), knobs)
    place = Place(host, port, ledger, metrics)
    if on == "ray":
        route_replica(make, knobs, place, address)
        return
    route_here(make, times_of(knobs), place, pairs)


def maker_of(
    backends: list[str], weights: list[str], shadow: tuple[str, float], knobs: "Service"
) -> Callable:
    """What makes the tier before backends, these and their weights as the command line has them.
    shadow: as `api_tier` has it.
    """
    from blipkit.service.asking import trusted
    from blipkit.service.backends import parse_backends
    from blipkit.service.routing import first_alone

    trusted()  # refuses what its backends could not be asked with
    parsed = parse_backends(backends)
    names = [one.name for one in parsed]
    given = weights_of(weights, names) if weights else first_alone(names)
    return partial(api_tier, parsed, given, shadow, knobs)


def api_tier(
    backends: list["Backend"],
    weights: dict[str, float],
    shadow: tuple[str, float],
    knobs: "Service",
    meter: "Meter",
    write: Callable,
) -> "Api":
    """The API tier before backends. shadow: which one gets copies, "" for none, and of what share
    of requests; write: takes each line of its ledger.
    """
    from blipkit.service.api import Api, Limits
    from blipkit.service.routing import Router

    mirror = mirror_to(*shadow, backends, knobs, meter)
    limits = Limits(knobs.api_in_flight, knobs.timeout_s, knobs.health_every_s)
    return Api(backends, Router(weights), limits, meter, write, mirror)


def route_here(make: Callable, times: "Times", place: Place, pairs: str | None) -> None:
    """Route in this process until told to end. make: makes the tier, as `api_tier` does; pairs: the
    file of what its shadow answers, if any.
    """
    from blipkit.service.api import api_app
    from blipkit.service.metrics import Meter
    from blipkit.service.running import run_tier, url_of

    with opened(place) as (listening, write, emit), pairs_to(pairs) as keep:
        tier = make(Meter("api", {}), write)
        keep(tier)
        say = announcing(f"{url_of(listening)}/v1/answers")
        run_tier(tier, api_app(tier), listening, times, say, emit)


def route_replica(make: Callable, knobs: "Service", place: Place, address: str) -> None:
    """Route in one replica on Ray until told to end: several would each have weights of their
    own.
    """
    from blipkit.service.metrics import Meter
    from blipkit.service.on_ray import Cluster, Deployed, serve_on_ray
    from blipkit.service.replicas import api_replica

    make(Meter("api", {}), None)  # refuses here what a replica would
    closed = ""
    if place.host not in (LOOPBACK, "::1", "localhost"):
        problem = f"on Ray every caller seems to be this machine, and it listens on {place.host}"
        closed = f"{problem}; weights are set where --host is {LOOPBACK}"
    build = partial(api_replica, make, closed, written_by(place, knobs.metrics_every_s))
    deployed = Deployed("api", build, 1, knobs.api_in_flight, knobs.drain_s)
    serve_on_ray(deployed, Cluster(address, place.host, place.port), say_line)


def weights_of(texts: list[str], names: list[str]) -> dict[str, float]:
    """The weights that `name=percent` texts say."""
    from blipkit.service.routing import check_weights

    given: dict[str, object] = {}
    for name, percent in named_values("weight", texts).items():
        given[name] = percent  # what is no number is refused by its backend's name
        with contextlib.suppress(ValueError):
            given[name] = float(percent)
    return check_weights(given, names)
