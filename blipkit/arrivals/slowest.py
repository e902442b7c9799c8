"""The slowest requests taken apart, and what the machine did while they were on their way."""

from dataclasses import dataclass

import pandas

from blipkit.arrivals.basis import Basis
from blipkit.arrivals.figures import draw_parts
from blipkit.arrivals.outcome import measured_requests
from blipkit.arrivals.session import Sent
from blipkit.display.tables import show_table
from blipkit.load.setting_requests import known
from blipkit.records.typed import records_of

SLOWEST = 0.01  # of the requests
FEWEST = 3  # requests, where that share is less


@dataclass(frozen=True)
class Parts:
    """Means over some requests, ms. who: which ones; lag_ms: sent late by the generator; queued_ms:
    in the queue; service_ms: served, preprocessing included; rest_ms: sockets, and waking up;
    latency_ms: all of it; steal_percent, neighbours_percent: of all cores' time, while these
    requests were on their way, None where no sample was taken then.
    """

    who: str
    requests: int
    latency_ms: float
    lag_ms: float
    queued_ms: float
    service_ms: float
    rest_ms: float
    steal_percent: float | None
    neighbours_percent: float | None


@dataclass(frozen=True)
class Slowest:
    """The slowest requests of a run beside all of them; none where nothing was answered.

    preprocessing_ms: as `Basis` has it, of a request that is alone.
    """

    parts: list[Parts]
    preprocessing_ms: float | None = None

    def table(self) -> None:
        """Where their latency goes."""
        rows = records_of(self.parts) or [{"requests": "none was answered"}]
        show_table(rows, "Mean times of the slowest requests, and of all; ms")

    def figure(self) -> None:
        """The same as bars."""
        if self.parts:
            draw_parts(self.parts, str(self))

    def __str__(self) -> str:
        if not self.parts:
            return "no request was answered"
        every, slowest = self.parts
        longer = {
            "in the queue": slowest.queued_ms - every.queued_ms,
            "being served": slowest.service_ms - every.service_ms,
            "before they were sent": slowest.lag_ms - every.lag_ms,
            "on sockets": slowest.rest_ms - every.rest_ms,
        }
        most = max(longer, key=longer.get)
        took = f"the {slowest.who} took {slowest.latency_ms:.0f} ms, all {every.latency_ms:.0f} ms"
        found = f"{took} on average; most of the difference, {longer[most]:.0f} ms, {most}"
        if self.preprocessing_ms is None:
            return found
        prepared = f"preprocessing takes {self.preprocessing_ms:.1f} ms of a request that is alone"
        return f"{found}; of what is served, {prepared}"


def slowest_of(sent: Sent | None, basis: Basis | None = None) -> Slowest:
    """The slowest requests of a run, taken apart. basis: of the search, for what 04 knows."""
    if sent is None:
        return Slowest([])
    requests = measured_requests(sent)
    answered = requests[requests.status.isin(("answered", "wrong"))]
    if answered.empty:
        return Slowest([])
    count = min(max(FEWEST, round(SLOWEST * len(answered))), len(answered))
    slow = answered.assign(took=answered.received - answered.scheduled).nlargest(count, "took")
    machine = usage(sent.machine, sent.row.counts.cores)
    parts = [parts_of("all", answered, machine), parts_of("slowest", slow, machine)]
    return Slowest(parts, basis.preprocessing_ms if basis else None)


def parts_of(who: str, requests: pandas.DataFrame, machine: pandas.DataFrame) -> Parts:
    """Means over these requests. machine: as `usage` has it."""
    steps = ("scheduled", "sent", "dequeued", "started", "finished", "received")
    at = {step: 1e3 * requests[step] for step in steps}
    latency_ms = (at["received"] - at["scheduled"]).mean()
    lag_ms = (at["sent"] - at["scheduled"]).mean()
    queued_ms = (at["dequeued"] - at["sent"]).mean()
    service_ms = (at["finished"] - at["started"]).mean()
    while_open = overlapping(machine, requests)
    return Parts(
        who=who,
        requests=len(requests),
        latency_ms=latency_ms,
        lag_ms=lag_ms,
        queued_ms=queued_ms,
        service_ms=service_ms,
        rest_ms=latency_ms - lag_ms - queued_ms - service_ms,
        steal_percent=known(while_open.steal_percent.mean()),
        neighbours_percent=known(while_open.neighbours_percent.mean()),
    )


def usage(samples: pandas.DataFrame, cores: int) -> pandas.DataFrame:
    """What took the machine between each sample and the one before: `begin` and `end`, s, and
    percentages of all cores' time.
    """
    passed_s = samples["at"].diff() * cores
    others_s = (samples.busy.diff() - samples.ours.diff()).clip(lower=0).round(6)
    spans = pandas.DataFrame(
        {
            "begin": samples["at"].shift(),
            "end": samples["at"],
            "steal_percent": 100 * samples.steal.diff() / passed_s,
            "neighbours_percent": 100 * others_s / passed_s,
        }
    )
    return spans.iloc[1:]


def overlapping(spans: pandas.DataFrame, requests: pandas.DataFrame) -> pandas.DataFrame:
    """The spans in which one of the requests was on its way."""
    begins = requests.scheduled.to_numpy()
    ends = requests.received.to_numpy()
    open_then = [
        bool(((begins < span.end) & (ends > span.begin)).any()) for span in spans.itertuples()
    ]
    return spans[open_then]
