"""Many days at once: over the cores of this machine, or over a Ray cluster, by joblib."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from blipkit.capacity.compiled import EXTRA
from blipkit.errors import BadInput
from blipkit.machine import host

Result = TypeVar("Result")
WORTH = 2e7  # requests: with fewer, starting processes takes longer than it saves


def spread(
    function: Callable[..., Result],
    tasks: Sequence[tuple[Any, ...]],
    requests: float,
    ray_address: str = "",
) -> list[Result]:
    """function(*task) of each task, in their order.

    requests: that one of them simulates; ray_address: of a cluster, "" for this machine.
    """
    cores = host.usable_cores()
    if not ray_address and (cores == 1 or len(tasks) * requests < WORTH):
        return [function(*task) for task in tasks]
    try:
        from joblib import Parallel, delayed, parallel_config
    except ImportError as error:
        problem = f"joblib spreads the days over the cores, and cannot be imported ({error})"
        raise BadInput(f"{problem}; install it: {EXTRA}") from None
    calls = [delayed(function)(*task) for task in tasks]
    if not ray_address:
        return Parallel(n_jobs=min(cores, len(tasks)))(calls)
    join_cluster(ray_address)
    with parallel_config("ray", n_jobs=-1):
        return Parallel()(calls)


def check_ray(address: str) -> None:
    """BadInput where an address is given, and Ray cannot be imported."""
    if not address:
        return
    try:
        importlib.import_module("ray")
    except ImportError as error:
        problem = f"capacity.ray_address is {address}, and Ray cannot be imported ({error})"
        raise BadInput(f"{problem}; pip install ray, or leave the address out") from None


def join_cluster(address: str) -> None:
    """Have joblib know Ray's backend, on this cluster; BadInput where there is none."""
    check_ray(address)
    import ray
    from ray.util.joblib import register_ray

    try:
        ray.init(address=address, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        said = str(error).partition("\n")[0]
        problem = f"capacity.ray_address is {address}, where no cluster answers ({said})"
        raise BadInput(f"{problem}; start one there, or leave the address out") from None
    register_ray()
