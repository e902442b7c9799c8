"""What a study's settings cost: the prices that it uses, and every setting of 04 at one of them.

04's rows come from the results folder. Where they are an older kit's, without what a cost is made
of, nothing is priced here, and what rests on it is NOT-RUN.
"""

from dataclasses import asdict, dataclass
from datetime import date

from blipkit.cost import figures
from blipkit.cost.dollars import WIDE, priced
from blipkit.cost.prices import Price, age_gate, find_price, load_prices
from blipkit.cost.systems import LIKE, is_instance
from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, not_run
from blipkit.records.results import Results
from blipkit.study import Study

SETTINGS = "concurrency"  # the kind of 04's records
NULL_ARM = "null float32"  # it has no model: what 04 measured there is the kit's own overhead
KEPT = (  # of a row of 04, in a record of kind `cost`
    "arm",
    "placement",
    "servers",
    "clients",
    "requests_per_s",
    "requests_per_s_low",
    "requests_per_s_high",
    "answers_per_s",
    "answers_per_s_low",
    "answers_per_s_high",
    "within_target",
    "percentile",
    "latency_ms",
    "latency_low_ms",
    "latency_high_ms",
    "latency_limit_ms",
    "state",
    "seconds",
    "runs",
    "best",
)
ANSWERS_GATE = "dollars per million answers"
INTERVAL_GATE = "cost interval"


def say_not_recorded(what: str) -> None:
    """One line in place of a table that would rest on settings of an older kit."""
    print(f"{what}: not recorded")


@dataclass(frozen=True)
class StudyPrices:
    """The prices of a study, all of one region and purchase option.

    known: every price there is, of any region and option. used: by instance, the candidate, the
    incumbents and what the measured machine is priced as.
    """

    known: list[Price]
    used: dict[str, Price]
    region: str
    option: str

    def on_offer(self) -> list[Price]:
        """Every known price of this region and option, the cheapest first."""
        place = (self.region, self.option)
        found = [price for price in self.known if (price.region, price.option) == place]
        return sorted(found, key=lambda price: price.usd_per_hour)

    def table(self) -> None:
        """Each price that is used, with its source and the age of its data."""
        told = ("instance", "region", "option", "usd_per_hour", "vcpu", "accelerator", "source")
        rows = []
        for price in self.used.values():
            row = {name: getattr(price, name) for name in told}
            row["as_of"] = price.as_of
            row["days_old"] = price.age(date.today())
            rows.append(row)
        show_table(rows, f"Prices, {self.option}, {self.region}")

    def gates(self) -> list[Gate]:
        """How old the oldest of them is."""
        return [age_gate(self.used.values())]


def choose_prices(study: Study) -> StudyPrices:
    """The prices that the study's knobs ask for."""
    knobs = study.knobs
    known = load_prices(knobs.own_prices)
    names = [knobs.candidate, *knobs.incumbents, knobs.priced_as]
    used = {name: find_price(known, name, knobs.region, knobs.option) for name in names}
    return StudyPrices(known, used, knobs.region, knobs.option)


@dataclass(frozen=True)
class Basis:
    """What a cost rests on, as each record carries it.

    evidence: measured, or also by assumption where the machine does not show the parts of the
    instance whose price it is given. price_as_of: the date of the price.
    """

    region: str
    option: str
    evidence: str
    instance: str
    price_as_of: str


@dataclass(frozen=True)
class Pricing:
    """Every setting of 04 with what a million good answers cost there.

    rows: the records of kind `cost`, none where 04's are an older kit's. machine: what was
    measured. usd_per_hour: its price. shared: whether it was not ours alone.
    """

    rows: list[dict]
    basis: Basis
    machine: str
    usd_per_hour: float
    shared: bool

    @property
    def best(self) -> dict | None:
        """The operating point: 04's recommendation; None where no setting held the target."""
        return max((row for row in self.rows if row["best"]), key=_answers, default=None)

    @property
    def peak(self) -> dict | None:
        """The setting with the most answers per second, whatever the wait."""
        return max(self.rows, key=_answers, default=None)

    @property
    def single(self) -> dict | None:
        """The setting with the fewest servers and clients, as people leave it."""
        return min(self.rows, key=lambda row: (row["servers"], row["clients"]), default=None)

    @property
    def title(self) -> str:
        return f"{self.machine} priced as {self.basis.instance}"

    def table(self) -> None:
        """Every setting with its cost and that cost's interval."""
        if not self.rows:
            return say_not_recorded("Every setting, priced")
        columns = ("arm", "placement", "servers", "clients", "answers_per_s", "latency_ms")
        columns += ("within_target", "usd_per_million", "usd_per_million_low")
        columns += ("usd_per_million_high", "best")
        about = f"Every setting, {self.title} at {self.usd_per_hour} USD/h ({self.basis.evidence})"
        show_table([{name: row[name] for name in columns} for row in self.rows], about)

    def gates(self) -> list[Gate]:
        """What a million good answers cost at the operating point, and how wide its interval is."""
        if not self.rows:
            why = "the settings of 04 are of an older kit"
            advice = "run 04_concurrency again"
            unknown = not_run(INTERVAL_GATE, "timing", why, advice)
            return [not_run(ANSWERS_GATE, "answer", why, advice), unknown]
        best = self.best
        if best is None:
            why = "no setting of 04 held its latency target"
            return [not_run(ANSWERS_GATE, "answer", why, "raise concurrency.latency_limit_ms")]
        usd = best["usd_per_million"]
        evidence = self.basis.evidence
        said = f"good ones, at the operating point, {self.machine} as {self.basis.instance}"
        return [
            Gate(ANSWERS_GATE, "answer", "PASS", usd, evidence=evidence, reason=said),
            _interval_gate(best),
        ]


