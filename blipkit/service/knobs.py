"""Knobs of 09_service, and of `blipkit serve` and `blipkit api`."""

from dataclasses import dataclass

from blipkit.profiles.knobs import COUNT, FEW, SHARE, ZERO_OR_MORE, Section, knob


@dataclass(frozen=True, kw_only=True)
class Service(Section):
    """09: two tiers, GPU and Inf2 switched live: does any answer get lost, or change?"""

    name = "service"

    servers: int = knob(
        0,
        "requests that an inference server serves at once; 0: those of the setting that 04"
        " recommends, else 1",
        within=ZERO_OR_MORE,
    )
    in_flight: int = knob(
        0,
        "requests that an inference server has at most, served or waiting; 0: the clients of the"
        " setting that 04 recommends, else 4 a server",
        "requests",
        within=ZERO_OR_MORE,
    )
    api_in_flight: int = knob(256, "requests that the API tier has at most", "requests", within=FEW)
    timeout_s: float = knob(10.0, "what a backend may take for a reply", "s")
    health_every_s: float = knob(0.5, "between two questions whether a backend is ready", "s")
    drain_s: float = knob(
        20.0, "after SIGTERM, what is in flight may take, before it is given up", "s"
    )
    leave_s: float = knob(
        2.0,
        "after SIGTERM, how long a server that says it is not ready still takes requests",
        "s",
        within=ZERO_OR_MORE,
    )
    metrics_every_s: float = knob(10.0, "between two lines of metrics", "s")
    shadow_share: float = knob(
        0.05, "of requests that the candidate is asked, too", "share", within=SHARE
    )
    shadow_queue: int = knob(64, "copies that wait for it; more are dropped", within=COUNT)
