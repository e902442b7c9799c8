"""What 09 found: each result knows its table, its figure and its gates."""

from dataclasses import dataclass

from blipkit.display.tables import show_table
from blipkit.records.gates import Gate, judge, not_recorded, not_run
from blipkit.records.typed import records_of
from blipkit.service.dashboard import show_panels
from blipkit.service.extra import INSTALL
from blipkit.service.figures import draw_hops, draw_switch
from blipkit.service.metric_lines import MetricLine
from blipkit.service.panels import LATENCY
from blipkit.service.reconcile import (
    NOTHING_DOUBLE,
    NOTHING_LOST,
    SWITCH_FAILS_NOTHING,
    Reconciled,
)
from blipkit.service.rows import (
    BARE,
    BOTH,
    STAYED,
    EventRow,
    HopCost,
    HopRow,
    PairRow,
    PhaseRow,
    RequestRow,
)
from blipkit.service.shadow import SHADOW_AGREES, Tally

HOP_COST = "hop cost"
GATES = (NOTHING_LOST, NOTHING_DOUBLE, SWITCH_FAILS_NOTHING, SHADOW_AGREES, HOP_COST)
NOTHING = "nothing was measured"
LARGEST_FLIPS = 5  # shown
SHOWN_PANELS = (LATENCY, "Requests by backend")
PERIOD_S = 1.0  # of a line in the rehearsal


def not_measured(gate: str, kind: str, lacks: str) -> Gate:
    """NOT-RUN, as this machine lacks something, or the recorded folder does."""
    if not lacks:
        return not_recorded(gate, kind)
    if INSTALL in lacks:
        return not_run(gate, kind, lacks, INSTALL)
    return not_run(gate, kind, lacks)


@dataclass(frozen=True)
class ByHand:
    """One request's way through both tiers."""

    rows: list[HopRow]

    def table(self) -> None:
        """Each part of it."""
        show_table(records_of(self.rows), "One request's way", ("hop", "part", "ms"))

    def figure(self) -> None:
        """The same as bars, one after another."""
        if not self.rows:
            print(NOTHING)
            return
        draw_hops(self.rows)


@dataclass(frozen=True)
class Costs:
    """What the tiers add to the model's own time. limit_ms: of both together, on average."""

    rows: list[HopCost]
    limit_ms: float
    shared: bool
    lacks: str

    def table(self) -> None:
        """Each way, an app that does nothing first."""
        columns = ("way", "requests", "mean_ms", "p99_ms")
        caption = "What is added to the model's own time, one client, one request after another"
        show_table(records_of(self.rows), caption, columns)

    def __str__(self) -> str:
        """How many times as much both tiers add as the app that does nothing."""
        found = {row.way: row.mean_ms for row in self.rows}
        if not found.get(BARE) or BOTH not in found:
            return NOTHING
        ratio = found[BOTH] / found[BARE]
        return f"both tiers add {found[BOTH]:.1f} ms, {ratio:.1f} times what the bare app does"

    def gates(self) -> list[Gate]:
        """Whether both tiers together add no more than they may."""
        both = next((row for row in self.rows if row.way == BOTH), None)
        if both is None:
            return [not_measured(HOP_COST, "timing", self.lacks)]
        others = ", ".join(f"{row.way} {row.mean_ms:.2f}" for row in self.rows if row != both)
        return [
            judge(
                HOP_COST,
                "timing",
                both.mean_ms,
                self.limit_ms,
                shared=self.shared,
                unit="ms",
                reason=f"ms that both tiers add, mean of {both.requests} requests; {others}",
                next="compare with a bare app: a slow or busy machine slows both",
            )
        ]