def _answers(row: dict) -> float:
    return row["answers_per_s"]


def _interval_gate(best: dict) -> Gate:
    """WARN where the cost's interval is wide, with the load that would narrow it."""
    status = "PASS"
    advice = ""
    minutes = best["minutes_more"]
    if minutes:
        status = "WARN"
        seconds = best["seconds"] + 60 * minutes / best["runs"]
        longer = f"--set concurrency.seconds={seconds:.1f}"
        advice = f"run {max(minutes, 0.1):.1f} more minutes of load: {longer}"
    said = "half the interval's width over the figure"
    half = best["half_width"]
    return Gate(INTERVAL_GATE, "timing", status, half, WIDE, reason=said, next=advice)


def price_settings(study: Study, prices: StudyPrices) -> Pricing:
    """Every setting of 04 at the price of what the machine is priced as; recorded as `cost`."""
    price = prices.used[study.knobs.priced_as]
    evidence = "measured, priced by assumption"
    if is_instance(study.results.machine, price):
        evidence = "measured"
    basis = Basis(price.region, price.option, evidence, price.instance, price.as_of)
    settings = read_settings(study.results)
    rows = [_cost_record(row, basis, price.usd_per_hour) for row in settings]
    study.results.write("cost", rows)
    if not settings:
        return Pricing([], basis, study.results.machine.name, price.usd_per_hour, shared=True)
    first = settings[0]
    return Pricing(rows, basis, first["machine"], price.usd_per_hour, first["shared"])


def _cost_record(row: dict, basis: Basis, usd_per_hour: float) -> dict:
    """A record of kind `cost`: a setting, its price, and what it was asked (`like`)."""
    like = {name: row.get(name) for name in LIKE}
    like["transformers"] = row["versions"]["transformers"]
    record = asdict(basis)
    record.update((name, row[name]) for name in KEPT)
    record.update(priced(row, usd_per_hour))
    record["like"] = like
    return record


def read_settings(results: Results) -> list[dict]:
    """04's rows, those of the null arm left out; none, and a line that says so, of an older kit.

    In a replay, 04 keeps no rows of an older kit: they are looked for where they were recorded.
    """
    for place in (results, results.recorded):
        absent = []
        if place:
            absent = _absent(place.rows(SETTINGS))
        if absent:
            results.lacking.add(SETTINGS)
            said = f"records of {SETTINGS!r} are of an older kit, without {', '.join(absent)}"
            print(f"{said}: what rests on them is NOT-RUN")
            return []
    return [row for row in results.read(SETTINGS) if row["arm"] != NULL_ARM]


def _absent(rows: list[dict]) -> list[str]:
    """What some of 04's rows lack of what a cost is made of."""
    return [name for name in (*KEPT, "shared") if any(name not in row for row in rows)]


@dataclass(frozen=True)
class Points:
    """The cost at three points. rows: the records of kind `points`, none without settings."""

    rows: list[dict]
    pricing: Pricing

    def table(self) -> None:
        """Each point with its cost, its interval, and the load that would narrow it."""
        if not self.rows:
            return say_not_recorded("Three points")
        columns = ("at", "servers", "clients", "price_as_of", "within_target", "usd_per_hour")
        columns += ("good_per_s", "usd_per_million", "usd_per_million_low")
        columns += ("usd_per_million_high", "half_width", "minutes_more")
        place = f"{self.pricing.basis.option}, {self.pricing.basis.region}"
        about = f"USD per million good answers, {self.pricing.title}, {place}"
        show_table([{name: row[name] for name in columns} for row in self.rows], about)

    def figure(self) -> None:
        """The formula as a line, every setting on it, and the points."""
        if self.rows:
            figures.draw_points(self.pricing.rows, self.rows)


def price_points(study: Study, pricing: Pricing) -> Points:
    """The operating point, saturation, and the operating point on machines that are partly idle.

    Recorded as `points`. Where no setting held the target there is saturation alone.
    """
    busy = study.knobs.utilisation
    best = pricing.best
    candidates = [
        ("operating point", best, 1.0),
        ("saturation", pricing.peak, 1.0),
        (f"busy {busy:.0%} of the time", best, busy),
    ]
    rows = []
    for what, setting, share in candidates:
        if setting is not None:
            rows.append(_point_record(what, setting, share, pricing))
    study.results.write("points", rows)
    return Points(rows, pricing)


def _point_record(what: str, setting: dict, busy: float, pricing: Pricing) -> dict:
    """A record of kind `points`: a setting on machines that are busy this share of the time."""
    record = {
        "at": what,
        "servers": setting["servers"],
        "clients": setting["clients"],
        "within_target": setting["within_target"],
    }
    record.update(asdict(pricing.basis))
    record.update(priced(setting, pricing.usd_per_hour, busy))
    return record
