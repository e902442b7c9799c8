"""What refuses the knobs of 10_capacity before anything runs, where more than one value shows it.

numba is imported by what is called here, not with it: other chapters do without.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from blipkit.capacity.compiled import check_numba
from blipkit.capacity.knobs import BESIDE, BURSTS, FAULTS, GROUP, INSTANCES, Capacity
from blipkit.capacity.measured import check_load
from blipkit.capacity.spread import check_ray
from blipkit.cost.knobs import Cost
from blipkit.cost.prices import find_price, load_prices
from blipkit.cost.systems import find_results
from blipkit.errors import BadInput, nearest, shown
from blipkit.records.evidence import open_evidence
from blipkit.records.results import Results


def check_capacity(knobs: Capacity, cost: Cost) -> None:
    """Refuse knobs that mean no day: names that nobody reads, a file that is no day, rules by which
    no machine can start, a GPU that is asked for and not named; a machine without
    numba, and a cluster without Ray.
    """
    check_numba()
    check_ray(knobs.ray_address)
    from blipkit.capacity.planned import demand_of, rules_of

    named = {
        "bursts": (knobs.bursts, BURSTS),
        "group": (knobs.group, GROUP),
        "faults": (knobs.faults, FAULTS),
        "instances": (knobs.instances, INSTANCES),
        "beside": (knobs.beside, BESIDE),
    }
    for name, (given, known) in named.items():
        check_names(f"capacity.{name}", given, known)
    demand_of(knobs)
    rules_of(knobs, max(knobs.start_s)).check()
    check_instances(knobs, cost)


def check_names(where: str, given: Mapping[str, object], known: Sequence[str]) -> None:
    """Refuse a name that nobody reads."""
    for name in given:
        if name not in known:
            raise BadInput(f"{where}: unknown {shown(name)}; {nearest(name, known)}")


def check_instances(knobs: Capacity, cost: Cost) -> None:
    """Refuse an instance without a price, and a GPU whose results are not there."""
    gpu = knobs.instances.get("gpu_results")
    if "gpu_overflow" in knobs.policies and not gpu:
        advice = "name a GPU's results folder: capacity.instances={gpu_results: FOLDER}"
        raise BadInput(f"capacity.policies has gpu_overflow, and no GPU was measured; {advice}")
    if gpu:
        open_evidence(find_results(gpu))
    prices = load_prices(cost.own_prices)
    find_price(prices, cost.priced_as, cost.region, cost.option)
    for name in ("gpu_priced_as", "api_priced_as"):
        if instance := knobs.instances.get(name):
            find_price(prices, instance, cost.region, cost.option)


def check_recorded(folder: Path, checkpoint: str) -> None:
    """Refuse a folder without 04's records, or with those of another checkpoint."""
    check_load(Results(folder), checkpoint)
