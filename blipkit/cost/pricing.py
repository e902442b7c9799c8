"""What a study's settings cost: the prices that it uses, and every setting of 04 at one of them.

Where 08 found the rate of arrivals that holds the target, the operating point is priced by it.

04's rows come from the results folder. Where they are an older kit's, without what a cost is made
of, nothing is priced here, and what rests on it is NOT-RUN.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from blipkit.cost.cost_interval import INTERVAL_GATE, interval_gate
from blipkit.cost.dollars import answer_cost
from blipkit.cost.offers import Offers, choose_offers
from blipkit.cost.prices import Price, age_gate, find_price, load_prices
from blipkit.cost.provenance import read_parity_limits
from blipkit.cost.rows import (
    CostRow,
    LoadRecord,
    MeasuredSetting,
    PriceBasis,
)
from blipkit.cost.systems import is_instance
from blipkit.cost.throughput import priced_by_arrivals, rates_of
from blipkit.display.tables import show_table
from blipkit.load.arm_choice import arm_order
from blipkit.load.summary import INVALID
from blipkit.records.gates import Gate, decide, not_run
from blipkit.records.results import Results
from blipkit.records.typed import keys_of, records_of, row_of, write_typed
from blipkit.runners.arms import has_model
from blipkit.study import Study

SETTINGS = "concurrency"  # the kind of 04's records
SINCE_LATER = {"good_share"}  # keys that a price is made of where they are there
# of a record of 04, to price it
NEEDED_KEYS = tuple(key for key in keys_of(MeasuredSetting) if key not in SINCE_LATER) + ("shared",)
ANSWERS_GATE = "dollars per million answers"


def say_not_recorded(what: str) -> None:
    """Print one line in place of a table that would rest on settings of an older kit."""
    print(f"{what}: not recorded")


@dataclass(frozen=True)
class StudyPrices:
    """The prices of a study, all of one region and purchase option.

    known: every price there is, of any region and option. used: by instance, the candidate, the
    incumbents and what the measured machine is priced as. offers: those of both sides.
    """

    known: list[Price]
    used: dict[str, Price]
    region: str
    option: str
    offers: Offers

    def on_offer(self) -> list[Price]:
        """Every known price of this region and option, the cheapest first."""
        place = (self.region, self.option)
        prices = [price for price in self.known if (price.region, price.option) == place]
        return sorted(prices, key=lambda price: price.usd_per_hour)

    def table(self) -> None:
        """Each price that is used, with its source and the age of its data."""
        columns = ("instance", "region", "option", "usd_per_hour", "vcpu", "accelerator", "source")
        rows = []
        for price in self.used.values():
            cells = {name: getattr(price, name) for name in columns}
            cells["as_of"] = price.as_of
            cells["days_old"] = price.age(date.today())
            rows.append(cells)
        show_table(rows, f"Prices, {self.option}, {self.region}")
        if self.offers.left_out:
            print(f"left out, without a price there: {', '.join(self.offers.left_out)}")

    def gates(self) -> list[Gate]:
        """How old the oldest of them is."""
        return [age_gate(self.used.values())]


def choose_prices(study: Study) -> StudyPrices:
    """The prices that the study's knobs ask for."""
    knobs = study.knobs
    known = load_prices(knobs.own_prices)
    offers = choose_offers(knobs, known)
    machine = find_price(known, knobs.priced_as, knobs.region, knobs.option)
    used = {price.instance: price for price in [*offers.all(), machine]}
    return StudyPrices(known, used, knobs.region, knobs.option, offers)


@dataclass(frozen=True)
class Pricing:
    """Every setting of 04 with what a million good answers cost there.

    rows: none where 04's are an older kit's; an INVALID setting has no cost. closed_loop: the same,
    each by the throughput of 04, whose clients wait. machine: what was measured. usd_per_hour: its
    price. shared: whether it was not ours alone. invalid: how many settings were INVALID.
    gates_of_folder: what 03 said of the arms among them.
    """

    rows: list[CostRow]
    closed_loop: list[CostRow]
    basis: PriceBasis
    machine: str
    usd_per_hour: float
    shared: bool
    invalid: int = 0
    gates_of_folder: Sequence[Gate] = ()

    @property
    def best(self) -> CostRow | None:
        """The operating point; None where no setting held the target."""
        return operating_point(self.rows, self.gates_of_folder)

    @property
    def peak(self) -> CostRow | None:
        """The setting with the most answers per second, whatever the latency; clients wait."""
        return max(self.closed_loop, key=_answers_per_s, default=None)

    @property
    def single(self) -> CostRow | None:
        """The operating point's arm with the fewest servers and clients, as people leave it;
        clients wait.
        """
        alike = self._of_best_arm()
        return min(alike, key=lambda row: (row.servers, row.clients), default=None)

    @property
    def best_while_clients_wait(self) -> CostRow | None:
        """The operating point by 04's throughput, to be compared with `single`."""
        return next((row for row in self._of_best_arm() if row.best), None)

    def _of_best_arm(self) -> list[CostRow]:
        """The settings of the operating point's arm, clients wait; all where there is none."""
        best = self.best
        return [row for row in self.closed_loop if best is None or row.arm == best.arm]

    @property
    def checkpoint(self) -> str:
        """The source of the model that was measured; "" where nothing is priced."""
        return next((row.checkpoint for row in self.rows), "")

    @property
    def title(self) -> str:
        """The machine and what it is priced as."""
        return f"{self.machine} priced as {self.basis.instance}"

    def table(self) -> None:
        """Every setting with its cost and that cost's interval."""
        if not self.rows:
            return say_not_recorded("Every setting, priced")
        columns = ("arm", "placement", "servers", "clients", "basis", "answers_per_s")
        columns += ("latency_ms", "within_target", "usd_per_million", "usd_per_million_low")
        columns += ("usd_per_million_high", "best")
        price = f"{self.usd_per_hour} USD/h ({self.basis.evidence})"
        show_table(records_of(self.rows), f"Every setting, {self.title} at {price}", columns)
        if self.invalid:
            print(f"settings of 04 that are {INVALID}, and have no cost: {self.invalid}")

    def gates(self) -> list[Gate]:
        """What a million good answers cost at the operating point, and how wide its interval is."""
        if not self.rows:
            reason = "the settings of 04 are of an older kit"
            if self.invalid:
                reason = f"every setting of 04 is {INVALID}"
            advice = "run 04_concurrency again"
            unknown = not_run(INTERVAL_GATE, kind="timing", reason=reason, next=advice)
            return [not_run(ANSWERS_GATE, kind="answer", reason=reason, next=advice), unknown]
        best = self.best
        if best is None:
            reason = "04 recommends no setting: none is known to hold its latency target"
            advice = "see latency target: measure longer, on a quiet machine, or raise its limit"
            return [not_run(ANSWERS_GATE, kind="answer", reason=reason, next=advice)]
        shown = decide(
            ANSWERS_GATE,
            kind="answer",
            holds=True,
            measured=best.cost.usd_per_million.value,
            unit="USD",
            evidence=self.basis.evidence,
            reason=f"good ones, at the operating point ({best.basis}), {self.title}",
        )
        return [shown, interval_gate(best)]


