"""The rows that a cost is made of: a setting that 04 measured, its price, and what it comes to."""

from dataclasses import dataclass
from typing import Any

from blipkit.records.typed import interval, part, stored_as
from blipkit.statistics import UNKNOWN, Interval

OLDER_KIT = "of an older kit"  # the state of a row that does not say whether it was stable
CLOSED_LOOP = "closed loop"  # a basis of throughput: 04's, where clients wait for their answers
CLIENTS_WAIT = f"{CLOSED_LOOP}: clients wait"  # the same in words


@dataclass(frozen=True, kw_only=True)
class MeasuredSetting:
    """Of a record of 04, what a cost needs; the defaults are those of kits that did not say.

    requests_per_s, answers_per_s: throughput, with 95 % intervals. within_target: of the requests
    sent, the share that was answered right and in time (of those answered, in an older kit);
    good_share: of the answers. None where there was not one. percentile: of latency, that the
    target of latency_limit_ms is about. seconds: measured in each of the runs, 0 where more of
    them would not narrow the interval. best: whether 04 recommends it. neighbours_percent,
    steal_percent: of the machine's CPU, what others took.
    """

    arm: str
    placement: str = "threads"
    servers: int
    clients: int
    batch_size: int = 1
    requests_per_s: Interval = UNKNOWN
    answers_per_s: Interval = UNKNOWN
    within_target: float | None = None
    percentile: float = 99.0
    latency_ms: Interval = interval("latency{}_ms", default=UNKNOWN)
    latency_limit_ms: float | None = None
    state: str = OLDER_KIT
    seconds: float = 0.0
    runs: int = 1
    best: bool
    good_share: float | None = None
    neighbours_percent: float | None = None
    steal_percent: float | None = None

    @property
    def good_per_s(self) -> Interval:
        """Answers per second that are right and in time."""
        share = self.good_share
        if share is None:  # an older kit counted `within_target` so
            share = self.within_target
        return self.answers_per_s.times(share or 0.0)  # None: not one answer

    @property
    def taken_percent(self) -> float:
        """Of the machine's CPU, what others took; 0 where it is not known."""
        return (self.neighbours_percent or 0.0) + (self.steal_percent or 0.0)

    @property
    def latency_text(self) -> str:
        """ "p90 16 ms": of the percentile that the target is about."""
        latency = "not known"
        if self.latency_ms.value is not None:
            latency = f"{self.latency_ms.value:.0f} ms"
        return f"p{self.percentile:g} {latency}"


@dataclass(frozen=True)
class Conditions:
    """What two systems must have in common to be compared: model, inputs, offered load, target and
    how strictly their answers were judged.

    The digests are of weights, of a fixed frame's pixels and of the frames that were asked about;
    transformers is its version; parity_limits: the knobs of 03 that say what passes, by name;
    throughput_basis: CLOSED_LOOP, or by which arrivals 08 found the rate. None where it was not
    recorded, which keeps a system out of a verdict.
    """

    weights_digest: str | None = None
    pixel_digest: str | None = None
    frames_digest: str | None = None
    transformers: str | None = None
    questions: list[Any] | None = None
    call: str | None = None
    think_ms: float | None = None
    repeat_share: float | None = None
    percentile: float | None = None
    latency_limit_ms: float | None = None
    parity_limits: dict[str, Any] | None = None
    throughput_basis: str = CLOSED_LOOP


@dataclass(frozen=True)
class Choices:
    """What each system chooses for itself, to run at its best; shown, and never a reason not to
    compare.

    buckets: as a profile writes them; threads: torch's, of each server; batch_sizes: how many
    requests a server was tried with at once; batch_wait_ms: how long the first of them waits for
    the others. None where an older kit did not say.
    """

    buckets: list[Any] | None = None
    threads: int | None = None
    batch_sizes: list[int] | None = None
    batch_wait_ms: float | None = None

    def in_words(self) -> str:
        """ "bucket frames 1, 4; batches tried 1, 4, waiting 5 ms; threads 2"."""
        said = []
        if self.buckets:
            frames = sorted({bucket["frames"] for bucket in self.buckets})
            said.append(f"bucket frames {', '.join(map(str, frames))}")
        if self.batch_sizes:
            sizes = ", ".join(map(str, self.batch_sizes))
            said.append(f"batches tried {sizes}, waiting {self.batch_wait_ms or 0:g} ms")
        if self.threads is not None:
            said.append(f"threads {self.threads}")
        return "; ".join(said) or "not recorded"


@dataclass(frozen=True, kw_only=True)
class LoadRecord:
    """A record of 04: a setting, under which conditions, on which machine.

    shared: whether the machine was not ours alone; checkpoint: the model's source; versions: of the
    machine's libraries, by name.
    """

    setting: MeasuredSetting = part()
    conditions: Conditions = part()
    choices: Choices = part()
    shared: bool
    machine: str
    checkpoint: str = ""
    versions: dict[str, Any]


@dataclass(frozen=True)
class PriceBasis:
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
class AnswerCost:
    """What a million good answers of a setting cost, USD, and what that is made of.

    usd_per_hour: the price; utilisation: the share of the time paid for in which the machine is
    busy. good_per_s: answers per second that are right and within the target; usd_per_million: of
    those. half_width: of the throughput's interval, over the throughput; minutes_more: of load, in
    all runs together, until that is `dollars.MAX_HALF_WIDTH`. None: not known.
    """

    usd_per_hour: float | None = None
    utilisation: float = 1.0
    good_per_s: Interval = UNKNOWN
    usd_per_million: Interval = UNKNOWN
    half_width: float | None = None
    minutes_more: float | None = None


@dataclass(frozen=True, kw_only=True)
class CostRow(MeasuredSetting):
    """A record of kind `cost`: a setting of 04, priced.

    conditions: under which it was measured, choices: what the system chose for itself; None where
    an older kit did not say. checkpoint: the model's source, "" likewise. basis: of its throughput,
    in words.
    """

    price: PriceBasis = part()
    cost: AnswerCost = part()
    conditions: Conditions | None = stored_as("like", default=None)
    choices: Choices | None = stored_as("own", default=None)
    checkpoint: str = ""
    basis: str = CLIENTS_WAIT

    @property
    def is_by_arrivals(self) -> bool:
        """Whether its throughput is the rate of arrivals that 08 found."""
        return self.conditions is not None and self.conditions.throughput_basis != CLOSED_LOOP

    @property
    def latency_text(self) -> str:
        """The same where it was seen; at a rate by the fit it is the limit."""
        measured = self.latency_ms.low is not None
        if not self.is_by_arrivals or measured or self.latency_ms.value is None:
            return super().latency_text
        return f"p{self.percentile:g} at its limit of {self.latency_ms.value:g} ms, by the fit"
