"""The head of the report: four numbers with their sources, what the money comes to, and what
became of requests while backends were switched.
"""

from dataclasses import dataclass, fields, replace

from blipkit.capacity.rows import AnswerRow
from blipkit.cost.cameras import FleetRow, PaybackRow
from blipkit.cost.claim import Baseline
from blipkit.cost.comparison import SavingRow
from blipkit.cost.points import Point
from blipkit.cost.pricing import operating_point
from blipkit.cost.rows import AnswerCost, CostRow
from blipkit.cost.throughput import OPEN, interval_in_words
from blipkit.display.tables import number
from blipkit.load.summary import INVALID, UNCLEAR, UNSTABLE
from blipkit.records.results import Results
from blipkit.records.typed import part, read_typed
from blipkit.statistics import Interval, share_bound, wilson

# a state of a setting -> what it means for its figure
DOUBTS = {
    UNSTABLE: "unstable: it may come out otherwise on a quiet machine",
    UNCLEAR: "unclear: too few answers to tell whether it holds still",
}


@dataclass(frozen=True)
class HeadlineNumber:
    """One of the four numbers, as text; what is of the figure is "" where nobody measured it.

    interval: its ends, with what they are; note: of which arm, setting or price it is; evidence,
    machine: where it comes from. lacking: why there may be none.
    """

    title: str
    value: str = ""
    unit: str = ""
    interval: str = ""
    note: str = ""
    evidence: str = ""
    machine: str = ""
    lacking: str = "Not measured here, or not to be trusted: the gates say why"


@dataclass(frozen=True)
class Flips:
    """Of a record of 03: how many ranked answers of an arm there are, and how many flipped."""

    arm: str
    ranked_answers: int
    ranked_flips: int
    evidence: str
    machine: str


@dataclass(frozen=True, kw_only=True)
class RecordedCost:
    """A record of kind `cost`, with the machine that it was measured on."""

    row: CostRow = part()
    machine: str


def four_numbers(results: Results) -> list[HeadlineNumber]:
    """Answers that flip, throughput and cost, of the setting that 05 priced; and what became of
    requests while backends were switched.
    """
    costs = [row for row in read_typed(results, "cost", RecordedCost) if is_operating(row.row)]
    priced = operating_point([one.row for one in costs], results.gates())
    best = next((one for one in costs if one.row is priced), None)
    same = HeadlineNumber("Same answers?")
    load = HeadlineNumber("How much load?")
    cost = HeadlineNumber("At what cost?")
    for flips in read_typed(results, "decisions", Flips):
        if flips.ranked_answers and (best is None or flips.arm == best.row.arm):
            same = _flips_shown(same.title, flips)
            break
    if best:
        load = _load_shown(load.title, best)
        paid = next(iter(read_typed(results, "points", Point)), best.row)
        cost = _cost_shown(cost.title, best, paid.cost)
    return [same, load, cost, _served_shown(read_served(results))]


def is_operating(row: CostRow) -> bool:
    """Whether a setting is one to run; an INVALID one never is."""
    return row.best and row.state != INVALID


def _flips_shown(title: str, flips: Flips) -> HeadlineNumber:
    rate = wilson(flips.ranked_flips, flips.ranked_answers)
    return HeadlineNumber(
        title=title,
        value=f"{flips.ranked_flips} of {flips.ranked_answers}",
        unit="answers differ from the reference's",
        interval=f"95 % interval {rate.low:.2%} to {rate.high:.2%}",
        note=flips.arm,
        evidence=flips.evidence,
        machine=flips.machine,
    )


def _load_shown(title: str, recorded: RecordedCost) -> HeadlineNumber:
    row = recorded.row
    said = [row.arm, f"servers {row.servers}", _offered(row)]
    if row.good_share is not None and row.good_share < 1:
        said.append(f"{100 * row.good_share:.3g} % of them good: {number(row.good_per_s.value)}/s")
    if row.state in DOUBTS:
        said.append(DOUBTS[row.state])
    return HeadlineNumber(
        title=title,
        value=number(row.answers_per_s.value),
        unit="answers/s",
        interval=_ends(row.answers_per_s, row.basis),
        note=f"{', '.join(said)}; {row.basis}",
        evidence=row.price.evidence.partition(",")[0],  # without what is said of the prices
        machine=recorded.machine,
    )