def operating_point(rows: Iterable[CostRow], gates: Sequence[Gate]) -> CostRow | None:
    """04's recommendation, of several arms that of the one that 08 asked, or else of the one to go
    by; None where no setting held the target. gates: of the folder.
    """

    def order(row: CostRow) -> tuple[bool, tuple[bool, int, float]]:
        return not row.is_by_arrivals, arm_order(row.arm, _answers_per_s(row), gates)

    return min((row for row in rows if row.best), key=order, default=None)


def _answers_per_s(row: CostRow) -> float:
    return row.answers_per_s.value


def price_settings(study: Study, prices: StudyPrices) -> Pricing:
    """Every setting of 04 at the price of what the machine is priced as; recorded as `cost`."""
    price = prices.used[study.knobs.priced_as]
    evidence = "measured, priced by assumption"
    if is_instance(study.results.machine, price):
        evidence = "measured"
    basis = PriceBasis(price.region, price.option, evidence, price.instance, price.as_of)
    recorded = read_load_records(study.results)
    records = [record for record in recorded if record.setting.state != INVALID]
    limits = read_parity_limits(study.results)
    closed = [_cost_row(record, basis, price.usd_per_hour, limits) for record in records]
    machine = study.results.machine.name
    shared = True
    if records:
        machine = records[0].machine
        shared = records[0].shared
    rows = _by_arrivals(study.results, closed, machine)
    write_typed(study.results, "cost", rows)
    invalid = len(recorded) - len(records)
    gates = study.results.gates()
    return Pricing(rows, closed, basis, machine, price.usd_per_hour, shared, invalid, gates)


def _by_arrivals(results: Results, closed: Sequence[CostRow], machine: str) -> list[CostRow]:
    """The rows, the operating points by 08's rate where it has one; prints where it cannot be used.

    closed: every row by 04's throughput.
    """
    rates = rates_of(results)
    rows = []
    for row in closed:
        if row.best:
            row, why_not = priced_by_arrivals(row, machine, rates)
            if why_not:
                print(why_not)
        rows.append(row)
    return rows


def _cost_row(
    record: LoadRecord,
    basis: PriceBasis,
    usd_per_hour: float,
    parity_limits: dict[str, Any] | None,
) -> CostRow:
    """A setting with its price, and the conditions under which it was measured."""
    conditions = replace(
        record.conditions,
        transformers=record.versions["transformers"],
        parity_limits=parity_limits,
    )
    return CostRow(
        **vars(record.setting),
        price=basis,
        cost=answer_cost(record.setting, usd_per_hour),
        conditions=conditions,
        choices=record.choices,
        checkpoint=record.checkpoint,
    )


def read_load_records(results: Results) -> list[LoadRecord]:
    """04's records without the null arm's; none, and a line that says so, of an older kit.

    In a replay, 04 keeps no rows of an older kit: they are looked for where they were recorded.
    """
    for place in (results, results.recorded):
        absent = []
        if place:
            absent = _absent_keys(place.rows(SETTINGS))
        if absent:
            results.lacking.add(SETTINGS)
            problem = f"records of {SETTINGS!r} are of an older kit, without {', '.join(absent)}"
            print(f"{problem}: what rests on them is NOT-RUN")
            return []
    rows = [row_of(LoadRecord, record) for record in results.read(SETTINGS)]
    return [row for row in rows if has_model(row.setting.arm)]


def _absent_keys(records: list[dict]) -> list[str]:
    """What some of 04's records lack of what a cost is made of."""
    return [key for key in NEEDED_KEYS if any(key not in record for record in records)]
