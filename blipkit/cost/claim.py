"""The published claim: what it takes against each GPU, and what else would look like it."""

from dataclasses import dataclass

from blipkit.cost import figures
from blipkit.cost.anchors import Published, read_anchors
from blipkit.cost.comparison import Savings
from blipkit.cost.dollars import (
    Saving,
    needed_incumbent_price,
    needed_throughput_ratio,
    saving,
    usd_per_million,
)
from blipkit.cost.prices import Price
from blipkit.cost.pricing import StudyPrices
from blipkit.display.tables import show_table
from blipkit.records.typed import records_of, write_typed
from blipkit.study import Study

NO_GPU = ("", "inferentia", "inferentia2", "trainium")  # accelerators in the price table
SHOWN_MIXES = 6  # those nearest to the claim


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A record of kind `baselines`: what saving `target_saving` against an incumbent takes.

    candidate, incumbent: instances. usd_per_hour, price_as_of: of the incumbent's price.
    saving_at_equal_throughput: a share. needed_throughput_ratio: of the candidate's throughput over
    the incumbent's.
    """

    evidence: str = "published"
    candidate: str
    target_saving: float
    region: str
    option: str
    incumbent: str
    usd_per_hour: float
    price_as_of: str
    saving_at_equal_throughput: float
    needed_throughput_ratio: float


@dataclass(frozen=True)
class Claim:
    """What it takes to save `target`, a share, against each GPU, the cheapest GPU first.

    measured: the savings of pairs of systems, where both sides were.
    """

    rows: list[Baseline]
    candidate: Price
    target: float
    measured: list[Saving]

    def table(self) -> None:
        """The saving at equal throughput, and the throughput that the target needs."""
        columns = ("incumbent", "usd_per_hour", "price_as_of", "saving_at_equal_throughput")
        columns += ("needed_throughput_ratio",)
        price = f"{self.candidate.instance} at {self.candidate.usd_per_hour} USD/h"
        place = f"{self.candidate.option}, {self.candidate.region}"
        caption = f"What {self.target:.0%} would take: {price}, {place}"
        show_table(records_of(self.rows), caption, columns)
        usd = needed_incumbent_price(self.candidate, self.target)
        print(f"at equal throughput the incumbent must cost {usd:.2f} USD/h")

    def figure(self) -> None:
        """The map of GPU prices and throughput ratios, with a line for each saving."""
        figures.draw_break_even(self.rows, self.candidate, self.target, self.measured)


def explain_claim(study: Study, prices: StudyPrices, savings: Savings) -> Claim:
    """What the target saving takes against every GPU on offer; recorded as `baselines`."""
    knobs = study.knobs
    candidate = prices.used[knobs.candidate]
    target = knobs.target_saving
    rows = [
        Baseline(
            candidate=candidate.instance,
            target_saving=target,
            region=knobs.region,
            option=knobs.option,
            incumbent=gpu.instance,
            usd_per_hour=gpu.usd_per_hour,
            price_as_of=gpu.as_of,
            saving_at_equal_throughput=saving(candidate.usd_per_hour, gpu.usd_per_hour),
            needed_throughput_ratio=needed_throughput_ratio(candidate, gpu, target),
        )
        for gpu in gpus_on_offer(study, prices)
    ]
    write_typed(study.results, "baselines", rows)
    return Claim(rows, candidate, target, savings.at_list_prices())


def gpus_on_offer(study: Study, prices: StudyPrices) -> list[Price]:
    """Every GPU of the region and option, and the incumbents whatever they are, cheapest first."""
    named = study.knobs.incumbents
    gpus = []
    for price in prices.on_offer():
        if price.accelerator not in NO_GPU or price.instance in named:
            gpus.append(price)
    return gpus


@dataclass(frozen=True, kw_only=True)
class Mix:
    """A record of kind `mixes`: the candidate in one purchase option, the incumbent in another.

    candidate, incumbent: instance and option; usd_per_hour: of the candidate; the rest as in
    `Baseline`.
    """

    candidate: str
    usd_per_hour: float
    incumbent: str
    saving_at_equal_throughput: float
    needed_throughput_ratio: float
    evidence: str = "mixed options"
    target_saving: float
    region: str


@dataclass(frozen=True)
class Mixes:
    """Two purchase options in one comparison. target: the saving that is to be explained."""

    rows: list[Mix]
    target: float

    def table(self) -> None:
        """Those that come nearest to the target at equal throughput."""
        columns = ("candidate", "usd_per_hour", "incumbent", "saving_at_equal_throughput")
        columns += ("needed_throughput_ratio", "evidence")
        near = sorted(self.rows, key=lambda mix: abs(mix.needed_throughput_ratio - 1))[:SHOWN_MIXES]
        nearest = f"come nearest to {self.target:.0%} at equal throughput"
        show_table(records_of(near), f"Mixed purchase options that {nearest}", columns)


def mix_options(study: Study, prices: StudyPrices) -> Mixes:
    """The candidate in every other purchase option against each GPU in this one; kind `mixes`."""
    knobs = study.knobs
    mixes = []
    for offer in prices.known:
        if (offer.instance, offer.region) != (knobs.candidate, knobs.region):
            continue
        if offer.option == knobs.option:
            continue
        for gpu in gpus_on_offer(study, prices):
            mixes.append(_mix(offer, gpu, knobs.target_saving))
    write_typed(study.results, "mixes", mixes)
    return Mixes(mixes, knobs.target_saving)


def _mix(offer: Price, gpu: Price, target: float) -> Mix:
    """The candidate in one purchase option against a GPU in another."""
    return Mix(
        candidate=f"{offer.instance}, {offer.option}",
        usd_per_hour=offer.usd_per_hour,
        incumbent=f"{gpu.instance}, {gpu.option}",
        saving_at_equal_throughput=saving(offer.usd_per_hour, gpu.usd_per_hour),
        needed_throughput_ratio=needed_throughput_ratio(offer, gpu, target),
        target_saving=target,
        region=offer.region,
    )


@dataclass(frozen=True, kw_only=True)
class Anchor(Published):
    """A record of kind `anchors`: what others published, at its chips' share of the price, USD."""

    evidence: str = "published"
    usd_per_million: float


@dataclass(frozen=True)
class Anchors:
    """Throughput that others published, priced here."""

    rows: list[Anchor]
    region: str
    option: str

    def table(self) -> None:
        """Each with its source."""
        columns = ("instance", "model", "precision", "batch", "answers_per_s", "unit")
        columns += ("usd_per_million", "evidence", "source")
        caption = f"Published throughput, priced here ({self.option}, {self.region})"
        show_table(records_of(self.rows), caption, columns)


def price_anchors(study: Study, prices: StudyPrices) -> Anchors:
    """Published throughput at one chip's share of its instance's price; recorded as `anchors`."""
    hourly = {price.instance: price.usd_per_hour for price in prices.on_offer()}
    anchors = []
    for row in read_anchors():
        if row.instance not in hourly:
            continue
        chips = hourly[row.instance] * row.devices / row.devices_of_instance
        cost = usd_per_million(chips, row.answers_per_s)
        anchors.append(Anchor(**vars(row), usd_per_million=cost))
    write_typed(study.results, "anchors", anchors)
    return Anchors(anchors, prices.region, prices.option)
