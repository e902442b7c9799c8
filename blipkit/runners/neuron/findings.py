"""What the child that records components is asked, and what it answers: no torch here.

Parent and child exchange JSON; these are its types at both ends.
"""

from dataclasses import dataclass, field
from typing import Literal

from blipkit.model.buckets import Bucket

Severity = Literal["FAIL", "WARN"]


@dataclass(frozen=True)
class Finding:
    """Something that stands in the way of neuronx-cc.

    status: FAIL where it does not compile or computes something else, WARN where it may be coarse;
    where: file:line of the model and its text; next: what to do.
    """

    status: Severity
    what: str
    where: str
    next: str


@dataclass(frozen=True)
class RecordingJob:
    """A component, by its name, to be recorded in the shapes of a bucket."""

    component: str
    bucket: Bucket


@dataclass(frozen=True)
class RecordingReply:
    """What came of a job; no more than findings where recording was stopped.

    operations: HLO operation -> how often; int64: of those, the ones on 64-bit integers;
    relative_l2: error of the recorded program's output, L2 norm relative to the module's; None
    where it did not run; seconds: what recording and running took.
    """

    findings: list[Finding]
    operations: dict[str, int] = field(default_factory=dict)
    int64: dict[str, int] = field(default_factory=dict)
    relative_l2: float | None = None
    seconds: float | None = None
