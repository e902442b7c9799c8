"""A fleet through a day: machines, minutes late, dollars, scaled on the request count.

What cameras ask is in `demand` and `shapes`; the queues, request by request, in `engine`, which
`compiled` has numba compile, on the slots of `fleet`. `policies` says how many machines are wanted,
`group` has them, `control` brings both together, and `day` runs one. docs/capacity.md has
the rules with their sources.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "control": ["Controller", "Outage", "ScalingEvent"],
        "demand": ["Arrivals", "Burst", "Demand", "Repeats", "day_of", "with_burst"],
        "group": ["Group", "GroupRules"],
        "policies": [
            "Fixed",
            "GpuOverflow",
            "Scheduled",
            "TargetTracking",
            "YesterdaysCurve",
            "high_resolution",
        ],
        "day": ["Day", "Scenario", "count_day", "simulate"],
    },
)
