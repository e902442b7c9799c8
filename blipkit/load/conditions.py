"""The conditions under which a study measures: only what was asked alike is compared."""

from dataclasses import dataclass
from typing import Any

from blipkit.study import Study


@dataclass(frozen=True)
class Conditions:
    """What every record of a grid says of what was asked.

    distinct_frames: that the clients asked about; seconds, warmup: measured time, and that of a
    round of warm-up, s; latency_limit_ms: the target; think_ms: mean time before a client asks
    again; repeat_share: of requests about the frame before; shared: whether the machine is not ours
    alone; batch_wait_ms: how long the first request of a batch waits for the others; questions,
    buckets: as a profile writes them; frames_digest: of the frames' pixels, None where it is not
    known; batch_sizes: how many requests at once were tried, None where an older kit did not say.
    """

    distinct_frames: int
    seconds: float
    latency_limit_ms: float
    think_ms: float
    repeat_share: float
    warmup: float
    shared: bool
    batch_wait_ms: float
    questions: list[Any]
    buckets: list[Any]
    frames_digest: str | None = None
    batch_sizes: list[int] | None = None


def conditions_of(study: Study, frames_digest: str) -> Conditions:
    """Those of a study; frames_digest: "" where it is not known."""
    knobs = study.knobs
    common = study.common
    return Conditions(
        distinct_frames=knobs.distinct_frames,
        seconds=knobs.seconds,
        latency_limit_ms=knobs.latency_limit_ms,
        think_ms=knobs.think_ms,
        repeat_share=knobs.repeat_share,
        warmup=knobs.warmup,
        shared=common.shared,
        batch_wait_ms=knobs.batch_wait_ms,
        questions=common.questions,
        buckets=common.buckets,
        frames_digest=frames_digest or None,
        batch_sizes=knobs.batch_sizes,
    )
