"""Knobs of 05_cost."""

from dataclasses import dataclass

from blipkit.profiles.knobs import BUSY, SHARE, ZERO_OR_MORE, Section, knob

SIDES = ("candidate", "incumbent")


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
    oldest_price_days: int = knob(
        365, "since a price's date; on an older one no verdict may rest", "days"
    )
    contracted: dict[str, str] = knob(
        {},
        "the purchase option that you really pay, by side (candidate, incumbent), with rows in"
        " own_prices; shown beside the list prices",
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
    cameras: int = knob(0, "that ask; 0: not stated", "cameras", within=ZERO_OR_MORE)
    events_per_day: float = knob(
        0.0,
        "of one camera; an event is one frame with all its questions; 96: one in 15 minutes;"
        " 0: not stated",
        "events",
        within=ZERO_OR_MORE,
    )
    utilisation: float = knob(
        0.0,
        "mean load over what the machines carry; 0.33: the busiest hour has three times the mean;"
        " 0: not stated",
        "share",
        within=BUSY,
    )
    incumbent_utilisation: float = knob(
        0.0, "the same of the incumbent's machines", "share", within=BUSY
    )
    target_saving: float = knob(0.83, "the published claim, to be explained", "share", within=SHARE)
    one_off: dict[str, float] = knob(
        {},
        "of the move: engineer_days, usd_per_engineer_day, parallel_days, compile_hours,"
        " stranded_usd",
        within=ZERO_OR_MORE,
        may_be_empty=True,
    )
    rental_hours: float = knob(
        0.0,
        "a first run on a rented machine, start to report; 0: as README and docs/renting.md"
        " forecast it",
        "h",
        within=ZERO_OR_MORE,
    )

    @property
    def busy(self) -> tuple[float, float]:
        """The utilisation of candidate and incumbent; both wholly busy where it is not stated."""
        if self.is_use_stated:
            return self.utilisation, self.incumbent_utilisation
        return 1.0, 1.0

    @property
    def is_use_stated(self) -> bool:
        """Whether the utilisation of both sides is stated."""
        return bool(self.utilisation and self.incumbent_utilisation)

    def busy_in_words(self) -> str:
        """How busy both sides are taken to be, and who says so."""
        if self.is_use_stated:
            here, there = self.busy
            return f"with machines busy {here:.0%} of the time, the incumbent's {there:.0%}"
        return "both as busy as each other, as no utilisation was stated"

    def unstated_demand(self) -> list[str]:
        """What a fleet needs to be sized and was not stated, by the names of the knobs."""
        names = ("cameras", "events_per_day", "utilisation")
        return [f"cost.{name}" for name in names if not getattr(self, name)]
