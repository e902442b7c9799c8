"""Many days at once: over the cores of this machine, or over a Ray cluster, by joblib."""

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


def join_cluster(address: str) -> None:
    """Have joblib know Ray's backend, on this cluster; BadInput where there is none."""
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        problem = f"capacity.ray_address is {address}, and Ray cannot be imported ({error})"
        raise BadInput(f"{problem}; pip install ray, or leave the address out") from None
    try:
        ray.init(address=address, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        first = str(error).partition("\n")[0]
        raise BadInput(
            f"capacity.ray_address is {address}, where no cluster answers ({first})"
        ) from None
    register_ray()
