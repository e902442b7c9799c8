"""What refuses the knobs of 05_cost before anything runs, where it takes more than one value to see
it.
"""

from blipkit.cost.dollars import ONE_OFF
from blipkit.cost.knobs import SIDES, Cost
from blipkit.cost.offers import choose_offers
from blipkit.cost.prices import find_price, load_prices
from blipkit.cost.systems import find_results
from blipkit.errors import BadInput, nearest, shown
from blipkit.records.evidence import open_evidence


def check_prices(knobs: Cost) -> None:
    """Each instance that 05 names must have a price, each folder beside it records."""
    for side in knobs.contracted:
        if side not in SIDES:
            raise BadInput(f"cost.contracted: unknown {shown(side)}; {nearest(side, SIDES)}")
    known = load_prices(knobs.own_prices)
    choose_offers(knobs, known)
    find_price(known, knobs.priced_as, knobs.region, knobs.option)
    for name in knobs.one_off:
        if name not in ONE_OFF:
            raise BadInput(f"cost.one_off: unknown {shown(name)}; {nearest(name, ONE_OFF)}")
    for other in knobs.beside:
        open_evidence(find_results(other))


def check_instance(instance: str) -> None:
    """An instance that is only priced, as trace.compile_on is, must have a price in us-east-1."""
    find_price(load_prices(), instance, "us-east-1")
