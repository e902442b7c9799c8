"""By which throughput a setting is priced: the rate of arrivals that 08 found to hold the target,
where it was recorded for the same model, setting and target; else that of 04, whose clients wait.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from blipkit.arrivals.rows import RateRow
from blipkit.cost.dollars import answer_cost
from blipkit.cost.rows import Choices, Conditions, CostRow, MeasuredSetting
from blipkit.load.setting import name_of
from blipkit.load.summary import INVALID
from blipkit.records.results import Results
from blipkit.records.typed import part, read_typed
from blipkit.statistics import Interval

RATES = "rates"  # the kind of 08's records
CHAPTER = "08_arrivals"
OPEN = "open arrivals, "  # begins a basis; the pattern follows


@dataclass(frozen=True, kw_only=True)
class RateRecord:
    """A record of 08: the rate that it found, of which model, on which machine.

    threads: torch's, of each server; None where an older kit did not say.
    """

    rate: RateRow = part()
    weights_digest: str | None = None
    machine: str = ""
    threads: int | None = None


def basis_of(rate: RateRow) -> str:
    """What two systems must share: another pattern of arrivals holds another rate."""
    return f"{OPEN}{rate.pattern}"


def pattern_of(basis: str) -> str:
    """The pattern of arrivals that a basis names."""
    return basis.removeprefix(OPEN)


def interval_in_words(basis: str) -> str:
    """What stands before the ends of a throughput, or of what rests on it, by its basis in words.

    Those of a rate of arrivals are rates that were tried, no confidence interval.
    """
    if basis.startswith(OPEN):
        return "between the rates that held and those that did not,"
    return "95 % interval"


def rates_of(results: Results) -> list[RateRecord]:
    """What 08 recorded in a folder; none where it did not run."""
    return read_typed(results, RATES, RateRecord)


def priced_by_arrivals(
    row: CostRow, machine: str, records: Iterable[RateRecord]
) -> tuple[CostRow, str]:
    """A setting with the rate that 08 found for it as its throughput, and why not where the rate
    cannot be used, "" where there is none.
    """
    for record in records:
        if not is_rate_of(record, row, row.conditions, machine):
            continue
        if reason := why_not_used(record, row.choices):
            return row, f"{row.arm}, {name_of(row)}: {reason}, so that {row.basis} is priced"
        return _at_rate(row, record.rate), ""
    return row, ""


def is_rate_of(
    record: RateRecord, row: MeasuredSetting, conditions: Conditions, machine: str
) -> bool:
    """Whether a rate is of the same model, machine, setting and target, and the same was asked."""
    rate = record.rate
    of_rate = (
        *(record.weights_digest, record.machine, rate.arm, rate.call, rate.placement),
        *(rate.servers, rate.batch_size, rate.percentile, rate.limit_ms),
        *(rate.conditions.questions, rate.conditions.frames_digest),
    )
    of_setting = (
        *(conditions.weights_digest, machine, row.arm, conditions.call, row.placement),
        *(row.servers, row.batch_size, row.percentile, row.latency_limit_ms),
        *(conditions.questions, conditions.frames_digest),
    )
    return of_rate == of_setting


def why_not_used(record: RateRecord, choices: Choices | None) -> str:
    """Why a rate that was recorded is no throughput of a setting, in words; "" where it is one.

    choices: with which the setting was measured; what an older kit did not say is no reason.
    """
    rate = record.rate
    if rate.state == INVALID:
        return f"08's rate is {INVALID} ({rate.reason})"
    if rate.rate_per_s.low is None:
        return "08 found no rate that is sure to hold the target"
    if choices is None:
        return ""
    served = {
        "threads": (record.threads, choices.threads),
        "buckets": (rate.conditions.buckets, choices.buckets),
        "batch wait": (rate.conditions.batch_wait_ms, choices.batch_wait_ms),
    }
    for name, (in_08, in_04) in served.items():
        if None not in (in_08, in_04) and in_08 != in_04:
            return f"08's rate is of other {name} than 04 measured with"
    return ""


def _at_rate(row: CostRow, rate: RateRow) -> CostRow:
    """A setting at the rate of arrivals that holds its target.

    The interval goes from the last rate that held to the first that did not. At the rate by the fit
    as many answers are within the target as the percentile says. More load does not narrow it, but
    a search that is finer.
    """
    per_s = with_figure(rate.rate_per_s)
    at_rate = replace(
        row,
        requests_per_s=per_s,
        answers_per_s=per_s.times(rate.answers_per_request),
        within_target=rate.percentile / 100,
        good_share=rate.percentile / 100,
        latency_ms=latency_at_figure(rate),
        seconds=0.0,
        state=rate.state,
        conditions=replace(row.conditions, throughput_basis=basis_of(rate)),
        basis=f"{basis_of(rate)}: rate that holds p{rate.percentile:g} <= {rate.limit_ms:g} ms",
    )
    return replace(at_rate, cost=answer_cost(at_rate, row.cost.usd_per_hour))


def with_figure(per_s: Interval) -> Interval:
    """The rate by the fit; where every rate that was tried held, the highest of them."""
    if per_s.value is None:
        return replace(per_s, value=per_s.low)
    return per_s


def latency_at_figure(rate: RateRow) -> Interval:
    """The percentile at the rate that is priced: by the fit it is the limit there; that of the last
    pass, where this is that rate.
    """
    per_s = with_figure(rate.rate_per_s)
    if per_s.value == per_s.low:
        return rate.latency_ms
    return Interval(rate.limit_ms)
