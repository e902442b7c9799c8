"""What refuses the knobs of 04_concurrency before anything runs, where it takes more than one value
to see it.
"""

import math
from collections.abc import Sequence

from blipkit.errors import BadInput
from blipkit.load.knobs import Concurrency
from blipkit.machine import host
from blipkit.runners.arms import Arm, check_timed

SETTING_S = 10  # to start a setting's processes and end them, by experience


def check_arms_under_load(knobs: Concurrency, arms: Sequence[Arm]) -> None:
    """Only arms that have a speed are put under load, and on NeuronCores those that hold one."""
    for arm in arms[: knobs.arms_under_load]:
        check_timed(arm)
        if not arm.spec.holds_core and "contexts" in knobs.placements:
            said = f"contexts put a pipeline on each NeuronCore, and arm '{arm}' has none"
            raise BadInput(f"concurrency.placements: {said}; take threads or processes")


def check_number_of_arms(knobs: Concurrency, arms: Sequence[Arm]) -> None:
    """As many arms under load as there are, at most."""
    if knobs.arms_under_load > len(arms):
        said = f"concurrency.arms_under_load is {knobs.arms_under_load}"
        raise BadInput(f"{said}; common.arms has {len(arms)}")


def check_percentile(knobs: Concurrency) -> None:
    """A percentile that a latency can have."""
    if knobs.percentile >= 100:
        said = f"concurrency.percentile is {knobs.percentile}"
        raise BadInput(f"{said}; expected less than 100, such as 90 or 99")


def check_servers(knobs: Concurrency) -> None:
    """Servers have cores of their own, unless the profile says that they need not."""
    most = max(knobs.servers)
    cores = host.usable_cores()
    if most > cores and not knobs.oversubscribe:
        said = f"{most} servers on {cores} cores take turns instead of serving"
        advice = "name fewer, or say concurrency.oversubscribe: true"
        raise BadInput(f"concurrency.servers: {said}; {advice}")


def check_grid_time(knobs: Concurrency, limit_s: int) -> None:
    """All settings together take no longer than a cell may."""
    placed = knobs.arms_under_load * len(knobs.placements)
    settings = placed * len(knobs.servers) * len(knobs.clients)
    runs = (settings + 2) * knobs.repeats
    once_s = SETTING_S + knobs.warmup + knobs.seconds
    if runs * once_s <= limit_s:
        return
    left = math.floor(limit_s / runs - SETTING_S - knobs.warmup)
    advice = "name fewer servers or clients, or fewer repeats"
    if left >= 1:
        advice = f"take concurrency.seconds={left}"
    took = f"{runs} runs of about {once_s:g} s take {runs * once_s / 60:.0f} minutes"
    took = f"{took}, a cell may take {limit_s / 60:.0f}"
    raise BadInput(f"concurrency: {took}; {advice}, or raise common.cell_limit_s")