def _offered(row: CostRow) -> str:
    """By how many clients the latency was measured, or at which rate, and how long it was."""
    if row.basis.startswith(OPEN):
        return f"at this rate {row.latency_text}"
    return f"clients {row.clients}, {row.latency_text}"


def _cost_shown(title: str, recorded: RecordedCost, paid: AnswerCost) -> HeadlineNumber:
    """paid: at the stated use of the machines, where one is stated."""
    usd = paid.usd_per_million
    price = recorded.row.price
    use = "never idle"
    if paid.utilisation < 1:
        use = f"busy {paid.utilisation:.0%} of the time"
    place = f"{use}, priced as {price.instance}, {price.option}, {price.region}"
    return HeadlineNumber(
        title=title,
        value=number(usd.value),
        unit="USD per million good answers",
        interval=_ends(usd, recorded.row.basis),
        note=f"{place}, prices of {price.price_as_of}",
        evidence=price.evidence,
        machine=recorded.machine,
    )


def _served_shown(served: "Served | None") -> HeadlineNumber:
    """Of the requests while backends were switched, those that came to harm."""
    title = "Served while it moves?"
    if served is None:
        lacking = "Nothing was switched here: 09_service was not run, or not to its end"
        return HeadlineNumber(title, lacking=lacking)
    killed = f", {served.killed} killed" if served.killed else ""
    refused = served.refused + served.rejected
    return HeadlineNumber(
        title=title,
        value=f"{served.harmed:,} of {served.sent:,}",
        unit="requests failed, lost or with two outcomes",
        interval=f"95 % confidence: fewer than {100 * served.bound:.2g} %",
        note=f"{served.switches} switches{killed}; {refused} refused; {served.stands_in}",
        evidence=served.evidence,
        machine=served.machine,
    )


def _ends(figure: Interval, basis: str) -> str:
    """Both ends of a figure and what they are, by its basis; "" where one is not known."""
    if None in (figure.low, figure.high):
        return ""
    return f"{interval_in_words(basis)} {number(figure.low)} to {number(figure.high)}"


@dataclass(frozen=True)
class Money:
    """What 05 and 10 recorded, for the summary; None or empty where they did not.

    point, fleet: of the operating point. claim: against the first of the incumbents. simulated: the
    cheapest policy that holds, by 10.
    """

    point: Point | None
    fleet: FleetRow | None
    savings: list[SavingRow]
    claim: Baseline | None
    paybacks: list[PaybackRow]
    simulated: AnswerRow | None = None


def read_money(results: Results, incumbent: str) -> Money:
    """What 05 and 10 recorded; incumbent: the instance of the claim that is shown."""
    if not results.has("points"):  # an older kit's
        return Money(None, None, [], None, [])
    baselines = read_typed(results, "baselines", Baseline)
    return Money(
        point=next(iter(read_typed(results, "points", Point)), None),
        fleet=next(iter(read_typed(results, "fleet", FleetRow)), None),
        savings=[row for row in read_typed(results, "savings", SavingRow) if row.comparable],
        claim=next((row for row in baselines if row.incumbent == incumbent), None),
        paybacks=read_typed(results, "payback", PaybackRow),
        simulated=next(
            (row for row in read_typed(results, "capacity", AnswerRow) if row.best), None
        ),
    )


@dataclass(frozen=True)
class Served:
    """What became of requests while backends were switched: of a record of 09, or of all together.

    stands_in: what the backends were, in words; evidence, machine: where it was seen.
    """

    sent: int
    answered: int
    refused: int
    rejected: int
    failed: int
    lost: int
    double: int
    switches: int
    killed: int
    stands_in: str
    evidence: str = "measured"
    machine: str = ""

    @property
    def harmed(self) -> int:
        """Those that failed, got lost or came to two outcomes."""
        return self.failed + self.lost + self.double

    @property
    def bound(self) -> float:
        """Upper 95 % bound of the share that comes to harm."""
        return share_bound(self.harmed, self.sent)


def read_served(results: Results) -> Served | None:
    """What 09 recorded, its phases added up; None where nothing was switched."""
    phases = read_typed(results, "service", Served)
    if not any(phase.sent and phase.switches for phase in phases):
        return None
    names = [one.name for one in fields(Served) if one.type is int]
    counts = {name: sum(getattr(phase, name) for phase in phases) for name in names}
    return replace(phases[0], **counts)
