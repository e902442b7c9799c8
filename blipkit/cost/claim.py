"""The published claim: what it takes against each GPU, and what else would look like it."""

from dataclasses import dataclass

from blipkit.cost import figures
from blipkit.cost.comparison import Savings
from blipkit.cost.dollars import (
    needed_incumbent_price,
    needed_throughput_ratio,
    saving,
    usd_per_million,
)
from blipkit.cost.prices import Price
from blipkit.cost.pricing import StudyPrices
from blipkit.display.tables import show_table
from blipkit.paths import PROFILES
from blipkit.study import Study

ANCHORS = PROFILES / "anchors.csv"
NO_GPU = ("", "inferentia", "inferentia2", "trainium")  # accelerators in the price table
NEAREST = 6  # mixes that are shown


@dataclass(frozen=True)
class Claim:
    """What it takes to save `target`, a share, against each GPU.

    rows: the records of kind `baselines`, the cheapest GPU first. measured: pairs of systems, where
    both sides were.
    """

    rows: list[dict]
    candidate: Price
    gpus: list[Price]
    target: float
    measured: list[dict]

    def table(self) -> None:
        """The saving at equal throughput, and the throughput that the target needs."""
        columns = ("incumbent", "usd_per_hour", "price_as_of", "saving_at_equal_throughput")
        columns += ("needed_throughput_ratio",)
        price = f"{self.candidate.instance} at {self.candidate.usd_per_hour} USD/h"
        place = f"{self.candidate.option}, {self.candidate.region}"
        about = f"What {self.target:.0%} would take: {price}, {place}"
        show_table([{name: row[name] for name in columns} for row in self.rows], about)
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
    gpus = gpus_on_offer(study, prices)
    rows = [
        {
            "evidence": "published",
            "candidate": candidate.instance,
            "target_saving": target,
            "region": knobs.region,
            "option": knobs.option,
            "incumbent": gpu.instance,
            "usd_per_hour": gpu.usd_per_hour,
            "price_as_of": gpu.as_of,
            "saving_at_equal_throughput": saving(candidate.usd_per_hour, gpu.usd_per_hour),
            "needed_throughput_ratio": needed_throughput_ratio(candidate, gpu, target),
        }
        for gpu in gpus
    ]
    study.results.write("baselines", rows)
    return Claim(rows, candidate, gpus, target, savings.rows)


def gpus_on_offer(study: Study, prices: StudyPrices) -> list[Price]:
    """Every GPU of the region and option, and the incumbents whatever they are, cheapest first."""
    named = study.knobs.incumbents
    found = []
    for price in prices.on_offer():
        if price.accelerator not in NO_GPU or price.instance in named:
            found.append(price)
    return found


@dataclass(frozen=True)
class Mixes:
    """Two purchase options in one comparison. rows: the records of kind `mixes`."""

    rows: list[dict]
    target: float

    def table(self) -> None:
        """Those that come nearest to the target at equal throughput."""
        columns = ("candidate", "usd_per_hour", "incumbent", "saving_at_equal_throughput")
        columns += ("needed_throughput_ratio", "evidence")
        near = sorted(self.rows, key=lambda row: abs(row["needed_throughput_ratio"] - 1))[:NEAREST]
        about = f"Mixed purchase options that come nearest to {self.target:.0%} at equal throughput"
        show_table([{name: row[name] for name in columns} for row in near], about)


def mix_options(study: Study, prices: StudyPrices) -> Mixes:
    """The candidate in every other purchase option against each GPU in this one; kind `mixes`."""
    knobs = study.knobs
    rows = []
    for offer in prices.known:
        if (offer.instance, offer.region) != (knobs.candidate, knobs.region):
            continue
        if offer.option == knobs.option:
            continue
        for gpu in gpus_on_offer(study, prices):
            rows.append(_mix_record(offer, gpu, knobs.target_saving))
    study.results.write("mixes", rows)
    return Mixes(rows, knobs.target_saving)


def _mix_record(offer: Price, gpu: Price, target: float) -> dict:
    """The candidate in one purchase option against a GPU in another."""
    return {
        "candidate": f"{offer.instance}, {offer.option}",
        "usd_per_hour": offer.usd_per_hour,
        "incumbent": f"{gpu.instance}, {gpu.option}",
        "saving_at_equal_throughput": saving(offer.usd_per_hour, gpu.usd_per_hour),
        "needed_throughput_ratio": needed_throughput_ratio(offer, gpu, target),
        "evidence": "mixed options",
        "target_saving": target,
        "region": offer.region,
    }


@dataclass(frozen=True)
class Anchors:
    """Throughput that others published, priced here. rows: the records of kind `anchors`."""

    rows: list[dict]
    region: str
    option: str

    def table(self) -> None:
        """Each with its source."""
        columns = ("instance", "model", "precision", "batch", "answers_per_s", "usd_per_million")
        columns += ("evidence", "source")
        rows = [{name: row[name] for name in columns} for row in self.rows]
        show_table(rows, f"Published throughput, priced here ({self.option}, {self.region})")


def price_anchors(study: Study, prices: StudyPrices) -> Anchors:
    """Published throughput at one chip's share of its instance's price; recorded as `anchors`."""
    import pandas

    hourly = {price.instance: price.usd_per_hour for price in prices.on_offer()}
    published = pandas.read_csv(ANCHORS)
    published = published.astype(object).where(published.notna(), None)
    rows = []
    for row in published.to_dict("records"):
        if row["instance"] not in hourly:
            continue
        chips = hourly[row["instance"]] * row["devices"] / row["devices_of_instance"]
        cost = usd_per_million(chips, row["answers_per_s"])
        rows.append(dict(row, evidence="published", usd_per_million=cost))
    study.results.write("anchors", rows)
    return Anchors(rows, prices.region, prices.option)
