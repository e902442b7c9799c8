"""What 03 takes: seconds and memory, predicted before and measured after; and where it ran."""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from blipkit.frames.frames import images
from blipkit.parity.lacking import NOT_RECORDED, not_recorded, show_rows
from blipkit.parity.panel import ANSWERS, MEMORY, NUMBERS, Panel
from blipkit.records.gates import Gate
from blipkit.records.typed import measure_typed, records_of
from blipkit.runners.arms import REFERENCE, parse_arm
from blipkit.runners.neuron.proof import Execution, execution_gate

GIB = 2**30
EXECUTION = "execution parity"  # the gate of what ran on a Neuron device


@dataclass(frozen=True)
class Forecast:
    """What 03 will take; rows: as in `parity_forecast`."""

    rows: Sequence[dict]

    def table(self) -> None:
        show_rows(self.rows, "Predicted", NOT_RECORDED)


@dataclass(frozen=True)
class Effort:
    """Predicted, measured, and their ratio; rows: as in `parity_time`."""

    rows: Sequence[dict]

    def table(self) -> None:
        show_rows(self.rows, "What 03 took", NOT_RECORDED)


def forecast_effort(panel: Panel) -> Forecast:
    """Time a block of frames by the reference, and count the copies of the weights."""
    results = panel.study.results
    return Forecast(results.measure("parity_forecast", partial(time_reference, panel)))


def time_reference(panel: Panel) -> list[dict]:
    """Seconds and GiB, as if every arm were as fast as the reference, its weights its own."""
    engine = panel.engine
    before = peak_gib()
    block = images(panel.frames[: engine.block])
    for _ in range(2):  # the first call is slower
        started = time.perf_counter()
        engine.reference.answer(block, engine.questions)
        seconds = (time.perf_counter() - started) / len(block)  # a frame
    weights = sum(component.weights for component in engine.components)
    others = [parse_arm(arm).format for arm in engine.arms if arm != REFERENCE]
    copies = sum(one.weight_bytes * len(engine.buckets) for one in others)  # bytes of each weight
    asked = sum(panel.count(arm) for arm in engine.arms)
    return [
        {"of": NUMBERS, "predicted": seconds * len(panel.followed) * len(engine.arms)},
        {"of": ANSWERS, "predicted": seconds * asked},
        {"of": MEMORY, "predicted": before + weights * copies / GIB},
    ]


def measure_effort(panel: Panel, forecast: Forecast) -> Effort:
    """What was predicted beside what it took. Memory is this process's peak."""
    measured = partial(set_against, panel, forecast)
    return Effort(panel.study.results.measure("parity_time", measured))


def set_against(panel: Panel, forecast: Forecast) -> list[dict]:
    """Each prediction with its measurement, and the ratio of the two."""
    panel.took[MEMORY] = peak_gib()
    rows = []
    for row in forecast.rows:
        of = row["of"]
        predicted = row["predicted"]
        measured = panel.took[of]
        ratio = measured / predicted
        rows.append({"of": of, "predicted": predicted, "measured": measured, "ratio": ratio})
    return rows


def peak_gib() -> float:
    """The most memory that this process has held, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@dataclass(frozen=True)
class Executions:
    """What was sent to a device, what its witnesses counted; rows: as in `parity_executions`."""

    panel: Panel
    rows: Sequence[Execution]

    @property
    def is_lacking(self) -> bool:
        return "parity_executions" in self.panel.study.results.lacking

    def table(self) -> None:
        otherwise = "no arm on a Neuron device here"
        if self.is_lacking:
            otherwise = NOT_RECORDED
        rows = records_of(self.rows)
        show_rows(rows, "What was sent, and what the device counted", otherwise)

    def gates(self) -> list[Gate]:
        """Where some candidate runs on a Neuron device: did it?"""
        if not any(parse_arm(arm).spec.holds_core for arm in self.panel.candidates):
            return []
        if self.is_lacking:
            return [not_recorded(EXECUTION)]
        return [execution_gate(EXECUTION, self.rows)]


def close_panel(panel: Panel) -> Executions:
    """End the child that holds a NeuronCore, if there is one: its core is free then."""
    results = panel.study.results
    rows = measure_typed(results, "parity_executions", Execution, panel.engine.close)
    return Executions(panel, rows)
