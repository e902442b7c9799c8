"""Whole machines for a stated demand, in the words that a budget has."""

from blipkit.cost.dollars import Fleet, fleet
from blipkit.cost.knobs import Cost
from blipkit.cost.systems import System
from blipkit.model.checkpoints import is_demonstration

NOT_SIZED = "no fleet is sized"


def why_not_sized(knobs: Cost, checkpoint: str, both_sides: bool = False) -> str:
    """Why no cameras are priced, in words; "" where they may be.

    checkpoint: what was measured; a demonstration model has no customers. both_sides: the
    incumbent's fleet is sized, too.
    """
    if is_demonstration(checkpoint):
        return f"{NOT_SIZED}: {checkpoint} is a demonstration model"
    unstated = knobs.unstated_demand()
    if both_sides and not knobs.incumbent_utilisation:
        unstated.append("cost.incumbent_utilisation")
    if unstated:
        return f"{NOT_SIZED}: {', '.join(unstated)} not stated"
    return ""


def fleets_in_words(candidate: System, incumbent: System, knobs: Cost) -> str:
    """What the stated demand takes of both systems, in whole machines and dollars a month."""
    if reason := why_not_sized(knobs, candidate.row.checkpoint, both_sides=True):
        return reason
    new, old = both_fleets(candidate, incumbent, knobs)
    takes = f"{_month(new)} on {candidate.instance}, {_month(old)} on {incumbent.instance}"
    return f"{demand_in_words(knobs)}: {takes}"


def both_fleets(candidate: System, incumbent: System, knobs: Cost) -> tuple[Fleet, Fleet]:
    """The machines that the stated demand takes of each system, at the stated use of its side."""
    here, there = knobs.busy
    new = fleet(candidate.row, knobs.cameras, knobs.events_per_day, here)
    old = fleet(incumbent.row, knobs.cameras, knobs.events_per_day, there)
    return new, old


def demand_in_words(knobs: Cost) -> str:
    """The stated cameras and events."""
    return f"{knobs.cameras:,} cameras with {knobs.events_per_day:g} events a day each"


def _month(sized: Fleet) -> str:
    machines = sized.machines.value
    if machines is None:
        return "not known"
    unit = "machine" if machines == 1 else "machines"
    return f"{machines:,} {unit}, {about_usd(sized.usd_per_month.value)} a month"


def about_usd(usd: float) -> str:
    """An amount to two digits, as a budget has it: "about 1,300 USD"."""
    rounded = float(f"{usd:.2g}")
    if rounded >= 10:
        return f"about {rounded:,.0f} USD"
    return f"about {rounded:g} USD"
