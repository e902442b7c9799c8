"""Knobs of 09_service, and of `blipkit serve` and `blipkit api`."""

from dataclasses import dataclass

from blipkit.profiles.knobs import COUNT, FEW, SHARE, ZERO_OR_MORE, Section, knob


@dataclass(frozen=True, kw_only=True)
class Service(Section):
    """09: two tiers, GPU and Inf2 switched live: does any answer get lost, or change?"""

    name = "service"

    servers: int = knob(
        0,
        "requests that an inference server serves at once; 0: in 09 one, by `blipkit serve` those"
        " of the setting that 04 recommends, else one",
        within=ZERO_OR_MORE,
    )
    in_flight: int = knob(
        0,
        "requests that an inference server has at most, served or waiting; 0: in 09 16, by"
        " `blipkit serve` the clients of the setting that 04 recommends, else 4 a server",
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
    rate_per_s: float = knob(12.0, "that cameras send in the rehearsal, Poisson", "requests/s")
    step_s: float = knob(2.5, "that a share stays in the rehearsal", "s")
    shadow_s: float = knob(8.0, "for which the candidate gets copies alone", "s")
    frames: int = knob(128, "that cameras send, in turn", "frames", within=FEW)
    hop_requests: int = knob(60, "one after another, for what a hop costs", within=FEW)
    hop_limit_ms: float = knob(4.0, "that both tiers may add to the model's own time, mean", "ms")
    excused_margin: float = knob(
        0.1, "a flip below it is rounding, where 03 has not said what is", "nats"
    )
    frame_flip_limit: float = knob(
        0.05,
        "upper 95 % bound of the share of frames whose shadow flips",
        "share",
        within=SHARE,
    )
