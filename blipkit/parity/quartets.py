"""What the reference, an arm, its same-precision baseline and the reference in float64 made of the
same inputs, compared as the arm's precision asks.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from blipkit.parity.calls import Call, evidence_for
from blipkit.parity.panel import Panel
from blipkit.parity.tensors import compare
from blipkit.runners.arms import REFERENCE


class Quartet(NamedTuple):
    """One tensor by each of the four; None where there is no such model."""

    reference: Tensor
    candidate: Tensor
    baseline: Tensor | None = None
    exact: Tensor | None = None


class Subject(NamedTuple):
    """What is compared: a component or the pipeline, the tensor's name, elements of each frame."""

    component: str
    output: str
    frame_sizes: Sequence[int] = ()


def compare_quartet(panel: Panel, arm: str, subject: Subject, quartet: Quartet) -> Call:
    """A call of an arm. In float32 it is compared with float64, and the reference is its baseline:
    it may be as far from float64 as that is.
    """
    precision = panel.precision(arm)
    truth, baseline, name = quartet.reference, quartet.baseline, None
    if baseline is not None:
        name = panel.baselines[arm]
    elif quartet.exact is not None and precision == "float32":
        truth, baseline, name = quartet.exact, quartet.reference, REFERENCE
    return Call(
        arm=arm,
        evidence=evidence_for(arm),
        component=subject.component,
        output=subject.output,
        precision=precision,
        baseline=name,
        comparison=compare(truth, quartet.candidate, baseline, precision, subject.frame_sizes),
    )
