"""What stands beside the instances: load balancer, CDN, logs, disks, the API tier.

Their rates are the user's own: what this kit has no dated price for is not made up, and named.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from blipkit.capacity.knobs import Capacity
from blipkit.capacity.rows import BesideRow
from blipkit.cost.dollars import DAY_H, MONTH_H

KB_PER_GB = 1e6
DAYS_PER_MONTH = MONTH_H / DAY_H


@dataclass(frozen=True)
class Traffic:
    """Of a day. machines: paid for on average; peak_per_s: requests in the busiest minute;
    api_usd_per_hour: of an instance of the API tier, None where none is named.
    """

    requests: float
    peak_per_s: float
    machines: float
    zones: int
    api_usd_per_hour: float | None


def beside(knobs: Capacity, traffic: Traffic) -> list[BesideRow]:
    """A row for each part, with what it is made of, or what was not stated."""
    rates = dict(knobs.beside)
    if knobs.frame_kb:
        rates["frame_kb"] = knobs.frame_kb
    if traffic.api_usd_per_hour is not None:
        rates["api_priced_as"] = traffic.api_usd_per_hour
    parts = {
        "load balancer": (_balancer, ("balancer_usd_per_hour", "balancer_usd_per_gb", "frame_kb")),
        "CDN": (_cdn, ("cdn_usd_per_gb", "frame_kb")),
        "logs": (_logs, ("logs_usd_per_gb", "log_kb")),
        "disks": (_disks, ("disk_usd_per_gb_month", "disk_gb")),
        "API tier": (_api, ("api_requests_per_s", "api_priced_as")),
    }
    return [_row(what, part, needs, rates, traffic) for what, (part, needs) in parts.items()]


def _row(
    what: str,
    part: Callable[[Mapping[str, float], Traffic], tuple[float, str]],
    needs: tuple[str, ...],
    rates: Mapping[str, float],
    traffic: Traffic,
) -> BesideRow:
    missing = [name for name in needs if name not in rates]
    if missing:
        return BesideRow(what, None, f"not stated: {', '.join(missing)}")
    return BesideRow(what, *part(rates, traffic))


def _gb(rates: Mapping[str, float], traffic: Traffic) -> float:
    """Frames of a day."""
    return traffic.requests * rates["frame_kb"] / KB_PER_GB


def _balancer(rates: Mapping[str, float], traffic: Traffic) -> tuple[float, str]:
    gb = _gb(rates, traffic)
    usd = DAY_H * rates["balancer_usd_per_hour"] + gb * rates["balancer_usd_per_gb"]
    return usd, f"24 hours, {gb:,.0f} GB"


def _cdn(rates: Mapping[str, float], traffic: Traffic) -> tuple[float, str]:
    gb = _gb(rates, traffic)
    return gb * rates["cdn_usd_per_gb"], f"{gb:,.0f} GB"


def _logs(rates: Mapping[str, float], traffic: Traffic) -> tuple[float, str]:
    gb = traffic.requests * rates["log_kb"] / KB_PER_GB
    return gb * rates["logs_usd_per_gb"], f"{gb:,.1f} GB"


def _disks(rates: Mapping[str, float], traffic: Traffic) -> tuple[float, str]:
    usd = traffic.machines * rates["disk_gb"] * rates["disk_usd_per_gb_month"] / DAYS_PER_MONTH
    return usd, f"{rates['disk_gb']:g} GB on each of {traffic.machines:.1f} machines"


def _api(rates: Mapping[str, float], traffic: Traffic) -> tuple[float, str]:
    """As many as carry the peak though a zone is lost, around the clock."""
    needed = math.ceil(traffic.peak_per_s / rates["api_requests_per_s"])
    spare = math.ceil(needed / max(1, traffic.zones - 1)) if traffic.zones > 1 else 0
    count = max(traffic.zones, needed + spare)
    return count * DAY_H * rates["api_priced_as"], f"{count} machines around the clock"
