"""Knobs of 05_cost."""

from dataclasses import dataclass

from blipkit.profiles.knobs import BUSY, SHARE, ZERO_OR_MORE, Section, knob


@dataclass(frozen=True, kw_only=True)
class Cost(Section):
    """05: what does a million good answers cost, against the GPU, and what would it take to save 83
    %?
    """

    name = "cost"

    region: str = knob("us-east-1", "of all prices")
    option: str = knob(
        "on_demand", "purchase option of all prices; options are never mixed in a verdict"
    )
    own_prices: str = knob(
        "",
        "a CSV file of yours, with the columns of params/prices.csv, to add to it",
        may_be_empty=True,
    )
    priced_as: str = knob("m7i.large", "instance whose price the measured machine is given")
    candidate: str = knob("inf2.xlarge", "instance that the model may move to")
    incumbents: list[str] = knob(
        ["g5.xlarge", "g6.xlarge", "g4dn.xlarge", "g5.12xlarge"],
        "what it may run on today, the likeliest first",
    )
    beside: list[str] = knob(
        [],
        "results of other machines: folders, or names such as gpu in results/ or "
        "results/published/",
        may_be_empty=True,
    )
    cameras: int = knob(100_000, "that ask", "cameras")
    events_per_day: float = knob(
        96.0,
        "of one camera; an event is one frame with all its questions: here one in 15 minutes",
        "events",
    )
    utilisation: float = knob(
        0.33,
        "mean load over what the machines carry; 0.33: the busiest hour has three times the mean",
        "share",
        within=BUSY,
    )
    incumbent_utilisation: float = knob(
        0.33, "the same of the incumbent's machines", "share", within=BUSY
    )
    target_saving: float = knob(0.83, "the published claim, to be explained", "share", within=SHARE)
    one_off: dict[str, float] = knob(
        {},
        "of the move: engineer_days, usd_per_engineer_day, parallel_days, compile_hours",
        within=ZERO_OR_MORE,
        may_be_empty=True,
    )
    rental_hours: float = knob(
        1.0,
        "a first run on a rented machine, start to report; an allowance, not a measurement",
        "h",
    )
