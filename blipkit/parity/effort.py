"""What 03 takes: seconds and memory, predicted before and measured after; and where it ran."""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from blipkit.frames.frames import images
from blipkit.parity.lacking import NOT_RECORDED, show_rows
from blipkit.parity.panel import ANSWERS, MEMORY, NUMBERS, Panel
from blipkit.records.gates import Gate, not_recorded
from blipkit.records.typed import measure_typed
from blipkit.runners.arms import REFERENCE, parse_arm
from blipkit.runners.loader import ArmExecution
from blipkit.runners.neuron.proof import execution_gate

GIB = 2**30
FLOAT64_BYTES = 8  # of a weight
EXECUTION = "execution parity"  # the gate of what ran on a Neuron device


@dataclass(frozen=True)
class Prediction:
    """What a part of 03 will take, as `parity_forecast` has it.

    of: NUMBERS, ANSWERS or MEMORY, which name the unit of predicted: s or GiB.
    """

    of: str
    predicted: float


@dataclass(frozen=True)
class Outcome:
    """A prediction and what it came to, in the same unit, as `parity_time` has it.

    ratio: measured over predicted.
    """

    of: str
    predicted: float
    measured: float
    ratio: float


@dataclass(frozen=True)
class Forecast:
    """What 03 will take."""

    rows: Sequence[Prediction]

    def table(self) -> None:
        show_rows(self.rows, "Predicted", NOT_RECORDED)


@dataclass(frozen=True)
class Effort:
    """What 03 took, beside what was predicted."""

    rows: Sequence[Outcome]

    def table(self) -> None:
        show_rows(self.rows, "What 03 took", NOT_RECORDED)


def forecast_effort(panel: Panel) -> Forecast:
    """Predict what 03 takes: time the reference on a block of frames, count copies of weights."""
    measure = partial(time_reference, panel)
    return Forecast(measure_typed(panel.study.results, "parity_forecast", Prediction, measure))


def time_reference(panel: Panel) -> list[Prediction]:
    """Time the reference on a block of frames, and predict from it what 03 takes.

    Every arm is taken to be as fast as the reference and to share no weights with another; float64,
    where an arm is compared with it, counts as two arms.
    """
    engine = panel.engine
    before = peak_gib()
    block = images(panel.frames[: engine.block])
    for _ in range(2):  # the first call is slower
        started = time.perf_counter()
        engine.reference.answer(block, engine.questions)
        seconds = (time.perf_counter() - started) / len(block)  # a frame
    weights = sum(component.weights for component in engine.components)
    others = [parse_arm(arm) for arm in engine.arms if arm != REFERENCE]
    bytes_a_weight = sum(other.weight_bytes * len(engine.buckets) for other in others)  # all copies
    frames_asked = sum(panel.count(arm) for arm in engine.arms)
    asked = len(engine.arms)
    if panel.has_float32:
        bytes_a_weight += FLOAT64_BYTES
        asked += 2
    return [
        Prediction(NUMBERS, seconds * len(panel.followed) * asked),
        Prediction(ANSWERS, seconds * frames_asked),
        Prediction(MEMORY, before + weights * bytes_a_weight / GIB),
    ]


def measure_effort(panel: Panel, forecast: Forecast) -> Effort:
    """What was predicted beside what it took. Memory is this process's peak."""
    measure = partial(compare_with_forecast, panel, forecast)
    return Effort(measure_typed(panel.study.results, "parity_time", Outcome, measure))


def compare_with_forecast(panel: Panel, forecast: Forecast) -> list[Outcome]:
    """Each prediction with its measurement, and the ratio of the two."""
    panel.effort[MEMORY] = peak_gib()
    outcomes = []
    for row in forecast.rows:
        measured = panel.effort[row.of]
        outcomes.append(Outcome(row.of, row.predicted, measured, measured / row.predicted))
    return outcomes


def peak_gib() -> float:
    """The most memory that this process has held, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@dataclass(frozen=True)
class Executions:
    """What was sent to a device, and what its witnesses counted, as in `parity_executions`."""

    panel: Panel
    rows: Sequence[ArmExecution]

    @property
    def is_lacking(self) -> bool:
        return "parity_executions" in self.panel.study.results.lacking

    def table(self) -> None:
        otherwise = "no arm on a Neuron device here"
        if self.is_lacking:
            otherwise = NOT_RECORDED
        show_rows(self.rows, "What was sent, and what the device counted", otherwise)

    def gates(self) -> list[Gate]:
        """Whether the device ran what was sent; none where no candidate is on a Neuron device."""
        if not any(parse_arm(arm).spec.holds_core for arm in self.panel.candidates):
            return []
        if self.is_lacking:
            return [not_recorded(EXECUTION, "answer")]
        return [execution_gate(EXECUTION, [row.execution for row in self.rows])]


def close_panel(panel: Panel) -> Executions:
    """End the child that holds a NeuronCore, if there is one: its core is free then."""
    results = panel.study.results
    rows = measure_typed(results, "parity_executions", ArmExecution, panel.engine.close)
    return Executions(panel, rows)
