"""A fleet through a day: machines, minutes late, dollars, scaled on the request count.

Chapter 10's verbs: `planned` makes the knobs a day on the machine of `measured`; `calibration`
tries that machine; `comparison` has the cheapest policies, by the `search` over `candidates` and by
`choosing` among those found, which tries them in other days (`runs`); `opened` shows a day,
`sensitivity` varies it; `money` has 05's formula, what stands `beside`, and the policy to paste,
`policy_json`.

What cameras ask is in `demand` and `shapes`; the queues, request by request, in `engine`, which
`compiled` has numba compile, on the slots of `fleet`. `policies` says how many machines are wanted,
`group` has them, `control` brings both together, and `day` runs one; `spread` runs many. `backtest`
sets a policy against a fleet that really ran. docs/capacity.md has the rules with their sources.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "backtest": ["Backtest", "read_metrics"],
        "calibration": ["Calibration", "calibrate"],
        "comparison": ["Comparison", "compare_policies"],
        "control": ["Controller", "Outage", "ScalingEvent"],
        "day": ["Day", "Scenario", "count_day", "simulate"],
        "demand": ["Arrivals", "Burst", "Demand", "Repeats", "day_of", "with_burst"],
        "group": ["Group", "GroupRules"],
        "knobs": ["Capacity"],
        "measured": ["MeasuredMachine", "measured_machine"],
        "money": ["WhatIf", "compare_formula", "paste_policy", "price_beside"],
        "opened": ["OpenedDay", "open_day"],
        "planned": ["Planned", "plan_day"],
        "policies": [
            "Fixed",
            "GpuOverflow",
            "Scheduled",
            "TargetTracking",
            "YesterdaysCurve",
            "high_resolution",
        ],
        "rows": ["AnswerRow", "CalibrationRow", "PolicyRow"],
        "search": ["search"],
        "sensitivity": ["vary_day"],
    },
)
