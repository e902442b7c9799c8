"""What refuses the knobs of 10_capacity before anything runs, where more than one value shows it.

numba is imported by what is called here, not with it: other chapters do without.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from blipkit.capacity.compiled import check_numba
from blipkit.capacity.demand import Demand
from blipkit.capacity.knobs import BESIDE, BURSTS, FAULTS, GROUP, INSTANCES, Capacity
from blipkit.capacity.measured import check_load, find_load
from blipkit.capacity.shapes import DAY_S
from blipkit.capacity.spread import check_ray
from blipkit.cost.knobs import Cost
from blipkit.cost.prices import find_price, load_prices
from blipkit.errors import BadInput, nearest, shown
from blipkit.load.knobs import Concurrency
from blipkit.profiles.common import Common
from blipkit.profiles.knobs import POSITIVE, Range
from blipkit.records.evidence import open_evidence
from blipkit.records.results import Results

MOST_REQUESTS = 1e10  # a day: hours for each that is simulated
LEAST_REQUESTS = 24  # a day: a target is judged in every hour
MOST_MACHINES = 100_000
MOST_REPEATING_S = 600  # of a camera after its event: what is after midnight is not simulated


def whole(least: int, most: int) -> Range:
    """A whole number between two."""
    words = f"a whole number from {least} to {most:,}"
    return Range(words, lambda value: value % 1 == 0 and least <= value <= most)


# of a retry's wait, twice as long each time: after ten it is a thousand times the first
RANGES = {
    "at_once": whole(1, 1000),
    "repeats": Range("0 to 1,000", lambda value: value <= 1000),
    "storm_share": Range("a share, at most 1", lambda value: value <= 1),
    "storm_s": POSITIVE,
    "storm_at_h": Range("an hour of the day, below 24", lambda value: value < 24),
    "min_per_zone": whole(0, MOST_MACHINES),
    "max_machines": whole(1, MOST_MACHINES),
    "retries": whole(0, 10),
    "retry_s": Range("a day at most, 86,400", lambda value: value <= DAY_S),
    "metric_delay_s": Range("less than a day, 86,400", lambda value: value < DAY_S),
    "api_requests_per_s": POSITIVE,
}


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
        check_ranges(f"capacity.{name}", given)
    check_policies(knobs.policies)
    check_within_day(knobs.bursts)
    check_requests(demand_of(knobs))
    rules_of(knobs, max(knobs.start_s)).check()
    if knobs.zone_lost and knobs.zones == 1:
        seen = "capacity.zone_lost is true with one zone, and nothing is left where that is lost"
        raise BadInput(f"{seen}; expected capacity.zones=2 or more, or capacity.zone_lost=false")
    check_instances(knobs, cost)


def check_names(where: str, given: Mapping[str, object], known: Sequence[str]) -> None:
    """Refuse a name that nobody reads."""
    for name in given:
        if name not in known:
            raise BadInput(f"{where}: unknown {shown(name)}; {nearest(name, known)}")


def check_policies(families: Sequence[str]) -> None:
    """Refuse a family that stands twice: it would be simulated twice, and shown as two answers."""
    for family in families:
        if families.count(family) > 1:
            raise BadInput(f"capacity.policies: {family} stands twice; name it once")


def check_ranges(where: str, given: Mapping[str, object]) -> None:
    """Refuse a figure that its name cannot mean."""
    for name, value in given.items():
        known = RANGES.get(name)
        if known and not known.holds(value):
            raise BadInput(f"{where}: {name} is {value:g}; expected {known.words}")


def check_within_day(bursts: Mapping[str, float]) -> None:
    """Refuse repeats and a storm of which a part would come after midnight, where nothing is
    simulated.
    """
    from blipkit.capacity.planned import repeats_of, storm_of

    repeats, storm = repeats_of(bursts), storm_of(bursts)
    if repeats.events * repeats.seconds > MOST_REPEATING_S:
        seen = f"{repeats.events:g} repeats, {repeats.seconds:g} s apart"
        raise BadInput(f"capacity.bursts: {seen}; expected {MOST_REPEATING_S} s together at most")
    if storm.share and 3600 * storm.at_h + storm.seconds > DAY_S:
        seen = f"a storm of {storm.seconds:g} s from {storm.at_h:g} h on ends after the day does"
        raise BadInput(f"capacity.bursts: {seen}; name an earlier storm_at_h, or a shorter storm_s")


def check_requests(demand: Demand) -> None:
    """Refuse fewer requests than a target can be judged by, or more than anybody waits for."""
    if demand.requests < LEAST_REQUESTS:
        seen = f"{demand.requests:.3g} requests a day"
        advice = f"expected at least {LEAST_REQUESTS}, one an hour, to judge a target by"
        raise BadInput(f"capacity: {seen}; {advice}")
    if demand.requests > MOST_REQUESTS:
        seen = f"{demand.requests:.3g} requests a day"
        advice = "name fewer cameras or events, of which the fleet grows in proportion"
        raise BadInput(f"capacity: {seen}; expected at most {MOST_REQUESTS:.0e}; {advice}")


def check_instances(knobs: Capacity, cost: Cost) -> None:
    """Refuse an instance without a price, and a GPU whose results are not there."""
    gpu = knobs.instances.get("gpu_results")
    if "gpu_overflow" in knobs.policies and not gpu:
        advice = "name a GPU's results folder: capacity.instances={gpu_results: FOLDER}"
        raise BadInput(f"capacity.policies has gpu_overflow, and no GPU was measured; {advice}")
    if not gpu and "gpu_priced_as" in knobs.instances:
        seen = "capacity.instances has gpu_priced_as, and no GPU's machines to price"
        raise BadInput(f"{seen}; name its gpu_results, too, or leave gpu_priced_as out")
    if gpu:
        open_evidence(find_load(gpu))
    prices = load_prices(cost.own_prices)
    find_price(prices, cost.priced_as, cost.region, cost.option)
    for name in ("gpu_priced_as", "api_priced_as"):
        if instance := knobs.instances.get(name):
            find_price(prices, instance, cost.region, cost.option)


def check_recorded(folder: Path, common: Common, load: Concurrency) -> None:
    """Refuse a folder without 04's records, or with those of another checkpoint, of other
    questions, or of another target.
    """
    own = {
        "checkpoint": common.checkpoint,
        "questions": list(common.questions),
        "percentile": load.percentile,
        "latency_limit_ms": load.latency_limit_ms,
    }
    check_load(Results(folder), own)
