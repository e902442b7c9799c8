"""`blipkit serve` and `blipkit api`: the two tiers, each in this process."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blipkit.errors import BadInput, nearest
from blipkit.paths import ROOT, user_file
from blipkit.run.adopting import arm_of
from blipkit.run.arguments import PROFILE, RESULTS, SETTINGS, check_settings, named_values

if TYPE_CHECKING:
    from blipkit.service.backends import Backend
    from blipkit.service.inference import Room
    from blipkit.service.knobs import Service
    from blipkit.service.loading import Plan
    from blipkit.service.metrics import Meter
    from blipkit.service.mirror import Mirror
    from blipkit.service.running import Times

commands = typer.Typer()

LOOPBACK = "127.0.0.1"
INFERENCE_PORT, API_PORT = 8001, 8000
STDOUT = "-"


def read_lines_to(what: str) -> Callable[[str], str]:
    """What reads where lines go: a file, or - for what we print."""

    def file(text: str) -> str:
        return text if text == STDOUT else str(user_file(text, what))

    return file


ON = Annotated[str, typer.Option(help="what runs it: uvicorn or ray", metavar="WHAT")]
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
HOST = Annotated[str, typer.Option(help="address to listen on; 0.0.0.0: from other machines, too")]
LEDGER = Annotated[
    str | None,
    typer.Option(
        help="file that gets a line for each request's outcome",
        parser=read_lines_to("--ledger"),
        metavar="FILE",
    ),
]
METRICS = Annotated[
    str | None,
    typer.Option(
        help="file that gets the metrics, a line a period, for CloudWatch; - prints them",
        parser=read_lines_to("--metrics"),
        metavar="FILE",
    ),
]


@commands.command()
def serve(
    profile: PROFILE,
    arm: Annotated[str, typer.Option(help="who answers; default: the profile's first")] = "",
    name: Annotated[str, typer.Option(help="what replies call it; default: the arm")] = "",
    host: HOST = LOOPBACK,
    port: Annotated[int, typer.Option(help="0: any that is free")] = INFERENCE_PORT,
    on: ON = "uvicorn",
    replicas: Annotated[int, typer.Option(help="how many of it run on Ray")] = 1,
    address: Annotated[str, typer.Option(help="of a Ray cluster that exists")] = "",
    ledger: LEDGER = None,
    metrics: METRICS = None,
    settings: SETTINGS = [],
    results: RESULTS = None,
) -> None:
    """Answer POST /v1/answers with a profile's arm: the inference tier.

    It answers when /readyz is 200, until it is told to end.
    """
    from blipkit.profiles.profile import load_profile
    from blipkit.runners.arms import check_machine, parse_arm
    from blipkit.service.extra import HTTP, RAY, check_extra

    check_settings(settings)
    check_on(on, replicas, address)
    loaded = load_profile(profile, settings)
    check_extra(HTTP + RAY if on == "ray" else HTTP)
    folder = results or ROOT / "results" / loaded.name
    chosen = str(arm_of(loaded, arm or loaded.common.arms[0]))
    if on == "uvicorn":  # a cluster's machines are others than this one
        check_machine(parse_arm(chosen))

    from blipkit.service.loading import load, plan_of, recommended, room_of

    plan = plan_of(loaded, chosen, name or chosen, folder)
    limit_ms = loaded.section("concurrency").latency_limit_ms
    room = room_of(loaded.section("service"), recommended(folder, chosen, limit_ms))
    served = f"{room.room.servers} at once, {room.room.in_flight} in flight ({room.why})"
    typer.echo(f"{chosen} of {loaded.name}; requests: {served}")
    if on == "ray":
        from blipkit.service.on_ray import Cluster, serve_on_ray

        cluster = Cluster(replicas, address, host, port)
        serve_on_ray(partial(load, plan), room.room, cluster, typer.echo)
        return
    serve_here(
        plan, room.room, times_of(loaded.section("service")), Place(host, port, ledger, metrics)
    )


def check_on(on: str, replicas: int, address: str) -> None:
    """Refuse what nothing runs on, and what only Ray has."""
    if on not in ("uvicorn", "ray"):
        raise BadInput(f"--on {on!r}; {nearest(on, ['uvicorn', 'ray'])}")
    if replicas < 1:
        raise BadInput(f"--replicas {replicas}; expected at least 1")
    if on == "uvicorn" and (replicas > 1 or address):
        raise BadInput("--replicas and --address are Ray's; add --on ray")


def times_of(knobs: "Service") -> "Times":
    """When a server leaves, and how often it writes metrics."""
    from blipkit.service.running import Times

    return Times(knobs.leave_s, knobs.drain_s, knobs.metrics_every_s)


@dataclass(frozen=True)
class Place:
    """Where a tier listens, and which files get its ledger and its metrics, if any do."""

    host: str
    port: int
    ledger: str | None
    metrics: str | None


def serve_here(plan: "Plan", room: "Room", times: "Times", place: Place) -> None:
    """Serve an arm in this process until told to end."""
    from blipkit.service.inference import Inference, inference_app
    from blipkit.service.loading import load
    from blipkit.service.metrics import Meter
    from blipkit.service.running import run_tier, url_of

    meter = Meter("inference", {"Backend": plan.backend})
    with opened(place) as (listening, write, emit):
        tier = Inference(partial(load, plan), room, meter, write)
        say = announcing(f"{url_of(listening)}/v1/answers")
        say("loading")
        run_tier(tier, inference_app(tier), listening, times, say, emit)
    if tier.is_loading:  # in a thread, which a compiler may hold for minutes
        os._exit(0)


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
    ledger: LEDGER = None,
    metrics: METRICS = None,
    profile: HELD = "tiny",
    settings: SETTINGS = [],
) -> None:
    """Hand POST /v1/answers to backends, by weights that can be set while it runs: the API tier.

    PUT /v1/route sets them, on this machine alone.
    """
    from blipkit.profiles.profile import load_profile
    from blipkit.service.extra import check_extra

    check_settings(settings)
    knobs = load_profile(profile, settings).section("service")
    check_extra()

    from blipkit.service.api import Api, Limits, api_app
    from blipkit.service.backends import parse_backends
    from blipkit.service.metrics import Meter
    from blipkit.service.routing import Router, first_alone
    from blipkit.service.running import run_tier, url_of

    backends = parse_backends(backend)
    names = [one.name for one in backends]
    weights = weights_of(weight, names) if weight else first_alone(names)
    meter = Meter("api", {})
    share = knobs.shadow_share if sample is None else sample
    mirror = mirror_to(shadow, share, backends, knobs, meter)
    limits = Limits(knobs.api_in_flight, knobs.timeout_s, knobs.health_every_s)
    with opened(Place(host, port, ledger, metrics)) as (listening, write, emit):
        tier = Api(backends, Router(weights), limits, meter, write, mirror)
        say = announcing(f"{url_of(listening)}/v1/answers")
        run_tier(tier, api_app(tier), listening, times_of(knobs), say, emit)


def mirror_to(
    shadow: str, share: float, backends: list["Backend"], knobs: "Service", meter: "Meter"
) -> "Mirror | None":
    """What copies a share of requests to the backend `shadow`; none where that is ""."""
    by_name = {one.name: one for one in backends}
    if shadow and shadow not in by_name:
        raise BadInput(f"--shadow {shadow!r}; {nearest(shadow, by_name)}")
    if not 0 < share <= 1:
        raise BadInput(f"--sample {share:g}; expected a share above 0, at most 1")
    if not shadow:
        return None

    from blipkit.service.live_flips import begin_counts, count_flips
    from blipkit.service.mirror import Mirror

    begin_counts(meter)
    compare = partial(count_flips, meter, knobs.excused_margin)
    return Mirror(by_name[shadow], share, knobs.shadow_queue, compare)


def weights_of(texts: list[str], names: list[str]) -> dict[str, float]:
    """The weights that `name=percent` texts say."""
    from blipkit.service.routing import check_weights

    given: dict[str, object] = {}
    for name, percent in named_values("weight", texts).items():
        given[name] = percent  # what is no number is refused by its backend's name
        with contextlib.suppress(ValueError):
            given[name] = float(percent)
    return check_weights(given, names)


@contextlib.contextmanager
def opened(place: Place) -> Iterator[tuple]:
    """The socket of a tier, and what takes the lines of its ledger and of its metrics."""
    from blipkit.service.running import listen

    with (
        listen(place.port, place.host) as listening,
        ledger_to(place.ledger) as write,
        lines_to(place.metrics) as emit,
    ):
        yield listening, write, emit


def announcing(url: str) -> Callable[[str], None]:
    """What says how a tier is, with where it is."""

    def say(state: str) -> None:
        typer.echo(f"{url}: {state}")

    return say


@contextlib.contextmanager
def ledger_to(path: str | None) -> Iterator[Callable]:
    """What takes the lines of a ledger; nothing keeps them where no file is named."""
    from blipkit.service.ledger import LedgerFile

    if not path:
        yield lambda line: None
        return
    with LedgerFile(Path(path)) as file:
        yield file.add


@contextlib.contextmanager
def lines_to(path: str | None) -> Iterator[Callable[[str], None]]:
    """What takes the lines of metrics; nothing keeps them where no file is named."""
    if not path:
        yield lambda line: None
        return
    if path == STDOUT:
        yield typer.echo
        return
    with open(path, "a", encoding="utf-8", buffering=1) as file:
        yield lambda line: file.write(f"{line}\n")
