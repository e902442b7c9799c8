"""Knobs of 04_concurrency."""

from dataclasses import dataclass

from blipkit.profiles.knobs import FEW, SHARE, ZERO_OR_MORE, Section, knob


@dataclass(frozen=True, kw_only=True)
class Concurrency(Section):
    """04: how do latency and throughput move as servers and clients are added, and where to run?"""

    name = "concurrency"

    arms_under_load: int = knob(
        1, "how many of the arms, from the first, are put under load", "arms"
    )
    placements: list[str] = knob(
        ["threads"],
        "what the servers share: threads (a pipeline), processes, contexts (a core each)",
        one_of=("threads", "processes", "contexts"),
    )
    servers: list[int] = knob([1, 2], "server threads", within=FEW)
    start_gap_s: float = knob(
        0.0,
        "between the starts of two serving processes; one report has them apart on Neuron, against"
        " races in the runtime",
        "s",
        within=ZERO_OR_MORE,
    )
    oversubscribe: bool = knob(False, "more servers than the machine has cores, all the same")
    clients: list[int] = knob([1, 2, 4], "closed-loop clients", within=FEW)
    think_ms: float = knob(
        0.0, "mean time that a client lets pass before it asks again", "ms", within=ZERO_OR_MORE
    )
    batch_sizes: list[int] = knob(
        [1],
        "that a server takes at once, if so many wait; each needs a bucket with as many frames",
        "requests",
        within=FEW,
    )
    batch_wait_ms: float = knob(
        0.0, "how long the first of them waits for the others", "ms", within=ZERO_OR_MORE
    )
    seconds: float = knob(2.0, "measured time of a setting, in each of its runs", "s")
    warmup: float = knob(
        0.3,
        "of a round of warm-up; there are as many as it takes to be steady, at most five",
        "s",
        within=ZERO_OR_MORE,
    )
    repeats: int = knob(
        1,
        "times that the whole grid is measured; intervals then show what changes from run to run",
        within=FEW,
    )
    distinct_frames: int = knob(
        16, "that the clients ask about, each once per pass", "frames", within=FEW
    )
    repeat_share: float = knob(
        0.0,
        "of requests that ask about the same frame again, which shows whether anything is cached",
        "share",
        within=SHARE,
    )
    call: str = knob(
        "pipeline",
        "or generate: transformers' own loop on the compiled components, one question a call",
        one_of=("pipeline", "generate"),
    )
    percentile: float = knob(
        90.0, "of latency, that the target is about; p90 needs 44 requests a setting, p99 needs 459"
    )
    latency_limit_ms: float = knob(250.0, "latency target", "ms")
