"""Knobs of 10_capacity. Prices, region and purchase option are `cost`'s, as in 05."""

from dataclasses import dataclass

from blipkit.profiles.knobs import COUNT, FEW, ZERO_OR_MORE, Section, knob

FAMILIES = ("fixed", "tracking", "tracking_10s", "scheduled", "yesterday", "gpu_overflow")
BURSTS = ("at_once", "repeats", "repeat_s", "storm_share", "storm_s", "storm_at_h")
GROUP = ("min_per_zone", "max_machines", "warmup_s", "out_cooldown_s", "in_cooldown_s")
FAULTS = ("metric_delay_s", "launch_failure_share", "retries", "retry_s")
INSTANCES = ("gpu_results", "gpu_priced_as", "api_priced_as")
BESIDE = (
    "balancer_usd_per_hour",
    "balancer_usd_per_gb",
    "cdn_usd_per_gb",
    "logs_usd_per_gb",
    "log_kb",
    "disk_usd_per_gb_month",
    "disk_gb",
    "api_requests_per_s",
)


@dataclass(frozen=True, kw_only=True)
class Capacity(Section):
    """10: how many machines for all cameras through a day, scaled on the request count, at what
    cost?
    """

    name = "capacity"

    cameras: int = knob(300_000, "that ask", "cameras", within=COUNT)
    events_per_day: float = knob(
        48.0, "of one camera, the mean; an assumption, as nobody publishes any", "events"
    )
    shape: str = knob(
        "evening",
        "of the day: flat, evening, holiday, or a CSV file with the requests of each minute",
    )
    peak_ratio: float = knob(3.0, "the evening's busiest moment over the mean; an assumption")
    time_zones: dict[str, float] = knob(
        {}, "hours ahead -> share of the cameras; one zone where empty", may_be_empty=True
    )
    bursts: dict[str, float] = knob(
        {},
        f"within the mean, and upon it: {', '.join(BURSTS)}",
        within=ZERO_OR_MORE,
        may_be_empty=True,
    )
    policies: list[str] = knob(
        ["fixed", "tracking", "tracking_10s", "scheduled", "yesterday"],
        f"that are compared: {', '.join(FAMILIES)}",
        one_of=FAMILIES,
    )
    start_s: list[float] = knob(
        [60.0, 120.0, 240.0, 480.0],
        "from launch until a machine serves, its model loaded; nobody published one: an axis",
        "s",
    )
    zones: int = knob(2, "that machines are spread over", within=FEW)
    zone_lost: bool = knob(True, "the target must hold though a zone is lost at the peak")
    queue_limit: int = knob(32, "that wait on one machine, more are refused", within=FEW)
    balancer: str = knob(
        "least outstanding",
        "how requests are spread: least outstanding, or round robin",
        one_of=("least outstanding", "round robin"),
    )
    group: dict[str, float] = knob(
        {},
        f"of the auto-scaling group: {', '.join(GROUP)}",
        within=ZERO_OR_MORE,
        may_be_empty=True,
    )
    faults: dict[str, float] = knob(
        {}, f"what goes wrong: {', '.join(FAULTS)}", within=ZERO_OR_MORE, may_be_empty=True
    )
    instances: dict[str, str] = knob(
        {}, f"of others, to price them: {', '.join(INSTANCES)}", may_be_empty=True
    )
    frame_kb: float = knob(
        0.0, "of a frame as a camera sends it; 0: not stated", "KB", within=ZERO_OR_MORE
    )
    beside: dict[str, float] = knob(
        {},
        f"rates of yours, for what stands beside instances: {', '.join(BESIDE)}",
        within=ZERO_OR_MORE,
        may_be_empty=True,
    )
    seeds: int = knob(2, "days that are drawn, for the interval of what chance does", within=FEW)
    ray_address: str = knob(
        "", "of a Ray cluster that runs the days; here where empty", may_be_empty=True
    )