@dataclass(frozen=True)
class Shadow:
    """What the candidate answered to the primary's requests. excused_margin: nats, below which a
    flip is its rounding; limit: of the share of frames that flip.
    """

    rows: list[PairRow]
    excused_margin: float
    limit: float
    lacks: str

    @property
    def tally(self) -> Tally:
        """All pairs, counted by 03's rules."""
        tally = Tally(self.excused_margin)
        for row in self.rows:
            tally.add(row.pair())
        return tally

    def table(self) -> None:
        """Counts, with their intervals, and the largest flips."""
        if not self.rows:
            print(NOTHING)
            return
        tally = self.tally
        columns = [
            *("frames", "flipped_frames", "frame_bound", "answers", "flips"),
            *("flip_rate", "flip_rate_low", "flip_rate_high", "unexcused"),
        ]
        found, caption = tally.summary(), "Answers of the shadow beside the primary's"
        show_table(records_of([found]), caption, columns)
        if found.open_answers:
            print(f"open answers: {found.open_answers}, other words {found.open_flips}")
        for flip in sorted(tally.flipped, key=lambda one: -one.reference.margin)[:LARGEST_FLIPS]:
            texts = f"{flip.reference.text}, shadow {flip.candidate.text}"
            print(f"{flip.frame}: {flip.question} {texts}, margin {flip.reference.margin:.2g} nats")

    def gates(self) -> list[Gate]:
        """03's gate of decisions, for the shadow."""
        if not self.rows:
            return [not_measured(SHADOW_AGREES, "answer", self.lacks)]
        return [self.tally.gate(self.limit)]


@dataclass(frozen=True)
class SwitchRun:
    """A switch under load: every request, and what was done meanwhile."""

    requests: list[RequestRow]
    events: list[EventRow]

    def figure(self) -> None:
        """Latency, share and errors over time, in one picture."""
        if not self.requests:
            print(NOTHING)
            return
        draw_switch(self.requests, self.events)

    def table(self) -> None:
        """What was done, and when."""
        show_table(records_of(self.events), "What was done", ("at_s", "what"))


@dataclass(frozen=True)
class Rollback:
    """A switch that was taken back: what was done, and why."""

    events: list[EventRow]

    def table(self) -> None:
        """What was done, and when."""
        show_table(records_of(self.events), "The switch that went back", ("at_s", "what"))

    def __str__(self) -> str:
        """When it went back, and why."""
        if not self.events:
            return NOTHING
        for event in self.events:
            if event.what.startswith(("went back", STAYED)):
                return f"at {event.at_s:.1f} s {event.what}"
        return "it did not go back"


@dataclass(frozen=True)
class Metrics:
    """What both tiers wrote of themselves, as CloudWatch would read it."""

    lines: list[MetricLine]
    backends: tuple[str, ...]

    def figure(self) -> None:
        """The panels of docs/cloudwatch-dashboard.json that tell most, from these lines."""
        if not self.lines:
            print(NOTHING)
            return
        show_panels(self.lines, self.backends, SHOWN_PANELS, PERIOD_S)

    def __str__(self) -> str:
        """How many lines, and that a collector may send one twice."""
        doubles = "a collector may send a line twice, and only our reader removes doubles, by id"
        return f"{len(self.lines)} lines; {doubles}"


@dataclass(frozen=True)
class Outcome:
    """What became of every request. found: by all ledgers, one; none where nothing was measured."""

    phases: list[PhaseRow]
    found: list[Reconciled]
    lacks: str

    def table(self) -> None:
        """Each phase in numbers."""
        columns = [
            *("phase", "sent", "answered", "refused", "failed", "lost", "double", "retried"),
            *("switches", "killed", "p50_ms", "p99_ms", "lag_p99_ms"),
        ]
        show_table(records_of(self.phases), "Every request of every phase", columns)
        for words in sorted({phase.stands_in for phase in self.phases}):
            print(words)

    def gates(self) -> list[Gate]:
        """Nothing lost, nothing double, and no switch failed a request."""
        if not self.found:
            names = (NOTHING_LOST, NOTHING_DOUBLE, SWITCH_FAILS_NOTHING)
            return [not_measured(name, "answer", self.lacks) for name in names]
        return self.found[0].gates(sum(phase.switches for phase in self.phases))
