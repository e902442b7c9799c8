"""Refuses knobs of 04_concurrency that do not fit each other, or this machine."""

import itertools
import math
from collections.abc import Sequence

from blipkit.errors import BadInput
from blipkit.load.knobs import Concurrency
from blipkit.machine import host
from blipkit.model.buckets import Bucket
from blipkit.runners.arms import Arm, check_timed, has_model
from blipkit.serving.answering import FROM_JPEG, NOTHING

SETTING_S = 10  # s to start a setting's processes and end them, by experience


def check_arms_under_load(knobs: Concurrency, arms: Sequence[Arm]) -> None:
    """Refuse arms that have no speed or no model, and contexts for arms without a NeuronCore."""
    for arm in arms[: knobs.arms_under_load]:
        check_timed(arm)
        if not has_model(str(arm)):
            problem = f"arm '{arm}' has no model: its time is our own overhead"
            raise BadInput(f"{problem}, which 04 measures anyway; name others in common.arms")
        if not arm.spec.holds_core and "contexts" in knobs.placements:
            problem = f"contexts put a pipeline on each NeuronCore, and arm '{arm}' has none"
            raise BadInput(f"concurrency.placements: {problem}; take threads or processes")


def check_number_of_arms(knobs: Concurrency, arms: Sequence[Arm]) -> None:
    """Refuse more arms under load than there are."""
    if knobs.arms_under_load > len(arms):
        problem = f"concurrency.arms_under_load is {knobs.arms_under_load}"
        raise BadInput(f"{problem}; common.arms has {len(arms)}")


def check_percentile(knobs: Concurrency) -> None:
    """Refuse a percentile that no latency has, and a share in its place."""
    problem = f"concurrency.percentile is {knobs.percentile}"
    if knobs.percentile >= 100:
        raise BadInput(f"{problem}; expected less than 100, such as 90 or 99")
    if knobs.percentile < 1:
        meant = 100 * knobs.percentile
        raise BadInput(f"{problem}; expected percent, such as 90 or 99: is {meant:g} meant?")


def check_servers(knobs: Concurrency) -> None:
    """Refuse more servers than cores, unless the profile says that they may share them."""
    most = max(knobs.servers)
    cores = host.usable_cores()
    if most > cores and not knobs.oversubscribe:
        problem = f"{most} servers on {cores} cores take turns instead of serving"
        advice = "name fewer, or say concurrency.oversubscribe: true"
        raise BadInput(f"concurrency.servers: {problem}; {advice}")


def check_cores_for_clients(knobs: Concurrency, arms: Sequence[Arm], threads: int) -> None:
    """Refuse processes that keep to every core, unless the profile says that they may be shared.

    threads: torch's own, of each server.
    """
    crowded = crowded_processes(knobs, arms, threads)
    if crowded and not knobs.oversubscribe:
        advice = "name fewer servers, take threads, or say concurrency.oversubscribe: true"
        raise BadInput(f"concurrency.placements: {crowded}; {advice}")


def crowded_processes(knobs: Concurrency, arms: Sequence[Arm], threads: int) -> str:
    """That processes leave no core of this machine to the clients, in words; "" where they do.

    Those that hold NeuronCores keep to no core of the CPU.
    """
    on_cpu = [arm for arm in arms[: knobs.arms_under_load] if not arm.spec.holds_core]
    if not on_cpu or "processes" not in knobs.placements:
        return ""
    cores = host.usable_cores()
    most = max(knobs.servers)
    if most * threads < cores:
        return ""
    taken = f"processes of {most} servers with {threads} threads each"
    return f"{taken} leave none of {cores} cores to the clients"


def fills_batch(clients: int, batch_size: int) -> bool:
    """Whether there are clients enough to fill a batch; with fewer it would be a smaller one."""
    return clients >= batch_size


def combinations(knobs: Concurrency) -> list[tuple[str, int, int, int]]:
    """Placement, batch size, servers and clients of each setting of an arm."""
    every = itertools.product(knobs.placements, knobs.batch_sizes, knobs.servers, knobs.clients)
    return [values for values in every if fills_batch(clients=values[3], batch_size=values[1])]


def check_batch_sizes(knobs: Concurrency, buckets: Sequence[Bucket]) -> None:
    """Refuse a batch that no bucket takes at once, or that no setting has the clients to fill."""
    largest = max(knobs.batch_sizes)
    where = f"concurrency.batch_sizes: {largest}"
    frames = max(bucket.frames for bucket in buckets)
    if largest > frames:
        unit = "frame" if frames == 1 else "frames"
        problem = f"the largest bucket takes {frames} {unit} at once"
        raise BadInput(f"{where}, and {problem}; add one to common.buckets, or name fewer")
    if not fills_batch(max(knobs.clients), largest):
        advice = f"add {largest} to concurrency.clients, or name fewer"
        raise BadInput(f"{where}, and at most {max(knobs.clients)} clients ask; {advice}")


def overhead_calls(knobs: Concurrency) -> list[str]:
    """The calls of the settings that are our own overhead, in their order."""
    return [NOTHING, knobs.call, f"{knobs.call}{FROM_JPEG}"]


def check_grid_time(knobs: Concurrency, limit_s: int) -> None:
    """Refuse a grid that takes longer than a cell may."""
    runs = knobs.arms_under_load * len(combinations(knobs)) * knobs.repeats
    overhead_s = len(overhead_calls(knobs)) * SETTING_S * knobs.repeats
    start_s = SETTING_S
    if "processes" in knobs.placements:
        start_s += knobs.start_gap_s * (max(knobs.servers) - 1)
    once_s = start_s + knobs.warmup + knobs.seconds
    total_s = runs * once_s + overhead_s
    if total_s <= limit_s:
        return
    left = math.floor((limit_s - overhead_s) / runs - start_s - knobs.warmup)
    advice = "name fewer servers or clients, or fewer repeats"
    if left >= 1:
        advice = f"take concurrency.seconds={left}"
    runs_in_words = f"{runs} runs of about {once_s:g} s, and those of our own overhead,"
    time = f"{runs_in_words} take {total_s / 60:.0f} minutes"
    problem = f"{time}, a cell may take {limit_s / 60:.0f}"
    raise BadInput(f"concurrency: {problem}; {advice}, or raise common.cell_limit_s")
