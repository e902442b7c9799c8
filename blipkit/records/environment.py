"""Which machine a results folder's figures belong to, how fast it is, and is it the right one.

The facts come from `blipkit.machine`; here they become the record of kind `environment` and the
gate `machine`.
"""

import math
from dataclasses import dataclass

from blipkit.machine.host import machine_kind
from blipkit.machine.speed import matmul_gflops
from blipkit.records.gates import Gate, decide, not_recorded
from blipkit.records.results import Results
from blipkit.records.typed import measure_typed, read_typed

KIND = "environment"
MACHINE_GATE = "machine"


@dataclass(frozen=True)
class Speed:
    """The record of kind `environment`: how fast the machine is, and what it is made of.

    matmul_gflops: 10^9 float32 operations a second; shared: the machine was not ours alone; cores,
    memory_gib, gpus, neuron_devices: as `Machine` has them.
    """

    matmul_gflops: float
    shared: bool
    cores: int
    memory_gib: float
    gpus: list[str]
    neuron_devices: list[str]


@dataclass(frozen=True)
class Devices:
    """The accelerators that such a record names, and where its rate comes from."""

    gpus: list[str]
    neuron_devices: list[str]
    evidence: str = "measured"


@dataclass(frozen=True)
class MeasuredMachine:
    """The machine's name, and its speed; None where a replay's folder has no record of it."""

    machine: str
    speed: Speed | None

    @property
    def gflops(self) -> float | None:
        """10^9 float32 operations a second."""
        if self.speed is None:
            return None
        return self.speed.matmul_gflops

    def gates(self, expect: str) -> list[Gate]:
        """Is this the kind of machine that the profile was written for: cpu, cuda or neuron?"""
        if self.speed is None:
            return [not_recorded(MACHINE_GATE, "answer")]
        kind = machine_kind(self.speed)
        gate = decide(
            MACHINE_GATE,
            "answer",
            holds=expect in ("cpu", kind),  # every machine has a processor
            measured=self.machine,
            limit=expect,
            reason=f"the profile expects {expect}, this is {kind}",
        )
        return [gate]


def measure_environment(results: Results, threads: int, shared: bool) -> MeasuredMachine:
    """Multiply matrices, and keep the rate with the machine that it belongs to."""

    def measured() -> list[Speed]:
        machine = results.machine
        speed = Speed(
            matmul_gflops=matmul_gflops(threads),
            shared=shared,
            cores=machine.cores,
            memory_gib=machine.memory_gib,
            gpus=machine.gpus,
            neuron_devices=machine.neuron_devices,
        )
        return [speed]

    speeds = measure_typed(results, KIND, Speed, measured)
    return MeasuredMachine(results.machine.name, speeds[0] if speeds else None)


@dataclass(frozen=True)
class Rate:
    """What 00's record says of the machine's speed, 10^9 operations a second."""

    matmul_gflops: float


def recorded_gflops(results: Results) -> float:
    """The rate that 00 has measured, 10^9 operations a second; NaN where it has not run."""
    for row in read_typed(results, KIND, Rate):
        return row.matmul_gflops
    return math.nan


def recorded_kind(results: Results) -> str:
    """As `machine_kind` has it, of the folder's record; "unknown" where 00 has not run."""
    recorded = read_typed(results, KIND, Devices)
    if not recorded:
        return "unknown"
    return machine_kind(recorded[0], recorded[0].evidence)


@dataclass(frozen=True)
class Fact:
    """What every record says: of run, machine or library; its name; its value, as text."""

    of: str
    what: str
    seen: str


def facts_of(results: Results) -> list[Fact]:
    """What every record carries of checkpoint, machine and libraries."""
    machine = results.machine.facts()
    libraries = machine.pop("versions")
    subjects = {"run": results.provenance, "machine": machine, "library": libraries}
    return [
        Fact(subject, name, str(value))
        for subject, facts in subjects.items()
        for name, value in facts.items()
    ]
